//! The app as the pipeline sees it: which generation is asked, and who waits while it accepts nothing.
//!
//! A generation is asked through one [`Upstream`] a core. [`Service::switch`] puts the next one in its place; a request
//! that came too late for the old one goes to the new one by itself.

pub(crate) mod health;
mod hold;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::hold::{Hold, Release};
use crate::config::Config;
use crate::error::ProxyError;
use crate::exchange::{Client, Request, Response};
use crate::metrics::Metrics;
use crate::stages::access_log::Entry;
use crate::upstream::{
    Answered, Asked, BacklogLimits, Options, Queue, QueueLimits, Target, Unanswered, Upstream,
};

/// Memory that requests may take, in bytes, which wait for the app, and as much again those that wait for their turn.
const WAITING_BYTES: usize = 8 * 1024 * 1024;
/// How often an app that is awaited is tried.
const RETRY: Duration = Duration::from_millis(25);

/// What is asked for every request that is not ours to answer.
#[derive(Debug)]
pub(crate) struct Service {
    /// How many requests a generation is given at once; `None` for any number.
    turns: Mutex<Option<QueueLimits>>,
    /// The current generation, as each core asks it.
    upstreams: Box<[ArcSwap<Upstream>]>,
    /// What each core counts.
    metrics: Box<[Arc<Metrics>]>,
    hold: Hold,
    /// Whether whoever chooses between machines may send requests here, as far as the supervisor knows.
    ready: AtomicBool,
    /// Told when another generation comes into service.
    switched: Notify,
}

/// A generation that was taken out of service.
#[derive(Debug)]
pub(crate) struct Retired(Box<[Arc<Upstream>]>);

impl Service {
    /// A service whose app is at `target` and not yet known to accept anything: requests are held.
    pub(crate) fn new(cores: usize, target: &Target, config: &Config) -> Self {
        let metrics: Box<[Arc<Metrics>]> = (0..cores).map(|_| Arc::default()).collect();
        let turns = turns(config);
        let upstreams = generation(turns, target, &metrics).map(ArcSwap::from).collect();
        let hold = Hold::new(BacklogLimits {
            requests: config.boot_queue,
            bytes: WAITING_BYTES,
        });
        if !target.is_local() {
            // Not ours to start: if it is not there, that is an error.
            hold.open();
        }
        Self {
            turns: Mutex::new(turns),
            upstreams,
            metrics,
            hold,
            ready: AtomicBool::new(false),
            switched: Notify::new(),
        }
    }

    /// Asks the app, as soon as there is one, in the way that `options` tell.
    ///
    /// # Errors
    ///
    /// The app was not there in time, cannot be reached, does not answer in time, or what it answers is no HTTP; the
    /// request's body cannot be read; too many wait already; we are ending.
    pub(crate) async fn forward(
        &self,
        core: usize,
        request: Box<Request>,
        client: &Client,
        options: &Arc<Options>,
        entry: &mut Entry,
    ) -> Result<Response, ProxyError> {
        let mut upstream = self.upstreams[core].load_full();
        let mut asked = Asked::new(request, client, options, upstream.target(), entry.started);
        loop {
            if self.hold.is_closed() {
                // Boxed: it is rare, and its size would weigh on every request.
                Box::pin(self.hold(&asked, &upstream, entry)).await?;
                upstream = self.upstreams[core].load_full();
            }
            match upstream.ask(&mut asked, entry).await {
                Ok(response) => return Ok(response),
                Err(Unanswered::Failed(error)) => return Err(error),
                Err(Unanswered::Superseded) => upstream = self.upstreams[core].load_full(),
                Err(Unanswered::Refused) => {
                    let current = self.upstreams[core].load_full();
                    // Refused by the current one: it has gone away.
                    if Arc::ptr_eq(&current, &upstream) {
                        self.hold.close();
                    }
                    upstream = current;
                }
            }
        }
    }

    async fn hold(&self, asked: &Asked, upstream: &Upstream, entry: &mut Entry) -> Result<(), ProxyError> {
        let since = Instant::now();
        let held = self.hold.wait(asked, upstream.target()).await;
        entry.queued(since.elapsed());
        held
    }

    /// What core number `core` counts.
    pub(crate) fn metrics(&self, core: usize) -> &Arc<Metrics> {
        &self.metrics[core]
    }

    /// What all cores count.
    pub(crate) fn all_metrics(&self) -> &[Arc<Metrics>] {
        &self.metrics
    }

    /// Connections to the current generation that wait for a request.
    pub(crate) fn idle_connections(&self) -> usize {
        let upstreams = self.upstreams.iter();
        upstreams.map(|upstream| upstream.load().idle_connections()).sum()
    }

    /// Where the current generation listens.
    pub(crate) fn target(&self) -> Target {
        self.upstreams[0].load().target().clone()
    }

    /// Says whether requests are welcome: the app has shown that it works, and we are not ending.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Whether requests are welcome and the app accepts connections.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && self.is_accepting()
    }

    /// Whether the app accepts connections, as far as is known.
    pub(crate) fn is_accepting(&self) -> bool {
        !self.hold.is_closed()
    }

    /// How many requests wait for the app, or for their turn.
    pub(crate) fn held(&self) -> usize {
        self.hold.waiting() + self.upstreams[0].load().waiting()
    }

    /// Requests that the current generation is busy with; event streams and tunnels do not count.
    pub(crate) fn in_flight(&self) -> usize {
        self.upstreams
            .iter()
            .map(|upstream| upstream.load().in_flight())
            .sum()
    }

    /// Puts a generation into service that listens on `target` and is ready, and takes the current one out: what it is
    /// busy with goes on, and nothing comes to it any more.
    pub(crate) fn switch(&self, target: &Target) -> Retired {
        let retired = self
            .upstreams
            .iter()
            .zip(generation(*self.turns(), target, &self.metrics))
            .map(|(current, next)| current.swap(next))
            .collect::<Box<[_]>>();
        // Only now: whoever finds it closed must find its successor.
        for upstream in &retired {
            upstream.close();
        }
        self.switched.notify_waiters();
        self.hold.open();
        Retired(retired)
    }

    /// Gives the app no more requests at once from now on than `config` says.
    pub(crate) fn set_turns(&self, config: &Config) {
        let (mut turns, next) = (self.turns(), turns(config));
        if *turns == next {
            return;
        }
        *turns = next;
        match (self.upstreams[0].load().queue(), next) {
            (Some(queue), next) => queue.set_limits(next),
            (None, Some(limits)) => {
                let queue = Arc::new(Queue::new(limits));
                let upstreams = self.upstreams.iter();
                upstreams.for_each(|upstream| upstream.load().set_queue(queue.clone()));
            }
            (None, None) => {}
        }
    }

    fn turns(&self) -> MutexGuard<'_, Option<QueueLimits>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps no connection to the app any more; call it before the app is told to end.
    pub(crate) fn let_go(&self) {
        self.upstreams
            .iter()
            .for_each(|upstream| upstream.load().let_go());
    }

    /// Lets requests go on: the app is known to be there and to work.
    pub(crate) fn resume(&self) {
        self.hold.open();
        self.set_ready(true);
    }

    /// Keeps requests back: the app is known to be gone.
    pub(crate) fn await_app(&self) {
        self.hold.close();
    }

    /// Answers whoever waits for the app, and whoever would from now on: it will not come.
    pub(crate) fn give_up(&self) {
        self.hold.release(Release::Stopping);
        // Only now: whoever waits for a turn is to find it closed.
        self.upstreams[0].load().end_waits();
    }

    /// Returns once the app accepts connections, and lets go on who waits for it.
    ///
    /// Opening a connection and closing it is all that is done: the app sees no request. It may take as long as `limit`
    /// each time.
    pub(crate) async fn accepting(&self, limit: Duration) {
        while let Ok(Err(_)) = tokio::time::timeout(limit, self.target().connect()).await {
            tokio::time::sleep(RETRY).await;
        }
        // Neither taken nor refused in time is a queue that is full, and somebody's.
        self.hold.open();
    }

    /// Returns once a generation has answered a request while it was in service.
    pub(crate) async fn answered(&self) {
        loop {
            // Made before looking, so that it hears of whatever happens afterwards.
            let switched = self.switched.notified();
            let current = self.upstreams[0].load_full();
            tokio::select! {
                () = current.answered() => return,
                () = switched => {}
            }
        }
    }

    /// Returns once requests are held because the app accepts nothing.
    pub(crate) async fn refusing(&self) {
        self.hold.closed().await;
    }

    /// Returns when a request has waited in vain, once for each time that the app was not there.
    pub(crate) async fn waited_in_vain(&self) {
        self.hold.expired().await;
    }
}

impl Retired {
    /// Returns once nothing is in flight that ends by itself.
    pub(crate) async fn idle(&self) {
        for upstream in &self.0 {
            upstream.idle().await;
        }
    }

    /// Requests that it is still busy with.
    pub(crate) fn in_flight(&self) -> usize {
        self.0.iter().map(|upstream| upstream.in_flight()).sum()
    }
}

/// How many requests the app is given at once.
fn turns(config: &Config) -> Option<QueueLimits> {
    config.target_max_requests.map(|at_once| QueueLimits {
        at_once,
        backlog: BacklogLimits {
            requests: config.target_queue,
            bytes: WAITING_BYTES,
        },
        timeout: config.target_queue_timeout,
        boot_timeout: config.boot_timeout,
    })
}

/// One generation, for each core.
fn generation(
    turns: Option<QueueLimits>,
    target: &Target,
    metrics: &[Arc<Metrics>],
) -> impl Iterator<Item = Arc<Upstream>> {
    let answered = Arc::new(Answered::default());
    let queue = turns.map(|limits| Arc::new(Queue::new(limits)));
    metrics.iter().map(move |metrics| {
        Arc::new(Upstream::new(
            target.clone(),
            answered.clone(),
            metrics.clone(),
            queue.clone(),
        ))
    })
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_answer_is_heard_whichever_generation_gives_it() {
        let service = Service::new(2, &Target::Port(1), &Config::of(&[]));
        let mut answered = std::pin::pin!(service.answered());
        assert!(
            timeout(RETRY, &mut answered).await.is_err(),
            "nobody has answered"
        );

        service.switch(&Target::Port(2));
        assert!(
            timeout(RETRY, &mut answered).await.is_err(),
            "nor has its successor"
        );
        service.upstreams[1].load().note_answer();

        assert!(timeout(RETRY, answered).await.is_ok());
    }
}
