//! One generation of the app: a child, and where it listens.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use super::Supervisor;
use crate::process::{self, Changes, Process, Start, StartError, Stop};
use crate::upstream::Target;

/// A child and where it listens.
#[derive(Debug)]
pub(super) struct Generation {
    /// Counted from 1.
    pub(super) number: u32,
    pub(super) target: Target,
    pub(super) process: Process,
    /// Whether it has ever accepted a connection.
    accepted: AtomicBool,
    /// Whether we told it to end.
    told: AtomicBool,
}

impl Supervisor {
    /// Starts the app anew, to listen on `target`. Only on the main thread.
    ///
    /// # Errors
    ///
    /// There is no such program, or the system does not run it.
    pub(super) fn start(&self, number: u32, target: Target) -> Result<Generation, StartError> {
        let mut environment = Changes::default();
        match &target {
            Target::Port(port) | Target::Host { port, .. } => {
                environment.set.push(("PORT", port.to_string().into()));
            }
            Target::Unix(path) => {
                environment.remove.push("PORT");
                environment
                    .set
                    .push(("THRUSTER_TARGET_SOCKET", path.as_os_str().to_owned()));
            }
        }
        let start = Start {
            command: &self.plan.command,
            environment,
            directory: None,
            descriptors: self.plan.descriptors,
        };
        Ok(Generation {
            number,
            target,
            process: process::start(&self.reaper, &start)?,
            accepted: AtomicBool::new(false),
            told: AtomicBool::new(false),
        })
    }
}

impl Generation {
    /// The child's process id.
    pub(super) fn pid(&self) -> i32 {
        self.process.pid().as_raw_pid()
    }

    /// It accepts connections, or did.
    pub(super) fn note_accepting(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }

    /// Whether it has ever accepted a connection.
    pub(super) fn has_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Whether we told it to end.
    pub(super) fn was_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// Ends the child whatever it does.
    pub(super) fn kill(&self) {
        if let Err(error) = self.process.signal(Signal::KILL) {
            tracing::error!(%error, "Failed to kill upstream process");
        }
    }

    /// Passes on to the child what we were told.
    pub(super) fn relay(&self, stop: Stop) {
        self.told.store(true, Ordering::Relaxed);
        self.process.relay(stop.signal(), stop.name());
    }
}
