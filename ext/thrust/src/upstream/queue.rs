//! How many requests the app is given at once, and who waits for a turn: in order, so many of them, and for so long.
//!
//! There is one for each generation of the app, shared by all cores. Whoever drops its wait leaves the queue.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::forward::{Asked, Unanswered};
use crate::error::ProxyError;
use crate::service::HoldLimit;

/// How much the app is given, and how much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// Requests that the app has at once.
    pub(crate) at_once: usize,
    /// Requests that wait.
    pub(crate) requests: usize,
    /// Memory that they take unread, in bytes.
    pub(crate) bytes: usize,
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
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: usize,
    bytes: usize,
}

/// A request's place in the queue. Dropping it leaves.
#[derive(Debug)]
struct Place<'a> {
    queue: &'a Queue,
    weight: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.requests -= 1;
        waiting.bytes -= self.weight;
    }
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            permits: Semaphore::new(limits.at_once.min(Semaphore::MAX_PERMITS)),
            waiting: Mutex::default(),
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
    pub(super) fn close(&self) {
        self.permits.close();
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().requests
    }

    fn enter(&self, weight: usize) -> Result<Place<'_>, ProxyError> {
        let mut waiting = self.lock();
        let limit = if waiting.requests >= self.limits.requests {
            Some(HoldLimit::Requests(self.limits.requests))
        } else if waiting.bytes.saturating_add(weight) > self.limits.bytes {
            Some(HoldLimit::Bytes(self.limits.bytes))
        } else {
            None
        };
        if let Some(limit) = limit {
            return Err(ProxyError::QueueFull { limit });
        }
        waiting.requests += 1;
        waiting.bytes += weight;
        drop(waiting);
        Ok(Place { queue: self, weight })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: QueueLimits = QueueLimits {
        at_once: 1,
        requests: 2,
        bytes: 100,
        timeout: Duration::from_secs(30),
        boot_timeout: Duration::from_secs(60),
    };

    #[test]
    fn it_is_bounded_in_requests_and_in_bytes_and_who_leaves_makes_room() {
        let queue = Queue::new(LIMITS);
        let full = |weight| match queue.enter(weight) {
            Err(ProxyError::QueueFull { limit }) => Some(limit),
            _ => None,
        };
        let first = queue.enter(60).unwrap();

        assert_eq!(full(41), Some(HoldLimit::Bytes(100)));
        let second = queue.enter(40).unwrap();
        assert_eq!(full(0), Some(HoldLimit::Requests(2)));
        drop((first, second));

        assert_eq!((queue.waiting(), full(100)), (0, None));
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
