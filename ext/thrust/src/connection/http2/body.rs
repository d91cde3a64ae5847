//! The body of a request on an HTTP/2 stream.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http_body::Frame;

use super::streams::Flow;
use crate::error::BodyError;
use crate::metrics::Metrics;
use crate::timer::{Stall, Timer};

/// The body of a request, read when it is asked for.
#[derive(Debug)]
pub(crate) struct StreamBody {
    stream: RecvStream,
    /// What the client says is still to come, in bytes; h2 holds it to that.
    left: Option<u64>,
    flow: Arc<Flow>,
    timer: Timer,
    stall: Stall,
    is_over: bool,
    metrics: Arc<Metrics>,
}

impl StreamBody {
    /// `length` is what the client has declared, `limit` how long it may send nothing.
    pub(super) fn new(
        stream: RecvStream,
        length: Option<u64>,
        limit: Option<Duration>,
        flow: Arc<Flow>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            stream,
            left: length,
            flow,
            timer: Timer::default(),
            stall: Stall::new(limit),
            is_over: false,
            metrics,
        }
    }

    /// The next bytes, or `None` after the last. Trailers are dropped: Rack has no place for them.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(next) = self.poll_data(cx) else {
            return self
                .stall
                .poll(&mut self.timer, cx)
                .map(|limit| Some(Err(BodyError::ClientSlow(limit))));
        };
        self.stall.over();
        Poll::Ready(match next {
            Some(Ok(data)) => {
                let length = data.len();
                self.metrics.received.add(length as u64);
                self.flow.used();
                self.left = self.left.map(|left| left.saturating_sub(length as u64));
                // Refused only when more is released than has come.
                let _ = self.stream.flow_control().release_capacity(length);
                Some(Ok(Frame::data(data)))
            }
            // Whatever its code: a body that was reset is not whole.
            Some(Err(error)) => Some(Err(BodyError::ClientHttp2(error))),
            None => {
                self.is_over = true;
                None
            }
        })
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        if let Some(next) = ready!(self.stream.poll_data(cx)) {
            return Poll::Ready(Some(next));
        }
        // The end may still be a fault of theirs, or wait for them.
        let trailers = ready!(self.stream.poll_trailers(cx));
        Poll::Ready(trailers.err().map(Err))
    }

    /// The exact number of bytes still to come, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.left
    }

    /// Whether all of it was read.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over || self.stream.is_end_stream()
    }
}
