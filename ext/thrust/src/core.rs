//! A core: what serves the connections of one thread.
//!
//! Nothing that a request needs is shared between cores but what never changes.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::log::Batch;
use crate::pipeline::Pipeline;

/// What serves the connections of one thread.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) pipeline: Pipeline,
    pub(crate) timeouts: Timeouts,
    /// Whether HTTP/2 is spoken on clear text.
    pub(crate) h2c: bool,
    /// Cancelled when the core takes no more requests; each core has its own, so that none waits for another's lock.
    pub(crate) draining: CancellationToken,
    /// Connections that are served, those on their way included.
    pub(crate) connections: TaskTracker,
    /// The request lines that are to be written.
    pub(crate) batch: Option<Arc<Batch>>,
}

impl Core {
    /// Hands over request lines that have waited long enough, for as long as the calling thread's runtime lives.
    pub(crate) fn flush_log_in_time(&self) {
        if let Some(batch) = self.batch.clone() {
            tokio::spawn(async move { batch.flush_in_time().await });
        }
    }

    /// Lets the lines of requests that are still under way say that it was us who ended them.
    pub(crate) fn give_up(&self) {
        if let Some(batch) = &self.batch {
            batch.give_up();
        }
    }

    /// Hands over the request lines that are left, once nothing is served any more.
    pub(crate) fn flush_log(&self) {
        if let Some(batch) = &self.batch {
            batch.flush();
        }
    }
}

/// How long we wait for a client; `None` means for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// From one request's end to the next one's first byte.
    pub(crate) idle: Option<Duration>,
    /// For a whole request head, then for each piece of a request body.
    pub(crate) read: Option<Duration>,
    /// For each piece of an answer.
    pub(crate) write: Option<Duration>,
}
