//! How many requests the app is given at once, and who waits for a turn: in order, so many of them, and for so long.
//!
//! There is one for each generation of the app, shared by all cores. Whoever drops its wait leaves the queue.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::asked::Asked;
use super::backlog::{Backlog, BacklogLimits};
use super::forward::Unanswered;
use crate::error::ProxyError;

/// How much the app is given, and how much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    /// Requests that the app has at once.
    pub(crate) at_once: usize,
    /// How much may wait.
    pub(crate) backlog: BacklogLimits,
    /// How long each may wait.
    pub(crate) timeout: Duration,
    /// How long each may have waited before, for an app that was not there: whatever happens, none waits for longer
    /// than both.
    pub(crate) boot_timeout: Duration,
}

/// What lets requests through to one generation of the app.
#[derive(Debug)]
pub(crate) struct Queue {
    permits: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limits: QueueLimits,
    backlog: Backlog,
    /// Permits that are out and too many since the limit became lower: so many are not given to others when they come
    /// back.
    owed: usize,
}

/// A request's place in the queue. Dropping it leaves.
#[derive(Debug)]
struct Place<'a> {
    queue: &'a Queue,
    weight: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.queue.state().backlog.leave(self.weight);
    }
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        let state = State {
            limits,
            backlog: Backlog::new(limits.backlog),
            owed: 0,
        };
        Self {
            permits: Semaphore::new(permits(limits.at_once)),
            state: Mutex::new(state),
        }
    }

    /// From now on `limits` hold; without any, nobody waits. Requests under way go on to count, and who waits keeps its
    /// place and its time.
    pub(crate) fn set_limits(&self, limits: Option<QueueLimits>) {
        let mut state = self.state();
        let before = permits(state.limits.at_once);
        state.limits = limits.unwrap_or(QueueLimits {
            at_once: usize::MAX,
            ..state.limits
        });
        let State { limits, .. } = *state;
        state.backlog.set_limits(limits.backlog);

        let now = permits(limits.at_once);
        let fewer = before.saturating_sub(now);
        state.owed += fewer - self.permits.forget_permits(fewer);
        let more = now.saturating_sub(before);
        let paid = more.min(state.owed);
        state.owed -= paid;
        self.permits.add_permits(more - paid);
    }

    /// A permit, if nobody has to wait.
    pub(super) fn try_pass(&self) -> Option<SemaphorePermit<'_>> {
        // While somebody waits there is none: it goes to the first in the queue.
        self.permits.try_acquire().ok()
    }

    /// Returns with a permit when it is the request's turn.
    ///
    /// # Errors
    ///
    /// [`ProxyError::QueueFull`] at once, [`ProxyError::QueueSlow`] when it has waited for too long,
    /// [`Unanswered::Superseded`] when nobody is given to this generation any more.
    pub(super) async fn pass(&self, asked: &Asked) -> Result<SemaphorePermit<'_>, Unanswered> {
        if self.permits.is_closed() {
            return Err(Unanswered::Superseded);
        }
        let _place = self.enter(asked.weight).map_err(Unanswered::Failed)?;
        let QueueLimits {
            timeout: limit,
            boot_timeout,
            ..
        } = self.state().limits;
        // From its arrival, for one that comes from another generation's queue.
        let last = asked.arrived() + boot_timeout + limit;
        let due = last.min(Instant::now() + limit);
        match tokio::time::timeout_at(due, self.permits.acquire()).await {
            Ok(permit) => permit.map_err(|_| Unanswered::Superseded),
            Err(_) => Err(Unanswered::Failed(ProxyError::QueueSlow(limit))),
        }
    }

    /// Takes back what [`Queue::pass`] has given and was forgotten since.
    pub(super) fn put_back(&self) {
        let mut state = self.state();
        if state.owed > 0 {
            state.owed -= 1;
        } else {
            self.permits.add_permits(1);
        }
    }

    /// Ends every wait, and lets nobody pass any more.
    pub(crate) fn close(&self) {
        self.permits.close();
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.state().backlog.requests()
    }

    fn enter(&self, weight: usize) -> Result<Place<'_>, ProxyError> {
        let entered = self.state().backlog.enter(weight);
        entered.map_err(|limit| ProxyError::QueueFull { limit })?;
        Ok(Place { queue: self, weight })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As many permits as there can be, if fewer than wanted.
fn permits(at_once: usize) -> usize {
    at_once.min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: QueueLimits = QueueLimits {
        at_once: 1,
        backlog: BacklogLimits {
            requests: 2,
            bytes: 100,
        },
        timeout: Duration::from_secs(30),
        boot_timeout: Duration::from_secs(60),
    };

    #[test]
    fn it_is_bounded_and_who_leaves_makes_room() {
        let queue = Queue::new(LIMITS);
        let first = queue.enter(60).unwrap();

        assert!(matches!(queue.enter(41), Err(ProxyError::QueueFull { .. })));
        assert_eq!(queue.waiting(), 1);
        drop(first);

        assert!(queue.enter(100).is_ok());
        assert_eq!(queue.waiting(), 0);
    }

    #[tokio::test]
    async fn nobody_passes_while_another_has_the_permit_or_after_it_was_closed() {
        let queue = Queue::new(LIMITS);
        queue.try_pass().unwrap().forget();

        assert!(queue.try_pass().is_none());
        queue.put_back();
        assert!(queue.try_pass().is_some());
        queue.close();

        assert!(queue.try_pass().is_none());
    }

    #[test]
    fn what_is_under_way_counts_when_the_limit_changes() {
        let of = |at_once| Some(QueueLimits { at_once, ..LIMITS });
        let queue = Queue::new(LIMITS);
        let passing = || std::iter::from_fn(|| queue.try_pass().map(SemaphorePermit::forget)).count();
        assert_eq!(passing(), 1);

        queue.set_limits(of(4));
        assert_eq!(passing(), 3);
        queue.set_limits(of(2));
        (0..2).for_each(|_| queue.put_back());
        assert_eq!(passing(), 0, "two are under way");
        queue.set_limits(of(1));
        queue.set_limits(of(3));
        assert_eq!(passing(), 1);
        queue.put_back();
        assert_eq!(passing(), 1);
        queue.set_limits(None);
        assert!((0..100).all(|_| queue.try_pass().map(SemaphorePermit::forget).is_some()));
        queue.set_limits(of(2));
        (0..101).for_each(|_| queue.put_back());
        assert_eq!(passing(), 0, "two are under way");
        queue.put_back();

        assert_eq!(passing(), 1);
    }
}
