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
    limits: QueueLimits,
    permits: Semaphore,
    backlog: Mutex<Backlog>,
}

/// A request's place in the queue. Dropping it leaves.
#[derive(Debug)]
struct Place<'a> {
    queue: &'a Queue,
    weight: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.queue.backlog().leave(self.weight);
    }
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            permits: Semaphore::new(limits.at_once.min(Semaphore::MAX_PERMITS)),
            backlog: Mutex::new(Backlog::new(limits.backlog)),
        }
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
        let limit = self.limits.timeout;
        // From its arrival, for one that comes from another generation's queue.
        let last = asked.arrived + self.limits.boot_timeout + limit;
        let due = last.min(Instant::now() + limit);
        match tokio::time::timeout_at(due, self.permits.acquire()).await {
            Ok(permit) => permit.map_err(|_| Unanswered::Superseded),
            Err(_) => Err(Unanswered::Failed(ProxyError::QueueSlow(limit))),
        }
    }

    /// Takes back what [`Queue::pass`] has given and was forgotten since.
    pub(super) fn put_back(&self) {
        self.permits.add_permits(1);
    }

    /// Ends every wait, and lets nobody pass any more.
    pub(crate) fn close(&self) {
        self.permits.close();
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.backlog().requests()
    }

    fn enter(&self, weight: usize) -> Result<Place<'_>, ProxyError> {
        let entered = self.backlog().enter(weight);
        entered.map_err(|limit| ProxyError::QueueFull { limit })?;
        Ok(Place { queue: self, weight })
    }

    fn backlog(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
}
