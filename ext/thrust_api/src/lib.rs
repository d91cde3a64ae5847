//! What may be said to the proxy from outside.

pub mod address;
pub mod client;
pub mod message;
mod path;
pub mod settings;
pub mod units;
