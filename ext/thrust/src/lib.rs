//! An HTTP proxy that runs a Rails application and stands in front of it.
//!
//! A request comes in through `listener`, a `connection` on one of the cores reads it, the `pipeline` answers it, by
//! having the `service` ask the app through `upstream`. `docs/request-path.md` walks along with one.
//!
//! The app itself is the `supervisor`'s: it starts, replaces and ends it. `docs/life-of-the-process.md` tells how.

mod body;
mod buffer;
pub mod cli;
pub mod config;
mod connection;
pub mod control;
mod core;
mod date;
pub mod doctor;
mod error;
mod exchange;
mod files;
mod front;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod hand_over;
mod http1;
mod listener;
pub mod log;
mod metrics;
mod overview;
mod pipeline;
pub mod ports;
mod process;
mod room;
pub mod server;
mod service;
mod spares;
mod stages;
mod stream;
mod supervisor;
mod text;
mod threads;
mod timer;
pub mod trial;
mod trust;
mod tuning;
mod upstream;
mod working_directory;
