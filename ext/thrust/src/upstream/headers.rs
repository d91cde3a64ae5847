//! What the app is told of a request: its head, without what is a matter between the client and us, and with what
//! only we know, as thruster tells it.

mod passage;

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Version};

use super::{Options, Target};
use crate::exchange::{Client, Peer, Request};
use crate::http1::{encode, outbound};
use crate::stages::{request_id, request_start};
use crate::text;
use crate::trust::{Belief, X_FORWARDED_FOR};

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The head of the request to the app, its empty line included.
pub(super) fn request_head(
    request: &Request,
    client: &Client,
    options: &Options,
    target: &Target,
) -> Vec<u8> {
    let headers = &request.headers;
    let belief = options
        .trusted_proxies
        .belief(options.forward_headers, client.peer);
    let mut out = outbound::room();
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(request.target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");

    let host = headers.get(header::HOST).map_or(&[][..], HeaderValue::as_bytes);
    if host.is_empty() {
        // HTTP/1.0 may leave it out; HTTP/1.1, which the app is asked in, may not.
        encode::field(&mut out, &header::HOST, target.authority().as_bytes());
    } else {
        encode::field(&mut out, &header::HOST, host);
    }
    let mut kept_back = false;
    for (name, value) in headers {
        if passage::passes(name.as_str(), belief) {
            encode::field(&mut out, name, value.as_bytes());
        } else if *name != header::HOST {
            kept_back = true;
        }
    }
    // What proxies have said never passes, so it is looked for only among what was kept back.
    let belief = if kept_back { belief } else { Belief::Nothing };
    if let Some(id) = &request.new_id {
        encode::field(&mut out, &request_id::X_REQUEST_ID, id.as_bytes());
    }
    if let Some(start) = request.start {
        request_start::write(&mut out, start);
    }
    out.extend_from_slice(&request.announcement);
    x_forwarded(&mut out, headers, host, client, belief >= Belief::XForwarded);
    if belief == Belief::Everything && headers.contains_key(header::FORWARDED) {
        forwarded(&mut out, headers, client.peer);
    }
    framing(&mut out, request);
    if request.accepts_trailers {
        out.extend_from_slice(b"Te: trailers\r\n");
    }
    if request.expects_continue {
        out.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    if let Some(protocol) = &request.upgrade {
        encode::field(&mut out, &header::UPGRADE, protocol.as_bytes());
        out.extend_from_slice(b"Connection: Upgrade\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn x_forwarded(out: &mut Vec<u8>, headers: &HeaderMap, host: &[u8], client: &Client, believed: bool) {
    let came = believed.then_some(X_FORWARDED_FOR);
    let mut list = List::new(out, b"X-Forwarded-For: ");
    for value in came.iter().flat_map(|name| headers.get_all(name)) {
        list.add(value.as_bytes());
    }
    if let Some(address) = client.peer.ip() {
        list.begin();
        text::address(list.out, address);
    }
    list.end();

    let given = headers
        .get(X_FORWARDED_HOST)
        .map(HeaderValue::as_bytes)
        .filter(|value| believed && !value.is_empty());
    encode::field(out, &X_FORWARDED_HOST, given.unwrap_or(host));
    encode::field(out, &X_FORWARDED_PROTO, scheme(headers, client, believed));
}

/// By what a request came, as its client or a proxy before us says, if they are believed.
fn scheme<'a>(headers: &'a HeaderMap, client: &Client, believed: bool) -> &'a [u8] {
    let given = headers
        .get(X_FORWARDED_PROTO)
        .map(HeaderValue::as_bytes)
        .filter(|value| believed && !value.is_empty());
    given.unwrap_or(if client.secure { b"https" } else { b"http" })
}

impl Options {
    /// Whether the app is told that this request came by HTTPS.
    pub(crate) fn is_https(&self, headers: &HeaderMap, client: &Client) -> bool {
        let belief = self.trusted_proxies.belief(self.forward_headers, client.peer);
        scheme(headers, client, belief >= Belief::XForwarded).eq_ignore_ascii_case(b"https")
    }
}

/// What came in `Forwarded` (RFC 7239), and behind it the peer, if it has an address.
///
/// Not the host and protocol that we were asked with: Rack takes the last that it finds for those of the client.
#[cold]
fn forwarded(out: &mut Vec<u8>, headers: &HeaderMap, peer: Peer) {
    let came = headers.get_all(header::FORWARDED);
    // An open quote would swallow what we add.
    if came.iter().any(|value| has_open_quote(value.as_bytes())) {
        return;
    }
    let mut list = List::new(out, b"Forwarded: ");
    for value in came {
        list.add(value.as_bytes());
    }
    match peer.ip() {
        Some(IpAddr::V4(address)) => list.add(format!("for={address}").as_bytes()),
        Some(IpAddr::V6(address)) => list.add(format!("for=\"[{address}]\"").as_bytes()),
        None => {}
    }
    list.end();
}

/// Whether a quoted string (RFC 9110 section 5.6.4) begins in this value and does not end.
fn has_open_quote(value: &[u8]) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for byte in value {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    quoted
}

/// A field whose value is a list, and which is not written if that is empty.
struct List<'a> {
    out: &'a mut Vec<u8>,
    name: &'static [u8],
    start: usize,
}

impl<'a> List<'a> {
    /// `name` with a colon and a space.
    fn new(out: &'a mut Vec<u8>, name: &'static [u8]) -> Self {
        let start = out.len();
        Self { out, name, start }
    }

    /// Adds an element, or several that are separated already.
    fn add(&mut self, elements: &[u8]) {
        if !elements.is_empty() {
            self.begin();
            self.out.extend_from_slice(elements);
        }
    }

    /// Writes what stands before the next element.
    fn begin(&mut self) {
        let before: &[u8] = if self.out.len() == self.start {
            self.name
        } else {
            b", "
        };
        self.out.extend_from_slice(before);
    }

    fn end(self) {
        if self.out.len() > self.start {
            self.out.extend_from_slice(b"\r\n");
        }
    }
}

fn framing(out: &mut Vec<u8>, request: &Request) {
    match request.body.length() {
        None => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        // RFC 9110 section 8.6: where a body is to be expected, its absence is said.
        Some(0) => {
            if matches!(request.method, Method::POST | Method::PUT | Method::PATCH)
                || (request.version != Version::HTTP_2
                    && request.headers.contains_key(header::CONTENT_LENGTH))
            {
                encode::content_length(out, 0);
            }
        }
        Some(length) => encode::content_length(out, length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_open_until_one_that_is_not_escaped() {
        for value in [
            "",
            "for=1.2.3.4",
            r#"for="[::1]""#,
            r#"for="a\"b""#,
            r"a\b",
            r#""\\""#,
        ] {
            assert!(!has_open_quote(value.as_bytes()), "{value}");
        }
        for value in [r#"for=""#, r#"for="a\""#, r#"for="a", by="b"#, r#""\"#] {
            assert!(has_open_quote(value.as_bytes()), "{value}");
        }
    }
}
