//! What the app is told of a request: its head, without what is a matter between the client and us, and with what
//! only we know, as thruster tells it.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Version};

use super::{Options, Target};
use crate::exchange::{Client, Request};
use crate::http1::encode;
use crate::text;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Fields that we write ourselves or that no client may send.
const OURS: [&str; 9] = [
    "host",
    "content-length",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-sendfile-type",
    "x-accel-mapping",
    "forwarded",
    "trailer",
];

/// Fields that Rack would not tell from others spelt with `_`: `X_Forwarded_For` becomes `HTTP_X_FORWARDED_FOR` too.
const UNSHADOWED: [&str; 13] = [
    "transfer-encoding",
    "content-length",
    "content-type",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-ssl",
    "x-real-ip",
    "x-request-id",
    "x-request-start",
    "x-sendfile-type",
    "x-accel-mapping",
];

/// The head of the request to the app, its empty line included.
pub(super) fn request_head(
    request: &Request,
    client: &Client,
    options: &Options,
    target: &Target,
) -> Vec<u8> {
    let headers = &request.headers;
    let mut out = Vec::with_capacity(768);
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
    for (name, value) in headers.iter().filter(|(name, _)| is_passed_on(name)) {
        encode::field(&mut out, name, value.as_bytes());
    }
    forwarded(&mut out, headers, host, client, options.forward_headers);
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

fn is_passed_on(name: &HeaderName) -> bool {
    let name = name.as_str();
    let shadows = name.contains('_') && UNSHADOWED.contains(&name.replace('_', "-").as_str());
    !shadows && !OURS.contains(&name)
}

fn forwarded(out: &mut Vec<u8>, headers: &HeaderMap, host: &[u8], client: &Client, believed: bool) {
    forwarded_for(out, headers, client, believed);

    let given = |name| {
        headers
            .get(name)
            .map(HeaderValue::as_bytes)
            .filter(|value| believed && !value.is_empty())
    };
    let scheme: &[u8] = if client.secure { b"https" } else { b"http" };
    encode::field(out, &X_FORWARDED_HOST, given(X_FORWARDED_HOST).unwrap_or(host));
    encode::field(
        out,
        &X_FORWARDED_PROTO,
        given(X_FORWARDED_PROTO).unwrap_or(scheme),
    );
}

/// The addresses that came, and behind them that of the peer, if it has one.
fn forwarded_for(out: &mut Vec<u8>, headers: &HeaderMap, client: &Client, believed: bool) {
    let came = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter(|value| believed && !value.is_empty());
    let start = out.len();
    for value in came {
        separate(out, start);
        out.extend_from_slice(value.as_bytes());
    }
    if let Some(address) = client.peer.ip() {
        separate(out, start);
        text::address(out, address);
    }
    if out.len() > start {
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes what stands before an address of X-Forwarded-For, whose line begins at `start`.
fn separate(out: &mut Vec<u8>, start: usize) {
    let separator: &[u8] = if out.len() == start {
        b"X-Forwarded-For: "
    } else {
        b", "
    };
    out.extend_from_slice(separator);
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
