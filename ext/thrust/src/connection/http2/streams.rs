//! Counts the open streams of a connection, because hyper has no idle timeout.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// The open streams of one connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: AtomicUsize,
    closed: Notify,
}

/// One open stream.
pub(super) struct Open(Arc<Streams>);

impl Streams {
    /// Counts one more, for as long as the result is held.
    pub(super) fn open(streams: &Arc<Self>) -> Open {
        streams.open.fetch_add(1, Ordering::Relaxed);
        Open(streams.clone())
    }

    /// Whether none is open.
    pub(super) fn is_empty(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Returns once no stream was open for `limit`; `None` never does.
    pub(super) async fn idle(&self, limit: Option<Duration>) {
        let Some(limit) = limit else {
            return std::future::pending().await;
        };
        loop {
            let closed = self.closed.notified();
            if tokio::time::timeout(limit, closed).await.is_err() && self.is_empty() {
                return;
            }
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.closed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_once_its_last_stream_has_been_closed_for_long_enough() {
        let limit = Duration::from_secs(60);
        let (streams, start) = (Arc::new(Streams::default()), Instant::now());
        let (first, second) = (Streams::open(&streams), Streams::open(&streams));
        drop(first);

        let closing = async {
            tokio::time::sleep(limit * 3).await;
            drop(second);
        };
        tokio::join!(streams.idle(Some(limit)), closing);

        assert_eq!(start.elapsed(), limit * 4);
        assert!(streams.is_empty());
    }
}
