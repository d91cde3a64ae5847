//! What is counted: for each core by itself, without locks. [`crate::overview`] sums it when somebody asks.

mod counter;

use std::time::Duration;

use http::Method;

pub(crate) use self::counter::{BOUNDS, Counter, Histogram};
use crate::error::{CLIENT_CLOSED_REQUEST, Reason};

/// What one core has counted since it began. Only the core's own thread may add to it.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By [`METHODS`] and class of status.
    pub(crate) requests: [[Counter; CLASSES]; METHODS.len() + 1],
    /// Requests that began; those in flight are the ones that have not ended.
    pub(crate) began: Counter,
    /// From a request's arrival to the end of its answer, of those that end by themselves.
    pub(crate) total: Histogram,
    /// From a request's arrival to the first byte of its answer.
    pub(crate) first_byte: Histogram,
    /// The time that requests waited for the app or for their turn, of those that did.
    pub(crate) queue: Histogram,
    /// Bytes of request bodies, and through tunnels, from clients.
    pub(crate) received: Counter,
    /// Bytes of answers' bodies, and through tunnels, to clients.
    pub(crate) sent: Counter,
    /// By [`Reason::ALL`].
    pub(crate) failures: Box<[Counter]>,
    /// Requests that were sent to the app a second time.
    pub(crate) repeats: Counter,
    /// Connections that clients have made.
    pub(crate) accepted: Counter,
    /// Times that clients had to wait outside because as many as may be were connected.
    pub(crate) accept_pauses: Counter,
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
/// How often a core is looked at that begins requests meanwhile; the last look then is a little too low.
const LOOKS: usize = 8;
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
    /// Bytes of its answer's body, which were counted as they left.
    pub(crate) sent: u64,
    /// Whether it ended only because a side left: an event stream, a tunnel.
    pub(crate) lasted: bool,
}

/// Where the time of a request went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    /// It waited for an app that was not there, or for its turn.
    pub(crate) queue: Duration,
    /// It waited for a connection to the app.
    pub(crate) connect: Duration,
    /// From its arrival to the first byte of its answer; `None` if there was none.
    pub(crate) first_byte: Option<Duration>,
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
            accept_pauses: Counter::default(),
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
        if !outcome.lasted {
            self.total.record(outcome.total);
        }
        if let Some(first_byte) = outcome.times.first_byte {
            self.first_byte.record(first_byte);
        }
        if !outcome.times.queue.is_zero() {
            self.queue.record(outcome.times.queue);
        }
        match outcome.failure {
            // Who leaves an event stream ends it as it is meant to end.
            None | Some(Reason::ClientGone) if outcome.status == CLIENT_CLOSED_REQUEST => {
                self.failed(Reason::ClientGone);
            }
            None | Some(Reason::ClientGone) => {}
            Some(reason) => self.failed(reason),
        }
    }

    /// Counts what went wrong outside of a request.
    pub(crate) fn failed(&self, reason: Reason) {
        self.failures[reason as usize].add(1);
    }

    /// Requests that have begun and not ended.
    pub(crate) fn in_flight(&self) -> u64 {
        let mut in_flight = 0;
        for _ in 0..LOOKS {
            let began = self.began.get();
            let ended: u64 = self.requests.iter().flatten().map(Counter::get).sum();
            in_flight = began.saturating_sub(ended);
            // Requests that have begun and ended meanwhile would be taken off those that go on.
            if began == self.began.get() {
                break;
            }
        }
        in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a core has counted after one request that ended like this.
    fn after(method: Option<&Method>, status: u16, failure: Option<Reason>, lasted: bool) -> Metrics {
        let metrics = Metrics::default();
        metrics.request_began();
        metrics.request_ended(&Outcome {
            method,
            status,
            failure,
            times: Times::default(),
            total: Duration::from_millis(3),
            sent: 0,
            lasted,
        });
        metrics
    }

    fn failures(metrics: &Metrics) -> Vec<Reason> {
        let counted = Reason::ALL.iter().copied();
        counted
            .filter(|reason| metrics.failures[*reason as usize].get() > 0)
            .collect()
    }

    #[test]
    fn a_request_counts_under_its_method_or_as_another_and_is_no_longer_in_flight() {
        let purge = Method::from_bytes(b"PURGE").unwrap();
        for (method, place) in [(Some(&Method::POST), 2), (Some(&purge), 7), (None, 7)] {
            let metrics = after(method, 204, None, false);

            assert_eq!(metrics.requests[place][1].get(), 1);
            assert_eq!(metrics.in_flight(), 0);
        }
        assert_eq!(METHODS[2], Method::POST);
        assert_eq!(METHODS.len(), 7);
    }

    #[test]
    fn a_client_that_left_counts_unless_something_else_went_wrong_first() {
        let get = Some(&Method::GET);

        assert_eq!(failures(&after(get, 499, None, false)), [Reason::ClientGone]);
        assert_eq!(
            failures(&after(get, 499, Some(Reason::ClientGone), false)),
            [Reason::ClientGone]
        );
        assert_eq!(
            failures(&after(get, 499, Some(Reason::TargetSlow), false)),
            [Reason::TargetSlow]
        );
        assert_eq!(
            failures(&after(get, 200, Some(Reason::AnswerCut), false)),
            [Reason::AnswerCut]
        );
        assert_eq!(failures(&after(get, 200, None, false)), []);
    }

    #[test]
    fn an_event_stream_that_its_client_left_is_neither_a_failure_nor_slow() {
        let metrics = after(Some(&Method::GET), 200, Some(Reason::ClientGone), true);

        assert_eq!(failures(&metrics), []);
        assert_eq!(metrics.total.get(), ([0; 15], 0));
        assert_eq!(metrics.requests[0][1].get(), 1);
    }
}
