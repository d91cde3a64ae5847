//! The order of the end: requests first, then the app, then we.
//!
//! Readiness off, SHUTDOWN_DELAY, the listeners closed, requests finished within DRAIN_TIMEOUT, the signal to the app,
//! STOP_TIMEOUT and KILL. A second signal reaches the app at once, a third kills it.

use std::pin::pin;
use std::time::Duration;

use thrust_api::message::{Command as Asking, FailureKind, Outcome, State};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Supervisor;
use super::generation::Generation;
use super::restart::ENDING;
use crate::control::Asked;
use crate::process::{Signals, Stop, Told, terminal};

/// What clients have at least to take the last bytes once the app has ended, and whatever that ended with it.
pub(super) const LAST_BYTES: Duration = Duration::from_secs(1);
/// How long an app may take to show that whoever signalled us has signalled it, too.
const SETTLING: Duration = Duration::from_millis(250);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(25);
/// So many signals to end mean now, whatever becomes of requests and of the app.
const NO_MORE_PATIENCE: usize = 3;

impl Supervisor {
    /// Ends because we were told to. Returns the status to exit with, the app's own.
    pub(super) async fn end(
        &self,
        current: &Generation,
        stop: Stop,
        signals: &mut Signals,
        asked: &mut mpsc::Receiver<Asked>,
    ) -> u8 {
        let told = Instant::now();
        self.service.set_ready(false);
        self.notify.stopping();
        self.progress.state.set(State::Draining);
        // Only now: who reads it may rely on it.
        tracing::info!(signal = stop.name(), "Told to end; finishing requests first");
        let mut insistence = 1;
        let ended = {
            let mut leaving = pin!(self.end_app(current, stop, told));
            let mut left = false;
            loop {
                tokio::select! {
                    biased;
                    end = current.process.ended() => break end,
                    told = signals.next() => match told {
                        Told::Stop(again) => {
                            insistence += 1;
                            insist(current, again, insistence);
                            self.insist_on_old(again, insistence);
                        }
                        Told::Relay(relayed) => current.process.relay(relayed.signal(), relayed.name()),
                    },
                    Some(asked) = asked.recv() => self.answer_at_the_end(asked, current),
                    () = &mut leaving, if !left => left = true,
                }
            }
        };
        self.overview.child.ended();
        tracing::debug!(pid = current.pid(), how = %ended, "Upstream process ended");
        self.finish(told + self.tuning.waits().drain, signals, insistence)
            .await;
        self.progress.pid_files.remove(current.pid());
        ended.status()
    }

    fn answer_at_the_end(&self, asked: Asked, current: &Generation) {
        match asked.command {
            Asking::Status => asked
                .reply
                .ok(Outcome::Status(Box::new(self.status(current, false)))),
            Asking::Metrics => asked.reply.ok(Outcome::Metrics(self.overview.snapshot())),
            Asking::Config => asked.reply.ok(Outcome::Config(self.tuning.report())),
            Asking::Configure(_) | Asking::Restart { .. } | Asking::Upgrade { .. } => {
                asked.reply.error(FailureKind::Unavailable, ENDING);
            }
        }
    }

    /// Brings the app to its end; returns once nothing is left to be done about it.
    async fn end_app(&self, current: &Generation, stop: Stop, told: Instant) {
        // Ctrl-C went to the app as well: another one would cut short what it does after the first.
        let has_heard = stop == Stop::Interrupt && terminal::is_foreground();
        let is_there = current.has_accepted();
        if is_there {
            sleep(self.tuning.waits().shutdown).await;
        } else {
            // It has nothing to finish, and whoever waits for it waits in vain.
            if !has_heard {
                current.relay(stop);
            }
            self.service.give_up();
        }
        let since = Instant::now();
        self.front.close().await;
        self.front.drain(self.tuning.waits().drain).await;
        if has_heard || (is_there && self.is_stopping(told).await) {
            tracing::info!("The app stops by itself; not telling it again");
            sleep_until(since + self.tuning.waits().drain).await;
        }
        self.service.let_go();
        if !current.was_told() {
            current.relay(stop);
        }
        self.progress.state.set(State::Stopping);
        if let Some(limit) = self.tuning.waits().stop {
            sleep(limit).await;
            current.kill_after(limit);
        }
    }

    /// Whether the app refuses connections that it once accepted. It may take a moment to do so after the signal.
    async fn is_stopping(&self, told: Instant) -> bool {
        let target = self.service.target();
        if !target.is_local() {
            return false;
        }
        loop {
            match timeout(SETTLING, target.connect()).await {
                Ok(Err(_)) => return true,
                Ok(Ok(_)) => {}
                // Neither taken nor refused: it has not closed its queue, which is full.
                Err(_) => return false,
            }
            if told.elapsed() >= SETTLING {
                return false;
            }
            sleep(LOOK).await;
        }
    }

    /// Ends because there is no app any more: what is in flight is finished.
    pub(super) async fn leave(&self, signals: &mut Signals) {
        self.finish(Instant::now() + self.tuning.waits().drain, signals, 0)
            .await;
    }

    /// The last of the end, once the app is gone; `due` is when requests should have been finished, and `insistence` how
    /// often we were told to end.
    async fn finish(&self, due: Instant, signals: &mut Signals, mut insistence: usize) {
        tracing::info!("Server stopping");
        self.progress.state.set(State::Stopping);
        self.service.set_ready(false);
        self.service.give_up();
        self.front.close().await;
        let left = due.saturating_duration_since(Instant::now()).max(LAST_BYTES);
        // Older generations may not have ended yet; what they have not done by then they do without us.
        let old = timeout(left, self.progress.previous.ended());
        let mut finished = pin!(async { tokio::join!(self.front.drain(left), old) });
        while insistence < NO_MORE_PATIENCE {
            tokio::select! {
                _ = &mut finished => break,
                told = signals.next() => if let Told::Stop(again) = told {
                    insistence += 1;
                    self.insist_on_old(again, insistence);
                },
            }
        }
        self.front.end(LAST_BYTES).await;
    }

    fn insist_on_old(&self, stop: Stop, times: usize) {
        for old in self.progress.previous.generations() {
            insist(&old, stop, times);
        }
    }
}

/// Says what a repeated signal says: the second one now, the third one whatever the app makes of it.
fn insist(generation: &Generation, stop: Stop, times: usize) {
    if generation.process.end().is_some() {
        return;
    }
    match times {
        ..2 => {}
        2 => generation.relay(stop),
        NO_MORE_PATIENCE.. => {
            tracing::warn!(
                signal = stop.name(),
                times,
                "Told again to end; killing the upstream process"
            );
            generation.kill();
        }
    }
}
