//! Timers for deadlines that move with every byte.
//!
//! One is not re-armed when its deadline moves back, only when it fires too early, so progress costs a comparison.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Waits for one deadline at a time; holds nothing until the first wait.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready once `due` has passed; `None` never is.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, due: Option<Instant>) -> Poll<()> {
        let Some(due) = due else { return Poll::Pending };
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= due {
                return Poll::Ready(());
            }
            // Fired for a deadline that has moved since.
            sleep.as_mut().reset(due);
        }
    }
}

/// How long one side may keep us waiting, and since when it does.
///
/// Time counts from the first poll after the last progress: while nobody waits, nobody is late.
#[derive(Debug)]
pub(crate) struct Stall {
    limit: Option<Duration>,
    since: Option<Instant>,
}

impl Stall {
    /// `None` lets it wait for ever.
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self { limit, since: None }
    }

    /// Something moved.
    pub(crate) fn over(&mut self) {
        self.since = None;
    }

    /// Ready once nothing has moved for as long as it may; says how long that is.
    pub(crate) fn poll(&mut self, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<Duration> {
        let Some(limit) = self.limit else {
            return Poll::Pending;
        };
        let since = *self.since.get_or_insert_with(Instant::now);
        timer.poll(cx, Some(since + limit)).map(|()| limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moved_is_waited_for() {
        let mut timer = Timer::default();
        let start = Instant::now();
        let early = start + Duration::from_secs(1);
        let late = start + Duration::from_secs(5);

        assert!(
            poll_fn(|cx| Poll::Ready(timer.poll(cx, Some(early))))
                .await
                .is_pending()
        );
        poll_fn(|cx| timer.poll(cx, Some(late))).await;

        assert_eq!(Instant::now(), late);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_may_come_nearer() {
        let mut timer = Timer::default();
        let start = Instant::now();
        let late = start + Duration::from_secs(60);
        let near = start + Duration::from_secs(1);

        assert!(
            poll_fn(|cx| Poll::Ready(timer.poll(cx, Some(late))))
                .await
                .is_pending()
        );
        poll_fn(|cx| timer.poll(cx, Some(near))).await;

        assert_eq!(Instant::now(), near);
    }

    #[tokio::test(start_paused = true)]
    async fn progress_starts_the_wait_anew_and_time_without_a_wait_does_not_count() {
        let (start, limit) = (Instant::now(), Duration::from_secs(10));
        let (mut timer, mut stall) = (Timer::default(), Stall::new(Some(limit)));
        let mut is_late = async || poll_fn(|cx| Poll::Ready(stall.poll(&mut timer, cx).is_ready())).await;

        tokio::time::advance(limit).await;
        assert!(!is_late().await, "nobody had waited");
        tokio::time::advance(limit / 2).await;
        assert!(!is_late().await);
        stall.over();
        poll_fn(|cx| stall.poll(&mut timer, cx)).await;

        assert_eq!(start.elapsed(), limit + limit / 2 + limit);
    }
}
