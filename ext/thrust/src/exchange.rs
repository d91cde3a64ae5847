//! One request on its way to an answer: what the pipeline's stages look at and change.

use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use crate::body::Body;
use crate::connection::Interim;
use crate::http1::target::RequestTarget;

/// An answer, ours or the app's. Boxed: it passes through several futures, and each would hold it twice.
pub(crate) type Response = Box<http::Response<Body>>;

/// An answer without fields.
pub(crate) fn response(status: StatusCode, body: Body) -> Response {
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    Box::new(response)
}

/// A request that was judged to be readable in one way only.
///
/// Unlike `http::Request` it keeps the target as the client wrote it: `http::Uri` refuses bytes that apps get today.
#[derive(Debug)]
pub(crate) struct Request {
    /// Any token; case matters.
    pub(crate) method: Method,
    /// Path and query, byte for byte.
    pub(crate) target: RequestTarget,
    /// HTTP/1.0, HTTP/1.1 or HTTP/2.
    pub(crate) version: Version,
    /// End-to-end fields and `Host`; never a hop-by-hop one.
    pub(crate) headers: HeaderMap,
    /// The id that it got from us, having come without one.
    pub(crate) new_id: Option<HeaderValue>,
    /// When it reached us, unless a proxy before us has said when it reached that.
    pub(crate) start: Option<SystemTime>,
    /// Field lines that the app gets from us, each with its line end.
    pub(crate) announcement: Bytes,
    /// The protocol that the client wants to change to; `h2c` is never among them.
    pub(crate) upgrade: Option<HeaderValue>,
    /// Whether the client reads trailers behind an answer.
    pub(crate) accepts_trailers: bool,
    /// Whether the client waits for a 100 before it sends the body.
    pub(crate) expects_continue: bool,
    /// What the client sends after the head.
    pub(crate) body: Body,
    /// The way for 1xx answers to the client; a connection that cannot send them has none.
    pub(crate) interim: Option<Interim>,
}

#[cfg(test)]
impl Request {
    /// A GET with these fields.
    pub(crate) fn with_fields(fields: &[(&'static str, &str)]) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).expect("a field value"));
        }
        Self {
            method: Method::GET,
            target: RequestTarget::new(Bytes::from_static(b"/")),
            version: Version::HTTP_11,
            headers,
            new_id: None,
            start: None,
            announcement: Bytes::new(),
            upgrade: None,
            accepts_trailers: false,
            expects_continue: false,
            body: Body::empty(),
            interim: None,
        }
    }
}

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    /// The other end of the connection.
    pub(crate) peer: Peer,
    /// Whether the connection is encrypted.
    pub(crate) secure: bool,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// An address, never an IPv4 one in its IPv6-mapped form.
    Tcp(SocketAddr),
    /// A process of this machine that may open our socket, which makes it a trusted one.
    Unix,
}

impl Peer {
    /// Its IP address, if it has one.
    pub(crate) fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix => None,
        }
    }
}

/// Whether an answer of this type lasts as long as either side likes (HTML, section 9.2.5).
pub(crate) fn is_event_stream(content_type: Option<&HeaderValue>) -> bool {
    content_type.is_some_and(|content_type| {
        let essence = content_type.as_bytes().split(|byte| *byte == b';').next();
        essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
    })
}
