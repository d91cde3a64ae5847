//! An HTTP proxy that runs a Rails application and stands in front of it.

pub mod cli;
pub mod config;
pub mod ports;
