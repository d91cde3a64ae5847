//! What clients meet: the listeners, the cores behind them, and the order in which both come to their end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::core::{Carries, Core};
use crate::listener::{self, Admission};
use crate::ports::{self, Bound, Listener, Place, PortError, Purpose};
use crate::threads::Handle;

/// How long a connection without a request may stay once we end: a request may be on its way on it.
const FAREWELL: Duration = Duration::from_secs(1);

/// The listeners and the cores.
#[derive(Debug)]
pub(crate) struct Front {
    here: Arc<Core>,
    others: Arc<[Handle]>,
    places: Vec<Place>,
    /// What is not listened on yet, or no longer.
    doors: Arc<Mutex<Vec<Bound>>>,
    accepting: TaskTracker,
    admission: watch::Sender<Admission>,
}

impl Front {
    /// `here` is the core of the calling thread. Nobody is let in yet.
    pub(crate) fn new(here: Arc<Core>, others: Vec<Handle>, doors: Vec<Bound>) -> Self {
        Self {
            here,
            others: others.into(),
            places: doors.iter().map(|door| door.place().clone()).collect(),
            doors: Arc::new(Mutex::new(doors)),
            accepting: TaskTracker::new(),
            admission: watch::Sender::new(Admission::Open),
        }
    }

    /// Lets clients in, on the runtime of the calling thread. A second time changes nothing.
    ///
    /// # Errors
    ///
    /// Another program has begun to listen there since the places were bound, or the system cannot watch one more.
    pub(crate) fn open(&self) -> Result<(), PortError> {
        let doors = std::mem::take(&mut *lock(&self.doors));
        if doors.is_empty() {
            return Ok(());
        }
        let listeners = doors
            .into_iter()
            .map(|door| {
                let place = door.place().clone();
                listener::watch(door.listen()?).map_err(|source| PortError::Listen {
                    place,
                    purpose: Purpose::Requests,
                    source,
                })
            })
            .collect::<Result<_, _>>()?;
        let (here, others, doors) = (self.here.clone(), self.others.clone(), self.doors.clone());
        let admission = self.admission.subscribe();
        self.accepting.spawn(async move {
            let kept = listener::accept(listeners, &here, &others, &admission).await;
            *lock(&doors) = kept.into_iter().map(Listener::into_bound).collect();
        });
        let (http, bind) = (ports::http(&self.places), ports::bind(&self.places));
        tracing::info!(http, bind, "Server started");
        Ok(())
    }

    /// What is listened on, or will be.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Lets in who waits already, then closes the listeners.
    pub(crate) async fn close(&self) {
        self.admission.send_replace(Admission::LastCall);
        self.accepting.close();
        self.accepting.wait().await;
    }

    /// Lets nobody in; who comes waits until this is [closed](Front::close) or its listeners are
    /// [handed on](Front::take_doors).
    pub(crate) fn pause(&self) {
        self.admission.send_replace(Admission::Paused);
    }

    /// Gives the listeners away, in the order of [`Front::places`].
    pub(crate) async fn take_doors(&self) -> Vec<Bound> {
        self.admission.send_replace(Admission::HandedOn);
        self.accepting.close();
        self.accepting.wait().await;
        std::mem::take(&mut *lock(&self.doors))
    }

    /// Makes every answer the last on its connection, and returns once all are given, but for those that may last for
    /// ever; after `limit` at the latest. Connections without a request stay for [`FAREWELL`] at most.
    pub(crate) async fn drain(&self, limit: Duration) {
        self.cores().for_each(|core| core.draining.cancel());
        let drained = async {
            for core in self.cores() {
                core.connections.close();
                core.connections.wait().await;
            }
        };
        let farewell = async {
            tokio::time::sleep(FAREWELL).await;
            self.cores().for_each(|core| core.closing.cancel());
            std::future::pending::<()>().await;
        };
        // The drain comes first: with no limit at all, what has ended has ended.
        let ended = async {
            tokio::select! {
                biased;
                () = drained => {}
                () = farewell => {}
            }
        };
        if tokio::time::timeout(limit, ended).await.is_err() {
            self.cores().for_each(|core| core.closing.cancel());
        }
    }

    /// Like [`Front::drain`], and waits for event streams too, for as long as `for_streams` at most.
    pub(crate) async fn drain_with_event_streams(&self, limit: Duration, for_streams: Duration) {
        let since = Instant::now();
        self.drain(limit).await;
        let without_streams = async {
            while self.cores().any(|core| !core.event_streams.is_empty()) {
                for core in self.cores() {
                    core.event_streams.close();
                    core.event_streams.wait().await;
                }
                // Their connections may bring one more request each.
                self.drain(limit.saturating_sub(since.elapsed())).await;
            }
        };
        let _ = tokio::time::timeout_at(since + for_streams.min(limit), without_streams).await;
    }

    /// After a drain: waits for every connection, those too that may last for ever, for as long as `limit`. What is left
    /// then is given up; it ends when this is [dropped or joined](Front::join).
    pub(crate) async fn end(&self, limit: Duration) {
        self.cores().for_each(|core| core.closing.cancel());
        let ended = async {
            for core in self.cores() {
                for tracker in [&core.event_streams, &core.connections, &core.tunnels] {
                    tracker.close();
                    tracker.wait().await;
                }
            }
        };
        if tokio::time::timeout(limit, ended).await.is_err() {
            let left = self.give_up();
            tracing::warn!(connections = left, "Gave up on requests that did not end in time");
        }
    }

    /// Says in the log of what is still under way that it was given up, and returns how many connections that is. They
    /// end when this is [dropped or joined](Front::join).
    pub(crate) fn give_up(&self) -> usize {
        self.cores().for_each(Core::give_up);
        self.connections()
    }

    /// Connections that are served, those on their way to a core included.
    pub(crate) fn connections(&self) -> usize {
        self.cores().map(Core::load).sum()
    }

    /// Connections that are served, by what they carry.
    pub(crate) fn connections_by_carries(&self) -> [(Carries, usize); 3] {
        let of = |tracker: fn(&Core) -> &TaskTracker| self.cores().map(|core| tracker(core).len()).sum();
        [
            (Carries::Requests, of(|core| &core.connections)),
            (Carries::EventStreams, of(|core| &core.event_streams)),
            (Carries::Tunnel, of(|core| &core.tunnels)),
        ]
    }

    /// Waits for the threads and hands over the last request lines. The calling thread's runtime must be gone.
    pub(crate) fn join(&self) {
        self.others.iter().for_each(Handle::join);
        self.here.flush_log();
    }

    fn cores(&self) -> impl Iterator<Item = &Core> {
        self.others.iter().map(|other| &*other.core).chain([&*self.here])
    }
}

fn lock(doors: &Mutex<Vec<Bound>>) -> MutexGuard<'_, Vec<Bound>> {
    doors.lock().unwrap_or_else(PoisonError::into_inner)
}
