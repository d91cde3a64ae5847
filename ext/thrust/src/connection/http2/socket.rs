//! The socket under h2: gathers what many streams write at once into one system call, and looks at the
//! frames that come in.
//!
//! h2 flushes after every DATA frame. Here small writes are only gathered; `connection::http2` flushes once it has let
//! all streams go as far as they can.
//!
//! h2 reads for as long as there is anything. Here it is stopped after a **turn**, so that what came is worked off,
//! and other connections are served, before more is read.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::flood::{Abuse, Allowance, Frames};
use super::streams::Streams;
use crate::stream::Stream;
use crate::timer::{Stall, Timer};

/// Writes up to this size are gathered; larger ones are worth a system call, and not worth a copy.
const SMALL: usize = 4 * 1024;
/// What is gathered at most.
const GATHERED: usize = 32 * 1024;
/// Slices that one system call takes.
const SLICES: usize = 16;
/// What h2 reads in one turn at least; at most one read more. Requests are small: this bounds how many are unpacked
/// before the first is taken.
const TURN: usize = 64 * 1024;
/// The error code of RFC 9113 section 7 for a client that asks too much.
const ENHANCE_YOUR_CALM: u32 = 0xb;
/// The frame of section 6.8.
const GOAWAY: u8 = 7;

thread_local! {
    /// Where the next connection that has something to write gathers it: nearly always one is done before another
    /// begins.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A client's socket and what waits to be written to it.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Stream,
    out: Mutex<Out>,
    watch: Mutex<Watch>,
    /// Bytes read in this turn.
    read: AtomicUsize,
}

/// What is known of the client from its frames.
#[derive(Debug)]
struct Watch {
    frames: Frames,
    allowance: Allowance,
    abuse: Option<Abuse>,
}

#[derive(Debug)]
struct Out {
    gathered: Vec<u8>,
    /// How much of that was written.
    written: usize,
    /// Whether everything that h2 wanted to write was taken, so that what follows stands between two frames.
    is_whole: bool,
    /// Whether the client took nothing when last tried,
    is_stalled: bool,
    /// and since when.
    stall: Stall,
}

impl Socket {
    /// `limit` is how long the client may take nothing.
    pub(super) fn new(stream: Stream, limit: Option<Duration>) -> Self {
        let out = Out {
            gathered: Vec::new(),
            written: 0,
            is_whole: true,
            is_stalled: false,
            stall: Stall::new(limit),
        };
        let watch = Watch {
            frames: Frames::new(),
            allowance: Allowance::of_frames(),
            abuse: None,
        };
        Self {
            stream,
            out: Mutex::new(out),
            watch: Mutex::new(watch),
            read: AtomicUsize::new(0),
        }
    }

    /// Lets h2 read again.
    pub(super) fn begin_turn(&self) {
        self.read.store(0, Ordering::Relaxed);
    }

    /// The number of the header block that the client has begun and not ended, if there is one.
    pub(super) fn open_block(&self) -> Option<u64> {
        self.watch().frames.open_block()
    }

    /// Why the client is to be sent away, if it is.
    pub(super) fn abuse(&self) -> Option<Abuse> {
        self.watch().abuse
    }

    /// Tells the client why it is sent away, behind what it was told so far.
    pub(super) fn go_away(&self, why: Abuse) {
        let last = self.watch().frames.last_stream();
        let mut out = self.out();
        if !out.is_whole {
            // It would stand inside of another frame.
            return;
        }
        let text = why.to_string();
        let length = u32::try_from(text.len() + 8).unwrap_or(u32::MAX);
        out.gathered.put_uint(length.into(), 3);
        out.gathered.put_slice(&[GOAWAY, 0, 0, 0, 0, 0]);
        out.gathered.put_u32(last);
        out.gathered.put_u32(ENHANCE_YOUR_CALM);
        out.gathered.put_slice(text.as_bytes());
    }

    /// Writes what is left and reads on until the client closes: a close with bytes unread would be a reset, and take
    /// away what the client was told last.
    pub(super) async fn linger(&self) {
        if poll_fn(|cx| self.poll_flush(cx)).await.is_err() {
            return;
        }
        self.stream.shutdown_write();
        while let Ok(read) = poll_fn(|cx| self.stream.poll_read(cx, u64::MAX)).await
            && !read.is_empty()
        {
            tokio::task::yield_now().await;
        }
    }

    /// The next bytes of the client.
    fn poll_read(
        &self,
        cx: &mut Context<'_>,
        first: &mut Bytes,
        streams: &Streams,
    ) -> Poll<io::Result<Bytes>> {
        if self.read.load(Ordering::Relaxed) >= TURN {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = if first.is_empty() {
            ready!(self.stream.poll_read(cx, u64::MAX))?
        } else {
            std::mem::take(first)
        };
        self.read.fetch_add(read.len(), Ordering::Relaxed);
        let mut watch = self.watch();
        let cost = watch.frames.cost(&read);
        let abuse = if !watch.allowance.take(cost, || streams.take_earned()) {
            Abuse::Frames
        } else if streams.are_abandoned() {
            Abuse::Abandoned
        } else {
            return Poll::Ready(Ok(read));
        };
        watch.abuse = Some(abuse);
        Poll::Ready(Err(io::Error::other(abuse)))
    }

    /// Writes what was gathered.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut out = self.out();
        while !out.gathered.is_empty() {
            ready!(out.poll_write(&self.stream, cx, &[]))?;
        }
        // An idle connection holds no buffer.
        let gathered = std::mem::take(&mut out.gathered);
        if gathered.capacity() >= GATHERED {
            SPARE.set(gathered);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether something waits for the client to take it.
    pub(super) fn is_stalled(&self) -> bool {
        self.out().is_stalled
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

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
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
        all[0] = IoSlice::new(&self.gathered[self.written..]);
        for (place, slice) in all[1..].iter_mut().zip(slices) {
            *place = IoSlice::new(slice);
        }
        let written = stream.poll_write(cx, &all[..SLICES.min(slices.len() + 1)]);
        self.is_stalled = written.is_pending();
        if !self.is_stalled {
            self.stall.over();
        }
        let written = ready!(written)?;
        let gathered = written.min(self.gathered.len() - self.written);
        self.written += gathered;
        if self.written == self.gathered.len() {
            self.gathered.clear();
            self.written = 0;
        }
        Poll::Ready(Ok(written - gathered))
    }
}

/// The socket as h2 holds it.
pub(super) struct Io {
    /// What was read before h2 got the socket.
    first: Bytes,
    /// What was read and not yet taken.
    received: Bytes,
    socket: Arc<Socket>,
    streams: Arc<Streams>,
}

impl Io {
    /// `first` was read before h2 got the socket.
    pub(super) fn new(first: Bytes, socket: &Arc<Socket>, streams: &Arc<Streams>) -> Self {
        Self {
            first,
            received: Bytes::new(),
            socket: socket.clone(),
            streams: streams.clone(),
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.received.is_empty() {
            this.received = ready!(this.socket.poll_read(cx, &mut this.first, &this.streams))?;
        }
        let count = this.received.len().min(buffer.remaining());
        buffer.put_slice(&this.received[..count]);
        this.received.advance(count);
        if this.received.is_empty() {
            // Lets go of the read buffer.
            this.received = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
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
            if out.gathered.capacity() == 0 {
                out.gathered = SPARE.take();
                // All at once: growing by and by would copy what is there each time.
                out.gathered.reserve(GATHERED);
            }
            for slice in slices {
                out.gathered.extend_from_slice(slice);
            }
            out.is_whole = true;
            return Poll::Ready(Ok(length));
        }
        loop {
            let written = ready!(out.poll_write(&self.socket.stream, cx, slices))?;
            if written > 0 {
                out.is_whole = written == length;
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
