//! The life of the wrapped process: its boot, its generations, and its end, which is ours.
//!
//! [`Supervisor::run`] is the whole of it, and `keep` what it does most of the time. It runs on the main thread and
//! touches no request: what it decides reaches the cores through the [`Service`] and the [`Front`].

mod boot;
mod crash;
mod ending;
mod generation;
mod keep;
mod obstacle;
mod pid_file;
mod restart;
mod retire;
mod silence;
mod status;
mod trial;
mod underway;
mod upgrade;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Rlimit;
use thrust_api::message::State;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub(crate) use self::generation::Home;
use self::keep::Last;
use self::pid_file::PidFiles;
use self::retire::Previous;
pub(crate) use self::upgrade::Departure;
use crate::config::Config;
use crate::control::{Asked, Control};
use crate::front::Front;
use crate::hand_over::HandOver;
use crate::overview::{Endpoint, Overview};
use crate::process::systemd::Notify;
use crate::process::{Command, Reaper, Signals, StartError};
use crate::service::Service;
use crate::service::health::Check;
use crate::tuning::Tuning;
use crate::working_directory;

/// The exit status when we, and not the wrapped process, are the reason for the end.
pub(crate) const FAILURE: u8 = 1;

/// What runs the wrapped process.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) plan: Arc<Plan>,
    pub(crate) service: Arc<Service>,
    pub(crate) front: Arc<Front>,
    pub(crate) reaper: Reaper,
    pub(crate) notify: Arc<Notify>,
    pub(crate) control: RefCell<Control>,
    /// What those who ask for metrics are told,
    pub(crate) overview: Arc<Overview>,
    /// and the port on which they ask, if there is one.
    pub(crate) endpoint: Option<Endpoint>,
    /// What apps have pushed.
    pub(crate) tuning: Tuning,
    pub(crate) progress: Progress,
}

/// What is to be done about the wrapped process.
#[derive(Debug)]
pub(crate) struct Plan {
    command: Command,
    /// The limit on open files that a child gets.
    descriptors: Rlimit,
    /// Where later generations start; `None` for where we were started.
    directory: Option<PathBuf>,
    /// What the app is asked to find out whether it is ready,
    check: Check,
    /// and whether it is asked at its first boot, too.
    checked_at_boot: bool,
    /// Whether the app is started again when it ends by itself.
    restart_enabled: bool,
}

impl Plan {
    /// `descriptors` is the limit on open files that we were started with.
    pub(crate) fn new(config: &Config, command: Command, descriptors: Rlimit) -> Self {
        Self {
            command,
            descriptors,
            directory: config.directory.clone().or_else(working_directory::as_called),
            check: Check::new(config.health_path.as_deref(), &config.health_host),
            checked_at_boot: config.health_path.is_some(),
            restart_enabled: config.restart_enabled,
        }
    }
}

/// How far we are, for those who ask.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    state: Cell<State>,
    /// Generations that were replaced and have not ended yet.
    previous: Previous,
    pid_files: PidFiles,
    /// Whether we finish requests so that another program can take our place. Whatever happens to the app meanwhile is
    /// that program's business.
    departing: Cell<bool>,
}

impl Progress {
    /// How long the run has gone on.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// The run began so long ago.
    pub(crate) fn since(uptime: Duration) -> Self {
        let now = Instant::now();
        Self {
            started: now.checked_sub(uptime).unwrap_or(now),
            state: Cell::new(State::Booting),
            previous: Previous::default(),
            pid_files: PidFiles::default(),
            departing: Cell::new(false),
        }
    }
}

/// What a run begins with.
#[derive(Debug)]
pub(crate) enum Beginning {
    /// The app is to be started, to live there.
    Boot(Home),
    /// The app runs already.
    TakeOver(Box<HandOver>),
}

/// What a run ends with.
#[derive(Debug)]
pub(crate) enum Finish {
    /// The process is to exit with this status.
    Exit(u8),
    /// Another program is to take our place.
    Depart(Box<Departure>),
}

impl Supervisor {
    /// Starts the app, or takes it over; keeps it, and ends with it, unless another program is to go on with it. Only
    /// on the main thread; to take over, before the first await since the reaper was made.
    pub(crate) async fn run(
        self,
        beginning: Beginning,
        signals: &mut Signals,
        asked: &mut mpsc::Receiver<Asked>,
    ) -> Finish {
        let current = match beginning {
            Beginning::Boot(home) => self
                .start(1, Arc::new(home), None)
                .inspect_err(StartError::log)
                .ok(),
            Beginning::TakeOver(hand_over) => self
                .take_over(*hand_over)
                .inspect_err(|error| tracing::error!(%error, "Failed to take over the app"))
                .ok(),
        };
        let Some(current) = current else {
            self.leave(signals).await;
            return Finish::Exit(FAILURE);
        };
        self.overview.child.serves(current.number, current.started);
        self.expect_settings();
        match self.keep(current, signals, asked).await {
            Last::Status(status) => Finish::Exit(status),
            Last::Departure(current, ready) => Finish::Depart(Box::new(self.hand_over(current, ready).await)),
        }
    }
}
