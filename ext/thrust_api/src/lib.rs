//! What may be said to the proxy from outside.

pub mod address;
pub mod client;
pub mod field;
pub mod mapping;
pub mod message;
pub mod network;
mod path;
pub mod pattern;
pub mod settings;
pub mod snapshot;
pub mod units;
