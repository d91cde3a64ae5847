//! What is done while the app runs: signals and commands are heeded, whoever ends is replaced, until somebody is to go.

use std::pin::Pin;
use std::sync::Arc;

use thrust_api::message::{Command as Asking, FailureKind, Outcome};
use tokio::sync::mpsc;

use super::crash::{self, Crashes, Vacancy};
use super::generation::Generation;
use super::restart::{Restart, Switched};
use super::upgrade::{Ready, Upgrade};
use super::{FAILURE, Supervisor};
use crate::control::Asked;
use crate::ports::PortError;
use crate::process::{End, Signals, Stop, Told};

/// How a run comes to its end.
pub(super) enum Last {
    /// There is no app any more; exit with this status.
    Status(u8),
    /// Another program goes on with the app.
    Departure(Arc<Generation>, Ready),
}

/// What is heeded, and what it may change.
struct Keeper<'a> {
    supervisor: &'a Supervisor,
    current: Arc<Generation>,
    /// Set while the current generation has ended and nothing has taken its place.
    vacancy: Option<Vacancy>,
    crashes: Crashes,
    restart: Restart<'a>,
    upgrade: Upgrade<'a>,
    /// Kept over all events: one that begins anew for each would never find an app ready that takes its time.
    watching: Pin<Box<dyn Future<Output = PortError> + 'a>>,
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
    /// Another program may take our place, unless it failed.
    Upgraded(Option<Ready>),
    /// The app is there, and clients cannot be let in.
    NotListening(PortError),
}

impl Supervisor {
    /// Keeps the app, which is at `current`, until it has ended or another program is to go on with it.
    pub(super) async fn keep(
        &self,
        current: Generation,
        signals: &mut Signals,
        asked: &mut mpsc::Receiver<Asked>,
    ) -> Last {
        let current = Arc::new(current);
        let mut keeper = Keeper {
            supervisor: self,
            watching: Box::pin(self.watch(current.clone())),
            current,
            vacancy: None,
            crashes: Crashes::default(),
            restart: Restart::default(),
            upgrade: Upgrade::default(),
        };
        loop {
            let event = keeper.next_event(signals, asked).await;
            match event {
                Event::Told(Told::Stop(stop)) => return keeper.end(stop, signals, asked).await,
                Event::NotListening(error) => {
                    error.log();
                    keeper.end(Stop::Terminate, signals, asked).await;
                    return Last::Status(FAILURE);
                }
                Event::Upgraded(Some(ready)) => return Last::Departure(keeper.current, ready),
                Event::Told(Told::Relay(relayed)) => {
                    // Else nobody is there to be told.
                    if keeper.vacancy.is_none() {
                        keeper.current.process.relay(relayed.signal(), relayed.name());
                    }
                }
                Event::Asked(asked) => keeper.answer(asked),
                Event::Restarted(Some(switched)) => {
                    self.succeed(&mut keeper.current, switched);
                    keeper.crashes = Crashes::default();
                    keeper.is_filled();
                }
                Event::Restarted(None) | Event::Upgraded(None) => {}
                Event::Retired(number) => self.control.borrow_mut().close_generation(number),
                // It was awaited since before that began.
                Event::Ended(_) if self.progress.departing.get() => {}
                Event::Ended(end) => keeper.is_vacant(end),
                Event::PauseOver => {
                    if let Some(next) = self.start_again(&keeper.current) {
                        keeper.current = Arc::new(next);
                        keeper.is_filled();
                    }
                }
            }
            // A successor that is on its way takes the place.
            if let Some(vacancy) = keeper.vacancy.as_mut().filter(|_| !keeper.restart.is_under_way()) {
                if !self.plan.restart_enabled {
                    self.leave(signals).await;
                    self.progress.pid_files.remove(keeper.current.pid());
                    return Last::Status(vacancy.end.status());
                }
                vacancy.wait(&mut keeper.crashes);
            }
        }
    }
}

impl Keeper<'_> {
    async fn next_event(&mut self, signals: &mut Signals, asked: &mut mpsc::Receiver<Asked>) -> Event {
        let progress = &self.supervisor.progress;
        let is_there = self.vacancy.is_none();
        // While we finish for another program, what happens to the app is that program's business.
        let is_ours = is_there && !progress.departing.get();
        // A restart that is under way brings an app already.
        let is_to_start = !self.restart.is_under_way();
        // The end comes first: there is no use in telling anything to a child that is gone.
        tokio::select! {
            biased;
            end = self.current.process.ended(), if is_ours => Event::Ended(end),
            told = signals.next() => Event::Told(told),
            switched = self.restart.done() => Event::Restarted(switched),
            ready = self.upgrade.done() => Event::Upgraded(ready),
            () = crash::pause(&mut self.vacancy), if is_to_start => Event::PauseOver,
            Some(asked) = asked.recv() => Event::Asked(asked),
            number = progress.previous.next_ended() => Event::Retired(number),
            error = &mut self.watching, if is_there => Event::NotListening(error),
            never = self.supervisor.explain_waits(&self.current) => match never {},
        }
    }

    /// The current generation has ended by itself.
    fn is_vacant(&mut self, end: End) {
        tracing::info!(pid = self.current.pid(), how = %end, "Upstream process ended");
        let Supervisor {
            service,
            control,
            overview,
            ..
        } = self.supervisor;
        overview.child.exited();
        service.await_app();
        // What comes has to show that it works, as this one had.
        service.set_ready(false);
        control.borrow_mut().close_generation(self.current.number);
        self.vacancy = Some(Vacancy::after(end));
    }

    /// Another generation is the current one.
    fn is_filled(&mut self) {
        let overview = &self.supervisor.overview;
        overview.child.serves(self.current.number, self.current.started);
        self.watching = Box::pin(self.supervisor.watch(self.current.clone()));
        self.vacancy = None;
    }

    /// Ends because we were told to.
    async fn end(&mut self, stop: Stop, signals: &mut Signals, asked: &mut mpsc::Receiver<Asked>) -> Last {
        self.upgrade.abandon();
        self.restart.give_up().await;
        Last::Status(self.supervisor.end(&self.current, stop, signals, asked).await)
    }

    /// Does what was asked, or begins to.
    fn answer(&mut self, asked: Asked) {
        let Asked {
            command,
            through,
            reply,
        } = asked;
        tracing::debug!(?command, generation = through, "Asked");
        let supervisor = self.supervisor;
        match command {
            Asking::Status => {
                let status = supervisor.status(&self.current, self.restart.is_under_way());
                reply.ok(Outcome::Status(Box::new(status)));
            }
            Asking::Metrics => reply.ok(Outcome::Metrics(supervisor.overview.snapshot())),
            Asking::Config => reply.ok(Outcome::Config(supervisor.tuning.report())),
            Asking::Configure(push) => match through {
                Some(generation) => {
                    let serving = self.current.number;
                    match supervisor.tuning.configure(generation, serving, *push) {
                        Ok(configured) => reply.ok(Outcome::Configured(configured)),
                        Err(failure) => reply.fail(failure),
                    }
                }
                None => reply.error(
                    FailureKind::Unavailable,
                    "only an app pushes settings, through the socket that its THRUSTER_CONTROL_SOCKET names",
                ),
            },
            Asking::Restart { .. } | Asking::Upgrade { .. } if self.restart.is_under_way() => {
                reply.error(
                    FailureKind::Busy,
                    "a restart is under way already; `thrust status` shows how far it is",
                );
            }
            Asking::Restart { .. } | Asking::Upgrade { .. } if self.upgrade.is_under_way() => {
                reply.error(FailureKind::Busy, "thrust itself is being replaced already");
            }
            Asking::Restart { timeout } => {
                let ending = self.restart.ending();
                self.restart
                    .begin(supervisor.restart(self.current.clone(), timeout, reply, ending));
            }
            Asking::Upgrade { timeout } => match supervisor.excludes_upgrade() {
                Some((kind, message)) => reply.error(kind, message),
                None => {
                    let current = self.current.clone();
                    self.upgrade.begin(supervisor.upgrade(current, timeout, reply));
                }
            },
        }
    }
}
