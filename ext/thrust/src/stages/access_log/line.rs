//! The line of one request: what is kept for it while the request lasts, and its fields.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::header::{self, HeaderValue};
use http::{Method, Version};
use percent_encoding::percent_decode;

use super::filter::Filter;
use super::{Ending, combined};
use crate::exchange::Request;
use crate::http1::target::RequestTarget;
use crate::log::{Batch, Format, Level, Line};
use crate::metrics::Outcome;
use crate::trust::ClientAddress;

/// What a line says of its request beside its outcome.
#[derive(Debug)]
pub(super) struct RequestLine {
    /// `None` if it could not be read.
    pub(super) request: Option<Facts>,
    pub(super) client: ClientAddress,
    pub(super) content_type: Option<HeaderValue>,
    /// What went wrong.
    pub(super) error: Option<String>,
}

/// What was asked.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) target: RequestTarget,
    pub(super) version: Version,
    host: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
    pub(super) user_agent: Option<HeaderValue>,
    /// Only in [`Format::Combined`].
    pub(super) referer: Option<HeaderValue>,
    /// `None` if it is not known beforehand.
    length: Option<u64>,
}

impl RequestLine {
    /// For `request`, in `format`.
    pub(super) fn of(request: &Request, client: ClientAddress, format: Format) -> Self {
        let of = |name| request.headers.get(name).cloned();
        let facts = Facts {
            target: request.target.clone(),
            version: request.version,
            host: of(header::HOST),
            content_type: of(header::CONTENT_TYPE),
            user_agent: of(header::USER_AGENT),
            referer: (format == Format::Combined)
                .then(|| of(header::REFERER))
                .flatten(),
            length: request.body.length(),
        };
        Self::new(Some(facts), client)
    }

    /// `request` is `None` if it could not be read.
    pub(super) fn new(request: Option<Facts>, client: ClientAddress) -> Self {
        Self {
            request,
            client,
            content_type: None,
            error: None,
        }
    }

    /// The path as it came, empty if there is none.
    pub(super) fn path(&self) -> &[u8] {
        self.request.as_ref().map_or(&[], |request| request.target.path())
    }

    /// Adds the line to `batch`.
    pub(super) fn write(
        &self,
        batch: &Batch,
        filter: &Filter,
        id: &HeaderValue,
        outcome: &Outcome<'_>,
        ending: Ending,
    ) {
        let now = SystemTime::now();
        if batch.format() == Format::Combined {
            batch.append(|out, _| combined::write(out, self, filter, outcome, now));
        } else {
            batch.line(Level::Info, "Request", now, |line| {
                self.write_fields(line, filter, id, outcome, ending);
            });
        }
    }

    fn write_fields(
        &self,
        line: &mut Line<'_>,
        filter: &Filter,
        id: &HeaderValue,
        outcome: &Outcome<'_>,
        ending: Ending,
    ) {
        let request = self.request.as_ref();
        let path: Cow<'_, [u8]> = percent_decode(self.path()).into();
        let query = request.map_or(Cow::Borrowed(&[][..]), |request| {
            filter.query(request.target.query())
        });
        line.bytes("path", &path);
        line.number("status", outcome.status);
        line.number("dur", millis(outcome.total));
        line.text("method", outcome.method.map_or("", Method::as_str));
        match request.and_then(|request| request.length) {
            Some(length) => line.number("req_content_length", length),
            None => line.number("req_content_length", -1),
        }
        line.bytes(
            "req_content_type",
            bytes(request.and_then(|request| request.content_type.as_ref())),
        );
        line.number("resp_content_length", outcome.sent);
        line.bytes("resp_content_type", bytes(self.content_type.as_ref()));
        line.written("remote_addr", |out| self.client.write(out));
        line.bytes(
            "user_agent",
            bytes(request.and_then(|request| request.user_agent.as_ref())),
        );
        line.written("cache", |out| out.extend_from_slice(b"bypass"));
        line.bytes("query", &query);
        line.text("proto", request.map_or("", |request| protocol(request.version)));
        line.bytes("host", bytes(request.and_then(|request| request.host.as_ref())));
        line.bytes("request_id", id.as_bytes());
        line.number("queue", millis(outcome.times.queue));
        line.number("connect", millis(outcome.times.connect));
        if let Some(first_byte) = outcome.times.first_byte {
            line.number("first_byte", millis(first_byte));
        }
        let error = match (ending, self.error.as_deref()) {
            (Ending::Ours, _) => Some("thrust ended before the answer did"),
            (Ending::Clients, None) => Some("the client closed the connection"),
            (_, error) => error,
        };
        if let Some(error) = error {
            line.text("error", error);
        }
    }
}

/// In as many bits as a time of ours needs: 128 cost three times as much to write.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The value of a field, empty if there is none.
fn bytes(value: Option<&HeaderValue>) -> &[u8] {
    value.map_or(&[], HeaderValue::as_bytes)
}

/// The name of a version, as thruster writes it.
pub(super) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
