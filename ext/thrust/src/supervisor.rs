//! The life of the wrapped process: its boot, its generations, and its end, which is ours.
//!
//! [`Supervisor::run`] is the whole of it. It runs on the main thread and touches no request: what it decides reaches
//! the cores through the [`Service`] and the [`Front`].

mod boot;
mod crash;
mod ending;
mod generation;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Rlimit;

use self::crash::Crashes;
use self::generation::Generation;
use crate::config::Config;
use crate::front::Front;
use crate::process::{Command, End, Reaper, Signals, Told};
use crate::service::Service;
use crate::upstream::Target;

/// The exit status when we, and not the wrapped process, are the reason for the end.
pub(crate) const FAILURE: u8 = 1;

/// What runs the wrapped process.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) plan: Plan,
    pub(crate) service: Arc<Service>,
    pub(crate) front: Front,
    pub(crate) reaper: Reaper,
}

/// What is to be done about the wrapped process.
#[derive(Debug)]
pub(crate) struct Plan {
    command: Command,
    /// The limit on open files that a child gets.
    descriptors: Rlimit,
    /// Where later generations start; `None` for where we were started.
    directory: Option<PathBuf>,
    /// How long we still take requests after a signal to end.
    shutdown_delay: Duration,
    /// How long requests under way may take to end.
    drain_timeout: Duration,
    /// How long the app may take to end before it is killed.
    stop_timeout: Option<Duration>,
    /// Whether the app is started again when it ends by itself.
    restart_enabled: bool,
}

impl Plan {
    /// `descriptors` is the limit on open files that we were started with.
    pub(crate) fn new(config: &Config, command: Command, descriptors: Rlimit) -> Self {
        Self {
            command,
            descriptors,
            directory: config.directory.clone(),
            shutdown_delay: config.shutdown_delay,
            drain_timeout: config.drain_timeout,
            stop_timeout: config.stop_timeout,
            restart_enabled: config.restart_enabled,
        }
    }
}

/// What the supervisor is woken for.
enum Event {
    /// The current generation ended by itself.
    Ended(End),
    /// We were sent a signal.
    Told(Told),
}

impl Supervisor {
    /// Starts the app, which is to listen on `target`, keeps it, and ends with it. Returns the status to exit with.
    pub(crate) async fn run(&self, target: Target, signals: &mut Signals) -> u8 {
        let mut current = match self.start(1, target) {
            Ok(generation) => generation,
            Err(error) => {
                error.log();
                self.leave().await;
                return FAILURE;
            }
        };
        let mut crashes = Crashes::default();
        loop {
            match self.next_event(&current, signals).await {
                Event::Told(Told::Stop(stop)) => return self.end(&current, stop, signals).await,
                Event::Told(Told::Relay(relayed)) => {
                    current.process.relay(relayed.signal(), relayed.name());
                }
                Event::Ended(end) => {
                    tracing::info!(pid = current.pid(), how = %end, "Upstream process ended");
                    if !self.plan.restart_enabled {
                        self.leave().await;
                        return end.status();
                    }
                    match self.start_again(&current, &mut crashes, signals).await {
                        Some(generation) => current = generation,
                        None => {
                            self.leave().await;
                            return end.status();
                        }
                    }
                }
            }
        }
    }

    async fn next_event(&self, current: &Generation, signals: &mut Signals) -> Event {
        // The end comes first: there is no use in telling anything to a child that is gone.
        tokio::select! {
            biased;
            end = current.process.ended() => Event::Ended(end),
            told = signals.next() => Event::Told(told),
            never = self.watch(current) => match never {},
            never = self.explain_waits(current) => match never {},
        }
    }
}
