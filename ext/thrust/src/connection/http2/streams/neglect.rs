//! When the client neglects a stream: takes nothing of its answer, though it could.
//!
//! On a slow line each of many streams waits for long, because h2 serves them in turn. Only one whose turn must have
//! come is neglected, or one of a connection on which next to nothing moves.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Flow;
use crate::timer::{Stall, Timer};

/// A stream whose connection has carried so much for each that waits has had its turn: the piece that is held of
/// it, and what h2 does, are not larger.
const TURN: u64 = 128 * 1024;
/// So much for each that waits has to move within the time for one piece. Else the client only keeps up appearances;
/// a real one that is slower than this does not ask for hundreds of answers at once.
const PULSE: u64 = 4 * 1024;

/// Waits for a client that takes nothing of one answer.
#[derive(Debug)]
pub(in super::super) struct Neglect {
    stall: Stall,
    timer: Timer,
    is_waiting: bool,
    /// Bytes of this stream that had left when last looked,
    sent: u64,
    /// of all streams when it began to wait,
    before: u64,
    /// and of all when last looked.
    latest: u64,
}

impl Neglect {
    /// `limit` is how long the client may take nothing.
    pub(in super::super) fn new(limit: Option<Duration>) -> Self {
        Self {
            stall: Stall::new(limit),
            timer: Timer::default(),
            is_waiting: false,
            sent: 0,
            before: 0,
            latest: 0,
        }
    }

    /// Ready once the client has neglected the stream for too long, at the latest for twice as long as it may: nobody
    /// wakes the task when bytes of its stream leave.
    pub(in super::super) fn poll(&mut self, flow: &Flow, cx: &mut Context<'_>) -> Poll<()> {
        let was_waiting = std::mem::replace(&mut self.is_waiting, flow.waits.load(Ordering::Relaxed));
        if !self.is_waiting {
            self.stall.over();
            return Poll::Pending;
        }
        let streams = &flow.streams;
        let sent = flow.sent.load(Ordering::Relaxed);
        let all = streams.sent.load(Ordering::Relaxed);
        if !was_waiting || sent != self.sent {
            self.stall.over();
            (self.sent, self.before, self.latest) = (sent, all, all);
        }
        while self.stall.poll(&mut self.timer, cx).is_ready() {
            let waiting = streams.waiting.load(Ordering::Relaxed);
            if all - self.before >= waiting * TURN || all - self.latest < waiting * PULSE {
                flow.given_up.store(true, Ordering::Relaxed);
                streams.neglects.store(true, Ordering::Relaxed);
                return Poll::Ready(());
            }
            self.stall.over();
            self.latest = all;
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::Instant;

    use super::super::Streams;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_stream_of_which_its_client_takes_nothing_is_given_up_however_much_it_takes_of_others() {
        let streams = Streams::new();
        let (mut stuck, mut moving) = (Streams::open(&streams), Streams::open(&streams));
        let flows = (stuck.piece_waits(), moving.piece_waits());
        let (mut first, mut second) = (Neglect::new(Some(LIMIT)), Neglect::new(Some(LIMIT)));
        let start = Instant::now();

        let moves = async {
            loop {
                tokio::time::sleep(LIMIT / 2).await;
                flows.1.sent(1024 * 1024);
            }
        };
        tokio::select! {
            () = poll_fn(|cx| first.poll(&flows.0, cx)) => {}
            () = poll_fn(|cx| second.poll(&flows.1, cx)) => panic!("it moves"),
            () = moves => {}
        }

        assert_eq!(start.elapsed(), LIMIT);
        assert!(stuck.is_given_up() && !moving.is_given_up());
        drop((stuck, moving));
        // Without waiting for anything more from such a client.
        streams.idle(None).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_whose_turn_has_not_come_on_a_slow_line_is_waited_for() {
        let streams = Streams::new();
        let mut others: Vec<_> = (0..99).map(|_| Streams::open(&streams)).collect();
        let flows: Vec<_> = others.iter_mut().map(|open| open.piece_waits()).collect();
        let mut last = Streams::open(&streams);
        let flow = last.piece_waits();
        let mut neglect = Neglect::new(Some(LIMIT));
        let mut given_up = async |time| {
            tokio::time::timeout(time, poll_fn(|cx| neglect.poll(&flow, cx)))
                .await
                .is_ok()
        };

        // Each is given enough in its time, but all together not yet what those before it wait for.
        for _ in 0..20 {
            assert!(!given_up(LIMIT / 2).await);
            flows[0].sent(100 * 4 * 1024);
        }
        flows[0].sent(100 * 128 * 1024);

        assert!(given_up(LIMIT * 2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_on_one_stream_does_not_keep_others_waiting_for_ever() {
        let streams = Streams::new();
        let (mut stuck, mut trickling) = (Streams::open(&streams), Streams::open(&streams));
        let flows = (stuck.piece_waits(), trickling.piece_waits());
        let mut neglect = Neglect::new(Some(LIMIT));
        let start = Instant::now();

        let trickle = async {
            loop {
                tokio::time::sleep(LIMIT / 10).await;
                flows.1.sent(1);
            }
        };
        tokio::select! {
            () = poll_fn(|cx| neglect.poll(&flows.0, cx)) => {}
            () = trickle => {}
        }

        assert_eq!(start.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_waits_for_the_app_is_not_its_clients_fault() {
        let streams = Streams::new();
        let mut open = Streams::open(&streams);
        let flow = open.piece_waits();
        open.piece_left();
        let mut neglect = Neglect::new(Some(LIMIT));

        let waiting = poll_fn(|cx| neglect.poll(&flow, cx));

        assert!(tokio::time::timeout(LIMIT * 5, waiting).await.is_err());
    }
}
