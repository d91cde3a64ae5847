//! The socket under hyper's HTTP/2: gathers what many streams write at once into one system call.
//!
//! h2 flushes after every DATA frame. Here small writes are only gathered; `connection::http2` flushes once it has let
//! all streams go as far as they can.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use hyper::rt::ReadBufCursor;

use crate::stream::Stream;
use crate::timer::{Stall, Timer};

/// Writes up to this size are gathered; larger ones are worth a system call, and not worth a copy.
const SMALL: usize = 4 * 1024;
/// What is gathered at most.
const GATHERED: usize = 32 * 1024;
/// Slices that one system call takes.
const SLICES: usize = 16;

/// A client's socket and what waits to be written to it.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Stream,
    out: Mutex<Out>,
}

#[derive(Debug)]
struct Out {
    gathered: BytesMut,
    /// Whether the client took nothing when last tried,
    is_stalled: bool,
    /// and since when.
    stall: Stall,
}

impl Socket {
    /// `limit` is how long the client may take nothing.
    pub(super) fn new(stream: Stream, limit: Option<Duration>) -> Self {
        let out = Out {
            gathered: BytesMut::new(),
            is_stalled: false,
            stall: Stall::new(limit),
        };
        Self {
            stream,
            out: Mutex::new(out),
        }
    }

    /// Writes what was gathered.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut out = self.out();
        while !out.gathered.is_empty() {
            ready!(out.poll_write(&self.stream, cx, &[]))?;
        }
        // An idle connection holds no buffer.
        out.gathered = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    /// Ready once the client has taken nothing for too long.
    pub(super) fn poll_stalled(&self, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<()> {
        let mut out = self.out();
        if out.is_stalled {
            out.stall.poll(timer, cx).map(drop)
        } else {
            Poll::Pending
        }
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Out {
    /// Writes what was gathered and `slices` behind it; how much of `slices` was written.
    fn poll_write(
        &mut self,
        stream: &Stream,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut all = [IoSlice::new(&[]); SLICES];
        all[0] = IoSlice::new(&self.gathered);
        for (place, slice) in all[1..].iter_mut().zip(slices) {
            *place = IoSlice::new(slice);
        }
        let written = stream.poll_write(cx, &all[..SLICES.min(slices.len() + 1)]);
        self.is_stalled = written.is_pending();
        if !self.is_stalled {
            self.stall.over();
        }
        let written = ready!(written)?;
        let gathered = written.min(self.gathered.len());
        self.gathered.advance(gathered);
        Poll::Ready(Ok(written - gathered))
    }
}

/// The socket as hyper holds it.
pub(super) struct Io {
    /// What was read from it and not yet taken.
    received: Bytes,
    socket: Arc<Socket>,
}

impl Io {
    /// `received` was read before hyper got the socket.
    pub(super) fn new(received: Bytes, socket: Arc<Socket>) -> Self {
        Self { received, socket }
    }
}

impl hyper::rt::Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.received.is_empty() {
            self.received = ready!(self.socket.stream.poll_read(cx, buffer.remaining() as u64))?;
        }
        let count = self.received.len().min(buffer.remaining());
        buffer.put_slice(&self.received[..count]);
        self.received.advance(count);
        if self.received.is_empty() {
            // Lets go of the read buffer.
            self.received = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut out = self.socket.out();
        if length <= SMALL && out.gathered.len() + length <= GATHERED {
            for slice in slices {
                out.gathered.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(length));
        }
        loop {
            let written = ready!(out.poll_write(&self.socket.stream, cx, slices))?;
            if written > 0 {
                return Poll::Ready(Ok(written));
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Does nothing: see the head of this file.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.socket.poll_flush(cx))?;
        self.socket.stream.shutdown_write();
        Poll::Ready(Ok(()))
    }
}
