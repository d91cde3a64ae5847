//! Bodies on an HTTP/2 stream: the request's as hyper gives it, the answer's as hyper takes it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

use super::streams::Open;
use crate::body::Body;
use crate::error::BodyError;
use crate::metrics::Metrics;
use crate::timer::{Stall, Timer};

/// The body of a request on one stream.
#[derive(Debug)]
pub(crate) struct StreamBody {
    incoming: Incoming,
    timer: Timer,
    stall: Stall,
    ended: bool,
    metrics: Arc<Metrics>,
}

impl StreamBody {
    /// `limit` is how long the client may send nothing.
    pub(super) fn new(incoming: Incoming, limit: Option<Duration>, metrics: Arc<Metrics>) -> Self {
        Self {
            incoming,
            timer: Timer::default(),
            stall: Stall::new(limit),
            ended: false,
            metrics,
        }
    }

    /// The next bytes, or `None` after the last. Trailers are dropped: Rack has no place for them.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.stall.over();
                    if let Some(data) = frame.data_ref() {
                        self.metrics.received.add(data.len() as u64);
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(BodyError::ClientHttp2(error))));
                }
                Poll::Ready(None) => {
                    self.ended = true;
                    return Poll::Ready(None);
                }
                Poll::Pending => {
                    return self
                        .stall
                        .poll(&mut self.timer, cx)
                        .map(|limit| Some(Err(BodyError::ClientSlow(limit))));
                }
            }
        }
    }

    /// The exact number of bytes still to come, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// Whether all of it was read.
    pub(crate) fn is_over(&self) -> bool {
        self.ended || self.incoming.is_end_stream()
    }
}

/// An answer on its way out: it fails if the app is silent for too long, and counts as an open stream.
pub(super) struct Outgoing {
    body: Body,
    timer: Timer,
    stall: Stall,
    open: Open,
}

impl Outgoing {
    /// `limit` is how long the app may be silent.
    pub(super) fn new(body: Body, limit: Option<Duration>, open: Open) -> Self {
        Self {
            body,
            timer: Timer::default(),
            stall: Stall::new(limit),
            open,
        }
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        this.open.asked();
        match this.body.poll_next(cx) {
            Poll::Ready(next) => {
                this.stall.over();
                this.open.given();
                Poll::Ready(next)
            }
            Poll::Pending => {
                let error = BodyError::Stalled(ready!(this.stall.poll(&mut this.timer, cx)));
                this.body.failed(&error);
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_over()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body
            .length()
            .map_or_else(http_body::SizeHint::default, http_body::SizeHint::with_exact)
    }
}
