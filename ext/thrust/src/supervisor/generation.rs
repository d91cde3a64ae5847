//! One generation of the app: a child, and where it listens.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use tokio::time::timeout;

use super::{Supervisor, pid_file};
use crate::ports::{self, Reservation};
use crate::process::{self, Changes, End, Process, Start, StartError, Stop};
use crate::upstream::Target;

/// The variable that tells Ruby where the app's Gemfile is.
pub(super) const GEMFILE: &str = "BUNDLE_GEMFILE";

/// Where a generation is to listen.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) target: Target,
    /// Keeps other thrusts from giving its port to their apps.
    pub(crate) reservation: Option<Reservation>,
}

/// A child and where it listens.
#[derive(Debug)]
pub(super) struct Generation {
    /// Counted from 1.
    pub(super) number: u64,
    /// Stays the same when the app is started again after a crash.
    pub(super) home: Arc<Home>,
    pub(super) process: Process,
    /// When that was started.
    pub(super) started: SystemTime,
    /// Where it writes its pid, if it was told where.
    pub(super) pid_file: Option<PathBuf>,
    /// Whether it has ever accepted a connection.
    accepted: AtomicBool,
    /// Whether it has shown that it works.
    ready: AtomicBool,
    /// Whether we told it to end.
    told: AtomicBool,
}

impl Supervisor {
    /// Starts the app anew, to live in `home`; the first generation where we were started, later ones where the
    /// plan says. Only on the main thread.
    ///
    /// # Errors
    ///
    /// There is no such program or directory, or the system does not run it.
    pub(super) fn start(
        &self,
        number: u64,
        home: Arc<Home>,
        pid_file: Option<PathBuf>,
    ) -> Result<Generation, StartError> {
        let mut environment = Changes::default();
        match &home.target {
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
        if let Some(path) = &pid_file {
            environment
                .set
                .push((pid_file::VARIABLE, path.as_os_str().to_owned()));
        }
        if let Some(socket) = self.control.borrow_mut().open_generation(number) {
            environment.set.push(("THRUSTER_CONTROL_SOCKET", socket.into()));
        }
        let directory = self.plan.directory.as_deref().filter(|_| number > 1);
        if let Some(gemfile) = directory.and_then(gemfile_in) {
            environment.set.push((GEMFILE, gemfile.into()));
        }
        let start = Start {
            command: &self.plan.command,
            environment,
            directory,
            descriptors: self.plan.descriptors,
        };
        let process = process::start(&self.reaper, &start)
            .inspect_err(|_| self.control.borrow_mut().close_generation(number))?;
        Ok(Generation {
            number,
            home,
            process,
            started: SystemTime::now(),
            pid_file,
            accepted: AtomicBool::new(false),
            ready: AtomicBool::new(false),
            told: AtomicBool::new(false),
        })
    }
}

/// Where the Gemfile is in `directory` that Bundler has found for us in our own: it writes down the path, in which a
/// link to the current release is resolved already.
pub(super) fn gemfile_in(directory: &Path) -> Option<PathBuf> {
    let gemfile = PathBuf::from(env::var_os(GEMFILE)?);
    let ours = env::current_dir().ok()?;
    // Everything is below the root, and nobody's app is it.
    ours.parent()?;
    Some(directory.join(gemfile.strip_prefix(ours).ok()?))
}

impl Generation {
    /// One that has shown that it works, to an image of this process before us.
    pub(super) fn adopted(
        number: u64,
        home: Home,
        process: Process,
        started: SystemTime,
        pid_file: Option<PathBuf>,
    ) -> Self {
        Self {
            number,
            home: Arc::new(home),
            process,
            started,
            pid_file,
            accepted: AtomicBool::new(true),
            ready: AtomicBool::new(true),
            told: AtomicBool::new(false),
        }
    }

    /// The child's process id.
    pub(super) fn pid(&self) -> i32 {
        self.process.pid().as_raw_pid()
    }

    /// Where it listens.
    pub(super) fn target(&self) -> &Target {
        &self.home.target
    }

    /// What its processes listen on, as far as the system tells.
    pub(super) fn listening(&self) -> String {
        let listening = ports::listening(&ports::descendants(self.pid().unsigned_abs()));
        if listening.is_empty() {
            "nothing".to_owned()
        } else {
            let listening: Vec<_> = listening.iter().map(ToString::to_string).collect();
            listening.join(", ")
        }
    }

    /// It accepts connections, or did.
    pub(super) fn note_accepting(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }

    /// Whether it has ever accepted a connection.
    pub(super) fn has_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }

    /// It has shown that it works.
    pub(super) fn note_ready(&self) {
        self.note_accepting();
        self.ready.store(true, Ordering::Relaxed);
    }

    /// Whether it has ever shown that it works.
    pub(super) fn was_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
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

    /// Tells the child to end, if it has not ended, and kills it if that takes longer than `limit`. Returns how it ended.
    pub(super) async fn stop(&self, limit: Option<Duration>) -> End {
        if self.process.end().is_none() {
            self.relay(Stop::Terminate);
        }
        let ended = self.process.ended();
        match limit {
            None => ended.await,
            Some(limit) => match timeout(limit, ended).await {
                Ok(end) => end,
                Err(_) => {
                    self.kill_after(limit);
                    self.process.ended().await
                }
            },
        }
    }

    /// Ends the child because it has not ended by itself within `limit`.
    pub(super) fn kill_after(&self, limit: Duration) {
        tracing::warn!(
            pid = self.pid(),
            "Upstream process did not end within {limit:?}; killing it"
        );
        self.kill();
    }

    /// Removes the pid file that it was told to write, once it has ended: it may not have come to that.
    pub(super) fn remove_pid_file(&self) {
        if let Some(path) = &self.pid_file {
            // Its directory goes with us in any case.
            let _ = fs::remove_file(path);
        }
    }

    /// Tells the child to end.
    pub(super) fn relay(&self, stop: Stop) {
        self.told.store(true, Ordering::Relaxed);
        self.process.relay(stop.signal(), stop.name());
    }
}
