//! What became of the requests, and what should not have.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Findings that are kept in full; the rest is counted.
const KEPT: usize = 20;

/// Counts by name, and findings.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) by_name: BTreeMap<&'static str, u64>,
    pub(crate) findings: Vec<String>,
    pub(crate) found: u64,
}

impl Tally {
    pub(crate) fn count(&self, name: &'static str) {
        *self.lock().by_name.entry(name).or_default() += 1;
    }

    pub(crate) fn find(&self, what: String) {
        let mut counts = self.lock();
        counts.found += 1;
        if counts.findings.len() < KEPT {
            eprintln!("soak: FOUND {what}");
            counts.findings.push(what);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    pub(crate) fn of(&self, name: &str) -> u64 {
        self.by_name.get(name).copied().unwrap_or_default()
    }

    /// Requests that had an end that may be.
    pub(crate) fn total(&self) -> u64 {
        ENDS.iter().map(|name| self.of(name)).sum()
    }
}

/// The ends that a request may have, in the order of the report.
pub(crate) const ENDS: [&str; 6] = [RIGHT, BAD_GATEWAY, CUT, LEFT, CROSSED, UNANSWERED];

/// The whole answer came, and was the right one.
pub(crate) const RIGHT: &str = "right";
/// A 502 told of an app that broke.
pub(crate) const BAD_GATEWAY: &str = "502";
/// The answer broke off, so that it showed.
pub(crate) const CUT: &str = "cut";
/// The client left.
pub(crate) const LEFT: &str = "left";
/// A 502 for a POST that met the end of a connection which the app had closed without a word.
pub(crate) const CROSSED: &str = "crossed";
/// It stood behind one that was cut, or on a connection that its client gave up.
pub(crate) const UNANSWERED: &str = "unanswered";
