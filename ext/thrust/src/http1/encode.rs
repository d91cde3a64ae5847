//! Writes message heads and chunks.
//!
//! Names leave in the capitalisation that thruster's clients and apps are used to (`X-Request-Id`, `Etag`).

use http::{HeaderMap, HeaderName, StatusCode, Version, header};

use crate::text;

/// How a message body is delimited (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body, and no field that announces one.
    None,
    /// No body, but the head says what a GET would have had (HEAD, 304).
    HeadOnly,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection, for HTTP/1.0 clients.
    UntilClose,
}

/// What the `Connection` field of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// Kept, as HTTP/1.1 does without a word.
    Keep,
    /// Kept for an HTTP/1.0 client, which needs to be told.
    KeepAlive,
    /// Closed after this answer.
    Close,
    /// Handed over to another protocol.
    Upgrade,
}

/// Appends one field line.
pub(crate) fn field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    let start = out.len();
    out.extend_from_slice(name.as_str().as_bytes());
    let written = &mut out[start..];
    written[0].make_ascii_uppercase();
    for place in 1..written.len() {
        if written[place - 1] == b'-' {
            written[place].make_ascii_uppercase();
        }
    }
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends the head of an answer, its empty line included.
///
/// `Content-Length` in `headers` is written for [`Framing::HeadOnly`] alone; otherwise `framing` decides.
pub(crate) fn response_head(
    out: &mut Vec<u8>,
    version: Version,
    status: StatusCode,
    headers: &HeaderMap,
    framing: Framing,
    persistence: Persistence,
) {
    status_line(out, version, status);
    for (name, value) in headers {
        if name != header::CONTENT_LENGTH || framing == Framing::HeadOnly {
            field(out, name, value.as_bytes());
        }
    }
    match framing {
        Framing::Length(length) => content_length(out, length),
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::None | Framing::HeadOnly | Framing::UntilClose => {}
    }
    match persistence {
        Persistence::Keep => {}
        Persistence::KeepAlive => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        Persistence::Close => out.extend_from_slice(b"Connection: close\r\n"),
        Persistence::Upgrade => out.extend_from_slice(b"Connection: Upgrade\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

/// The whole of a 1xx answer (RFC 9110 section 15.2).
pub(crate) fn interim(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    status_line(&mut out, Version::HTTP_11, status);
    for (name, value) in headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH) {
        field(&mut out, name, value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Appends `Content-Length`.
pub(crate) fn content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    text::number(out, length);
    out.extend_from_slice(b"\r\n");
}

/// The line before a chunk of `length` bytes, which must not be 0: that would end the body.
pub(crate) fn chunk_size(out: &mut Vec<u8>, length: usize) {
    debug_assert_ne!(length, 0);
    text::hexadecimal(out, length as u64);
    out.extend_from_slice(b"\r\n");
}

/// Appends the last chunk and the trailer section.
pub(crate) fn last_chunk(out: &mut Vec<u8>, trailers: &HeaderMap) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        field(out, name, value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn status_line(out: &mut Vec<u8>, version: Version, status: StatusCode) {
    out.extend_from_slice(if version == Version::HTTP_10 {
        b"HTTP/1.0 "
    } else {
        b"HTTP/1.1 "
    });
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_length_of_an_answer_is_what_its_framing_says() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, HeaderValue::from_static("\"a\""));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("7"));
        let head = |framing| {
            let mut out = Vec::new();
            response_head(
                &mut out,
                Version::HTTP_11,
                StatusCode::OK,
                &headers,
                framing,
                Persistence::Close,
            );
            String::from_utf8(out).unwrap()
        };

        assert_eq!(
            head(Framing::Length(1050)),
            "HTTP/1.1 200 OK\r\nEtag: \"a\"\r\nContent-Length: 1050\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            head(Framing::HeadOnly),
            "HTTP/1.1 200 OK\r\nEtag: \"a\"\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            head(Framing::Chunked),
            "HTTP/1.1 200 OK\r\nEtag: \"a\"\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            head(Framing::None),
            "HTTP/1.1 200 OK\r\nEtag: \"a\"\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn chunk_sizes_are_hexadecimal() {
        for length in [1, 15, 16, 65_536, usize::MAX] {
            let mut out = Vec::new();
            chunk_size(&mut out, length);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{length:x}\r\n"));
        }
    }
}
