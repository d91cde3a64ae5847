//! Watches the streams of a connection: how many are open, which of them the client neglects, what came of them.
//!
//! h2 has no timeouts. What it was given of an answer tells when bytes of it leave ([`super::answer::Piece`]).

mod neglect;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::sync::Notify;

pub(super) use self::neglect::Neglect;
use super::flood::{Allowance, BYTES, PER_PIECE, PER_REQUEST};

/// Answers that may wait with a whole read each.
const FEW: u64 = 8;
/// What the answers of a connection that wait for its client share, in bytes, and what each has at least.
const READ_AHEAD: u64 = 512 * 1024;
const LEAST: u64 = 4 * 1024;

/// The streams of one connection.
#[derive(Debug)]
pub(super) struct Streams {
    open: AtomicUsize,
    closed: Notify,
    /// Those that may last for ever.
    lasting: AtomicUsize,
    /// Those of which a piece waits for the client to make room.
    waiting: AtomicU64,
    /// Bytes of answers that have left.
    sent: AtomicU64,
    /// What the client has earned and not used; see [`super::flood`].
    earned: AtomicU64,
    abandoned: Mutex<Allowance>,
    /// Whether it has abandoned more than it may.
    abandons: AtomicBool,
    /// Whether one was given up.
    neglects: AtomicBool,
}

impl Streams {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            closed: Notify::new(),
            lasting: AtomicUsize::new(0),
            waiting: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            earned: AtomicU64::new(0),
            abandoned: Mutex::new(Allowance::of_abandoned()),
            abandons: AtomicBool::new(false),
            neglects: AtomicBool::new(false),
        })
    }

    /// Counts one more, for as long as the result is held.
    pub(super) fn open(streams: &Arc<Self>) -> Open {
        streams.open.fetch_add(1, Ordering::Relaxed);
        streams.earn(PER_REQUEST);
        let flow = Arc::new(Flow {
            streams: streams.clone(),
            told: Mutex::default(),
            has_told: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            waits: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
        });
        Open {
            flow,
            is_lasting: false,
            is_over: false,
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

    /// Returns once no stream was open for `limit`, or at once after the last if its client has neglected one; `None`
    /// never does.
    pub(super) async fn idle(&self, limit: Option<Duration>) {
        loop {
            let closed = self.closed.notified();
            let timed_out = match limit {
                Some(limit) => tokio::time::timeout(limit, closed).await.is_err(),
                None => {
                    closed.await;
                    false
                }
            };
            if self.is_empty() && (timed_out || self.neglects.load(Ordering::Relaxed)) {
                return;
            }
        }
    }

    /// Something useful has come of frames.
    pub(super) fn earn(&self, amount: u64) {
        self.earned.fetch_add(amount, Ordering::Relaxed);
    }

    /// What was earned since this was asked last.
    pub(super) fn take_earned(&self) -> u64 {
        self.earned.swap(0, Ordering::Relaxed)
    }

    /// Whether the client has abandoned more requests than it may.
    pub(super) fn are_abandoned(&self) -> bool {
        self.abandons.load(Ordering::Relaxed)
    }

    fn ended(&self, was_abandoned: bool) {
        let mut abandoned = self.abandoned.lock().unwrap_or_else(PoisonError::into_inner);
        if !was_abandoned {
            abandoned.give(1);
        } else if !abandoned.take(1, || 0) {
            self.abandons.store(true, Ordering::Relaxed);
        }
    }
}

/// One open stream, as whoever answers it holds it.
pub(super) struct Open {
    flow: Arc<Flow>,
    is_lasting: bool,
    is_over: bool,
}

impl Open {
    /// The stream carries an answer that may last for ever.
    pub(super) fn lasts(&mut self) {
        if !std::mem::replace(&mut self.is_lasting, true) {
            self.flow.streams.lasting.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A piece of the answer waits for the client to make room.
    pub(super) fn piece_waits(&mut self) -> Arc<Flow> {
        let streams = &self.flow.streams;
        streams.earn(PER_PIECE);
        if !self.flow.waits.swap(true, Ordering::Relaxed) {
            streams.waiting.fetch_add(1, Ordering::Relaxed);
        }
        self.flow.clone()
    }

    /// It has left, or nobody wants it.
    pub(super) fn piece_left(&mut self) {
        if self.flow.waits.swap(false, Ordering::Relaxed) {
            self.flow.streams.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many bytes of this answer are worth reading ahead, where that is our choice: the fewer, the more of the
    /// connection's answers wait for the client. `None` for as many as a read takes.
    pub(super) fn share(&self) -> Option<u64> {
        let waiting = self.flow.streams.waiting.load(Ordering::Relaxed);
        (waiting >= FEW).then(|| (READ_AHEAD / (waiting + 1)).max(LEAST))
    }

    /// There is nothing more to answer.
    pub(super) fn over(&mut self) {
        self.is_over = true;
    }

    /// Whether the stream was given up because its client takes nothing.
    pub(super) fn is_given_up(&self) -> bool {
        self.flow.given_up.load(Ordering::Relaxed)
    }

    /// What else counts for this stream.
    pub(super) fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.piece_left();
        let streams = &self.flow.streams;
        // Leaving is how an answer ends that has no end.
        streams.ended(!(self.is_over || self.is_lasting || self.is_given_up()));
        if self.is_lasting {
            streams.lasting.fetch_sub(1, Ordering::Relaxed);
        }
        if streams.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            streams.closed.notify_one();
        }
    }
}

/// What moves on one stream.
#[derive(Debug)]
pub(in crate::connection) struct Flow {
    streams: Arc<Streams>,
    /// Interim answers that have not been sent, and whether there are any.
    told: Mutex<Vec<http::Response<()>>>,
    has_told: AtomicBool,
    /// Bytes of its answer that have left.
    sent: AtomicU64,
    /// Whether a piece waits for the client to make room.
    waits: AtomicBool,
    given_up: AtomicBool,
}

impl Flow {
    /// Bytes of the answer have left.
    pub(super) fn sent(&self, count: usize) {
        self.sent.fetch_add(count as u64, Ordering::Relaxed);
        let before = self.streams.sent.fetch_add(count as u64, Ordering::Relaxed);
        self.streams
            .earn((before + count as u64) / BYTES - before / BYTES);
    }

    /// Has an interim answer sent, once the caller's poll is over.
    pub(in crate::connection) fn tell(&self, status: StatusCode, headers: HeaderMap) {
        let mut response = http::Response::new(());
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(response);
        self.has_told.store(true, Ordering::Relaxed);
    }

    /// The interim answers that are to be sent.
    pub(super) fn take_told(&self) -> Vec<http::Response<()>> {
        if !self.has_told.load(Ordering::Relaxed) {
            return Vec::new();
        }
        self.has_told.store(false, Ordering::Relaxed);
        std::mem::take(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A frame of the request's body was of use.
    pub(super) fn used(&self) {
        self.streams.earn(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_once_its_last_stream_has_been_closed_for_long_enough() {
        let (streams, start) = (Streams::new(), Instant::now());
        let (first, second) = (Streams::open(&streams), Streams::open(&streams));
        drop(first);

        let closing = async {
            tokio::time::sleep(LIMIT * 3).await;
            drop(second);
        };
        tokio::join!(streams.idle(Some(LIMIT)), closing);

        assert_eq!(start.elapsed(), LIMIT * 4);
        assert!(streams.is_empty());
    }

    #[tokio::test]
    async fn what_an_answer_gives_back_comes_as_its_bytes_leave_however_they_are_cut() {
        let streams = Streams::new();
        let mut open = Streams::open(&streams);
        let flow = open.piece_waits();
        assert_eq!(streams.take_earned(), PER_REQUEST + PER_PIECE);

        (0..BYTES).for_each(|_| flow.sent(3));

        assert_eq!(streams.take_earned(), 3);
    }

    #[test]
    fn the_more_answers_wait_the_less_is_read_ahead_of_each() {
        let streams = Streams::new();
        let mut open: Vec<_> = (0..250).map(|_| Streams::open(&streams)).collect();
        let mut held = 0;
        for one in &mut open {
            held += one.share().unwrap_or(64 * 1024);
            one.piece_waits();
        }

        assert!((1 << 20..4 << 20).contains(&held), "{held}");
        assert_eq!(open[0].share(), Some(LEAST));
        open.iter_mut().skip(1).for_each(Open::piece_left);
        assert_eq!(open[0].share(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_may_be_abandoned_now_and_then_but_not_all_the_time() {
        let streams = Streams::new();
        let abandon = |count| (0..count).for_each(|_| drop(Streams::open(&streams)));
        let finish = |count| (0..count).for_each(|_| Streams::open(&streams).over());

        // Half of them.
        for _ in 0..1000 {
            abandon(100);
            finish(100);
        }
        assert!(!streams.are_abandoned());
        // A page of 250 now and then.
        for _ in 0..100 {
            abandon(250);
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        assert!(!streams.are_abandoned());
        // Event streams end no other way.
        for _ in 0..10_000 {
            Streams::open(&streams).lasts();
        }
        assert!(!streams.are_abandoned());

        abandon(1100);

        assert!(streams.are_abandoned());
    }
}
