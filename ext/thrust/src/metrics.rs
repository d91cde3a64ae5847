//! What is counted: for each core by itself, without locks, and summed when somebody asks.

mod counter;

use std::time::Duration;

use http::Method;

pub(crate) use self::counter::Counter;
use self::counter::Histogram;
use crate::error::Reason;
use crate::stages::access_log::Times;

/// What one core has counted since it began. Only the core's own thread may add to it.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By [`METHODS`] and class of status.
    pub(crate) requests: [[Counter; CLASSES]; METHODS.len() + 1],
    /// Requests that began; those in flight are the ones that have not ended.
    pub(crate) began: Counter,
    /// From a request's arrival to the end of its answer.
    pub(crate) total: Histogram,
    /// From a request's arrival to the first byte of its answer.
    pub(crate) first_byte: Histogram,
    /// The time that requests waited for the app or for their turn, of those that did.
    pub(crate) queue: Histogram,
    /// Bytes of request bodies from clients.
    pub(crate) received: Counter,
    /// Bytes of answers' bodies to clients.
    pub(crate) sent: Counter,
    /// By [`Reason::ALL`].
    pub(crate) failures: Box<[Counter]>,
    /// Requests that were sent to the app a second time.
    pub(crate) repeats: Counter,
    /// Connections that clients have made.
    pub(crate) accepted: Counter,
    /// Connections that we have made to the app.
    pub(crate) connects: Counter,
}

/// Methods that are counted by name; all others are one.
pub(crate) const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];
/// Classes of statuses, 1xx to 5xx.
pub(crate) const CLASSES: usize = 5;

/// How one request ended.
pub(crate) struct Outcome<'a> {
    /// `None` if it could not be read.
    pub(crate) method: Option<&'a Method>,
    /// As in the log.
    pub(crate) status: u16,
    pub(crate) failure: Option<Reason>,
    pub(crate) times: Times,
    pub(crate) total: Duration,
    /// Bytes of its answer's body.
    pub(crate) sent: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Default::default(),
            began: Counter::default(),
            total: Histogram::default(),
            first_byte: Histogram::default(),
            queue: Histogram::default(),
            received: Counter::default(),
            sent: Counter::default(),
            failures: Reason::ALL.iter().map(|_| Counter::default()).collect(),
            repeats: Counter::default(),
            accepted: Counter::default(),
            connects: Counter::default(),
        }
    }
}

impl Metrics {
    /// Counts a request that has arrived.
    pub(crate) fn request_began(&self) {
        self.began.add(1);
    }

    /// Counts a request that is over.
    pub(crate) fn request_ended(&self, outcome: &Outcome<'_>) {
        let method = METHODS
            .iter()
            .position(|method| Some(method) == outcome.method)
            .unwrap_or(METHODS.len());
        let class = usize::from(outcome.status / 100).clamp(1, CLASSES) - 1;
        self.requests[method][class].add(1);
        self.sent.add(outcome.sent);
        self.total.record(outcome.total);
        if let Some(first_byte) = outcome.times.first_byte {
            self.first_byte.record(first_byte);
        }
        if !outcome.times.queue.is_zero() {
            self.queue.record(outcome.times.queue);
        }
        if let Some(reason) = outcome.failure {
            self.failed(reason);
        }
    }

    /// Counts what went wrong outside of a request.
    pub(crate) fn failed(&self, reason: Reason) {
        self.failures[reason as usize].add(1);
    }

    /// Requests that have begun and not ended.
    pub(crate) fn in_flight(&self) -> u64 {
        let ended: u64 = self.requests.iter().flatten().map(Counter::get).sum();
        // Read after the ends, so that it never is the smaller one by much.
        self.began.get().saturating_sub(ended)
    }
}
