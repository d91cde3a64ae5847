//! What clients meet: the listeners, the cores behind them, and the order in which both come to their end.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::Core;
use crate::listener;
use crate::ports::{self, Bound, Place, PortError};
use crate::threads::Handle;

/// How long a connection without a request may stay once we end: a request may be on its way on it.
const FAREWELL: Duration = Duration::from_secs(1);

/// The listeners and the cores.
#[derive(Debug)]
pub(crate) struct Front {
    here: Arc<Core>,
    others: Arc<[Handle]>,
    places: Vec<Place>,
    /// What is not listened on yet.
    doors: RefCell<Vec<Bound>>,
    accepting: TaskTracker,
    stopped: CancellationToken,
}

impl Front {
    /// `here` is the core of the calling thread. Nobody is let in yet.
    pub(crate) fn new(here: Arc<Core>, others: Vec<Handle>, doors: Vec<Bound>) -> Self {
        Self {
            here,
            others: others.into(),
            places: doors.iter().map(|door| door.place().clone()).collect(),
            doors: RefCell::new(doors),
            accepting: TaskTracker::new(),
            stopped: CancellationToken::new(),
        }
    }

    /// Lets clients in, on the runtime of the calling thread. A second time changes nothing.
    ///
    /// # Errors
    ///
    /// Another program has begun to listen there since the places were bound, or the system cannot watch one more.
    pub(crate) fn open(&self) -> Result<(), PortError> {
        let doors = self.doors.take();
        if doors.is_empty() {
            return Ok(());
        }
        let listeners = doors
            .into_iter()
            .map(|door| {
                let place = door.place().clone();
                listener::watch(door.listen()?).map_err(|source| PortError::Listen { place, source })
            })
            .collect::<Result<_, _>>()?;
        let (here, others, stopped) = (self.here.clone(), self.others.clone(), self.stopped.clone());
        self.accepting.spawn(async move {
            listener::accept(listeners, &here, &others, &stopped).await;
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
        self.stopped.cancel();
        self.accepting.close();
        self.accepting.wait().await;
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

    /// After a drain: waits for every connection, those too that may last for ever, for as long as `limit`. What is left
    /// then is given up; it ends when this is [dropped or joined](Front::join).
    pub(crate) async fn end(&self, limit: Duration) {
        self.cores().for_each(|core| core.closing.cancel());
        let ended = async {
            for core in self.cores() {
                core.lasting.close();
                core.connections.wait().await;
                core.lasting.wait().await;
            }
        };
        if tokio::time::timeout(limit, ended).await.is_err() {
            let left = self.connections();
            self.cores().for_each(Core::give_up);
            tracing::warn!(connections = left, "Gave up on requests that did not end in time");
        }
    }

    /// Connections that are served, those on their way to a core included.
    pub(crate) fn connections(&self) -> usize {
        self.cores()
            .map(|core| core.connections.len() + core.lasting.len())
            .sum()
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
