//! What the parts of one HTTP/1 client connection share: the socket and what was read from it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::core::Timeouts;
use crate::error::BodyError;
use crate::http1::chunk::Decoded;
use crate::http1::decode::BodyDecoder;
use crate::http1::inbound::Inbound;
use crate::http1::outbound::Outbound;
use crate::metrics::Metrics;
use crate::stream::Stream;
use crate::timer::{Stall, Timer};

/// An HTTP/1 client connection.
///
/// What was read lives here and not in a future, so nothing is lost when one is dropped. All of its users run in one
/// task; the lock is only ever held within a poll.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) stream: Stream,
    pub(super) timeouts: Timeouts,
    pub(super) metrics: Arc<Metrics>,
    reading: Mutex<Reading>,
}

/// The receiving half.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) inbound: Inbound,
    pub(super) timer: Timer,
    /// Whether the current request has no body, or all of it was read: what follows is the next request.
    pub(super) body_over: bool,
}

impl Link {
    pub(super) fn new(stream: Stream, received: Bytes, timeouts: Timeouts, metrics: Arc<Metrics>) -> Self {
        let reading = Reading {
            inbound: Inbound::new(received),
            timer: Timer::default(),
            body_over: true,
        };
        Self {
            stream,
            timeouts,
            metrics,
            reading: Mutex::new(reading),
        }
    }

    /// From now on these hold. Called between requests: while a part of one is in use, its own go on to hold.
    pub(super) fn set_timeouts(self: &mut Arc<Self>, timeouts: Timeouts) {
        if self.timeouts != timeouts
            && let Some(link) = Arc::get_mut(self)
        {
            link.timeouts = timeouts;
        }
    }

    pub(super) fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the client has sent nothing beyond the request that was answered.
    pub(super) fn is_quiet(&self) -> bool {
        let reading = self.reading();
        reading.body_over && reading.inbound.is_empty() && self.stream.is_silent()
    }

    /// Writes all of `out`, unless the client stops taking it; then nothing can follow on this connection.
    pub(super) async fn write(&self, out: Outbound) -> Result<(), BodyError> {
        let written = self.write_all(out).await;
        if written.is_err() {
            // What was cut must not be taken for the beginning of what another would write behind it.
            self.stream.shutdown_write();
        }
        written
    }

    async fn write_all(&self, mut out: Outbound) -> Result<(), BodyError> {
        let mut timer = Timer::default();
        let mut stall = Stall::new(self.timeouts.write);
        poll_fn(|cx| {
            while !out.is_empty() {
                match self.stream.poll_write(cx, &out.slices()) {
                    Poll::Ready(Ok(count)) => {
                        out.advance(count);
                        stall.over();
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(BodyError::ClientGone)),
                    Poll::Pending => {
                        return stall.poll(&mut timer, cx).map(|_| Err(BodyError::ClientGone));
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}

/// The body of a request, read when it is asked for.
#[derive(Debug)]
pub(crate) struct ClientBody {
    link: Arc<Link>,
    decoder: BodyDecoder,
    /// The client's, when it sends nothing.
    stall: Stall,
}

impl ClientBody {
    /// The body that follows the head just taken; `decoder` is not over yet.
    pub(super) fn new(link: Arc<Link>, decoder: BodyDecoder) -> Self {
        link.reading().body_over = false;
        let stall = Stall::new(link.timeouts.read);
        Self { link, decoder, stall }
    }

    /// The next bytes, or `None` after the last. Trailers are checked and dropped: Rack has no place for them.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let mut reading = self.link.reading();
        let reading = &mut *reading;
        loop {
            let decoded = self
                .decoder
                .decode(reading.inbound.unread())
                .map_err(BodyError::ClientMalformed)?;
            if self.decoder.is_over() {
                reading.body_over = true;
            }
            match decoded {
                Some(Decoded::Data(data)) => {
                    self.link.metrics.received.add(data.len() as u64);
                    return Poll::Ready(Some(Ok(data)));
                }
                None if !self.decoder.is_over() => {}
                Some(Decoded::End(_)) | None => return Poll::Ready(None),
            }
            match self
                .link
                .stream
                .poll_read(cx, self.decoder.left().unwrap_or(u64::MAX))
            {
                Poll::Ready(Ok(piece)) if !piece.is_empty() => {
                    self.stall.over();
                    reading.inbound.push(piece);
                }
                Poll::Ready(_) => return Poll::Ready(Some(Err(BodyError::ClientGone))),
                Poll::Pending => {
                    return self
                        .stall
                        .poll(&mut reading.timer, cx)
                        .map(|limit| Some(Err(BodyError::ClientSlow(limit))));
                }
            }
        }
    }

    /// The exact number of bytes still to come, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.decoder.left()
    }

    /// Whether all of it was read.
    pub(crate) fn is_over(&self) -> bool {
        self.decoder.is_over()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test(start_paused = true)]
    async fn nothing_follows_what_a_client_took_only_a_part_of() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let mut client = client.unwrap();
        let limit = Some(Duration::from_secs(60));
        let timeouts = Timeouts {
            idle: limit,
            read: limit,
            write: limit,
        };
        let link = Link::new(accepted.unwrap().0.into(), Bytes::new(), timeouts, Arc::default());

        let cut = link.write(out(64 * 1024 * 1024, b'1')).await;
        let next = link.write(out(1, b'2')).await;

        assert!(cut.is_err() && next.is_err());
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert!(!received.is_empty() && received.iter().all(|byte| *byte == b'1'));
    }

    fn out(length: usize, byte: u8) -> Outbound {
        let mut out = Outbound::default();
        out.before().resize(length, byte);
        out
    }
}
