//! Judges the head of an HTTP/2 request, which h2 has parsed, as `http1::head` judges those of HTTP/1.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};

use crate::body::Body;
use crate::exchange::Request;
use crate::http1::fields::MAX_FIELDS;
use crate::http1::head::{HeadError, MAX_HEAD, MAX_TARGET};
use crate::http1::request::is_host;
use crate::http1::target::RequestTarget;

/// What the pipeline gets to see of a request, without its body.
///
/// # Errors
///
/// What RFC 9113 section 8 lets through and we do not.
pub(super) fn read(mut parts: Parts) -> Result<Box<Request>, HeadError> {
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(HeadError::MethodNotAllowed);
    }
    // As in an absolute-form target. Without `:authority` h2 does not tell the scheme, and nobody reads it.
    let is_known = |scheme: &str| {
        ["http", "https"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
    };
    if !parts.uri.scheme_str().is_none_or(is_known) {
        return Err(HeadError::Target);
    }
    let fields = Fields::judge(&parts.headers)?;
    let target = match parts.uri.path_and_query() {
        Some(target) if target.as_str().starts_with('/') => target.as_str(),
        // h2 lets a query through that no path stands before (RFC 9113 section 8.3.1).
        Some(target) if target.as_str() == "*" && parts.method == Method::OPTIONS => target.as_str(),
        _ => return Err(HeadError::Target),
    };
    if target.len() > MAX_TARGET {
        return Err(HeadError::TargetTooLong);
    }

    // RFC 9113 section 8.3.1: `:authority` takes the place of `host`, and the two must not differ.
    let authority = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let given = parts.headers.get(header::HOST).map(HeaderValue::as_bytes);
    let host = match (authority, given) {
        _ if fields.hosts > 1 => return Err(HeadError::Host),
        (Some(authority), Some(given)) if authority != given => return Err(HeadError::Host),
        (None, None) => return Err(HeadError::HostMissing),
        (Some(host), _) | (None, Some(host)) => host,
    };
    if !is_host(host) {
        return Err(HeadError::Host);
    }
    let length = head_length(&parts.method, authority.unwrap_or_default(), target) + fields.length;
    // One piece of memory for both.
    let text = Bytes::from([target.as_bytes(), host].concat());
    let (target, host) = (text.slice(..target.len()), text.slice(target.len()..));
    let host = HeaderValue::from_maybe_shared(host).map_err(|_| HeadError::Host)?;
    parts.headers.insert(header::HOST, host);
    if fields.cookies > 1 {
        join_cookies(&mut parts.headers);
    }
    // Only now: browsers send each cookie in a field of its own.
    if parts.headers.len() > MAX_FIELDS {
        return Err(HeadError::TooManyFields);
    }
    if length > MAX_HEAD {
        return Err(HeadError::TooLarge);
    }
    for name in fields.ours {
        parts.headers.remove(name);
    }

    Ok(Box::new(Request {
        method: parts.method,
        target: RequestTarget::new(target),
        version: Version::HTTP_2,
        headers: parts.headers,
        new_id: None,
        start: None,
        announcement: Bytes::new(),
        upgrade: None,
        accepts_trailers: fields.accepts_trailers,
        expects_continue: fields.expects_continue,
        body: Body::empty(),
        interim: None,
    }))
}

/// How long a request without fields would be over HTTP/1, so that both have one limit.
fn head_length(method: &Method, authority: &[u8], target: &str) -> usize {
    "  HTTP/1.1\r\nhost: \r\n\r\n".len() + method.as_str().len() + authority.len() + target.len()
}

/// What one look at all fields has shown.
#[derive(Default)]
struct Fields {
    /// How long they would be over HTTP/1.
    length: usize,
    hosts: usize,
    cookies: usize,
    accepts_trailers: bool,
    expects_continue: bool,
    /// Those that concern this hop.
    ours: Vec<HeaderName>,
}

impl Fields {
    /// Refuses fields that could be read in two ways, once they stand in lines; h2 has found no line ends in them.
    fn judge(headers: &HeaderMap) -> Result<Self, HeadError> {
        let mut fields = Self::default();
        let (mut lengths, mut expects) = (0, 0);
        for (name, value) in headers {
            let value = value.as_bytes();
            // RFC 9113 section 8.2.1. In a line, the padding would be lost.
            if value.trim_ascii().len() < value.len() {
                return Err(HeadError::Field);
            }
            fields.length += name.as_str().len() + value.len() + ": \r\n".len();
            match *name {
                header::HOST => fields.hosts += 1,
                header::COOKIE => fields.cookies += 1,
                header::CONTENT_LENGTH => {
                    lengths += 1;
                    // h2 refuses what is no number; which of two it believes is not for us to guess.
                    if lengths > 1 {
                        return Err(HeadError::ContentLength);
                    }
                }
                header::EXPECT => {
                    expects += 1;
                    if expects > 1 || !value.eq_ignore_ascii_case(b"100-continue") {
                        return Err(HeadError::Expect);
                    }
                    fields.expects_continue = true;
                    fields.ours.push(header::EXPECT);
                }
                header::TE => {
                    fields.accepts_trailers = true;
                    fields.ours.push(header::TE);
                }
                // The only other hop-by-hop fields that HTTP/2 itself does not forbid.
                header::PROXY_AUTHENTICATE => fields.ours.push(header::PROXY_AUTHENTICATE),
                header::PROXY_AUTHORIZATION => fields.ours.push(header::PROXY_AUTHORIZATION),
                _ => {}
            }
        }
        Ok(fields)
    }
}

/// One `Cookie` field from several, for HTTP/1 knows no others (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(header::COOKIE).iter();
    if let (Some(first), Some(second)) = (cookies.next(), cookies.next()) {
        let mut joined = [first.as_bytes(), second.as_bytes()].join(&b"; "[..]);
        for cookie in cookies {
            joined.extend_from_slice(b"; ");
            joined.extend_from_slice(cookie.as_bytes());
        }
        if let Ok(joined) = HeaderValue::from_maybe_shared(Bytes::from(joined)) {
            headers.insert(header::COOKIE, joined);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, uri: &str, fields: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_authority_is_the_host_and_the_target_stays_as_it_was() {
        let request = read(parts("GET", "http://a.example:81/b%2Fc?q=%zz", &[])).unwrap();

        assert_eq!(request.headers[header::HOST], "a.example:81");
        assert_eq!(request.target.as_bytes(), b"/b%2Fc?q=%zz");
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        let cases = [
            (parts("GET", "/", &[]), HeadError::HostMissing),
            (parts("GET", "http://a/", &[("host", "b")]), HeadError::Host),
            (
                parts("GET", "/", &[("host", "a"), ("host", "a")]),
                HeadError::Host,
            ),
            (parts("GET", "/", &[("host", "a/b")]), HeadError::Host),
            (parts("GET", "http://a/", &[("x", "b ")]), HeadError::Field),
            (parts("GET", "http://a/", &[("x", "\tb")]), HeadError::Field),
            (
                parts(
                    "GET",
                    "http://a/",
                    &[("content-length", "5"), ("content-length", "5")],
                ),
                HeadError::ContentLength,
            ),
            (
                parts("GET", "http://a/", &[("expect", "200-ok")]),
                HeadError::Expect,
            ),
            (parts("GET", "ftp://a/", &[]), HeadError::Target),
            (parts("GET", "*", &[("host", "a")]), HeadError::Target),
            (parts("CONNECT", "a:1", &[]), HeadError::MethodNotAllowed),
            (parts("TRACE", "http://a/", &[]), HeadError::MethodNotAllowed),
            (
                parts("GET", &format!("http://a/{}", "b".repeat(MAX_TARGET)), &[]),
                HeadError::TargetTooLong,
            ),
        ];
        for (given, error) in cases {
            let shown = format!("{given:?}");
            assert_eq!(read(given).err(), Some(error), "{shown}");
        }
        assert!(read(parts("OPTIONS", "*", &[("host", "a")])).is_ok());
    }

    #[test]
    fn more_fields_than_over_http_1_are_refused_but_cookies_count_as_one() {
        let read_with = |name, count| read(parts("GET", "http://a/", &vec![(name, "b"); count]));

        // One of them is Host.
        assert!(read_with("a", MAX_FIELDS - 1).is_ok());
        assert_eq!(read_with("a", MAX_FIELDS).err(), Some(HeadError::TooManyFields));
        assert!(read_with("cookie", MAX_FIELDS * 2).is_ok());
    }

    #[test]
    fn a_head_that_would_be_too_large_over_http_1_is_refused() {
        let read_with = |length: usize| read(parts("GET", "http://a/", &[("x", &"b".repeat(length))]));
        let rest = "GET / HTTP/1.1\r\nhost: a\r\nx: \r\n\r\n".len();

        assert!(read_with(MAX_HEAD - rest).is_ok());
        assert_eq!(read_with(MAX_HEAD - rest + 1).err(), Some(HeadError::TooLarge));
    }

    #[test]
    fn cookies_are_joined_and_what_concerns_this_hop_stays_behind() {
        let fields = [
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("cookie", "c=3"),
            ("te", "trailers"),
            ("expect", "100-continue"),
            ("proxy-authorization", "Basic eA=="),
        ];

        let request = read(parts("GET", "http://a/", &fields)).unwrap();

        assert_eq!(request.headers[header::COOKIE], "a=1; b=2; c=3");
        assert_eq!(request.headers.len(), 2, "Cookie and Host: {:?}", request.headers);
        assert!(request.accepts_trailers && request.expects_continue);
    }
}
