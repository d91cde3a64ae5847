//! What all message heads have in common: where one ends, its limits, its first line, and what may be wrong with it.
//!
//! A head is searched for its end once, as bytes arrive, and parsed once, when it is whole, by [`super::request`] or
//! [`super::response`]. Whatever two parsers could read differently is refused, not repaired (RFC 9112, and
//! `docs/compatibility.md`).

use http::{StatusCode, Version};

use super::fields;

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

/// The first line without its CRLF; `None` if a carriage return stands elsewhere in it.
pub(super) fn start_line(head: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b'\r', head)?;
    (head.get(end + 1) == Some(&b'\n')).then(|| &head[..end])
}

/// `None` if this is no HTTP version at all.
pub(super) fn version_of(text: &[u8]) -> Option<Result<Version, HeadError>> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
