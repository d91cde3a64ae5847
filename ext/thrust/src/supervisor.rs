//! The life of the wrapped process: its boot, its generations, and its end, which is ours.
//!
//! [`Supervisor::run`] is the whole of it. It runs on the main thread and touches no request: what it decides reaches
//! the cores through the [`Service`] and the [`Front`].

mod boot;
mod crash;
mod ending;
mod generation;
mod obstacle;
mod pid_file;
mod restart;
mod retire;
mod status;

use std::cell::{Cell, RefCell};
use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Rlimit;
use thrust_api::message::{Command as Asking, FailureKind, Outcome, State};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::crash::{Crashes, Vacancy};
use self::generation::Generation;
pub(crate) use self::generation::Home;
use self::pid_file::PidFiles;
use self::restart::{Restart, Switched};
use self::retire::Previous;
use crate::config::Config;
use crate::control::{Asked, Control};
use crate::front::Front;
use crate::ports::PortError;
use crate::process::systemd::Notify;
use crate::process::{Command, End, Reaper, Signals, Stop, Told};
use crate::service::Service;
use crate::service::health::Check;

/// The exit status when we, and not the wrapped process, are the reason for the end.
pub(crate) const FAILURE: u8 = 1;

/// What runs the wrapped process.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) plan: Plan,
    pub(crate) service: Arc<Service>,
    pub(crate) front: Front,
    pub(crate) reaper: Reaper,
    pub(crate) notify: Arc<Notify>,
    pub(crate) control: RefCell<Control>,
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
    /// How long a later generation may take to become ready.
    boot_timeout: Duration,
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
            directory: config.directory.clone().or_else(directory_as_named),
            check: Check::new(config.health_path.as_deref(), &config.health_host),
            checked_at_boot: config.health_path.is_some(),
            boot_timeout: config.boot_timeout,
            shutdown_delay: config.shutdown_delay,
            drain_timeout: config.drain_timeout,
            stop_timeout: config.stop_timeout,
            restart_enabled: config.restart_enabled,
        }
    }
}

/// Our working directory under the name that whoever started us had for it: a link to it, such as Capistrano's
/// `current`, may lead to a newer release later.
fn directory_as_named() -> Option<PathBuf> {
    let named = PathBuf::from(env::var_os("PWD")?);
    let is_ours = |named: &Path| {
        let (named, ours) = (fs::metadata(named).ok()?, fs::metadata(".").ok()?);
        Some((named.dev(), named.ino()) == (ours.dev(), ours.ino()))
    };
    (named.is_absolute() && is_ours(&named) == Some(true)).then_some(named)
}

/// How far we are, for those who ask.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    state: Cell<State>,
    /// Generations that were replaced and have not ended yet.
    previous: Previous,
    pid_files: PidFiles,
}

impl Default for Progress {
    /// The run begins now.
    fn default() -> Self {
        Self {
            started: Instant::now(),
            state: Cell::new(State::Booting),
            previous: Previous::default(),
            pid_files: PidFiles::default(),
        }
    }
}

/// What the supervisor is woken for.
enum Event {
    /// The current generation ended by itself.
    Ended(End),
    /// It is time to start the app again.
    PauseOver,
    /// We were sent a signal.
    Told(Told),
    /// We were asked something.
    Asked(Asked),
    /// The next generation took over, unless it failed.
    Restarted(Option<Switched>),
    /// An old generation, of this number, has ended.
    Retired(u64),
    /// The app is there, and clients cannot be let in.
    NotListening(PortError),
}

impl Supervisor {
    /// Starts the app, which is to live in `home`, keeps it, and ends with it. Returns the status to exit with.
    pub(crate) async fn run(
        &self,
        home: Home,
        signals: &mut Signals,
        asked: &mut mpsc::Receiver<Asked>,
    ) -> u8 {
        let mut current = match self.start(1, Arc::new(home), None) {
            Ok(generation) => Arc::new(generation),
            Err(error) => {
                error.log();
                self.leave().await;
                return FAILURE;
            }
        };
        let mut vacancy = None;
        let mut crashes = Crashes::default();
        let mut restart = Restart::default();
        // Kept over all events: one that begins anew for each would never find an app ready that takes its time.
        let mut watching = Box::pin(self.watch(current.clone()));
        loop {
            match self
                .next_event(
                    &current,
                    &mut vacancy,
                    signals,
                    asked,
                    &mut restart,
                    watching.as_mut(),
                )
                .await
            {
                Event::Told(Told::Stop(stop)) => {
                    restart.abandon().await;
                    return self.end(&current, stop, signals, asked).await;
                }
                Event::Told(Told::Relay(relayed)) => {
                    current.process.relay(relayed.signal(), relayed.name());
                }
                Event::Asked(asked) => self.answer(asked, &current, &mut restart),
                Event::Restarted(Some(switched)) => {
                    self.succeed(&mut current, switched);
                    watching.set(self.watch(current.clone()));
                    vacancy = None;
                }
                Event::Restarted(None) => {}
                Event::Retired(number) => self.control.borrow_mut().close_generation(number),
                Event::NotListening(error) => {
                    error.log();
                    restart.abandon().await;
                    self.end(&current, Stop::Terminate, signals, asked).await;
                    return FAILURE;
                }
                Event::Ended(end) => {
                    tracing::info!(pid = current.pid(), how = %end, "Upstream process ended");
                    self.service.await_app();
                    self.control.borrow_mut().close_generation(current.number);
                    // What comes has to show that it works, as this one had.
                    self.service.set_ready(false);
                    vacancy = Some(Vacancy::after(end));
                }
                Event::PauseOver => {
                    if let Some(next) = self.start_again(&current) {
                        current = Arc::new(next);
                        watching.set(self.watch(current.clone()));
                        vacancy = None;
                    }
                }
            }
            // A successor that is on its way takes the place.
            if let Some(vacancy) = vacancy.as_mut().filter(|_| !restart.is_under_way()) {
                if !self.plan.restart_enabled {
                    self.leave().await;
                    self.progress.pid_files.remove(current.pid());
                    return vacancy.end.status();
                }
                vacancy.wait(&mut crashes);
            }
        }
    }

    async fn next_event<'a>(
        &'a self,
        current: &Generation,
        vacancy: &mut Option<Vacancy>,
        signals: &mut Signals,
        asked: &mut mpsc::Receiver<Asked>,
        restart: &mut Restart<'a>,
        watching: Pin<&mut impl Future<Output = PortError>>,
    ) -> Event {
        let is_there = vacancy.is_none();
        // The end comes first: there is no use in telling anything to a child that is gone.
        tokio::select! {
            biased;
            end = current.process.ended(), if is_there => Event::Ended(end),
            told = signals.next() => Event::Told(told),
            switched = restart.done() => Event::Restarted(switched),
            () = crash::pause(vacancy) => Event::PauseOver,
            Some(asked) = asked.recv() => Event::Asked(asked),
            number = self.progress.previous.next_ended() => Event::Retired(number),
            error = watching, if is_there => Event::NotListening(error),
            never = self.explain_waits(current) => match never {},
        }
    }

    /// Does what was asked, or begins to.
    fn answer<'a>(&'a self, asked: Asked, current: &Arc<Generation>, restart: &mut Restart<'a>) {
        let Asked {
            command,
            through,
            reply,
        } = asked;
        tracing::debug!(?command, generation = through, "Asked");
        match command {
            Asking::Status => reply.ok(Outcome::Status(Box::new(
                self.status(current, restart.is_under_way()),
            ))),
            Asking::Restart { .. } | Asking::Upgrade { .. } if restart.is_under_way() => {
                reply.error(
                    FailureKind::Busy,
                    "a restart is under way already; `thrust status` shows how far it is",
                );
            }
            Asking::Restart { timeout } => {
                let ending = restart.ending();
                restart.begin(self.restart(current.clone(), timeout, reply, ending));
            }
            Asking::Upgrade { .. } => reply.error(
                FailureKind::Unavailable,
                "this version cannot put another binary in its place; stop it and start the new one",
            ),
        }
    }
}
