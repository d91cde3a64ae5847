//! What may be said to the proxy from outside.

pub mod address;
mod path;
pub mod settings;
pub mod units;
