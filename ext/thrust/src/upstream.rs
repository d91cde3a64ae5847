//! The other side of the proxy: asks the app.

mod answer;
mod connection;
mod forward;
mod headers;
mod pool;
mod upload;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use answer::{AnswerBody, Tunnel};
use pool::Pool;

/// Where the app listens: a port of this machine, on either address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    port: u16,
}

impl Target {
    pub(crate) fn new(port: u16) -> Self {
        Self { port }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "localhost:{}", self.port)
    }
}

/// How the app is asked.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) target: Target,
    /// Whether `X-Forwarded-*` of the client are passed on.
    pub(crate) forward_headers: bool,
    /// For a new connection.
    pub(crate) connect_timeout: Duration,
    /// From our last byte to the app's first; `None` means for ever.
    pub(crate) timeout: Option<Duration>,
}

/// The app, as one core asks it.
#[derive(Debug)]
pub(crate) struct Upstream {
    options: Options,
    pool: Arc<Pool>,
}

impl Upstream {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            pool: Arc::default(),
        }
    }
}
