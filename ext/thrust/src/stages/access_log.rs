//! One line for every request, also for one that was refused, and for one whose client left.
//!
//! An [`Entry`] is opened before anything else happens to a request and is written when it is dropped, which is when
//! the last byte of the answer was handed out, or when the request was given up. Field names are thruster's,
//! but for `host`, `request_id` and `error`, which are ours.

mod filter;
mod remote;

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Version};
use percent_encoding::percent_decode;
use tokio::time::Instant;

use self::remote::Remote;
use crate::error::{BodyError, CLIENT_CLOSED_REQUEST, ProxyError, chain};
use crate::exchange::{self, Client, Request};
use crate::http1::target::RequestTarget;
use crate::log::{Batch, Level, Line};

/// Opens an entry for each request; one per core.
#[derive(Debug)]
pub(crate) struct AccessLog {
    /// `None` if requests are not logged.
    batch: Option<Arc<Batch>>,
}

impl AccessLog {
    /// Entries go to `batch`, if there is one.
    pub(crate) fn new(batch: Option<Arc<Batch>>) -> Self {
        Self { batch }
    }

    /// Opens the entry of `request`.
    pub(crate) fn open(&self, request: &Request, client: &Client, id: &HeaderValue) -> Option<Box<Entry>> {
        let batch = self.batch.clone()?;
        let of = |name| request.headers.get(name).cloned();
        let facts = Facts {
            method: request.method.clone(),
            target: request.target.clone(),
            version: request.version,
            host: of(header::HOST),
            content_type: of(header::CONTENT_TYPE),
            user_agent: of(header::USER_AGENT),
            length: request.body.length(),
        };
        let remote = Remote::of(&request.headers, client.peer);
        Some(Entry::new(batch, Some(facts), remote, id))
    }

    /// Opens the entry of a request that could not be read.
    pub(crate) fn open_unreadable(&self, client: &Client, id: &HeaderValue) -> Option<Box<Entry>> {
        let batch = self.batch.clone()?;
        Some(Entry::new(batch, None, Remote::Peer(client.peer), id))
    }
}

/// The line of one request, written when this is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    batch: Arc<Batch>,
    started: Instant,
    /// `None` if it could not be read.
    request: Option<Facts>,
    remote: Remote,
    id: HeaderValue,
    status: Option<StatusCode>,
    content_type: Option<HeaderValue>,
    sent: u64,
    complete: bool,
    /// Whether the answer has no end but the client's leaving.
    endless: bool,
    error: Option<String>,
    /// Whether the client left before the end.
    gone: bool,
}

#[derive(Debug)]
struct Facts {
    method: Method,
    target: RequestTarget,
    version: Version,
    host: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    /// `None` if it is not known beforehand.
    length: Option<u64>,
}

impl Entry {
    fn new(batch: Arc<Batch>, request: Option<Facts>, remote: Remote, id: &HeaderValue) -> Box<Self> {
        Box::new(Self {
            batch,
            started: Instant::now(),
            request,
            remote,
            id: id.clone(),
            status: None,
            content_type: None,
            sent: 0,
            complete: false,
            endless: false,
            error: None,
            gone: false,
        })
    }

    /// Notes the answer whose body carries this entry from now on.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = Some(status);
        self.content_type = headers.get(header::CONTENT_TYPE).cloned();
        self.endless = exchange::is_event_stream(headers);
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
    pub(crate) fn failed(&mut self, error: &(dyn Error + 'static)) {
        let cause = match error.downcast_ref() {
            Some(ProxyError::RequestBody(cause)) => Some(cause),
            _ => error.downcast_ref(),
        };
        self.gone |= matches!(cause, Some(BodyError::ClientGone | BodyError::ClientHttp2(_)));
        self.error.get_or_insert_with(|| chain(error));
    }

    /// The status for the log, and what went wrong if something did.
    ///
    /// 499 if the client left first, unless leaving is how such an answer ends; 503 if we ended before an answer began.
    fn outcome(&self) -> (u16, Option<&str>) {
        let error = self.error.as_deref();
        match self.status {
            Some(status) if self.endless || (!self.gone && (self.complete || error.is_some())) => {
                (status.as_u16(), error)
            }
            status if self.batch.has_given_up() => {
                let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                (status.as_u16(), Some("thrust ended before the answer did"))
            }
            _ => (
                CLIENT_CLOSED_REQUEST,
                error.or(Some("the client closed the connection")),
            ),
        }
    }

    fn write(&self, line: &mut Line<'_>) {
        let (status, error) = self.outcome();
        let request = self.request.as_ref();
        let path: Cow<'_, [u8]> = request.map_or(Cow::Borrowed(&[]), |request| {
            percent_decode(request.target.path()).into()
        });
        let query = request.map_or(Cow::Borrowed(&[][..]), |request| {
            filter::query(request.target.query())
        });
        line.text("path", &visible(&path));
        line.number("status", status);
        line.number("dur", self.started.elapsed().as_millis());
        line.text("method", request.map_or("", |request| request.method.as_str()));
        match request.and_then(|request| request.length) {
            Some(length) => line.number("req_content_length", length),
            None => line.number("req_content_length", -1),
        }
        line.text(
            "req_content_type",
            &lossy(request.and_then(|request| request.content_type.as_ref())),
        );
        line.number("resp_content_length", self.sent);
        line.text("resp_content_type", &lossy(self.content_type.as_ref()));
        line.written("remote_addr", |out| self.remote.write(out));
        line.text(
            "user_agent",
            &lossy(request.and_then(|request| request.user_agent.as_ref())),
        );
        line.text("cache", "bypass");
        line.text("query", &visible(&query));
        line.text("proto", request.map_or("", |request| protocol(request.version)));
        line.text("host", &lossy(request.and_then(|request| request.host.as_ref())));
        line.text("request_id", &lossy(Some(&self.id)));
        if let Some(error) = error {
            line.text("error", error);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.batch
            .line(Level::Info, "Request", SystemTime::now(), |line| self.write(line));
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
