//! An app that ends by itself and is to be started again: after growing pauses, so that one that cannot run does not
//! keep the machine busy.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Supervisor;
use super::generation::Generation;
use crate::process::End;

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An app that ran for so long is no longer the one that could not run.
const STABLE: Duration = Duration::from_secs(60);

/// How long to wait before the app is started again. Made anew for a generation that has shown that it works.
#[derive(Debug)]
pub(super) struct Crashes {
    started: Instant,
    pause: Duration,
}

impl Default for Crashes {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            pause: FIRST_PAUSE,
        }
    }
}

impl Crashes {
    /// The app, started last when this was made or called, has ended now.
    fn next_pause(&mut self) -> Duration {
        let pause = if self.started.elapsed() >= STABLE {
            FIRST_PAUSE
        } else {
            self.pause
        };
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        self.started = Instant::now() + pause;
        pause
    }
}

/// The place of a generation that has ended by itself.
#[derive(Debug)]
pub(super) struct Vacancy {
    /// How it ended.
    pub(super) end: End,
    /// Until when it stays empty, if the app is to be started again.
    until: Option<Instant>,
}

impl Vacancy {
    pub(super) fn after(end: End) -> Self {
        Self { end, until: None }
    }

    /// Begins a pause, unless one has begun.
    pub(super) fn wait(&mut self, crashes: &mut Crashes) {
        if self.until.is_none() {
            let pause = crashes.next_pause();
            tracing::warn!(pause = ?pause, "Starting the upstream process again after a pause");
            self.until = Some(Instant::now() + pause);
        }
    }
}

/// Returns at the end of a pause that has begun, which is over then. May be dropped and called again.
pub(super) async fn pause(vacancy: &mut Option<Vacancy>) {
    let Some(vacancy) = vacancy else {
        return std::future::pending().await;
    };
    match vacancy.until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
    vacancy.until = None;
}

impl Supervisor {
    /// Starts the app that was `ended` again, where it was. `None` if that failed, which is logged.
    pub(super) fn start_again(&self, ended: &Generation) -> Option<Generation> {
        self.start(ended.number + 1, ended.home.clone(), ended.pid_file.clone())
            .inspect_err(|error| error.log())
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_a_bound_and_begin_anew_after_a_good_run() {
        let mut crashes = Crashes::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let pause = crashes.next_pause();
            tokio::time::sleep(pause).await;
            pauses.push(pause.as_millis());
        }

        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        tokio::time::sleep(STABLE).await;
        assert_eq!(crashes.next_pause(), FIRST_PAUSE);
        assert_eq!(crashes.next_pause(), FIRST_PAUSE * 2);
    }
}
