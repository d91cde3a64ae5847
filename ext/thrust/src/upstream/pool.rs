//! Connections to the app that wait for their next request; one pool per core.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, SemaphorePermit};
use tokio::time::Instant;

use super::connection::Connection;
use super::queue::Queue;

/// How long a connection waits at most. Puma closes after 20 s; we must be first, or requests race with its close.
const MAX_IDLE: Duration = Duration::from_secs(15);
/// How long ago a connection was last used that may carry a request which must not be sent twice.
const MAX_IDLE_UNREPEATABLE: Duration = Duration::from_secs(1);
/// Connections that wait at most; the one that waited longest is closed. As many as may be in use at once: with fewer,
/// each burst of requests would close connections only to open them again.
const MAX_CONNECTIONS: usize = 1024;

/// The connections of one core to one generation of the app.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Where permits are to be had; `None` if nobody needs one.
    queue: ArcSwapOption<Queue>,
    state: Mutex<State>,
    /// Told when the last request leaves a closed pool.
    unused: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The one used last is at the end.
    idle: VecDeque<Waiting>,
    /// Whether a task closes what has waited too long.
    swept: bool,
    /// Requests that hold a [`Slot`].
    in_use: usize,
    /// Whether connections end with their request.
    spent: bool,
    /// Whether nobody may come any more.
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    connection: Box<Connection>,
    since: Instant,
}

/// A request's slot among those that the app is busy with, from before it has a connection until that goes back or is
/// dropped.
#[derive(Debug)]
pub(super) struct Slot {
    pool: Arc<Pool>,
    counted: bool,
    /// Where its permit came from, and goes back to; `None` if it has none.
    queue: Option<Arc<Queue>>,
}

impl Pool {
    /// One whose requests need a permit from `queue`.
    pub(super) fn new(queue: Option<Arc<Queue>>) -> Self {
        Self {
            queue: ArcSwapOption::new(queue),
            ..Self::default()
        }
    }

    /// Where a permit is to be had, if requests need one.
    pub(super) fn queue(&self) -> Option<Arc<Queue>> {
        self.queue.load_full()
    }

    /// From now on requests need a permit from `queue`.
    pub(super) fn set_queue(&self, queue: Arc<Queue>) {
        self.queue.store(Some(queue));
    }

    /// Lets a request in, with the connection used last that still is good; `repeatable` says whether the request may
    /// be sent twice. `None` if the pool is closed.
    pub(super) fn enter(self: &Arc<Self>, repeatable: bool) -> Option<(Slot, Option<Box<Connection>>)> {
        let limit = if repeatable {
            MAX_IDLE
        } else {
            MAX_IDLE_UNREPEATABLE
        };
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.in_use += 1;
        let slot = Slot {
            pool: self.clone(),
            counted: true,
            queue: None,
        };
        loop {
            // The newest is too old: all are. They stay for requests that can be repeated.
            let waiting = state.idle.pop_back_if(|waiting| waiting.since.elapsed() < limit);
            drop(state);
            match waiting {
                Some(waiting) if !waiting.connection.is_silent() => {}
                waiting => return Some((slot, waiting.map(|waiting| waiting.connection))),
            }
            state = self.lock();
        }
    }

    /// Lets nobody in any more and closes what waits.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.let_go();
    }

    /// Keeps nothing any more: connections end with their request. Closes what waits.
    pub(super) fn let_go(&self) {
        let mut state = self.lock();
        state.spent = true;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }

    /// How many connections wait.
    pub(super) fn idle(&self) -> usize {
        self.lock().idle.len()
    }

    /// How many requests hold a slot.
    pub(super) fn in_use(&self) -> usize {
        self.lock().in_use
    }

    /// Returns once no request holds a slot in a pool that is closed.
    pub(super) async fn unused(&self) {
        loop {
            // Made before looking, so that it hears of whatever happens afterwards.
            let unused = self.unused.notified();
            if self.in_use() == 0 {
                return;
            }
            unused.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, state: &mut State) {
        state.in_use -= 1;
        if state.closed && state.in_use == 0 {
            self.unused.notify_waiters();
        }
    }

    /// Removes what has waited too long, and says when the next one will have.
    fn remove_expired(&self) -> (Vec<Waiting>, Option<Instant>) {
        let mut state = self.lock();
        let mut expired = Vec::new();
        while let Some(waiting) = state
            .idle
            .pop_front_if(|waiting| waiting.since.elapsed() >= MAX_IDLE)
        {
            expired.push(waiting);
        }
        let next = state.idle.front().map(|waiting| waiting.since + MAX_IDLE);
        state.swept = next.is_some();
        (expired, next)
    }
}

impl Slot {
    /// Gives a connection back whose answer was read to its end.
    pub(super) fn give_back(mut self, connection: Box<Connection>) {
        let mut state = self.pool.lock();
        if std::mem::take(&mut self.counted) {
            self.pool.leave(&mut state);
        }
        if state.spent {
            drop(state);
            return;
        }
        let too_many = if state.idle.len() < MAX_CONNECTIONS {
            None
        } else {
            state.idle.pop_front()
        };
        state.idle.push_back(Waiting {
            connection,
            since: Instant::now(),
        });
        if !state.swept {
            state.swept = true;
            tokio::spawn(sweep(self.pool.clone()));
        }
        drop(state);
        drop(too_many);
    }

    /// Keeps `permit`, which is of `queue`, for as long as this is held.
    pub(super) fn keep(&mut self, permit: SemaphorePermit<'_>, queue: Arc<Queue>) {
        permit.forget();
        self.queue = Some(queue);
    }

    /// From now on nobody waits for this request: it may last as long as it likes. It keeps its permit, because the app
    /// is as busy with it as with any other.
    pub(super) fn lasts(&mut self) {
        if std::mem::take(&mut self.counted) {
            self.pool.leave(&mut self.pool.lock());
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.lasts();
        if let Some(queue) = &self.queue {
            queue.put_back();
        }
    }
}

/// Closes connections that have waited too long; ends when none is left, so an idle core has no timer.
async fn sweep(pool: Arc<Pool>) {
    let mut next = Some(Instant::now() + MAX_IDLE);
    while let Some(due) = next {
        tokio::time::sleep_until(due).await;
        // Closed here, outside the lock.
        let (expired, due) = pool.remove_expired();
        drop(expired);
        next = due;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::{TcpListener, TcpStream};

    async fn connection(listener: &TcpListener) -> (Box<Connection>, TcpStream) {
        let (connected, accepted) = tokio::join!(
            TcpStream::connect(listener.local_addr().unwrap()),
            listener.accept()
        );
        (
            Box::new(Connection::new(connected.unwrap().into())),
            accepted.unwrap().0,
        )
    }

    #[tokio::test]
    async fn the_connection_used_last_comes_first_and_a_closed_one_never() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Arc::new(Pool::default());
        let (first, _first_peer) = connection(&listener).await;
        let (second, second_peer) = connection(&listener).await;
        let address = first.local_address();
        keep(&pool, [first, second]);
        drop(second_peer);
        // The FIN has arrived once the runtime has seen the socket readable.
        let waiting = pool.lock().idle.pop_back().unwrap();
        waiting.connection.readable().await;
        pool.lock().idle.push_back(waiting);

        let (_slot, taken) = pool.enter(true).unwrap();

        assert_eq!(taken.unwrap().local_address(), address);
        assert!(pool.enter(true).unwrap().1.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_cannot_be_repeated_gets_a_fresh_connection_after_a_second() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Arc::new(Pool::default());
        let (given, _peer) = connection(&listener).await;
        keep(&pool, [given]);

        tokio::time::advance(MAX_IDLE_UNREPEATABLE).await;

        assert!(pool.enter(false).unwrap().1.is_none());
        assert!(pool.enter(true).unwrap().1.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_waited_too_long_is_closed_and_the_timer_with_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Arc::new(Pool::default());
        let (given, _peer) = connection(&listener).await;
        keep(&pool, [given]);

        tokio::time::sleep(MAX_IDLE + Duration::from_secs(1)).await;

        assert!(pool.lock().idle.is_empty());
        assert!(!pool.lock().swept);
    }

    #[tokio::test]
    async fn the_pool_is_bounded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Arc::new(Pool::default());
        let mut peers = Vec::new();
        for _ in 0..=MAX_CONNECTIONS {
            let (given, peer) = connection(&listener).await;
            peers.push(peer);
            keep(&pool, [given]);
        }

        assert_eq!(pool.lock().idle.len(), MAX_CONNECTIONS);
    }

    #[tokio::test]
    async fn a_closed_pool_lets_nobody_in_keeps_nothing_and_tells_when_the_last_has_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Arc::new(Pool::default());
        let ((waiting, _peer), (given, _other)) = (connection(&listener).await, connection(&listener).await);
        let ((first, _), (second, _)) = (pool.enter(true).unwrap(), pool.enter(true).unwrap());
        keep(&pool, [waiting]);

        pool.close();
        let mut unused = std::pin::pin!(pool.unused());

        assert!(pool.enter(true).is_none());
        assert!(now(unused.as_mut()).await.is_none());
        first.give_back(given);
        assert!(now(unused.as_mut()).await.is_none());
        drop(second);
        assert!(now(unused).await.is_some());
        assert!(pool.lock().idle.is_empty());
    }

    #[tokio::test]
    async fn a_request_that_may_last_for_ever_is_not_waited_for() {
        let pool = Arc::new(Pool::default());
        let (mut slot, _) = pool.enter(true).unwrap();

        slot.lasts();
        pool.close();
        pool.unused().await;

        assert_eq!(pool.in_use(), 0);
        drop(slot);
        assert_eq!(pool.in_use(), 0);
    }

    fn keep(pool: &Arc<Pool>, connections: impl IntoIterator<Item = Box<Connection>>) {
        for connection in connections {
            // One that waits already would be taken, and this is about all of them.
            let slot = Slot {
                pool: pool.clone(),
                counted: false,
                queue: None,
            };
            slot.give_back(connection);
        }
    }

    async fn now<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut future).poll(cx) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
