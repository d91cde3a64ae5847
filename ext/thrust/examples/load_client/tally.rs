//! What became of the requests: counted by kind, with the longest wait and the first failures, and judged at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::course::{Begin, Course, Outcome};
use crate::ids::Seen;
use crate::plan::Kind;

/// Failures of each kind that a report describes.
const DESCRIBED: usize = 5;

/// One kind's line of the report; the counts are described in `main.rs`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) right: u64,
    pub(crate) wrong: u64,
    pub(crate) server_errors: u64,
    pub(crate) lost: u64,
    pub(crate) refused: u64,
    pub(crate) repeated: u64,
    pub(crate) closed: u64,
    pub(crate) doubled: u64,
    pub(crate) unseen: u64,
    pub(crate) connections: u64,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) longest: Option<Wait>,
}

/// How long a request waited, beyond the time that its answer takes by itself.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Wait {
    pub(crate) ms: u64,
    /// When the request began, in UTC.
    pub(crate) at: String,
    pub(crate) id: String,
}

/// A failure with what helps to find its cause.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) what: &'static str,
    pub(crate) detail: String,
    /// When the request began, in UTC.
    pub(crate) at: String,
    pub(crate) after_ms: u64,
}

/// What is printed in the end.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) ok: bool,
    pub(crate) seconds: f64,
    pub(crate) total: Counts,
    pub(crate) kinds: BTreeMap<&'static str, Counts>,
    pub(crate) failures: Vec<Failure>,
}

/// The counts while they grow.
pub(crate) struct Tally {
    started: Instant,
    until_refused: bool,
    counts: BTreeMap<Kind, Counts>,
    failures: Vec<Failure>,
    /// Ids that the app must have seen, with their kind.
    to_be_seen: Vec<(Kind, String)>,
    /// Workers that wait for their first right answer.
    waiting: BTreeSet<(Kind, u32)>,
}

impl Tally {
    /// For these workers.
    pub(crate) fn new(workers: impl IntoIterator<Item = (Kind, u32)>, until_refused: bool) -> Self {
        let waiting: BTreeSet<_> = workers.into_iter().collect();
        let kinds = waiting.iter().map(|(kind, _)| (*kind, Counts::default()));
        Self {
            started: Instant::now(),
            until_refused,
            counts: kinds.collect(),
            failures: Vec::new(),
            to_be_seen: Vec::new(),
            waiting,
        }
    }

    /// Counts a request that has ended; `own_time` of its course was not waiting. True when this was the first right
    /// answer of the last worker that had none.
    pub(crate) fn record(
        &mut self,
        (kind, worker): (Kind, u32),
        id: String,
        begin: Begin,
        own_time: Duration,
        course: Course,
    ) -> bool {
        let waited = begin.elapsed().saturating_sub(own_time);
        let counts = self.counts.entry(kind).or_default();
        counts.add(&course);
        let failure = match course.outcome {
            Outcome::Right => {
                counts.wait(waited, begin, &id);
                if kind.is_counted_by_app() {
                    self.to_be_seen.push((kind, id));
                }
                return self.waiting.remove(&(kind, worker)) && self.waiting.is_empty();
            }
            Outcome::Refused(_) if self.until_refused => return false,
            Outcome::Refused(detail) => ("refused", detail),
            Outcome::Wrong(detail) => ("wrong", detail),
            Outcome::ServerError(detail) => ("server error", detail),
            Outcome::Lost(detail) => ("lost", detail),
        };
        self.describe(kind, id, failure, begin);
        false
    }

    fn describe(&mut self, kind: Kind, id: String, (what, detail): (&'static str, String), begin: Begin) {
        if self
            .failures
            .iter()
            .filter(|failure| failure.kind == kind)
            .count()
            < DESCRIBED
        {
            self.failures.push(Failure {
                kind,
                id,
                what,
                detail,
                at: begin.shown(),
                after_ms: milliseconds(begin.elapsed()),
            });
        }
    }

    /// The report; `seen` is what the app says it has seen.
    pub(crate) fn finish(mut self, seen: Option<&Seen>) -> Report {
        if let Some(seen) = seen {
            self.compare(seen);
        }
        let total = Counts::sum(self.counts.values());
        Report {
            ok: total.are_clean(self.until_refused),
            seconds: self.started.elapsed().as_secs_f64(),
            total,
            kinds: self
                .counts
                .into_iter()
                .map(|(kind, counts)| (kind.name(), counts))
                .collect(),
            failures: self.failures,
        }
    }

    fn compare(&mut self, seen: &Seen) {
        for (kind, id) in std::mem::take(&mut self.to_be_seen) {
            if !seen.has(&id) {
                self.counts.entry(kind).or_default().unseen += 1;
                self.describe(
                    kind,
                    id,
                    ("unseen", "answered, but the app has not noted it".to_owned()),
                    Begin::now(),
                );
            }
        }
        for (kind, id, times) in seen.doubled() {
            self.counts.entry(kind).or_default().doubled += 1;
            let detail = format!("the app has seen it {times} times");
            self.describe(kind, id.to_owned(), ("doubled", detail), Begin::now());
        }
    }
}

impl Counts {
    fn add(&mut self, course: &Course) {
        let counted = match course.outcome {
            Outcome::Right => &mut self.right,
            Outcome::Wrong(_) => &mut self.wrong,
            Outcome::ServerError(_) => &mut self.server_errors,
            Outcome::Lost(_) => &mut self.lost,
            Outcome::Refused(_) => &mut self.refused,
        };
        *counted += 1;
        self.sent += u64::from(!matches!(course.outcome, Outcome::Refused(_)));
        self.repeated += u64::from(course.repeated);
        self.closed += u64::from(course.closed);
        self.connections += u64::from(course.connections);
        for status in &course.statuses {
            *self.statuses.entry(*status).or_default() += 1;
        }
    }

    fn wait(&mut self, waited: Duration, begin: Begin, id: &str) {
        let ms = milliseconds(waited);
        if self.longest.as_ref().is_none_or(|longest| longest.ms < ms) {
            self.longest = Some(Wait {
                ms,
                at: begin.shown(),
                id: id.to_owned(),
            });
        }
    }

    fn sum<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        all.fold(Self::default(), |mut sum, counts| {
            sum.sent += counts.sent;
            sum.right += counts.right;
            sum.wrong += counts.wrong;
            sum.server_errors += counts.server_errors;
            sum.lost += counts.lost;
            sum.refused += counts.refused;
            sum.repeated += counts.repeated;
            sum.closed += counts.closed;
            sum.doubled += counts.doubled;
            sum.unseen += counts.unseen;
            sum.connections += counts.connections;
            for (status, count) in &counts.statuses {
                *sum.statuses.entry(*status).or_default() += count;
            }
            let ms = |wait: &Option<Wait>| wait.as_ref().map(|wait| wait.ms);
            if ms(&counts.longest) > ms(&sum.longest) {
                sum.longest.clone_from(&counts.longest);
            }
            sum
        })
    }

    /// A run without a right answer has shown nothing.
    fn are_clean(&self, until_refused: bool) -> bool {
        let failed = self.wrong + self.server_errors + self.lost + self.doubled + self.unseen;
        self.right > 0 && failed == 0 && (self.refused == 0 || until_refused)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
