//! The other side of the proxy: asks the app.

mod answer;
mod asked;
mod backlog;
mod connection;
mod forward;
mod headers;
mod pool;
mod queue;
mod target;
mod upload;
#[cfg(any(test, fuzzing))]
mod written;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::metrics::Metrics;
pub(crate) use answer::{AnswerBody, Tunnel};
pub(crate) use asked::Asked;
pub(crate) use backlog::{Backlog, BacklogLimit, BacklogLimits};
pub(crate) use forward::Unanswered;
use pool::Pool;
pub(crate) use queue::{Queue, QueueLimits};
pub(crate) use target::Target;
#[cfg(any(test, fuzzing))]
pub(crate) use written::write;

use crate::config::Config;
use crate::trust::TrustedProxies;

/// How the app is asked. A request keeps to what held when it came.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Whether `X-Forwarded-*` of the client are passed on.
    pub(crate) forward_headers: bool,
    /// Who may say where a request comes from.
    pub(crate) trusted_proxies: TrustedProxies,
    /// For a new connection.
    pub(crate) connect_timeout: Duration,
    /// From our last byte to the app's first; `None` means for ever.
    pub(crate) timeout: Option<Duration>,
    /// From a request's arrival to the first byte of an app that has answered nothing yet.
    pub(crate) boot_timeout: Duration,
}

impl From<&Config> for Options {
    fn from(config: &Config) -> Self {
        Self {
            forward_headers: config.forward_headers,
            trusted_proxies: config.trusted_proxies.clone(),
            connect_timeout: config.target_connect_timeout,
            timeout: config.target_timeout,
            boot_timeout: config.boot_timeout,
        }
    }
}

/// Whether a generation has answered any core; until then it may still be loading behind an open port.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    known: AtomicBool,
    /// Told when it is known.
    told: Notify,
}

impl Answered {
    fn note(&self) {
        if !self.known.swap(true, Ordering::Relaxed) {
            self.told.notify_waiters();
        }
    }

    async fn wait(&self) {
        // Made before looking, so that it hears of whatever happens afterwards.
        let told = self.told.notified();
        if !self.known.load(Ordering::Relaxed) {
            told.await;
        }
    }
}

/// One generation of the app, as one core asks it.
#[derive(Debug)]
pub(crate) struct Upstream {
    target: Target,
    pool: Arc<Pool>,
    answered: Arc<Answered>,
    metrics: Arc<Metrics>,
}

impl Upstream {
    /// The same generation's `answered` and `queue` are shared by all cores; `metrics` are the core's.
    pub(crate) fn new(
        target: Target,
        answered: Arc<Answered>,
        metrics: Arc<Metrics>,
        queue: Option<Arc<Queue>>,
    ) -> Self {
        Self {
            target,
            pool: Arc::new(Pool::new(queue)),
            answered,
            metrics,
        }
    }

    /// Where the app listens.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Takes no more requests: whoever comes is sent to the next generation. Closes the connections that wait.
    pub(crate) fn close(&self) {
        self.pool.close();
        self.end_waits();
    }

    /// What gives requests their turn, if they need one.
    pub(crate) fn queue(&self) -> Option<Arc<Queue>> {
        self.pool.queue()
    }

    /// Gives requests that come from now on their turn by `queue`, where there was none; those under way are not counted
    /// in it.
    pub(crate) fn set_queue(&self, queue: Arc<Queue>) {
        self.pool.set_queue(queue);
    }

    /// Ends every wait for a turn: whoever waits is told [`Unanswered::Superseded`].
    pub(crate) fn end_waits(&self) {
        if let Some(queue) = self.pool.queue() {
            queue.close();
        }
    }

    /// How many requests wait for their turn, on all cores.
    pub(crate) fn waiting(&self) -> usize {
        self.pool.queue().map_or(0, |queue| queue.waiting())
    }

    /// Keeps no connection any more: the app is to end, and may wait for those that it has.
    pub(crate) fn let_go(&self) {
        self.pool.let_go();
    }

    /// Requests that this generation is busy with; event streams and tunnels, which last as long as they like, do not
    /// count.
    pub(crate) fn in_flight(&self) -> usize {
        self.pool.in_use()
    }

    /// Connections that wait for a request.
    pub(crate) fn idle_connections(&self) -> usize {
        self.pool.idle()
    }

    /// Returns once no request is in flight.
    pub(crate) async fn idle(&self) {
        self.pool.unused().await;
    }

    fn has_answered(&self) -> bool {
        self.answered.known.load(Ordering::Relaxed)
    }

    /// Returns once this generation has answered a request.
    pub(crate) async fn answered(&self) {
        self.answered.wait().await;
    }

    pub(crate) fn note_answer(&self) {
        if !self.has_answered() {
            self.answered.note();
        }
    }
}
