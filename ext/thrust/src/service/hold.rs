//! The boot hold: keeps requests, in the order in which they came, until the app accepts connections.
//!
//! It is bounded in requests, in memory and for each request in time. Whoever drops its wait leaves the queue.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::error::ProxyError;
use crate::upstream::{Asked, Backlog, BacklogLimits, Target};

/// How a wait ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// The app is there.
    Open,
    /// It will not be.
    Stopping,
}

/// The queue; closed at first.
#[derive(Debug)]
pub(super) struct Hold {
    /// What the queue says, for those who need no lock.
    closed: AtomicBool,
    queue: Mutex<Queue>,
    /// Told when it closes.
    closing: Notify,
    /// Told when the first request since then has waited in vain.
    expired: Notify,
}

#[derive(Debug)]
struct Queue {
    state: State,
    /// By number, which grows with each.
    waiting: BTreeMap<u64, oneshot::Sender<Release>>,
    next: u64,
    backlog: Backlog,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closed {
        /// Whether a request has waited in vain since it closed.
        expired: bool,
    },
    /// Closed for ever.
    Stopping,
}

/// One request in the queue. Dropping it leaves.
struct Ticket<'a> {
    hold: &'a Hold,
    number: u64,
    weight: usize,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut queue = self.hold.queue();
        queue.waiting.remove(&self.number);
        queue.backlog.leave(self.weight);
    }
}

impl Hold {
    /// One in which no more may wait than `limits` say.
    pub(super) fn new(limits: BacklogLimits) -> Self {
        let queue = Queue {
            state: State::Closed { expired: false },
            waiting: BTreeMap::new(),
            next: 0,
            backlog: Backlog::new(limits),
        };
        Self {
            closed: AtomicBool::new(true),
            queue: Mutex::new(queue),
            closing: Notify::new(),
            expired: Notify::new(),
        }
    }

    /// Whether requests have to wait.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue().backlog.requests()
    }

    /// Returns once the app accepts connections. `target` is where it is awaited, for the error.
    ///
    /// # Errors
    ///
    /// [`ProxyError::HoldFull`] at once, [`ProxyError::NotAccepting`] when the request has waited for too long since it
    /// came, [`ProxyError::Stopping`].
    pub(super) async fn wait(&self, asked: &Asked, target: &Target) -> Result<(), ProxyError> {
        let Some((_ticket, released)) = self.enter(asked.weight)? else {
            return Ok(());
        };
        let limit = asked.options().boot_timeout;
        match tokio::time::timeout_at(asked.arrived() + limit, released).await {
            Ok(Ok(Release::Open)) => Ok(()),
            Ok(Ok(Release::Stopping) | Err(_)) => Err(ProxyError::Stopping),
            Err(_) => {
                self.note_expired();
                Err(ProxyError::NotAccepting {
                    target: target.clone(),
                    limit,
                })
            }
        }
    }

    /// A place at the end of the queue; `None` if there is nothing to wait for.
    fn enter(&self, weight: usize) -> Result<Option<(Ticket<'_>, oneshot::Receiver<Release>)>, ProxyError> {
        let mut queue = self.queue();
        match queue.state {
            State::Open => return Ok(None),
            State::Stopping => return Err(ProxyError::Stopping),
            State::Closed { .. } => {}
        }
        let entered = queue.backlog.enter(weight);
        entered.map_err(|limit| ProxyError::HoldFull { limit })?;
        let (release, released) = oneshot::channel();
        let number = queue.next;
        queue.next += 1;
        queue.waiting.insert(number, release);
        drop(queue);
        let ticket = Ticket {
            hold: self,
            number,
            weight,
        };
        Ok(Some((ticket, released)))
    }

    /// From now on requests wait.
    pub(super) fn close(&self) {
        let mut queue = self.queue();
        if queue.state == State::Open {
            queue.state = State::Closed { expired: false };
            self.closed.store(true, Ordering::Release);
            self.closing.notify_waiters();
        }
    }

    /// Lets all go on, in the order in which they came, and nobody wait any more.
    pub(super) fn open(&self) {
        self.release(Release::Open);
    }

    /// Ends every wait. After [`Release::Stopping`] it stays closed, and new ones end at once.
    pub(super) fn release(&self, release: Release) {
        let mut queue = self.queue();
        if queue.state == State::Stopping {
            return;
        }
        queue.state = match release {
            Release::Open => State::Open,
            Release::Stopping => State::Stopping,
        };
        self.closed.store(queue.state != State::Open, Ordering::Release);
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        for (_, waiting) in waiting {
            // Whoever has left meanwhile does not care.
            let _ = waiting.send(release);
        }
    }

    /// Returns once requests have to wait for an app that may come.
    pub(super) async fn closed(&self) {
        loop {
            // Made before looking, so that it hears of whatever happens afterwards.
            let closing = self.closing.notified();
            if matches!(self.queue().state, State::Closed { .. }) {
                return;
            }
            closing.await;
        }
    }

    /// Returns when a request has waited in vain, once for each time it closed.
    pub(super) async fn expired(&self) {
        self.expired.notified().await;
    }

    fn note_expired(&self) {
        let mut queue = self.queue();
        if queue.state == (State::Closed { expired: false }) {
            queue.state = State::Closed { expired: true };
            self.expired.notify_one();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    const LIMITS: BacklogLimits = BacklogLimits {
        requests: 3,
        bytes: 100,
    };

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_goes_on_in_order_once_the_app_is_there() {
        let hold = Arc::new(Hold::new(LIMITS));
        let order = Arc::new(Mutex::new(Vec::new()));
        let waits = (0..3).map(|number| {
            let (hold, order) = (hold.clone(), order.clone());
            tokio::spawn(async move {
                let (_ticket, released) = hold.enter(1).unwrap().unwrap();
                assert_eq!(released.await, Ok(Release::Open));
                order.lock().unwrap().push(number);
            })
        });
        let waits: Vec<_> = waits.collect();
        tokio::task::yield_now().await;
        assert_eq!(hold.waiting(), 3);

        hold.open();
        for wait in waits {
            wait.await.unwrap();
        }

        assert_eq!(*order.lock().unwrap(), [0, 1, 2]);
        assert!(!hold.is_closed() && hold.enter(1).unwrap().is_none());
        assert_eq!(hold.waiting(), 0);
    }

    #[tokio::test]
    async fn it_is_bounded_and_who_leaves_makes_room() {
        let hold = Hold::new(LIMITS);
        let first = hold.enter(60).unwrap();

        assert!(matches!(hold.enter(41), Err(ProxyError::HoldFull { .. })));
        assert_eq!(hold.waiting(), 1);
        drop(first);

        assert!(hold.enter(100).is_ok());
        assert_eq!(hold.waiting(), 0);
    }

    #[tokio::test]
    async fn once_it_is_given_up_nobody_waits_any_more() {
        let hold = Hold::new(LIMITS);
        let (_ticket, released) = hold.enter(1).unwrap().unwrap();

        hold.release(Release::Stopping);
        hold.open();

        assert_eq!(released.await, Ok(Release::Stopping));
        assert!(matches!(hold.enter(1), Err(ProxyError::Stopping)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_wait_in_vain_is_told_once_each_time_it_closed() {
        let hold = Hold::new(LIMITS);
        let told = async || {
            tokio::time::timeout(Duration::from_secs(1), hold.expired())
                .await
                .is_ok()
        };

        hold.note_expired();
        hold.note_expired();
        assert!(told().await);
        assert!(!told().await);
        hold.open();
        hold.close();
        hold.closed().await;
        hold.note_expired();
        assert!(told().await);
    }
}
