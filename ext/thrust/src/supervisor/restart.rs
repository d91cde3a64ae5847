//! `thrust restart`: the next generation beside the current one, and the switch once it is ready.
//!
//! Whatever fails before the switch leaves the current generation as it was.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thrust_api::message::{FailureKind, Step};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Supervisor;
use super::generation::{Generation, Home};
use super::obstacle::{self, Obstacle};
use super::underway::Underway;
use crate::control::Replier;
use crate::error::chain;
use crate::ports::{self, PortError};
use crate::process::{End, StartError, Stop};
use crate::service::Retired;
use crate::service::health::{NotReady, until_ready};
use crate::upstream::Target;

/// How long a generation that did not become ready may take to end before it is killed.
const ABANDONED: Duration = Duration::from_secs(5);

/// Why nothing is begun, or gone on with, at our end.
pub(super) const ENDING: &str = "this thrust is ending";

/// A generation that took over, and what is left of the one before.
#[derive(Debug)]
pub(super) struct Switched {
    pub(super) generation: Generation,
    pub(super) retired: Retired,
    pub(super) reply: Replier,
    /// When it was asked for.
    pub(super) since: Instant,
}

/// A restart that is under way, if there is one.
pub(super) type Restart<'a> = Underway<'a, Switched>;

/// Why there is no new generation.
#[derive(Debug, thiserror::Error)]
enum RestartError {
    #[error("a second generation cannot run beside the first: {0}")]
    Impossible(Obstacle),
    #[error("there is no port for a second generation")]
    NoPort(#[source] PortError),
    #[error(
        "the app is at THRUSTER_TARGET={target}, where a second generation has no place; restart it there"
    )]
    Elsewhere { target: Target },
    #[error("could not start the command")]
    Start(#[source] StartError),
    #[error(
        "the new process (pid {pid}) {end} before it answered on {target}; its output is in the app's own"
    )]
    Ended { pid: i32, end: End, target: Target },
    #[error("the new process (pid {pid}) did not become ready on {target} and was stopped")]
    NotReady {
        pid: i32,
        target: Target,
        source: NotReady,
    },
}

impl RestartError {
    /// Whether the new process ran, and did not do what it should.
    fn is_of_the_app(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::NotReady { .. })
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::NotReady { .. } => FailureKind::TimedOut,
            Self::Impossible(_)
            | Self::NoPort(_)
            | Self::Elsewhere { .. }
            | Self::Start(_)
            | Self::Ended { .. } => FailureKind::Failed,
        }
    }
}

/// The next generation as long as it is not in service: told to end when it is dropped.
struct Candidate(Option<Generation>);

impl Candidate {
    fn generation(&self) -> &Generation {
        self.0
            .as_ref()
            .unwrap_or_else(|| unreachable!("it is taken out at the end only"))
    }

    fn accept(mut self) -> Generation {
        self.0
            .take()
            .unwrap_or_else(|| unreachable!("it is taken out here only"))
    }

    /// Waits for its end, and kills it if that takes too long. Then nothing is left of it.
    async fn stop(self) {
        let generation = self.generation();
        generation.stop(Some(ABANDONED)).await;
        generation.remove_pid_file();
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        if let Some(generation) = self.0.take()
            && generation.process.end().is_none()
            && !generation.was_told()
        {
            generation.relay(Stop::Terminate);
        }
    }
}

impl Supervisor {
    /// Puts a new generation in the place of `current`, unless we are `ending`. `None` if that failed, which `reply` was
    /// told.
    pub(super) async fn restart(
        &self,
        current: Arc<Generation>,
        timeout: Option<Duration>,
        reply: Replier,
        ending: CancellationToken,
    ) -> Option<Switched> {
        let since = Instant::now();
        let limit = timeout.unwrap_or(self.tuning.waits().boot);
        let next = tokio::select! {
            // First: nothing is switched to once we end.
            biased;
            () = ending.cancelled() => {
                reply.error(FailureKind::Unavailable, ENDING);
                return None;
            }
            next = self.next_generation(&current, limit, &reply) => next,
        };
        match next {
            Ok(generation) => {
                tracing::info!(
                    generation = generation.number,
                    pid = generation.pid(),
                    target = %generation.target(),
                    "Restarted: requests go to the new generation"
                );
                reply.progress(
                    Step::Switching,
                    format!("requests go to generation {} from here on", generation.number),
                );
                self.tuning.serves(generation.number);
                let retired = self.service.switch(generation.target());
                Some(Switched {
                    generation,
                    retired,
                    reply,
                    since,
                })
            }
            Err(error) => {
                let mut message = chain(&error);
                if let Some(obstacle) = self.suspect().filter(|_| error.is_of_the_app()) {
                    message = format!("{message}; {obstacle}");
                }
                tracing::warn!(
                    error = message,
                    generation = current.number,
                    "Failed to restart; the old generation goes on"
                );
                reply.error(error.kind(), message);
                None
            }
        }
    }

    /// Starts a generation and returns it once it is ready. One that does not become ready is ended first.
    async fn next_generation(
        &self,
        current: &Generation,
        limit: Duration,
        reply: &Replier,
    ) -> Result<Generation, RestartError> {
        if let Some(obstacle) = obstacle::in_command(&self.plan.command) {
            return Err(RestartError::Impossible(obstacle));
        }
        let number = current.number + 1;
        reply.progress(Step::Starting, format!("starting generation {number}"));
        let home = self.next_home(current, number)?;
        let pid_file = self.next_pid_file(current, number);
        let candidate = self
            .start(number, Arc::new(home), pid_file)
            .map_err(RestartError::Start)?;
        let candidate = Candidate(Some(candidate));
        let next = candidate.generation();
        let (pid, target) = (next.pid(), next.target().clone());
        reply.progress(
            Step::Waiting,
            format!("generation {number} runs as process {pid}; waiting until it answers on {target}"),
        );
        let ready = tokio::select! {
            biased;
            end = next.process.ended() => Err(RestartError::Ended { pid, end, target }),
            ready = until_ready(|| next.target().connect(), &self.plan.check, Some(limit)) => {
                ready.map_err(|source| RestartError::NotReady { pid, target, source })
            }
        };
        match ready {
            Ok(_) => {
                next.note_ready();
                Ok(candidate.accept())
            }
            Err(error) => {
                candidate.stop().await;
                self.control.borrow_mut().close_generation(number);
                self.tuning.forget(number);
                Err(error)
            }
        }
    }

    /// A port of its own for the next generation, or a socket beside that of the first.
    fn next_home(&self, current: &Generation, number: u64) -> Result<Home, RestartError> {
        let on_a_port = |target: &dyn Fn(u16) -> Target| {
            let (port, reservation) = ports::free_target().map_err(RestartError::NoPort)?;
            Ok(Home {
                target: target(port),
                reservation: Some(reservation),
            })
        };
        match current.target() {
            Target::Port(_) => on_a_port(&Target::Port),
            target @ Target::Host { host, .. } if target.is_local() => on_a_port(&|port| Target::Host {
                host: host.clone(),
                port,
            }),
            Target::Unix(path) => {
                let path = socket_of(path, current.number, number);
                // It may start in another directory than ours, and is asked from ours. A directory of ours that is gone
                // has no path, and nothing in it can be asked either.
                let path = std::path::absolute(&path).unwrap_or(path);
                Ok(Home {
                    target: Target::Unix(path.into()),
                    reservation: None,
                })
            }
            target @ Target::Host { .. } => Err(RestartError::Elsewhere {
                target: target.clone(),
            }),
        }
    }

    /// Where the next generation is to write its pid; nowhere in particular if we have no directory.
    fn next_pid_file(&self, current: &Generation, number: u64) -> Option<PathBuf> {
        if current.pid_file.is_none() {
            self.progress.pid_files.note_first(current.pid());
        }
        let control = self.control.borrow();
        Some(control.directory()?.join(format!("generation-{number}.pid")))
    }

    /// What in the app's own configuration may be why a new generation did not come up.
    fn suspect(&self) -> Option<Obstacle> {
        obstacle::in_puma_config(self.plan.directory.as_deref().unwrap_or(Path::new(".")))
    }
}

/// The socket of generation `number`: the first one's path with the number behind it. That of `current` has the number
/// of whichever generation it was made for: one that was started again after a crash is where the one before was.
fn socket_of(current: &Path, current_number: u64, number: u64) -> PathBuf {
    let current = current.as_os_str().as_bytes();
    let first = (2..=current_number)
        .rev()
        .find_map(|made_for| current.strip_suffix(format!(".{made_for}").as_bytes()))
        .unwrap_or(current);
    let mut path = OsStr::from_bytes(first).to_owned();
    path.push(format!(".{number}"));
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_has_a_socket_beside_that_of_the_first() {
        assert_eq!(
            socket_of(Path::new("/run/app.sock"), 1, 2),
            Path::new("/run/app.sock.2")
        );
        assert_eq!(
            socket_of(Path::new("/run/app.sock.2"), 2, 3),
            Path::new("/run/app.sock.3")
        );
    }

    #[test]
    fn a_crash_between_two_restarts_does_not_lengthen_the_path() {
        assert_eq!(
            socket_of(Path::new("/run/app.sock.3"), 4, 5),
            Path::new("/run/app.sock.5")
        );
        assert_eq!(
            socket_of(Path::new("/run/app.9"), 1, 2),
            Path::new("/run/app.9.2"),
            "a number of the operator's own"
        );
    }
}
