//! One line for every request, also for one that was refused, and for one whose client left.
//!
//! An [`Entry`] is opened before anything else happens to a request. When it is dropped, which is when the last byte of
//! the answer was handed out, or when the request was given up, it is counted, and written if requests are logged.
//! Field names are thruster's, but for `host`, `request_id`, `queue`, `connect`, `first_byte` and `error`, which are
//! ours.

mod filter;
mod remote;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Version};
use percent_encoding::percent_decode;
use tokio::time::Instant;

use self::remote::Remote;
use crate::error::{CLIENT_CLOSED_REQUEST, Failure, Reason, chain};
use crate::exchange::{self, Client, Request};
use crate::http1::target::RequestTarget;
use crate::log::{Batch, Level, Line};
use crate::metrics::{Metrics, Outcome};

/// Opens an entry for each request; one per core.
#[derive(Debug)]
pub(crate) struct AccessLog {
    /// Takes the lines; `None` if requests are not logged.
    pub(crate) batch: Option<Arc<Batch>>,
    pub(crate) metrics: Arc<Metrics>,
    /// Whether requests that end from now on were ended by us.
    given_up: AtomicBool,
}

impl AccessLog {
    /// Entries are counted in `metrics` and go to `batch`, if there is one.
    pub(crate) fn new(batch: Option<Arc<Batch>>, metrics: Arc<Metrics>) -> Self {
        Self {
            batch,
            metrics,
            given_up: AtomicBool::new(false),
        }
    }

    /// From now on a request that did not come to its end is one that we gave up, whatever its client did.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Opens the entry of `request`.
    pub(crate) fn open(self: &Arc<Self>, request: &Request, client: &Client, id: &HeaderValue) -> Box<Entry> {
        let line = self.batch.is_some().then(|| {
            let of = |name| request.headers.get(name).cloned();
            let facts = Facts {
                target: request.target.clone(),
                version: request.version,
                host: of(header::HOST),
                content_type: of(header::CONTENT_TYPE),
                user_agent: of(header::USER_AGENT),
                length: request.body.length(),
            };
            LineParts::new(Some(facts), Remote::of(&request.headers, client.peer), id)
        });
        let mut entry = Entry::new(self.clone(), Some(request.method.clone()), line);
        entry.accept = request.headers.get(header::ACCEPT).cloned();
        entry
    }

    /// Opens the entry of a request that could not be read.
    pub(crate) fn open_unreadable(self: &Arc<Self>, client: &Client, id: &HeaderValue) -> Box<Entry> {
        let line = self
            .batch
            .is_some()
            .then(|| LineParts::new(None, Remote::Peer(client.peer), id));
        Entry::new(self.clone(), None, line)
    }
}

/// What is known of one request, counted and written when this is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    log: Arc<AccessLog>,
    started: Instant,
    /// `None` if the request could not be read.
    method: Option<Method>,
    /// What an error is told in.
    pub(crate) accept: Option<HeaderValue>,
    /// `None` if requests are not logged.
    line: Option<LineParts>,
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

/// What only its line says.
#[derive(Debug)]
struct LineParts {
    /// `None` if it could not be read.
    request: Option<Facts>,
    remote: Remote,
    id: HeaderValue,
    content_type: Option<HeaderValue>,
    error: Option<String>,
}

impl LineParts {
    fn new(request: Option<Facts>, remote: Remote, id: &HeaderValue) -> Self {
        Self {
            request,
            remote,
            id: id.clone(),
            content_type: None,
            error: None,
        }
    }
}

#[derive(Debug)]
struct Facts {
    target: RequestTarget,
    version: Version,
    host: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    /// `None` if it is not known beforehand.
    length: Option<u64>,
}

impl Entry {
    fn new(log: Arc<AccessLog>, method: Option<Method>, line: Option<LineParts>) -> Box<Self> {
        log.metrics.request_began();
        Box::new(Self {
            log,
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
        self.endless = exchange::is_event_stream(headers);
        if let Some(line) = &mut self.line {
            line.content_type = headers.get(header::CONTENT_TYPE).cloned();
        }
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

    fn write(&self, parts: &LineParts, total: Duration, line: &mut Line<'_>) {
        let (ending, status) = self.ending();
        let error = match (ending, parts.error.as_deref()) {
            (Ending::Ours, _) => Some("thrust ended before the answer did"),
            (Ending::Clients, None) => Some("the client closed the connection"),
            (_, error) => error,
        };
        let request = parts.request.as_ref();
        let path: Cow<'_, [u8]> = request.map_or(Cow::Borrowed(&[]), |request| {
            percent_decode(request.target.path()).into()
        });
        let query = request.map_or(Cow::Borrowed(&[][..]), |request| {
            filter::query(request.target.query())
        });
        line.text("path", &visible(&path));
        line.number("status", status);
        line.number("dur", total.as_millis());
        line.text("method", self.method.as_ref().map_or("", Method::as_str));
        match request.and_then(|request| request.length) {
            Some(length) => line.number("req_content_length", length),
            None => line.number("req_content_length", -1),
        }
        line.text(
            "req_content_type",
            &lossy(request.and_then(|request| request.content_type.as_ref())),
        );
        line.number("resp_content_length", self.sent);
        line.text("resp_content_type", &lossy(parts.content_type.as_ref()));
        line.written("remote_addr", |out| parts.remote.write(out));
        line.text(
            "user_agent",
            &lossy(request.and_then(|request| request.user_agent.as_ref())),
        );
        line.text("cache", "bypass");
        line.text("query", &visible(&query));
        line.text("proto", request.map_or("", |request| protocol(request.version)));
        line.text("host", &lossy(request.and_then(|request| request.host.as_ref())));
        line.text("request_id", &lossy(Some(&parts.id)));
        line.number("queue", self.times.queue.as_millis());
        line.number("connect", self.times.connect.as_millis());
        if let Some(first_byte) = self.times.first_byte {
            line.number("first_byte", first_byte.as_millis());
        }
        if let Some(error) = error {
            line.text("error", error);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let total = self.started.elapsed();
        self.log.metrics.request_ended(&Outcome {
            method: self.method.as_ref(),
            status: self.ending().1,
            failure: self.failure,
            times: self.times,
            total,
            sent: self.sent,
        });
        if let (Some(batch), Some(parts)) = (&self.log.batch, &self.line) {
            batch.line(Level::Info, "Request", SystemTime::now(), |line| {
                self.write(parts, total, line);
            });
        }
    }
}

/// The text of a field, empty if there is none.
fn lossy(value: Option<&HeaderValue>) -> Cow<'_, str> {
    value.map_or(Cow::Borrowed(""), |value| {
        String::from_utf8_lossy(value.as_bytes())
    })
}

/// `bytes` as text; what is no UTF-8 shows as U+FFFD.
fn visible(bytes: &[u8]) -> Cow<'_, str> {
    // Nearly all of it is, and then this is several times faster than asking for the lossy conversion.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
