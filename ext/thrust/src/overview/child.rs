//! The current generation, as the supervisor tells of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use thrust_api::snapshot::Family;

use super::family::{counter, gauge};
use crate::date::since_1970;
use crate::metrics::Counter;

/// What is known of the current generation. Only the main thread changes it.
#[derive(Debug, Default)]
pub(crate) struct Child {
    generation: AtomicU64,
    /// In seconds since 1970.
    started: AtomicU64,
    up: AtomicBool,
    /// Generations that took the place of another.
    restarts: Counter,
    /// Generations that ended by themselves.
    exits: Counter,
}

impl Child {
    /// Notes which generation is the current one, and when it was started.
    pub(crate) fn serves(&self, generation: u64, started: SystemTime) {
        // At first there is none to take the place of.
        if self.generation.swap(generation, Ordering::Relaxed) != 0 {
            self.restarts.add(1);
        }
        self.started.store(since_1970(started), Ordering::Relaxed);
        self.up.store(true, Ordering::Relaxed);
    }

    /// Notes that the current generation ended without being told to.
    pub(crate) fn exited(&self) {
        self.exits.add(1);
        self.ended();
    }

    /// Notes that the current generation has ended.
    pub(crate) fn ended(&self) {
        self.up.store(false, Ordering::Relaxed);
        self.started.store(0, Ordering::Relaxed);
    }

    /// All that is known; `ready` says whether requests are welcome.
    pub(super) fn families(&self, ready: bool) -> [Family; 6] {
        [
            gauge(
                "thrust_child_up",
                "Whether the process of the app runs",
                self.up.load(Ordering::Relaxed).into(),
            ),
            gauge(
                "thrust_child_ready",
                "Whether the app has shown that it works, accepts connections, and thrust is not ending",
                ready.into(),
            ),
            gauge(
                "thrust_child_generation",
                "The generation of the app that gets the requests, counted from 1",
                self.generation.load(Ordering::Relaxed),
            ),
            gauge(
                "thrust_child_start_time_seconds",
                "When the process of the app was started, in seconds since 1970; 0 while there is none",
                self.started.load(Ordering::Relaxed),
            ),
            counter(
                "thrust_child_restarts_total",
                "Generations of the app that took the place of another",
                self.restarts.get(),
            ),
            counter(
                "thrust_child_exits_total",
                "Generations of the app that ended without being told to",
                self.exits.get(),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use thrust_api::snapshot::Samples;

    use super::*;

    /// Up, generation, start, restarts, exits.
    fn seen(child: &Child) -> Vec<f64> {
        let families = child.families(false).into_iter();
        let values = families.filter(|family| family.name != "thrust_child_ready");
        let value = |family: Family| match family.samples {
            Samples::Counter(samples) | Samples::Gauge(samples) => samples[0].value,
            Samples::Histogram(_) => f64::NAN,
        };
        values.map(value).collect()
    }

    #[test]
    fn the_first_generation_is_no_restart_and_one_that_ended_is_not_up() {
        let child = Child::default();
        let started = UNIX_EPOCH + Duration::from_secs(1_700_000_000);

        assert_eq!(seen(&child), [0.0; 5]);
        child.serves(1, started);
        assert_eq!(seen(&child), [1.0, 1.0, 1.7e9, 0.0, 0.0]);
        child.exited();
        assert_eq!(seen(&child), [0.0, 1.0, 0.0, 0.0, 1.0]);
        child.serves(2, started);
        child.ended();
        assert_eq!(seen(&child), [0.0, 2.0, 0.0, 1.0, 1.0]);
    }
}
