//! Bodies on an HTTP/2 stream: the request's as hyper gives it, the answer's as hyper takes it.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

use super::streams::{Flow, Open};
use crate::body::Body;
use crate::error::BodyError;
use crate::metrics::Metrics;
use crate::timer::{Stall, Timer};

/// The body of a request on one stream.
#[derive(Debug)]
pub(crate) struct StreamBody {
    incoming: Incoming,
    flow: Arc<Flow>,
    timer: Timer,
    stall: Stall,
    ended: bool,
    metrics: Arc<Metrics>,
}

impl StreamBody {
    /// `limit` is how long the client may send nothing.
    pub(super) fn new(
        incoming: Incoming,
        limit: Option<Duration>,
        flow: Arc<Flow>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            incoming,
            flow,
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
                        self.flow.used();
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
    limit: Option<Duration>,
    timer: Timer,
    stall: Stall,
    open: Open,
}

impl Outgoing {
    /// `limit` is how long the app may be silent, and the client may take nothing.
    pub(super) fn new(body: Body, limit: Option<Duration>, mut open: Open) -> Self {
        if body.is_over() {
            open.over();
        }
        Self {
            body,
            limit,
            timer: Timer::default(),
            stall: Stall::new(limit),
            open,
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if self.open.is_given_up()
            && let Some(limit) = self.limit
        {
            self.body.failed(&BodyError::Untaken(limit));
        }
    }
}

impl http_body::Body for Outgoing {
    type Data = Piece;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, BodyError>>> {
        let this = self.get_mut();
        this.open.asked();
        this.body.read_at_most(this.open.share());
        let next = match this.body.poll_next(cx) {
            Poll::Ready(next) => {
                this.stall.over();
                next
            }
            Poll::Pending => {
                let error = BodyError::Stalled(ready!(this.stall.poll(&mut this.timer, cx)));
                this.body.failed(&error);
                Some(Err(error))
            }
        };
        if this.body.is_over() || !matches!(next, Some(Ok(_))) {
            this.open.over();
        }
        let open = &mut this.open;
        Poll::Ready(next.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|bytes| {
                    let flow = open.given();
                    Piece { bytes, flow }
                })
            })
        }))
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

/// A piece of an answer that tells when its bytes leave.
pub(super) struct Piece {
    bytes: Bytes,
    flow: Arc<Flow>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.flow.sent(count);
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }
}
