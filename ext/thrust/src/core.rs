//! A core: what serves the connections of one thread.
//!
//! Nothing that a request needs is shared between cores but what never changes. What the app's settings may change is
//! [`Live`], and is replaced whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::config::Config;
use crate::log::Batch;
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::room::{Room, Seat};
use crate::service::Service;
use crate::stages::access_log::AccessLog;
use crate::stages::error_pages::ErrorPages;
use crate::stages::limits::Limits;
use crate::stages::own_paths::OwnPaths;
use crate::stages::sendfile::Sendfile;
use crate::stages::static_files::StaticFiles;
use crate::upstream::Options;

/// What serves the connections of one thread.
#[derive(Debug)]
pub(crate) struct Core {
    live: ArcSwap<Live>,
    /// What of it stays when that is replaced.
    lasting: Lasting,
    /// Cancelled when every answer is the last on its connection; each core has its own, so that none waits for
    /// another's lock.
    pub(crate) draining: CancellationToken,
    /// Cancelled when connections without a request are closed.
    pub(crate) closing: CancellationToken,
    /// Connections that are served, those on their way included, but for those that last.
    pub(crate) connections: TaskTracker,
    /// Connections that carry nothing but event streams, and may last for ever: a drain does not wait for them.
    pub(crate) event_streams: TaskTracker,
    /// Connections that carry a tunnel: nor for them.
    pub(crate) tunnels: TaskTracker,
    /// Where all cores' connections have their seats.
    pub(crate) room: Arc<Room>,
    /// Asks the connection that has waited longest for its next request to end, or the next that is answered.
    pub(crate) give_way: Notify,
    /// What it counts.
    pub(crate) metrics: Arc<Metrics>,
}

/// What of a core the app's settings decide. A request keeps to what held when it came; an HTTP/1 connection to the
/// timeouts that held when its last request came, an HTTP/2 connection to those it began with.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) pipeline: Pipeline,
    pub(crate) timeouts: Timeouts,
    /// Whether HTTP/2 is spoken on clear text.
    pub(crate) h2c: bool,
}

/// What of a core's pipeline no setting of the app's changes.
#[derive(Debug)]
struct Lasting {
    number: usize,
    service: Arc<Service>,
    error_pages: Arc<ErrorPages>,
    /// Takes request lines; `None` where there is no log.
    batch: Option<Arc<Batch>>,
    /// Whether requests that end from now on were ended by us.
    given_up: Arc<AtomicBool>,
}

impl Lasting {
    /// All that `config` decides.
    fn live(&self, config: &Config) -> Live {
        let metrics = self.service.metrics(self.number);
        Live {
            pipeline: Pipeline {
                access_log: Arc::new(AccessLog::new(
                    config,
                    self.batch.as_ref(),
                    metrics,
                    &self.given_up,
                )),
                error_pages: self.error_pages.clone(),
                own_paths: OwnPaths {
                    ready: config.ready_path.clone(),
                },
                limits: Limits {
                    max_request_body: config.max_request_body,
                },
                static_files: StaticFiles::new(config),
                sendfile: Sendfile::new(config),
                service: self.service.clone(),
                options: Arc::new(Options::from(config)),
                core: self.number,
            },
            timeouts: Timeouts {
                idle: config.idle_timeout,
                read: config.read_timeout,
                write: config.write_timeout,
            },
            h2c: config.h2c_enabled,
        }
    }
}

impl Core {
    /// Core number `number` of those that serve `service`. `batch` takes its request lines.
    pub(crate) fn new(
        config: &Config,
        number: usize,
        service: &Arc<Service>,
        error_pages: &Arc<ErrorPages>,
        room: &Arc<Room>,
        batch: Option<Arc<Batch>>,
    ) -> Self {
        let lasting = Lasting {
            number,
            service: service.clone(),
            error_pages: error_pages.clone(),
            batch,
            given_up: Arc::default(),
        };
        Self {
            live: ArcSwap::from_pointee(lasting.live(config)),
            metrics: service.metrics(number).clone(),
            lasting,
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
            connections: TaskTracker::new(),
            event_streams: TaskTracker::new(),
            tunnels: TaskTracker::new(),
            room: room.clone(),
            give_way: Notify::new(),
        }
    }

    /// What holds for a request that comes now, and for a connection that begins now.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// From now on `config` holds.
    pub(crate) fn set(&self, config: &Config) {
        self.live.store(Arc::new(self.lasting.live(config)));
    }

    /// Hands over request lines that have waited long enough, for as long as the calling thread's runtime lives.
    pub(crate) fn flush_log_in_time(&self) {
        if let Some(batch) = self.lasting.batch.clone() {
            tokio::spawn(async move { batch.flush_in_time().await });
        }
    }

    /// Connections that are served, those on their way included.
    pub(crate) fn load(&self) -> usize {
        self.connections.len() + self.event_streams.len() + self.tunnels.len()
    }

    /// Whether somebody waits outside to whom no idle connection has given way yet; who is told will do it.
    pub(crate) fn wants_way(&self) -> bool {
        // Asked only then, because it costs a lock.
        self.room.is_tight() && std::pin::pin!(self.give_way.notified()).enable()
    }

    /// Lets the lines of requests that are still under way say that it was us who ended them.
    pub(crate) fn give_up(&self) {
        self.lasting.given_up.store(true, Ordering::Relaxed);
    }

    /// Hands over the request lines that are left, once nothing is served any more.
    pub(crate) fn flush_log(&self) {
        if let Some(batch) = &self.lasting.batch {
            batch.flush();
        }
    }
}

/// What a connection carries, and so when it may be expected to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// At least one request that ends by itself, or nothing.
    Requests,
    /// Nothing but event streams.
    EventStreams,
    /// Another protocol.
    Tunnel,
}

/// Counts one connection, where it belongs at the time.
#[derive(Debug)]
pub(crate) struct Counted {
    core: Arc<Core>,
    token: TaskTrackerToken,
    carries: Carries,
    _seat: Seat,
}

impl Counted {
    /// Counts a connection of `core` among those that a drain waits for, until it is dropped.
    pub(crate) fn new(core: &Arc<Core>, seat: Seat) -> Self {
        Self {
            core: core.clone(),
            token: core.connections.token(),
            carries: Carries::Requests,
            _seat: seat,
        }
    }

    /// Says what the connection carries, as it stands now.
    pub(crate) fn set(&mut self, carries: Carries) {
        if self.carries != carries {
            self.carries = carries;
            let tracker = match carries {
                Carries::Requests => &self.core.connections,
                Carries::EventStreams => &self.core.event_streams,
                Carries::Tunnel => &self.core.tunnels,
            };
            // The new one is taken before the old one goes, so that the connection is always counted.
            self.token = tracker.token();
        }
    }
}

#[cfg(test)]
impl Core {
    /// One before an app that is not there.
    pub(crate) fn for_test() -> Arc<Self> {
        Self::before(&crate::upstream::Target::Port(1), &[])
    }

    /// One before an app of the test's own, in an environment without faults.
    pub(crate) fn before(target: &crate::upstream::Target, environment: &[(&str, &str)]) -> Arc<Self> {
        let config = Config::of(environment);
        let service = Arc::new(crate::service::Service::new(1, target, &config));
        let pages = Arc::new(crate::stages::error_pages::ErrorPages::load(
            std::path::Path::new(""),
        ));
        let room = Arc::new(Room::new(&config, None));
        Arc::new(Self::new(&config, 0, &service, &pages, &room, None))
    }
}

/// How long we wait for a client; `None` means for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// From one request's end to the next one's first byte.
    pub(crate) idle: Option<Duration>,
    /// For a whole request head, then for each piece of a request body.
    pub(crate) read: Option<Duration>,
    /// For each piece of an answer.
    pub(crate) write: Option<Duration>,
}
