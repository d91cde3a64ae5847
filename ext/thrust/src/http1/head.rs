//! Message heads: where one ends, and whether what it says can be read in one way only.
//!
//! A head is searched for its end once, as bytes arrive, and parsed once, when it is whole. Whatever two parsers
//! could read differently is refused, not repaired (RFC 9112, and `docs/compatibility.md`).

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Version, header};

use super::fields::{self, Fields};
use crate::exchange::RequestTarget;

/// Largest head in bytes, start line and fields together.
pub(crate) const MAX_HEAD: usize = 64 * 1024;
/// Longest request target in bytes.
pub(crate) const MAX_TARGET: usize = 16 * 1024;
/// Most empty lines before a request line (RFC 9112 section 2.2 asks to ignore at least one).
pub(crate) const MAX_EMPTY_LINES: usize = 8;

/// Why a head was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("a line ends without a carriage return")]
    BareLineFeed,
    #[error("too many empty lines before the request")]
    EmptyLines,
    #[error("malformed request line")]
    RequestLine,
    #[error("malformed status line")]
    StatusLine,
    #[error("unsupported protocol version")]
    Version,
    #[error("malformed request target")]
    Target,
    #[error("request target is longer than {MAX_TARGET} bytes")]
    TargetTooLong,
    #[error("method not allowed")]
    MethodNotAllowed,
    #[error("invalid header name")]
    FieldName,
    #[error("malformed header field")]
    Field,
    #[error("more than {} header fields", fields::MAX_FIELDS)]
    TooManyFields,
    #[error("head is larger than {MAX_HEAD} bytes")]
    TooLarge,
    #[error("missing required Host header")]
    HostMissing,
    #[error("malformed Host header")]
    Host,
    #[error("malformed Content-Length header")]
    ContentLength,
    #[error("malformed Transfer-Encoding header")]
    TransferEncoding,
    #[error("unsupported transfer encoding")]
    TransferCoding,
    #[error("Content-Length beside Transfer-Encoding")]
    LengthBesideChunked,
    #[error("unsupported expectation")]
    Expect,
}

impl HeadError {
    /// The status that tells a client what was wrong with its request.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooManyFields | Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::Expect => StatusCode::EXPECTATION_FAILED,
            Self::BareLineFeed
            | Self::EmptyLines
            | Self::RequestLine
            | Self::StatusLine
            | Self::Target
            | Self::FieldName
            | Self::Field
            | Self::HostMissing
            | Self::Host
            | Self::ContentLength
            | Self::TransferEncoding
            | Self::LengthBesideChunked => StatusCode::BAD_REQUEST,
        }
    }
}

/// Looks for the end of a head in bytes that arrive piece by piece, each byte once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scanner {
    /// How far the bytes were searched.
    searched: usize,
    /// Where the current line begins.
    line: usize,
}

impl Scanner {
    /// The length of the head at the start of `bytes`, which begin with what earlier calls saw; `None` until it is whole.
    ///
    /// # Errors
    ///
    /// A bare line feed, or more than [`MAX_HEAD`] bytes without an end.
    pub(crate) fn find_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, HeadError> {
        while let Some(offset) = memchr::memchr(b'\n', &bytes[self.searched..]) {
            let feed = self.searched + offset;
            if feed == self.line || bytes[feed - 1] != b'\r' {
                return Err(HeadError::BareLineFeed);
            }
            let empty = feed - 1 == self.line;
            self.searched = feed + 1;
            self.line = self.searched;
            if empty && self.line <= MAX_HEAD {
                return Ok(Some(self.line));
            }
            if self.line > MAX_HEAD {
                return Err(HeadError::TooLarge);
            }
        }
        self.searched = bytes.len();
        match bytes.len() {
            length if self.line == 0 && length > MAX_TARGET + 256 => Err(HeadError::TargetTooLong),
            length if length > MAX_HEAD => Err(HeadError::TooLarge),
            _ => Ok(None),
        }
    }
}

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
pub(crate) fn parse_request(head: &Bytes) -> Result<RequestHead, HeadError> {
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

/// A response head that can be read in one way only.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) fields: Fields,
}

/// Parses a whole response head (RFC 9112 sections 4 and 5); the reason phrase is not kept.
///
/// # Errors
///
/// What is wrong with it. To our client all of them are one: 502.
pub(crate) fn parse_response(head: &Bytes) -> Result<ResponseHead, HeadError> {
    let line = start_line(head).ok_or(HeadError::StatusLine)?;
    let (version, rest) = line.split_at_checked(8).ok_or(HeadError::StatusLine)?;
    let version = version_of(version).ok_or(HeadError::StatusLine)??;
    let status = match rest {
        [b' ', digits @ ..] if digits.len() == 3 => digits,
        [b' ', a, b, c, b' ', ..] => &[*a, *b, *c][..],
        _ => return Err(HeadError::StatusLine),
    };
    let status = StatusCode::from_bytes(status).map_err(|_| HeadError::StatusLine)?;
    if status.as_u16() > 599 {
        return Err(HeadError::StatusLine);
    }
    let fields = fields::parse(&head.slice(line.len() + 2..))?;
    if fields.chunked && version == Version::HTTP_10 {
        return Err(HeadError::TransferEncoding);
    }
    Ok(ResponseHead {
        status,
        version,
        fields,
    })
}

/// The first line without its CRLF; `None` if a carriage return stands elsewhere in it.
fn start_line(head: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b'\r', head)?;
    (head.get(end + 1) == Some(&b'\n')).then(|| &head[..end])
}

/// `None` if this is no HTTP version at all.
fn version_of(text: &[u8]) -> Option<Result<Version, HeadError>> {
    match text {
        b"HTTP/1.1" => Some(Ok(Version::HTTP_11)),
        b"HTTP/1.0" => Some(Ok(Version::HTTP_10)),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Some(Err(HeadError::Version))
        }
        _ => None,
    }
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

/// Whether this is `host [":" port]` (RFC 3986 section 3.2.2) or empty; neither userinfo nor a list.
pub(crate) fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !value[colon..].contains(&b']') => (&value[..colon], Some(&value[colon + 1..])),
        _ => (value, None),
    };
    if !port.is_none_or(|port| port.iter().all(u8::is_ascii_digit)) {
        return false;
    }
    match host {
        [b'[', address @ .., b']'] => {
            std::str::from_utf8(address).is_ok_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
        }
        name => name.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'-' | b'.'
                        | b'_'
                        | b'~'
                        | b'%'
                        | b'!'
                        | b'$'
                        | b'&'
                        | b'\''
                        | b'('
                        | b')'
                        | b'*'
                        | b'+'
                        | b';'
                        | b'='
                )
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(head: &str) -> Result<RequestHead, HeadError> {
        parse_request(&Bytes::copy_from_slice(head.as_bytes()))
    }

    #[test]
    fn a_head_is_found_however_its_bytes_arrive() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        let mut scanner = Scanner::default();

        for length in 0..27 {
            assert_eq!(scanner.find_end(&bytes[..length]), Ok(None));
        }
        assert_eq!(scanner.find_end(bytes), Ok(Some(27)));
        assert_eq!(Scanner::default().find_end(bytes), Ok(Some(27)));
    }

    #[test]
    fn a_bare_line_feed_anywhere_ends_the_search() {
        for bytes in [
            &b"\nGET"[..],
            b"GET / HTTP/1.1\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\n\r\n",
            b"GET / HTTP/1.1\r\n\n",
        ] {
            assert_eq!(Scanner::default().find_end(bytes), Err(HeadError::BareLineFeed));
        }
    }

    #[test]
    fn a_head_without_an_end_is_refused_at_its_limit() {
        let long_line = vec![b'a'; MAX_TARGET + 257];
        let long_field = [b"GET / HTTP/1.1\r\nA: ", &vec![b'a'; MAX_HEAD][..]].concat();

        assert_eq!(
            Scanner::default().find_end(&long_line),
            Err(HeadError::TargetTooLong)
        );
        assert_eq!(Scanner::default().find_end(&long_field), Err(HeadError::TooLarge));
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

    #[test]
    fn a_status_line_has_three_digits_and_may_lack_its_reason() {
        let status = |line: &str| {
            parse_response(&Bytes::from(format!("{line}\r\n\r\n"))).map(|head| head.status.as_u16())
        };

        assert_eq!(status("HTTP/1.1 200 OK"), Ok(200));
        assert_eq!(status("HTTP/1.0 299"), Ok(299));
        for line in [
            "HTTP/1.1 099 No",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1  200",
            "200 OK",
            "HTTP/1.1 600 X",
        ] {
            assert_eq!(status(line), Err(HeadError::StatusLine), "{line:?}");
        }
        assert_eq!(status("HTTP/3.0 200 OK"), Err(HeadError::Version));
    }
}
