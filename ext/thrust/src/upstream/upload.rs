//! Sends a request to the app: its head, then its body as fast as client and app allow.

use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use crate::body::Body;
use crate::error::BodyError;
use crate::http1::encode;
use crate::http1::outbound::Outbound;
use crate::stream::{Stream, TURN};

/// A request on its way to the app.
///
/// It is driven by whoever waits for the answer, so that an app may answer while it reads.
#[derive(Debug)]
pub(super) struct Upload {
    out: Outbound,
    body: Body,
    chunked: bool,
    state: State,
    /// Whether the app takes no more; it may still have answered.
    refused: bool,
    /// Whether any byte left on the current connection.
    begun: bool,
    /// When the last byte left; the app's time runs from then on.
    last: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The head leaves, the body waits for a 100.
    Withheld,
    /// The body leaves.
    Sending,
    /// All of it is on its way.
    Sent,
}

impl Upload {
    /// The request whose head is `head`; `withheld` if the body has to wait for a 100.
    pub(super) fn new(head: Vec<u8>, body: Body, withheld: bool) -> Self {
        Self {
            out: Outbound::new(head),
            chunked: body.length().is_none(),
            body,
            state: if withheld { State::Withheld } else { State::Sending },
            refused: false,
            begun: false,
            last: None,
        }
    }

    /// Begins anew, on another connection; either nothing has left, or the body is still as it came.
    pub(super) fn restart(&mut self) {
        if self.begun {
            // Nothing was written behind the head.
            self.out.rewind();
            if self.state == State::Sent {
                self.state = State::Sending;
            }
            self.begun = false;
            self.last = None;
        }
        self.refused = false;
    }

    /// Ready once there is nothing left to send. An error is the client's: the app's shows when it is read from.
    pub(super) fn poll(&mut self, stream: &Stream, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let mut written = 0;
        loop {
            if self.refused {
                return Poll::Ready(Ok(()));
            }
            // The head waits for the first piece if that is at hand: then both leave in one write.
            if self.state == State::Sending
                && !self.out.has_body()
                && self.poll_body(cx)?.is_pending()
                && self.out.is_empty()
            {
                return Poll::Pending;
            }
            if self.out.is_empty() {
                match self.state {
                    State::Sending => continue,
                    State::Withheld => return Poll::Pending,
                    State::Sent => return Poll::Ready(Ok(())),
                }
            }
            match ready!(stream.poll_write(cx, &self.out.slices())) {
                Ok(count) => {
                    self.out.advance(count);
                    self.begun = true;
                    self.last = None;
                    written += count;
                }
                Err(_) => self.refused = true,
            }
            if written >= TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, BodyError> {
        // An empty body is sent without being asked, so that it stays untouched.
        if !self.chunked && self.body.is_over() {
            self.state = State::Sent;
            return Ok(Poll::Ready(()));
        }
        match self.body.poll_next(cx) {
            Poll::Pending => return Ok(Poll::Pending),
            Poll::Ready(Some(Err(error))) => return Err(error),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) if self.chunked => self.out.chunk(data),
                Ok(data) => self.out.plain(data),
                // A request's trailers are dropped; its end follows.
                Err(_) => {}
            },
            Poll::Ready(None) => {
                if self.chunked {
                    encode::last_chunk(self.out.before(), &http::HeaderMap::new());
                }
                self.state = State::Sent;
            }
        }
        Ok(Poll::Ready(()))
    }

    /// Lets the body go, after a 100 or without one.
    pub(super) fn release(&mut self) {
        if self.state == State::Withheld {
            self.state = State::Sending;
        }
    }

    /// Whether the body waits for a 100.
    pub(super) fn is_withheld(&self) -> bool {
        self.state == State::Withheld
    }

    /// Whether there is no body at all.
    pub(super) fn is_bodiless(&self) -> bool {
        self.body.length() == Some(0)
    }

    /// Whether all of it left.
    pub(super) fn is_sent(&self) -> bool {
        self.state == State::Sent && self.out.is_empty() && !self.refused
    }

    /// Whether it can only go on once the client sends more.
    pub(super) fn waits_for_client(&self) -> bool {
        self.state == State::Sending && self.out.is_empty()
    }

    /// Whether any byte may have reached the app.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// When the last byte left.
    pub(super) fn last_byte(&mut self) -> Instant {
        *self.last.get_or_insert_with(Instant::now)
    }
}
