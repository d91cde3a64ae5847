//! Sends the answer on an HTTP/2 stream.
//!
//! h2 takes any amount and keeps it until the client makes room, and nobody sees whether it ever does. So it is given
//! only what there is room for, and one piece is read ahead.

use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use h2::{Reason, SendStream};

use super::streams::{Flow, Neglect, Open};
use crate::body::Body;
use crate::error::BodyError;
use crate::timer::{Stall, Timer};

/// The rest of an answer whose head was sent.
pub(super) struct Answer {
    stream: SendStream<Piece>,
    body: Body,
    /// What waits for the client to make room, and whether it is the last.
    piece: Option<(Piece, bool)>,
    /// How long the app may be silent, and the client may take nothing.
    limit: Option<Duration>,
    timer: Timer,
    stall: Stall,
    neglect: Neglect,
    open: Open,
}

impl Answer {
    /// `limit` is how long the app may be silent, and the client may take nothing.
    pub(super) fn new(stream: SendStream<Piece>, body: Body, limit: Option<Duration>, open: Open) -> Self {
        Self {
            stream,
            body,
            piece: None,
            limit,
            timer: Timer::default(),
            stall: Stall::new(limit),
            neglect: Neglect::new(limit),
            open,
        }
    }

    /// Ready once h2 has all of it, or nobody wants more.
    ///
    /// Dropping an answer that is not complete resets its stream.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // An error is the client's reset, or that the connection broke; while nothing moves, h2 has to be asked for it.
        if self.advance(cx).is_ready() || self.stream.poll_reset(cx).is_ready() {
            return Poll::Ready(());
        }
        if self.piece.is_some() {
            // The app may wait for more of the upload before it goes on with what we wait to send.
            self.body.poll_upload(cx);
        }
        self.neglect.poll(self.open.flow(), cx)
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            while let Some((piece, _)) = &mut self.piece {
                let room = self.stream.capacity();
                if room >= piece.remaining() {
                    break;
                }
                if room > 0 {
                    self.stream.send_data(piece.split_to(room), false)?;
                }
                match ready!(self.stream.poll_capacity(cx)) {
                    Some(more) => more.map(drop)?,
                    // It is over.
                    None => return Poll::Ready(Ok(())),
                }
            }
            if let Some((piece, is_last)) = self.piece.take() {
                self.open.piece_left();
                self.stream.send_data(piece, is_last)?;
                if is_last {
                    return Poll::Ready(Ok(()));
                }
            }
            if ready!(self.read(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Reads the next piece; whether there was none any more.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, h2::Error>> {
        self.body.read_at_most(self.open.share());
        let next = match self.body.poll_next(cx) {
            Poll::Ready(next) => {
                self.stall.over();
                next
            }
            Poll::Pending => {
                let error = BodyError::Stalled(ready!(self.stall.poll(&mut self.timer, cx)));
                self.body.failed(&error);
                Some(Err(error))
            }
        };
        let is_last = self.body.is_over();
        if is_last || !matches!(next, Some(Ok(_))) {
            self.open.over();
        }
        match next.map(|next| next.map(http_body::Frame::into_data)) {
            Some(Ok(Ok(bytes))) => {
                self.stream.reserve_capacity(bytes.len());
                let flow = self.open.piece_waits();
                self.piece = Some((Piece { bytes, flow }, is_last));
                return Poll::Ready(Ok(false));
            }
            Some(Ok(Err(frame))) => {
                if let Ok(trailers) = frame.into_trailers() {
                    self.stream.send_trailers(trailers)?;
                }
            }
            Some(Err(_)) => self.stream.send_reset(Reason::INTERNAL_ERROR),
            None => {
                let flow = self.open.flow().clone();
                let bytes = Bytes::new();
                self.stream.send_data(Piece { bytes, flow }, true)?;
            }
        }
        Poll::Ready(Ok(true))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        match self.limit {
            Some(limit) if self.open.is_given_up() => self.body.failed(&BodyError::Untaken(limit)),
            _ if self.piece.is_some() => self.body.failed(&BodyError::ClientGone),
            _ => {}
        }
    }
}

/// A piece of an answer that tells when its bytes leave.
pub(super) struct Piece {
    bytes: Bytes,
    flow: Arc<Flow>,
}

impl Piece {
    /// Takes the first `length` bytes out of it.
    fn split_to(&mut self, length: usize) -> Self {
        Self {
            bytes: self.bytes.split_to(length),
            flow: self.flow.clone(),
        }
    }
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
