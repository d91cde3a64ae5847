//! A timer for deadlines that move with every byte.
//!
//! It is not re-armed when the deadline moves back, only when it fires too early, so progress costs a comparison.

use std::pin::Pin;
use std::task::{Context, Poll};

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
            std::task::ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= due {
                return Poll::Ready(());
            }
            // Fired for a deadline that has moved since.
            sleep.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::time::Duration;

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
}
