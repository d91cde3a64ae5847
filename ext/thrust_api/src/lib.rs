//! What may be said to the proxy from outside.

pub mod settings;
pub mod units;
