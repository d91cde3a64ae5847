//! Request heads: parses one, or refuses what can be read in more than one way.

use bytes::Bytes;
use http::{HeaderValue, Method, Version, header};

use super::fields::{self, Fields};
use super::head::{HeadError, MAX_TARGET, start_line, version_of};
use crate::http1::target::RequestTarget;

/// A request head that can be read in one way only.
#[derive(Debug)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    pub(crate) target: RequestTarget,
    pub(crate) version: Version,
    pub(crate) fields: Fields,
}

/// Parses a whole request head (RFC 9112 sections 3 and 5).
///
/// The authority of an absolute-form target replaces `Host` (RFC 9112 section 3.2.2).
///
/// # Errors
///
/// What is wrong with it; [`HeadError::status`] is the answer.
pub(crate) fn parse(head: &Bytes) -> Result<RequestHead, HeadError> {
    let line = start_line(head).ok_or(HeadError::RequestLine)?;
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(HeadError::RequestLine);
    };
    let method = Method::from_bytes(method).map_err(|_| HeadError::RequestLine)?;
    let version = version_of(version).ok_or(HeadError::RequestLine)??;
    let (target, authority) = target_of(&method, head.slice_ref(target))?;

    let mut fields = fields::parse(&head.slice(line.len() + 2..))?;
    judge_host(&mut fields, authority, version)?;
    if version == Version::HTTP_10 {
        if fields.chunked {
            return Err(HeadError::TransferEncoding);
        }
        // HTTP/1.0 knows neither; a proxy in between may have passed them on unread (RFC 9110 sections 7.8, 10.1.1).
        fields.expect = None;
        fields.upgrade = None;
    }
    if fields
        .expect
        .as_ref()
        .is_some_and(|expect| !expect.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    {
        return Err(HeadError::Expect);
    }
    Ok(RequestHead {
        method,
        target,
        version,
        fields,
    })
}

/// The origin-form of a target, and the authority if it came in absolute-form (RFC 9112 section 3.2).
fn target_of(method: &Method, raw: Bytes) -> Result<(RequestTarget, Option<HeaderValue>), HeadError> {
    if raw.len() > MAX_TARGET {
        return Err(HeadError::TargetTooLong);
    }
    // A tunnel is not what a server in front of one app offers; TRACE would show a client what we add.
    if *method == Method::CONNECT || *method == Method::TRACE {
        return Err(HeadError::MethodNotAllowed);
    }
    // Bytes above 0x7f pass as they came; controls, spaces and fragments never do.
    if raw
        .iter()
        .any(|byte| *byte <= b' ' || *byte == 0x7f || *byte == b'#')
    {
        return Err(HeadError::Target);
    }
    if raw.first() == Some(&b'/') || (*method == Method::OPTIONS && raw == "*") {
        return Ok((RequestTarget::new(raw), None));
    }
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| {
            raw.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .ok_or(HeadError::Target)?;
    let rest = raw.slice(scheme.len()..);
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let authority = HeaderValue::from_maybe_shared(rest.slice(..end)).map_err(|_| HeadError::Target)?;
    if authority.is_empty() || !is_host(authority.as_bytes()) {
        return Err(HeadError::Target);
    }
    let path = rest.slice(end..);
    let target = match path.first() {
        Some(b'/') => RequestTarget::new(path),
        _ if *method == Method::OPTIONS && path.is_empty() => RequestTarget::new(Bytes::from_static(b"*")),
        _ => RequestTarget::new([b"/", &path[..]].concat().into()),
    };
    Ok((target, Some(authority)))
}

fn judge_host(
    fields: &mut Fields,
    authority: Option<HeaderValue>,
    version: Version,
) -> Result<(), HeadError> {
    let mut hosts = fields.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Err(HeadError::Host),
        (Some(host), None) if !is_host(host.as_bytes()) => return Err(HeadError::Host),
        (None, None) if version != Version::HTTP_10 => return Err(HeadError::HostMissing),
        _ => {}
    }
    if let Some(authority) = authority {
        fields.headers.insert(header::HOST, authority);
    }
    Ok(())
}

/// Whether this is `host [":" port]` (RFC 3986 section 3.2.2) or empty; neither userinfo nor a list, nor a port alone,
/// which some take for no host and some for themselves (RFC 9110 section 4.2.1).
pub(crate) fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !value[colon..].contains(&b']') => (&value[..colon], Some(&value[colon + 1..])),
        _ => (value, None),
    };
    if !port.is_none_or(|port| port.iter().all(u8::is_ascii_digit)) {
        return false;
    }
    match host {
        [] => port.is_none(),
        [b'[', address @ .., b']'] => {
            std::str::from_utf8(address).is_ok_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
        }
        name => name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(head: &str) -> Result<RequestHead, HeadError> {
        parse(&Bytes::copy_from_slice(head.as_bytes()))
    }

    #[test]
    fn the_target_is_kept_byte_for_byte() {
        for target in ["/a%2Fb//c/../d?q=%zz&b=2;a", "/<>`\"|{}?\"", "/\u{e4}", "/?"] {
            let parsed = request(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
            assert_eq!(parsed.target.as_bytes(), target.as_bytes());
        }
    }

    #[test]
    fn the_authority_of_an_absolute_target_is_the_host() {
        let parsed = request("GET http://b.example:81?q HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();

        assert_eq!(parsed.target.as_bytes(), b"/?q");
        assert_eq!(parsed.fields.headers[header::HOST], "b.example:81");
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        let cases = [
            ("GET / HTTP/1.1\r\n\r\n", HeadError::HostMissing),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", HeadError::Host),
            ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", HeadError::Host),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HeadError::Host),
            ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", HeadError::Host),
            ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", HeadError::Host),
            ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", HeadError::Host),
            ("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", HeadError::Host),
            ("GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Target),
            ("GET foo HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Target),
            ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Target),
            ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Target),
            ("GET  HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Target),
            ("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Target),
            ("GET http://u@h/ HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Target),
            ("GET /\rA: b HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::RequestLine),
            ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::RequestLine),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::RequestLine),
            ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::RequestLine),
            ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::RequestLine),
            ("GET / http/1.1\r\nHost: a\r\n\r\n", HeadError::RequestLine),
            ("GET / HTTP/1.1x\r\nHost: a\r\n\r\n", HeadError::RequestLine),
            ("GET /\r\n\r\n", HeadError::RequestLine),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", HeadError::Version),
            (
                "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
                HeadError::MethodNotAllowed,
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n",
                HeadError::Expect,
            ),
            (
                "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                HeadError::TransferEncoding,
            ),
        ];
        for (head, error) in cases {
            assert_eq!(request(head).err(), Some(error), "{head:?}");
        }
    }

    #[test]
    fn http_1_0_without_a_host_and_unknown_methods_pass() {
        assert_eq!(
            request("GET / HTTP/1.0\r\n\r\n").unwrap().version,
            Version::HTTP_10
        );
        assert_eq!(request("get / HTTP/1.1\r\nHost:\r\n\r\n").unwrap().method, "get");
        assert_eq!(
            request("OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")
                .unwrap()
                .target
                .as_bytes(),
            b"*"
        );
    }
}
