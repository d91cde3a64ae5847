//! The end of a generation that was replaced: drained, told to end, and its end only logged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thrust_api::message::{Outcome, Previous as Shown, Restarted, Step};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::Supervisor;
use super::generation::Generation;
use super::restart::Switched;
use crate::service::Retired;
use crate::tuning::Waits;

/// Generations that were replaced and have not ended yet, the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Previous(Arc<State>);

#[derive(Debug, Default)]
struct State {
    lists: Mutex<Lists>,
    /// Told whenever one has ended.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Lists {
    alive: Vec<Arc<Old>>,
    /// Numbers of those that have ended and that [`Previous::next_ended`] has not told of yet.
    ended: Vec<u64>,
}

/// One of them.
#[derive(Debug)]
struct Old {
    generation: Arc<Generation>,
    upstreams: Retired,
}

impl Previous {
    /// For those who ask.
    pub(super) fn list(&self) -> Vec<Shown> {
        let shown = |old: &Arc<Old>| Shown {
            generation: old.generation.number,
            child: old.generation.pid().unsigned_abs(),
            in_flight: old.upstreams.in_flight() as u64,
        };
        self.lock().alive.iter().map(shown).collect()
    }

    /// Those that there are.
    pub(super) fn generations(&self) -> Vec<Arc<Generation>> {
        let lists = self.lock();
        lists.alive.iter().map(|old| old.generation.clone()).collect()
    }

    /// Returns once there are none.
    pub(super) async fn ended(&self) {
        self.until(|lists| lists.alive.is_empty().then_some(())).await;
    }

    /// The number of one that has ended, each once. May be dropped and called again.
    pub(super) async fn next_ended(&self) -> u64 {
        self.until(|lists| lists.ended.pop()).await
    }

    async fn until<T>(&self, mut look: impl FnMut(&mut Lists) -> Option<T>) -> T {
        loop {
            // Made before looking, so that it hears of whatever happens afterwards.
            let changed = self.0.changed.notified();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            changed.await;
        }
    }

    fn add(&self, old: Arc<Old>) {
        self.lock().alive.push(old);
    }

    fn remove(&self, old: &Arc<Old>) {
        let mut lists = self.lock();
        lists.alive.retain(|other| !Arc::ptr_eq(other, old));
        lists.ended.push(old.generation.number);
        drop(lists);
        self.0.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.0.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Supervisor {
    /// Makes a generation that is in service the current one, and brings the one before to its end.
    pub(super) fn succeed(&self, current: &mut Arc<Generation>, switched: Switched) {
        let Switched {
            generation,
            retired,
            reply,
            since,
        } = switched;
        let old = std::mem::replace(current, Arc::new(generation));
        let old = Arc::new(Old {
            generation: old,
            upstreams: retired,
        });
        self.progress.previous.add(old.clone());
        self.welcome(current);
        reply.progress(
            Step::Draining,
            format!(
                "generation {} finishes {} requests",
                old.generation.number,
                old.upstreams.in_flight()
            ),
        );
        let outcome = Restarted {
            generation: current.number,
            child: current.pid().unsigned_abs(),
            took: since.elapsed(),
        };
        let Waits { drain, stop, .. } = self.tuning.waits();
        let previous = self.progress.previous.clone();
        let pid_files = self.progress.pid_files.clone();
        pid_files.set_current(current.pid_file.as_deref());
        tokio::spawn(async move {
            // What is left then the app finishes, once it is told to end.
            let _ = timeout(drain, old.upstreams.idle()).await;
            reply.progress(
                Step::Stopping,
                format!("generation {} is told to end", old.generation.number),
            );
            reply.ok(Outcome::Restarted(outcome));
            let end = old.generation.stop(stop).await;
            tracing::info!(
                generation = old.generation.number,
                pid = old.generation.pid(),
                how = %end,
                "Old generation ended"
            );
            old.generation.remove_pid_file();
            pid_files.restore();
            previous.remove(&old);
        });
    }
}
