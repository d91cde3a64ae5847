//! Connections to the app that wait for their next request; one pool per core.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;

/// How long a connection waits at most. Puma closes after 20 s; we must be first, or requests race with its close.
const MAX_IDLE: Duration = Duration::from_secs(15);
/// How long ago a connection was last used that may carry a request which must not be sent twice.
const MAX_IDLE_UNREPEATABLE: Duration = Duration::from_secs(1);
/// Connections that wait at most; the one that waited longest is closed. As many as may be in use at once: with fewer,
/// each burst of requests would close connections only to open them again.
const MAX_CONNECTIONS: usize = 1024;

/// The connections of one core.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Idle>);

#[derive(Debug, Default)]
struct Idle {
    /// The one used last is at the end.
    connections: VecDeque<Waiting>,
    /// Whether a task closes what has waited too long.
    swept: bool,
}

#[derive(Debug)]
struct Waiting {
    connection: Box<Connection>,
    since: Instant,
}

impl Pool {
    /// Takes the connection used last that still is good; `repeatable` says whether the request may be sent twice.
    pub(super) fn take(&self, repeatable: bool) -> Option<Box<Connection>> {
        let limit = if repeatable {
            MAX_IDLE
        } else {
            MAX_IDLE_UNREPEATABLE
        };
        loop {
            let waiting = {
                let mut idle = self.lock();
                // The newest is too old: all are. They stay for requests that can be repeated.
                idle.connections
                    .pop_back_if(|waiting| waiting.since.elapsed() < limit)?
            };
            if waiting.connection.is_silent() {
                return Some(waiting.connection);
            }
        }
    }

    /// Takes back a connection whose answer was read to its end.
    pub(super) fn give_back(self: &Arc<Self>, connection: Box<Connection>) {
        let mut idle = self.lock();
        let too_many = if idle.connections.len() < MAX_CONNECTIONS {
            None
        } else {
            idle.connections.pop_front()
        };
        idle.connections.push_back(Waiting {
            connection,
            since: Instant::now(),
        });
        if !idle.swept {
            idle.swept = true;
            tokio::spawn(sweep(self.clone()));
        }
        drop(idle);
        drop(too_many);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes what has waited too long, and says when the next one will have.
    fn remove_expired(&self) -> (Vec<Waiting>, Option<Instant>) {
        let mut idle = self.lock();
        let mut expired = Vec::new();
        while let Some(waiting) = idle
            .connections
            .pop_front_if(|waiting| waiting.since.elapsed() >= MAX_IDLE)
        {
            expired.push(waiting);
        }
        let next = idle.connections.front().map(|waiting| waiting.since + MAX_IDLE);
        idle.swept = next.is_some();
        (expired, next)
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
    use crate::stream::Stream;
    use tokio::net::{TcpListener, TcpStream};

    async fn connection(listener: &TcpListener) -> (Box<Connection>, TcpStream) {
        let (connected, accepted) = tokio::join!(
            TcpStream::connect(listener.local_addr().unwrap()),
            listener.accept()
        );
        (
            Box::new(Connection::new(Stream::new(connected.unwrap()))),
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
        pool.give_back(first);
        pool.give_back(second);
        drop(second_peer);
        // The FIN has arrived once the runtime has seen the socket readable.
        let waiting = pool.lock().connections.pop_back().unwrap();
        waiting.connection.readable().await;
        pool.lock().connections.push_back(waiting);

        let taken = pool.take(true).unwrap();

        assert_eq!(taken.local_address(), address);
        assert!(pool.take(true).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_cannot_be_repeated_gets_a_fresh_connection_after_a_second() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Arc::new(Pool::default());
        let (given, _peer) = connection(&listener).await;
        pool.give_back(given);

        tokio::time::advance(MAX_IDLE_UNREPEATABLE).await;

        assert!(pool.take(false).is_none());
        assert!(pool.take(true).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_waited_too_long_is_closed_and_the_timer_with_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Arc::new(Pool::default());
        let (given, _peer) = connection(&listener).await;
        pool.give_back(given);

        tokio::time::sleep(MAX_IDLE + Duration::from_secs(1)).await;

        assert!(pool.lock().connections.is_empty());
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
            pool.give_back(given);
        }

        assert_eq!(pool.lock().connections.len(), MAX_CONNECTIONS);
    }
}
