//! One request from its beginning to its end, whatever protocol it took.

use std::time::{Duration, Instant, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How a request ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Right,
    Wrong(String),
    ServerError(String),
    Lost(String),
    Refused(String),
}

/// One request from its first write to its end.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) outcome: Outcome,
    pub(crate) statuses: Vec<u16>,
    pub(crate) repeated: u32,
    pub(crate) connections: u32,
    /// WebSockets that the other side closed.
    pub(crate) closed: u32,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            outcome: Outcome::Lost("it has not ended".to_owned()),
            statuses: Vec::new(),
            repeated: 0,
            connections: 0,
            closed: 0,
        }
    }
}

impl Course {
    pub(crate) fn ended(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }
}

/// When a request began: for the length of its wait, and for comparing it with logs.
#[derive(Clone, Copy)]
pub(crate) struct Begin {
    instant: Instant,
    clock: SystemTime,
}

impl Begin {
    pub(crate) fn now() -> Self {
        Self {
            instant: Instant::now(),
            clock: SystemTime::now(),
        }
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.instant.elapsed()
    }

    /// In UTC, as the proxy's log has it.
    pub(crate) fn shown(self) -> String {
        let clock = OffsetDateTime::from(self.clock);
        clock.format(&Rfc3339).unwrap_or_default()
    }
}
