//! What may be said to the proxy from outside.

mod path;
pub mod address;
pub mod message;
pub mod settings;
pub mod units;
