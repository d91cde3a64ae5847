//! One line for every request, also for one that was refused, and for one whose client left.
//!
//! An [`Entry`] is opened before anything else happens to a request. When it is dropped, which is when the last byte of
//! the answer was handed out, or when the request was given up, it is counted, and written if requests are logged.
//! Field names are thruster's, but for `host`, `request_id`, `queue`, `connect`, `first_byte` and `error`, which are
//! ours.

mod combined;
mod filter;
mod line;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use tokio::time::Instant;

use self::filter::Filter;
use self::line::RequestLine;
use crate::config::{Config, LogLevel, PathPattern, StatusPattern};
use crate::error::{CLIENT_CLOSED_REQUEST, Failure, Reason, chain};
use crate::exchange::{self, Client, Request};
use crate::log::Batch;
use crate::metrics::{Metrics, Outcome, Times};
use crate::trust::{ClientAddress, TrustedProxies};

/// Opens an entry for each request; one per core.
#[derive(Debug)]
pub(crate) struct AccessLog {
    /// Takes the lines; `None` if requests are not logged.
    pub(crate) batch: Option<Arc<Batch>>,
    pub(crate) metrics: Arc<Metrics>,
    /// Who may say whose request it is.
    trusted_proxies: TrustedProxies,
    skip_paths: Vec<PathPattern>,
    skip_statuses: Vec<StatusPattern>,
    filter: Filter,
    /// Whether requests that end from now on were ended by us.
    given_up: Arc<AtomicBool>,
}

impl AccessLog {
    /// Entries are counted in `metrics` and go to `batch`, if there is one, and `config` says that requests are logged.
    /// Once `given_up` is set, a request that did not come to its end is one that we gave up, whatever its client did.
    pub(crate) fn new(
        config: &Config,
        batch: Option<&Arc<Batch>>,
        metrics: &Arc<Metrics>,
        given_up: &Arc<AtomicBool>,
    ) -> Self {
        let logged = config.log_requests && matches!(config.log_level, LogLevel::Debug | LogLevel::Info);
        Self {
            batch: batch.filter(|_| logged).cloned(),
            metrics: metrics.clone(),
            trusted_proxies: config.trusted_proxies.clone(),
            skip_paths: config.log_skip_paths.clone(),
            skip_statuses: config.log_skip_statuses.clone(),
            filter: Filter::new(&config.filter_parameters),
            given_up: given_up.clone(),
        }
    }

    /// Whether such a request gets no line.
    fn skips(&self, path: &[u8], status: u16) -> bool {
        self.skip_statuses.iter().any(|pattern| pattern.matches(status))
            || self.skip_paths.iter().any(|pattern| pattern.matches(path))
    }

    /// Opens the entry of `request`.
    pub(crate) fn open(self: &Arc<Self>, request: &Request, client: &Client, id: HeaderValue) -> Box<Entry> {
        let line = self.batch.as_ref().map(|batch| {
            let client = self.trusted_proxies.client_address(&request.headers, client.peer);
            RequestLine::of(request, client, batch.format())
        });
        let mut entry = Entry::new(self.clone(), id, Some(request.method.clone()), line);
        entry.accept = request.headers.get(header::ACCEPT).cloned();
        entry
    }

    /// Opens the entry of a request that could not be read.
    pub(crate) fn open_unreadable(self: &Arc<Self>, client: &Client, id: HeaderValue) -> Box<Entry> {
        let client = ClientAddress::Peer(client.peer);
        let line = self.batch.as_ref().map(|_| RequestLine::new(None, client));
        Entry::new(self.clone(), id, None, line)
    }
}

/// What is known of one request, counted and written when this is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    log: Arc<AccessLog>,
    /// The id of the request.
    pub(crate) id: HeaderValue,
    /// When the request came.
    pub(crate) started: Instant,
    /// `None` if the request could not be read.
    method: Option<Method>,
    /// What an error is told in.
    pub(crate) accept: Option<HeaderValue>,
    /// `None` if requests are not logged.
    line: Option<RequestLine>,
    status: Option<StatusCode>,
    times: Times,
    sent: u64,
    complete: bool,
    /// Whether the answer has no end but the client's leaving.
    endless: bool,
    /// The first thing that went wrong.
    failure: Option<Reason>,
    /// Whether the client left before the end.
    gone: bool,
}

/// Who ended a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It came to its own end, good or bad.
    Own,
    /// We ended first.
    Ours,
    /// The client left.
    Clients,
}

impl Entry {
    fn new(
        log: Arc<AccessLog>,
        id: HeaderValue,
        method: Option<Method>,
        line: Option<RequestLine>,
    ) -> Box<Self> {
        log.metrics.request_began();
        Box::new(Self {
            log,
            id,
            started: Instant::now(),
            method,
            accept: None,
            line,
            status: None,
            times: Times::default(),
            sent: 0,
            complete: false,
            endless: false,
            failure: None,
            gone: false,
        })
    }

    /// Notes the answer whose body carries this entry from now on.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = Some(status);
        self.times.first_byte = Some(self.started.elapsed());
        let content_type = headers.get(header::CONTENT_TYPE);
        self.endless = exchange::is_event_stream(content_type);
        if let Some(line) = &mut self.line {
            line.content_type = content_type.cloned();
        }
    }

    /// Whether the answer has no end but the client's leaving.
    pub(crate) fn is_endless(&self) -> bool {
        self.endless
    }

    /// Notes that the request has waited in a queue.
    pub(crate) fn queued(&mut self, time: Duration) {
        self.times.queue += time;
    }

    /// Notes how long a connection to the app took.
    pub(crate) fn connected(&mut self, time: Duration) {
        self.times.connect += time;
    }

    /// Notes that the app is asked once more.
    pub(crate) fn repeated(&self) {
        self.log.metrics.repeats.add(1);
    }

    /// Counts bytes of the answer's body.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.log.metrics.sent.add(bytes as u64);
    }

    /// Notes that the answer went out whole.
    pub(crate) fn complete(&mut self) {
        self.complete = true;
    }

    /// Notes what went wrong; the first cause counts.
    pub(crate) fn failed(&mut self, error: &impl Failure) {
        let reason = error.reason();
        self.gone |= reason == Reason::ClientGone;
        if self.failure.is_none() {
            self.failure = Some(reason);
            if let Some(line) = &mut self.line {
                line.error = Some(chain(error));
            }
        }
    }

    /// How it came to its end, and the status that says so.
    ///
    /// 499 if the client left first, unless leaving is how such an answer ends; 503 if we ended before an answer began.
    fn ending(&self) -> (Ending, u16) {
        match self.status {
            Some(status) if self.endless || (!self.gone && (self.complete || self.failure.is_some())) => {
                (Ending::Own, status.as_u16())
            }
            status if self.log.given_up.load(Ordering::Relaxed) => {
                let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                (Ending::Ours, status.as_u16())
            }
            _ => (Ending::Clients, CLIENT_CLOSED_REQUEST),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let (ending, status) = self.ending();
        let outcome = Outcome {
            method: self.method.as_ref(),
            status,
            failure: self.failure,
            times: self.times,
            total: self.started.elapsed(),
            sent: self.sent,
            lasted: self.endless || self.status == Some(StatusCode::SWITCHING_PROTOCOLS),
        };
        self.log.metrics.request_ended(&outcome);
        if let (Some(batch), Some(line)) = (&self.log.batch, &self.line)
            && !self.log.skips(line.path(), status)
        {
            line.write(batch, &self.log.filter, &self.id, &outcome, ending);
        }
    }
}
