//! One line for every request, also for one that was refused, and for one whose client left.
//!
//! An [`Entry`] is opened before anything else happens to a request and is written when it is dropped, which is when
//! the last byte of the answer was handed out, or when the request was given up. Field names are thruster's
//! (spec/thruster.md section 13.1), `host`, `request_id` and `error` are ours.

use std::borrow::Cow;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Version};
use percent_encoding::percent_decode;
use tokio::time::Instant;

use super::filter;
use crate::error::{BodyError, CLIENT_CLOSED_REQUEST, ProxyError, chain};
use crate::exchange::{Client, Request, RequestTarget};
use crate::log::{Batch, Level, Line};
use crate::text;

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
        Some(Box::new(Entry {
            batch,
            started: Instant::now(),
            request: Some(Facts {
                method: request.method.clone(),
                target: request.target.clone(),
                version: request.version,
                host: of(header::HOST),
                content_type: of(header::CONTENT_TYPE),
                user_agent: of(header::USER_AGENT),
                length: request.body.length(),
            }),
            remote: remote_address(&request.headers, client.peer),
            id: id.clone(),
            status: None,
            content_type: None,
            sent: 0,
            complete: false,
            endless: false,
            error: None,
            gone: false,
        }))
    }

    /// Opens the entry of a request that could not be read.
    pub(crate) fn open_unreadable(&self, client: &Client, id: &HeaderValue) -> Option<Box<Entry>> {
        Some(Box::new(Entry {
            batch: self.batch.clone()?,
            started: Instant::now(),
            request: None,
            remote: Remote::Peer(client.peer),
            id: id.clone(),
            status: None,
            content_type: None,
            sent: 0,
            complete: false,
            endless: false,
            error: None,
            gone: false,
        }))
    }
}

/// The line of one request, written when this is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    batch: Arc<Batch>,
    started: Instant,
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

/// Who asked, for the log.
#[derive(Debug, PartialEq)]
enum Remote {
    /// The other end of the connection.
    Peer(SocketAddr),
    /// The client that trusted proxies name.
    Forwarded(IpAddr),
}

impl Entry {
    /// Notes the answer whose body carries this entry from now on.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = Some(status);
        self.content_type = headers.get(header::CONTENT_TYPE).cloned();
        self.endless = self
            .content_type
            .as_ref()
            .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
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

    /// The status for the log: 499 if the client left first, unless leaving is how such an answer ends.
    fn logged_status(&self) -> u16 {
        match self.status {
            Some(status) if self.endless || (!self.gone && (self.complete || self.error.is_some())) => {
                status.as_u16()
            }
            _ => CLIENT_CLOSED_REQUEST,
        }
    }

    fn write(&self, line: &mut Line<'_>) {
        let request = self.request.as_ref();
        let path: Cow<'_, [u8]> = request.map_or(Cow::Borrowed(&[]), |request| {
            percent_decode(request.target.path()).into()
        });
        let query = request.map_or(Cow::Borrowed(&[][..]), |request| {
            filter::query(request.target.query())
        });
        line.text("path", &visible(&path));
        line.number("status", self.logged_status());
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
        match self.remote {
            Remote::Peer(peer) => line.written("remote_addr", |out| text::socket_address(out, peer)),
            Remote::Forwarded(address) => line.written("remote_addr", |out| text::address(out, address)),
        }
        line.text(
            "user_agent",
            &lossy(request.and_then(|request| request.user_agent.as_ref())),
        );
        line.text("cache", "bypass");
        line.text("query", &visible(&query));
        line.text("proto", request.map_or("", |request| protocol(request.version)));
        line.text("host", &lossy(request.and_then(|request| request.host.as_ref())));
        line.text("request_id", &lossy(Some(&self.id)));
        if let Some(error) = &self.error {
            line.text("error", error);
        } else if self.logged_status() == CLIENT_CLOSED_REQUEST {
            line.text("error", "the client closed the connection");
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

/// The client's address: the rightmost one that no trusted proxy is known by; if all are trusted, the leftmost.
///
/// Trusted are loopback, private and link-local networks: what else says `X-Forwarded-For` may be lying.
fn remote_address(headers: &HeaderMap, peer: SocketAddr) -> Remote {
    let mut remote = Remote::Peer(peer);
    if !is_trusted(peer.ip()) {
        return remote;
    }
    for value in headers.get_all("x-forwarded-for").iter().rev() {
        for item in value.as_bytes().rsplit(|byte| *byte == b',') {
            let Some(address) = address_of(item.trim_ascii()) else {
                return remote;
            };
            remote = Remote::Forwarded(address);
            if !is_trusted(address) {
                return remote;
            }
        }
    }
    remote
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address_of(item: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(item).ok()?;
    let address: IpAddr = text
        .parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

fn is_trusted(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        match remote_address(&headers, peer.parse().unwrap()) {
            Remote::Peer(peer) => peer.to_string(),
            Remote::Forwarded(address) => address.to_string(),
        }
    }

    #[test]
    fn the_remote_address_is_the_rightmost_untrusted_one() {
        assert_eq!(remote("127.0.0.1:5", &[]), "127.0.0.1:5");
        assert_eq!(remote("127.0.0.1:5", &["1.1.1.1, 2.2.2.2, 10.0.0.1"]), "2.2.2.2");
        assert_eq!(remote("127.0.0.1:5", &["1.1.1.1", "10.0.0.1"]), "1.1.1.1");
        assert_eq!(remote("127.0.0.1:5", &["10.0.0.2, 10.0.0.1"]), "10.0.0.2");
        assert_eq!(remote("[::1]:5", &["[2001:db8::1]:80, fd00::1"]), "2001:db8::1");
    }

    #[test]
    fn nobody_else_can_choose_the_remote_address() {
        assert_eq!(remote("8.8.8.8:5", &["1.1.1.1"]), "8.8.8.8:5");
        assert_eq!(remote("10.0.0.1:5", &["1.1.1.1, 9.9.9.9"]), "9.9.9.9");
        assert_eq!(remote("10.0.0.1:5", &["1.1.1.1, nonsense"]), "10.0.0.1:5");
    }
}
