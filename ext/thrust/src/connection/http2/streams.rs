//! Counts the open streams of a connection and those whose client takes nothing, because hyper has no timeouts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;

use crate::timer::{Stall, Timer};

/// The open streams of one connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: AtomicUsize,
    closed: Notify,
    /// Those that may last for ever.
    lasting: AtomicUsize,
    /// Those of which hyper holds a piece that the client opens no window for.
    untaken: AtomicUsize,
    /// Pieces that hyper was given so far.
    pieces: AtomicUsize,
}

/// One open stream.
pub(super) struct Open {
    streams: Arc<Streams>,
    is_lasting: bool,
    is_untaken: bool,
}

impl Streams {
    /// Counts one more, for as long as the result is held.
    pub(super) fn open(streams: &Arc<Self>) -> Open {
        streams.open.fetch_add(1, Ordering::Relaxed);
        Open {
            streams: streams.clone(),
            is_lasting: false,
            is_untaken: false,
        }
    }

    /// Whether none is open.
    pub(super) fn is_empty(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Whether some are open, and all of them may last for ever.
    pub(super) fn are_lasting(&self) -> bool {
        !self.is_empty() && self.lasting.load(Ordering::Relaxed) == self.open.load(Ordering::Relaxed)
    }

    /// Returns once no stream was open for `limit`; `None` never does.
    pub(super) async fn idle(&self, limit: Option<Duration>) {
        let Some(limit) = limit else {
            return std::future::pending().await;
        };
        loop {
            let closed = self.closed.notified();
            if tokio::time::timeout(limit, closed).await.is_err() && self.is_empty() {
                return;
            }
        }
    }
}

impl Open {
    /// The stream carries an answer that may last for ever.
    pub(super) fn lasts(&mut self) {
        if !std::mem::replace(&mut self.is_lasting, true) {
            self.streams.lasting.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// hyper was given a piece of the answer; it asks for the next one once the client has room for this.
    pub(super) fn given(&mut self) {
        self.streams.pieces.fetch_add(1, Ordering::Relaxed);
        self.streams.untaken.fetch_add(1, Ordering::Relaxed);
        self.is_untaken = true;
    }

    /// hyper asks for a piece.
    pub(super) fn asked(&mut self) {
        if std::mem::take(&mut self.is_untaken) {
            self.streams.untaken.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.asked();
        if self.is_lasting {
            self.streams.lasting.fetch_sub(1, Ordering::Relaxed);
        }
        if self.streams.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.streams.closed.notify_one();
        }
    }
}

/// Watches for a client that opens no window for any of its answers.
///
/// What a single stream waits for hyper does not say, and on a slow line each of many waits for long. Nothing moving at
/// all is another matter.
#[derive(Debug)]
pub(super) struct Untaken {
    stall: Stall,
    timer: Timer,
    /// The pieces given when last looked.
    pieces: usize,
}

impl Untaken {
    /// `limit` is how long the client may take nothing.
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self {
            stall: Stall::new(limit),
            timer: Timer::default(),
            pieces: 0,
        }
    }

    /// Ready once every open stream has waited for its client for too long, at the latest for twice as long as it may:
    /// nobody wakes the connection when a stream begins to wait.
    pub(super) fn poll(&mut self, streams: &Streams, cx: &mut Context<'_>) -> Poll<()> {
        if streams.is_empty() {
            self.stall.over();
            return Poll::Pending;
        }
        let pieces = streams.pieces.load(Ordering::Relaxed);
        let all_wait = streams.untaken.load(Ordering::Relaxed) == streams.open.load(Ordering::Relaxed);
        if pieces != std::mem::replace(&mut self.pieces, pieces) || !all_wait {
            self.stall.over();
        }
        self.stall.poll(&mut self.timer, cx).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_once_its_last_stream_has_been_closed_for_long_enough() {
        let limit = Duration::from_secs(60);
        let (streams, start) = (Arc::new(Streams::default()), Instant::now());
        let (first, second) = (Streams::open(&streams), Streams::open(&streams));
        drop(first);

        let closing = async {
            tokio::time::sleep(limit * 3).await;
            drop(second);
        };
        tokio::join!(streams.idle(Some(limit)), closing);

        assert_eq!(start.elapsed(), limit * 4);
        assert!(streams.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_given_up_once_no_answer_has_moved_for_long_enough() {
        let limit = Duration::from_secs(60);
        let streams = Arc::new(Streams::default());
        let (mut first, mut second) = (Streams::open(&streams), Streams::open(&streams));
        first.given();
        let mut untaken = Untaken::new(Some(limit));
        let mut given_up = async || poll_fn(|cx| untaken.poll(&streams, cx)).await;

        // The second waits for the app, and then the client takes a piece of it.
        assert!(tokio::time::timeout(limit * 5, given_up()).await.is_err());
        second.given();
        assert!(tokio::time::timeout(limit / 2, given_up()).await.is_err());
        second.asked();
        second.given();
        let since = Instant::now();
        given_up().await;

        assert!((limit..=limit * 2).contains(&since.elapsed()));
    }
}
