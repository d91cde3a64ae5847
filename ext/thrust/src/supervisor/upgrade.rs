//! `thrust restart --self`: another program in our place, in the same process and under the same app.
//!
//! The program is tried first. Then nobody is let in, whoever comes waits in the listeners' queues, and what is under
//! way is finished. [`Supervisor::hand_over`] packs up what the next image goes on with; `server.rs` becomes it. Whatever
//! fails, what was packed up is unpacked again in this image: so it is in [`Supervisor::take_over`] either way.

use std::convert::Infallible;
use std::env;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::pin::pin;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use thrust_api::message::{FailureKind, Outcome, Step, Upgraded};

use super::ending::LAST_BYTES;
use super::generation::{Generation, Home};
use super::trial::LAUNCHER;
use super::underway::Underway;
use super::{Progress, Supervisor};
use crate::control::Replier;
use crate::error::chain;
use crate::hand_over::{Child, HandOver, VARIABLE};
use crate::ports::{Bound, Reservation};
use crate::process::{Image, Process, in_a_row};

/// How long a trial start may take unless the asker says otherwise.
const TRIAL: Duration = Duration::from_secs(30);
/// How long event streams may take to end by themselves, from the moment on that nobody is let in. One that lasts has a
/// client that asks again and goes on where it was, and everybody else waits meanwhile.
const EVENT_STREAMS: Duration = Duration::from_secs(3);

/// An upgrade that is under way, if there is one.
pub(super) type Upgrade<'a> = Underway<'a, Ready>;

/// Everything is ready for another program to take our place.
#[derive(Debug)]
pub(super) struct Ready {
    file: PathBuf,
    closed: u64,
    asker: Option<OwnedFd>,
}

/// What is packed up for another program to go on with.
#[derive(Debug)]
pub(crate) struct Departure {
    process: Process,
    image: Image,
    listeners: Vec<Bound>,
    hand_over: HandOver,
}

impl Supervisor {
    /// Why there can be no upgrade now, if there cannot.
    pub(super) fn excludes_upgrade(&self) -> Option<(FailureKind, String)> {
        if !cfg!(target_os = "linux") {
            let message = "only on Linux can another binary take the place of the running one; stop it and start the new one";
            return Some((FailureKind::Unavailable, message.to_owned()));
        }
        if let Some(old) = self.progress.previous.list().first() {
            let message = format!(
                "generation {} of the app (pid {}) has not ended yet; ask again once it has",
                old.generation, old.child
            );
            return Some((FailureKind::Busy, message));
        }
        (!self.service.is_ready()).then(|| {
            let message = "the app is not ready; ask again once it is, or stop thrust and start the new one";
            (FailureKind::Unavailable, message.to_owned())
        })
    }

    /// Makes everything ready for another program in our place. `None` if that failed, which `reply` was told; then
    /// nothing has changed.
    pub(super) async fn upgrade(
        &self,
        current: Arc<Generation>,
        timeout: Option<Duration>,
        reply: Replier,
    ) -> Option<Ready> {
        reply.progress(Step::Trying, "trying the new thrust beside the running one");
        let tried = self.try_out(timeout.unwrap_or(TRIAL)).await;
        let answer = match tried {
            Ok(answer) => answer,
            Err(error) => {
                let message = chain(&error);
                tracing::warn!(error = message, "Failed to replace thrust; it goes on as it is");
                reply.error(error.kind(), message);
                return None;
            }
        };
        // The app may have gone away meanwhile, and another one come.
        if current.process.end().is_some() {
            reply.error(FailureKind::Unavailable, "the app has ended meanwhile; ask again");
            return None;
        }
        if let Some((kind, message)) = self.excludes_upgrade() {
            reply.error(kind, message);
            return None;
        }
        tracing::info!(
            version = answer.thrust,
            executable = %answer.executable.display(),
            "Told to become another thrust; finishing requests first"
        );
        self.progress.departing.set(true);
        self.front.pause();
        reply.progress(
            Step::Draining,
            format!("finishing what {} connections carry", self.front.connections()),
        );
        self.finish_requests(&current).await;
        let closed = self.front.give_up();
        reply.progress(
            Step::Replacing,
            format!(
                "becoming thrust {} at {}",
                answer.thrust,
                answer.executable.display()
            ),
        );
        Some(Ready {
            file: answer.executable,
            closed: closed as u64,
            asker: reply.into_inherited().await,
        })
    }

    /// Finishes what is under way, as far as it can be before another program goes on.
    async fn finish_requests(&self, current: &Generation) {
        let drained = self
            .front
            .drain_with_event_streams(self.tuning.waits().drain, EVENT_STREAMS);
        let mut drained = pin!(drained);
        tokio::select! {
            () = &mut drained => {}
            _ = current.process.ended() => {
                // Only the next program starts it again, and whoever is connected to us waits for it in vain.
                self.service.give_up();
                drained.await;
            }
        }
        if self.service.held() > 0 {
            // They can try again, which a connection that just ends would not tell them.
            self.service.give_up();
            self.front.drain(LAST_BYTES).await;
        }
    }

    /// Packs up everything. Nothing is served any more, and nobody is answered.
    pub(super) async fn hand_over(self, current: Arc<Generation>, ready: Ready) -> Departure {
        let listeners = self.front.take_doors().await;
        let environment = self.moved();
        let metrics = match self.endpoint {
            Some(endpoint) => endpoint
                .hand_on()
                .await
                .inspect_err(|error| tracing::error!(%error, "Failed to keep the port for metrics"))
                .ok(),
            None => None,
        };
        let home = &current.home;
        let reservation = home.reservation.as_ref().and_then(Reservation::as_fd);
        let reservation = reservation.and_then(|socket| {
            let copied = socket.try_clone_to_owned();
            copied
                .inspect_err(
                    |error| tracing::warn!(%error, "Failed to keep the app's port from other thrusts"),
                )
                .ok()
        });
        let (
            control,
            Progress {
                started, pid_files, ..
            },
        ) = (self.control.into_inner(), self.progress);
        let control = control
            .into_inherited()
            .inspect_err(|error| tracing::error!(%error, "Failed to keep the control sockets"))
            .unwrap_or_default();
        let hand_over = HandOver {
            from: env!("CARGO_PKG_VERSION").to_owned(),
            uptime: started.elapsed(),
            generation: Child {
                number: current.number,
                pid: current.process.pid(),
                started: current.started,
                end: None,
                target: home.target.clone(),
                reservation: reservation.map(Reservation::from),
                pid_file: current.pid_file.clone(),
            },
            first_pid_file: pid_files.first(),
            control,
            asker: ready.asker,
            metrics,
            closed: ready.closed,
            unheard: Vec::new(),
            failure: None,
            left: Some(self.tuning.left()),
        };
        let name = match env::var_os(LAUNCHER) {
            // As the launcher itself would name it.
            Some(_) => ready.file.clone().into(),
            None => env::args_os().next().unwrap_or_default(),
        };
        let image = Image {
            file: ready.file,
            name,
            environment,
            directory: self.plan.directory.clone(),
            descriptors: self.plan.descriptors,
        };
        Departure {
            process: current.process.clone(),
            image,
            listeners,
            hand_over,
        }
    }

    /// Goes on with what another image of this process has left, or this one packed up. Call it before the first await
    /// after the reaper was made.
    ///
    /// # Errors
    ///
    /// There is no such child.
    pub(super) fn take_over(&self, hand_over: HandOver) -> io::Result<Generation> {
        let child = hand_over.generation;
        let process = match child.end {
            Some(end) => Process::over(&self.reaper, child.pid, end),
            None => Process::adopt(&self.reaper, child.pid)?,
        };
        let home = Home {
            target: child.target,
            reservation: child.reservation,
        };
        let current = Generation::adopted(child.number, home, process, child.started, child.pid_file);
        self.progress.pid_files.set_first(hand_over.first_pid_file);
        self.progress.pid_files.set_current(current.pid_file.as_deref());
        if current.process.end().is_none() {
            self.service.resume();
            self.welcome(&current);
        }
        for signal in hand_over.unheard {
            // It cannot fail for ourselves.
            let _ = kill_process(getpid(), signal);
        }
        let to = env!("CARGO_PKG_VERSION");
        let reply = hand_over.asker.and_then(|asker| {
            let adopted = self.control.borrow().adopt_asker(asker);
            adopted
                .inspect_err(|error| tracing::debug!(%error, "Failed to answer whoever asked"))
                .ok()
        });
        match hand_over.failure {
            None => {
                tracing::info!(
                    from = hand_over.from,
                    to,
                    closed = hand_over.closed,
                    pid = current.pid(),
                    "Took the place of another thrust"
                );
                let upgraded = Upgraded {
                    from: hand_over.from,
                    to: to.to_owned(),
                    closed: hand_over.closed,
                };
                if let Some(reply) = reply {
                    reply.ok(Outcome::Upgraded(upgraded));
                }
            }
            Some(failure) => {
                tracing::error!(
                    error = failure,
                    "Failed to become another thrust; going on as this one"
                );
                if let Some(reply) = reply {
                    reply.error(FailureKind::Failed, failure);
                }
            }
        }
        Ok(current)
    }
}

impl Departure {
    /// Becomes the other program, and returns what was packed up only if that fails. `unheard` are signals that came
    /// since nobody listens any more.
    ///
    /// Call it on the main thread, without a runtime and with every other thread at rest.
    pub(crate) fn leave(mut self, unheard: Vec<Signal>) -> (Vec<Bound>, HandOver) {
        // It may have been reaped while requests were finished.
        self.hand_over.generation.end = self.process.end();
        self.hand_over.unheard = unheard;
        let file = self.image.file.clone();
        let error = match exec(self.image, &self.listeners, &self.hand_over) {
            Ok(never) => match never {},
            Err(error) => error,
        };
        self.hand_over.failure = Some(format!(
            "could not become {}: {error}; the running thrust goes on",
            file.display()
        ));
        (self.listeners, self.hand_over)
    }
}

fn exec(mut image: Image, listeners: &[Bound], hand_over: &HandOver) -> io::Result<Infallible> {
    let listeners_in_a_row = in_a_row(&listeners.iter().map(AsFd::as_fd).collect::<Vec<_>>())?;
    let memory = hand_over.write(listeners)?;
    let first = listeners_in_a_row.first().map_or(0, AsRawFd::as_raw_fd);
    let numbers = [
        ("LISTEN_FDS", listeners_in_a_row.len().to_string()),
        ("LISTEN_FDS_FIRST_FD", first.to_string()),
        ("LISTEN_PID", process::id().to_string()),
        (VARIABLE, memory.as_raw_fd().to_string()),
    ];
    let set = &mut image.environment.set;
    set.extend(numbers.map(|(name, number)| (name, number.into())));
    let mut kept = hand_over.descriptors();
    kept.extend(listeners_in_a_row.iter().map(AsFd::as_fd));
    kept.push(memory.as_fd());
    Err(image.exec(&kept))
}
