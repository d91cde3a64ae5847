//! What the app's settings change while we run: a push is checked as one unit, kept for its generation, and takes
//! effect as a whole.
//!
//! What holds is always that of the generation in service. One that still boots is heard too, and its settings wait
//! until requests go to it; one that was replaced is not. Until an app has pushed anything, and while it restarts, what
//! held before holds.

mod held;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thrust_api::message::{Configuration, Configured, Failure, FailureKind, Overridden, Push};
use thrust_api::settings::{Settings, Source};

pub(crate) use self::held::{Held, Left};
use crate::config::Config;
use crate::core::Core;
use crate::log::Threshold;
use crate::room::Room;
use crate::service::Service;

/// How long the supervisor waits for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    /// How long opening a connection to the app may take.
    pub(crate) connect: Duration,
    /// How long a later generation may take to become ready.
    pub(crate) boot: Duration,
    /// How long we still take requests after a signal to end.
    pub(crate) shutdown: Duration,
    /// How long requests under way may take to end.
    pub(crate) drain: Duration,
    /// How long the app may take to end before it is killed.
    pub(crate) stop: Option<Duration>,
}

impl From<&Config> for Waits {
    fn from(config: &Config) -> Self {
        Self {
            connect: config.target_connect_timeout,
            boot: config.boot_timeout,
            shutdown: config.shutdown_delay,
            drain: config.drain_timeout,
            stop: config.stop_timeout,
        }
    }
}

/// Where settings take effect.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) cores: Vec<Arc<Core>>,
    pub(crate) service: Arc<Service>,
    pub(crate) room: Arc<Room>,
    pub(crate) threshold: Threshold,
}

/// Hears what apps push.
#[derive(Debug)]
pub(crate) struct Tuning {
    held: RefCell<Held>,
    /// What generations have pushed that are not in service yet.
    waiting: RefCell<BTreeMap<u64, (Settings, Push)>>,
    waits: Cell<Waits>,
    /// Whether any app has pushed.
    spoken: Arc<AtomicBool>,
    parts: Parts,
}

impl Tuning {
    /// `config` is what `held` gives, and holds in all `parts` already.
    pub(crate) fn new(held: Held, config: &Config, parts: Parts) -> Self {
        let spoken = held.push.is_some();
        Self {
            held: RefCell::new(held),
            waiting: RefCell::default(),
            waits: Cell::new(config.into()),
            spoken: Arc::new(spoken.into()),
            parts,
        }
    }

    /// Takes what generation `from` has pushed while `serving` is in service.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Superseded`], or [`FailureKind::Invalid`] with everything that is wrong with it; then nothing has
    /// changed.
    pub(crate) fn configure(&self, from: u64, serving: u64, push: Push) -> Result<Configured, Failure> {
        if from < serving {
            let message = format!("generation {from} was replaced by generation {serving}");
            return Err(Failure::new(FailureKind::Superseded, message));
        }
        let settings = self
            .held
            .borrow()
            .settings
            .with_pushed(push.settings.clone())
            .map_err(|rejection| Failure::invalid(&rejection.faults))?;
        self.spoken.store(true, Ordering::Relaxed);

        let configured = Configured {
            generation: from,
            changed: self.changed(from, &push),
            overridden: overridden(&settings),
            sendfile_secret: self.held.borrow().secret.clone(),
        };
        if from > serving {
            tracing::debug!(generation = from, "Settings wait for their generation");
            self.waiting.borrow_mut().insert(from, (settings, push));
        } else if self.held.borrow().push.as_ref() != Some(&push) {
            tracing::info!(
                generation = from,
                settings = configured.changed.join(", "),
                "The app has told its settings"
            );
            self.apply(settings, push);
        }
        Ok(configured)
    }

    /// From now on generation `number` is in service.
    pub(crate) fn serves(&self, number: u64) {
        let mut waiting = self.waiting.borrow_mut();
        let pushed = waiting.remove(&number);
        *waiting = waiting.split_off(&number);
        drop(waiting);
        if let Some((settings, push)) = pushed {
            self.apply(settings, push);
        }
    }

    /// Generation `number` will never be in service.
    pub(crate) fn forget(&self, number: u64) {
        self.waiting.borrow_mut().remove(&number);
    }

    /// What holds, for those who ask.
    pub(crate) fn report(&self) -> Configuration {
        let held = self.held.borrow();
        Configuration {
            settings: held.settings.entries().iter().map(Into::into).collect(),
            app: held.push.as_ref().map(|push| push.app.clone()),
        }
    }

    /// How long the supervisor waits for what, as things are.
    pub(crate) fn waits(&self) -> Waits {
        self.waits.get()
    }

    /// Whether any app has pushed, kept up to date.
    pub(crate) fn spoken(&self) -> Arc<AtomicBool> {
        self.spoken.clone()
    }

    /// What the next image of this process needs to know.
    pub(crate) fn left(&self) -> Left {
        self.held.borrow().left()
    }

    fn apply(&self, settings: Settings, push: Push) {
        let mut held = self.held.borrow_mut();
        for warning in settings
            .warnings
            .iter()
            .filter(|warning| !held.settings.warnings.contains(warning))
        {
            tracing::warn!("{warning}");
        }
        held.settings = settings;
        held.push = Some(push);
        let config = held.config();
        drop(held);

        let Parts {
            cores,
            service,
            room,
            threshold,
        } = &self.parts;
        threshold.set(config.log_level);
        room.set_addresses(&config);
        service.set_turns(&config);
        for core in cores {
            core.set(&config);
        }
        self.waits.set(Waits::from(&config));
    }

    /// The names of the settings in `push` that are other ones than what generation `from` has pushed before, or
    /// whoever is in service.
    fn changed(&self, from: u64, push: &Push) -> Vec<String> {
        let waiting = self.waiting.borrow();
        let held = self.held.borrow();
        let before = waiting
            .get(&from)
            .map_or(held.settings.pushed(), |(settings, _)| settings.pushed());
        let names: BTreeSet<_> = before.keys().chain(push.settings.keys()).collect();
        names
            .into_iter()
            .filter(|name| before.get(*name) != push.settings.get(*name))
            .cloned()
            .collect()
    }
}

/// What was pushed and has no effect, because somebody nearer to the machine has said otherwise.
fn overridden(settings: &Settings) -> Vec<Overridden> {
    let entries = settings.entries().iter();
    entries
        .filter(|entry| !matches!(entry.source, Source::Rails | Source::Default))
        .filter(|entry| settings.pushed().contains_key(&entry.setting.pushed_name()))
        .map(|entry| Overridden {
            setting: entry.setting.pushed_name(),
            source: entry.source.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
