//! One connection to the app.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rustix::io::Errno;
use tokio::time::{Instant, timeout_at};

use super::Upstream;
use crate::error::ProxyError;
use crate::http1::head::HeadError;
use crate::http1::inbound::Inbound;
use crate::stream::Stream;
use crate::timer::Timer;

/// How soon a connection is tried again for which there was no descriptor.
const NO_DESCRIPTOR: Duration = Duration::from_millis(20);

/// A connection and what was read from it. Dropping it closes it, which also tells the app to stop.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) stream: Stream,
    pub(super) inbound: Inbound,
    pub(super) timer: Timer,
}

/// Why no head came.
pub(super) enum ReadError {
    Closed,
    Broke(io::Error),
    Malformed(HeadError),
}

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            inbound: Inbound::default(),
            timer: Timer::default(),
        }
    }

    /// Whether the app has neither closed it nor said anything unasked.
    pub(super) fn is_silent(&self) -> bool {
        self.inbound.is_empty() && self.stream.is_silent()
    }

    /// The head of the next answer.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ReadError>> {
        loop {
            match self.inbound.take_head() {
                Ok(Some(head)) => return Poll::Ready(Ok(head)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(ReadError::Malformed(error))),
            }
            match self.stream.poll_read(cx, u64::MAX) {
                Poll::Ready(Ok(piece)) if piece.is_empty() => return Poll::Ready(Err(ReadError::Closed)),
                Poll::Ready(Ok(piece)) => self.inbound.push(piece),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(ReadError::Broke(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
impl Connection {
    pub(super) fn local_address(&self) -> std::net::SocketAddr {
        self.stream.local_address()
    }

    pub(super) async fn readable(&self) {
        self.stream.readable().await;
    }
}

impl Upstream {
    /// Opens a connection, within `limit`. Waits as long for a descriptor if there is none: clients may be leaving.
    pub(super) async fn connect(&self, limit: Duration) -> Result<Box<Connection>, ProxyError> {
        let target = || self.target.clone();
        let due = Instant::now() + limit;
        loop {
            match timeout_at(due, self.target.connect()).await {
                Ok(Ok(stream)) => {
                    self.metrics.connects.add(1);
                    return Ok(Box::new(Connection::new(stream)));
                }
                Ok(Err(source)) if wants_descriptor(&source) && Instant::now() + NO_DESCRIPTOR < due => {
                    tokio::time::sleep(NO_DESCRIPTOR).await;
                }
                Ok(Err(source)) => {
                    return Err(ProxyError::Connect {
                        target: target(),
                        source,
                    });
                }
                Err(_) => {
                    return Err(ProxyError::ConnectSlow {
                        target: target(),
                        limit,
                    });
                }
            }
        }
    }
}

fn wants_descriptor(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}
