//! Header fields of a message, sorted into those that frame the message or belong to this hop, and the rest.
//!
//! Hop-by-hop fields (RFC 9110 section 7.6.1) never enter the map, so no later stage can pass one on by mistake.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::head::HeadError;
use super::maps;

/// Most fields in one head or trailer section.
pub(crate) const MAX_FIELDS: usize = 128;

/// A parsed header section.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// End-to-end fields, `Host`, `Content-Length` and `Trailer` among them, in the order they came.
    pub(crate) headers: HeaderMap,
    /// The one valid `Content-Length`.
    pub(crate) content_length: Option<u64>,
    /// Whether `Transfer-Encoding: chunked` was there.
    pub(crate) chunked: bool,
    /// What `Connection` asks for.
    pub(crate) connection: ConnectionOptions,
    /// The value of `Upgrade`; it counts only beside `Connection: upgrade`.
    pub(crate) upgrade: Option<HeaderValue>,
    /// The value of `Expect`.
    pub(crate) expect: Option<HeaderValue>,
    /// Whether `TE` named `trailers`.
    pub(crate) accepts_trailers: bool,
}

/// The options of the `Connection` field that change what we do (RFC 9110 section 7.6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnectionOptions {
    /// The sender closes after this message.
    pub(crate) close: bool,
    /// An HTTP/1.0 sender would keep the connection.
    pub(crate) keep_alive: bool,
    /// The sender wants to change the protocol.
    pub(crate) upgrade: bool,
}

/// Parses the lines after the start line; `section` ends with the empty line.
///
/// # Errors
///
/// A field that RFC 9112 section 5 does not allow, too many of them, or a length that can be read in two ways.
pub(crate) fn parse(section: &Bytes) -> Result<Fields, HeadError> {
    let mut fields = Fields {
        headers: maps::lend(),
        ..Fields::default()
    };
    let mut named = Vec::new();
    let mut count = 0;
    let mut fault = None;
    let mut rest = &section[..];
    loop {
        let end = memchr::memchr(b'\n', rest).ok_or(HeadError::Field)?;
        let line = rest[..end].strip_suffix(b"\r").ok_or(HeadError::Field)?;
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        count += 1;
        if count > MAX_FIELDS {
            return Err(HeadError::TooManyFields);
        }
        let (name, value) = parts(line).ok_or(HeadError::FieldName)?;
        // Both refuse what may not stand in them, and so whatever is no field line (RFC 9112 section 5).
        let name = HeaderName::from_bytes(name).map_err(|_| HeadError::FieldName)?;
        let value = HeaderValue::from_maybe_shared(section.slice_ref(value)).map_err(|_| HeadError::Field)?;
        // Told only if nothing else is wrong: what a field says does not count where a line is none.
        if let Err(error) = fields.take(name, value, &mut named) {
            fault.get_or_insert(error);
        }
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    // Only now: a field may stand before the `Connection` that names it.
    for name in named
        .iter()
        .filter(|name| *name != header::HOST && *name != header::CONTENT_LENGTH)
    {
        fields.headers.remove(name);
    }
    // Named as well, though an option that we know is not collected; the other two never enter the map.
    if fields.connection.close {
        fields.headers.remove("close");
    }
    if fields.chunked && fields.content_length.is_some() {
        return Err(HeadError::LengthBesideChunked);
    }
    Ok(fields)
}

/// A field line at its colon, the value without the white space around it (RFC 9112 section 5.1).
fn parts(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let mut value = &line[colon + 1..];
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    Some((&line[..colon], value))
}

impl Fields {
    /// Puts one field where it belongs; names listed by `Connection` are collected in `named`.
    fn take(
        &mut self,
        name: HeaderName,
        value: HeaderValue,
        named: &mut Vec<HeaderName>,
    ) -> Result<(), HeadError> {
        match name {
            header::CONNECTION => self.connection.read(&value, named),
            header::CONTENT_LENGTH => {
                let length = content_length(value.as_bytes())?;
                if self.content_length.replace(length).is_some() {
                    return Err(HeadError::ContentLength);
                }
                self.headers.append(name, value);
            }
            header::TRANSFER_ENCODING => {
                if !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                    return Err(unknown_coding(value.as_bytes()));
                }
                if std::mem::replace(&mut self.chunked, true) {
                    return Err(HeadError::TransferEncoding);
                }
            }
            header::UPGRADE => self.upgrade = Some(value),
            header::EXPECT => {
                if self.expect.replace(value).is_some() {
                    return Err(HeadError::Expect);
                }
            }
            header::TE => {
                self.accepts_trailers |= tokens(&value).any(|token| token.eq_ignore_ascii_case(b"trailers"));
            }
            header::PROXY_AUTHENTICATE | header::PROXY_AUTHORIZATION => {}
            name if matches!(name.as_str(), "keep-alive" | "proxy-connection") => {}
            name => {
                self.headers
                    .try_append(name, value)
                    .map_err(|_| HeadError::TooManyFields)?;
            }
        }
        Ok(())
    }
}

impl ConnectionOptions {
    fn read(&mut self, value: &HeaderValue, named: &mut Vec<HeaderName>) {
        for token in tokens(value) {
            if token.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if token.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if let Ok(name) = HeaderName::from_bytes(token) {
                named.push(name);
            }
        }
    }
}

/// The comma-separated members of a field value, trimmed, empty ones left out (RFC 9110 section 5.6.1).
pub(crate) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

/// One or more digits and nothing else (RFC 9110 section 8.6): no sign, no list, no overflow.
fn content_length(value: &[u8]) -> Result<u64, HeadError> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(HeadError::ContentLength);
    }
    std::str::from_utf8(value)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(HeadError::ContentLength)
}

/// `chunked` in a wrong place is a framing fault; any other coding is one we do not have (RFC 9112 section 6.1).
fn unknown_coding(value: &[u8]) -> HeadError {
    let only_chunked = value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"chunked"));
    if only_chunked {
        HeadError::TransferEncoding
    } else {
        HeadError::TransferCoding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(section: &'static str) -> Result<Fields, HeadError> {
        parse(&Bytes::from_static(section.as_bytes()))
    }

    #[test]
    fn hop_by_hop_fields_and_those_that_connection_names_stay_out_of_the_map() {
        let fields = parsed(
            "X-Hop: 1\r\nClose: 1\r\nConnection: close, X-Hop, Host\r\nKeep-Alive: timeout=5\r\nHost: a\r\n\
             Proxy-Connection: x\r\nProxy-Authorization: y\r\nTE: trailers, deflate\r\nUpgrade: websocket\r\n\r\n",
        )
        .unwrap();

        let names: Vec<_> = fields.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["host"]);
        assert!(fields.connection.close && fields.accepts_trailers);
        assert_eq!(fields.upgrade.unwrap(), "websocket");
    }

    #[test]
    fn a_length_that_can_be_read_in_two_ways_is_refused() {
        for value in ["", "+5", "-1", "5, 5", "0x10", "18446744073709551616", "5 5"] {
            let section = Bytes::from(format!("Content-Length: {value}\r\n\r\n"));
            assert!(
                matches!(parse(&section), Err(HeadError::ContentLength)),
                "{value:?}"
            );
        }
        assert!(matches!(
            parsed("Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
            Err(HeadError::ContentLength)
        ));
        assert!(matches!(
            parsed("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
            Err(HeadError::LengthBesideChunked)
        ));
    }

    #[test]
    fn the_only_coding_is_chunked_and_once() {
        assert!(parsed("Transfer-Encoding: Chunked\r\n\r\n").unwrap().chunked);
        for value in ["gzip, chunked", "identity", "xchunked"] {
            let section = Bytes::from(format!("Transfer-Encoding: {value}\r\n\r\n"));
            assert!(
                matches!(parse(&section), Err(HeadError::TransferCoding)),
                "{value:?}"
            );
        }
        for section in [
            "Transfer-Encoding: chunked, chunked\r\n\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Transfer-Encoding:\r\n\r\n",
        ] {
            assert!(
                matches!(parsed(section), Err(HeadError::TransferEncoding)),
                "{section:?}"
            );
        }
    }

    #[test]
    fn folded_lines_spaces_before_the_colon_and_controls_are_refused() {
        for section in [
            "A: b\r\n c\r\n\r\n",
            "A : b\r\n\r\n",
            ": b\r\n\r\n",
            "A: b\0c\r\n\r\n",
            "A: b\rc\r\n\r\n",
            "A\r\n\r\n",
            "A: b\x7f\r\n\r\n",
        ] {
            assert!(parsed(section).is_err(), "{section:?}");
        }
    }

    #[test]
    fn a_name_is_a_token_and_a_value_has_no_control_characters_but_tabs() {
        for byte in 0..=u8::MAX {
            let of = |before: &[u8], after: &[u8]| parse(&[before, &[byte], after].concat().into());
            let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);

            // A second colon is the value's.
            assert_eq!(
                of(b"A", b"a: b\r\n\r\n").is_ok(),
                is_token || byte == b':',
                "{byte}"
            );
            assert_eq!(
                of(b"A: b", b"b\r\n\r\n").is_ok(),
                byte == b'\t' || !byte.is_ascii_control(),
                "{byte}"
            );
        }
    }

    #[test]
    fn a_value_ends_where_it_is_no_longer_spaces_and_tabs() {
        for (line, value) in [
            ("A:b", "b"),
            ("A: \t b c\t ", "b c"),
            ("A:", ""),
            ("A: \t ", ""),
            ("A: b: c", "b: c"),
        ] {
            let fields = parse(&Bytes::from(format!("{line}\r\n\r\n"))).unwrap();

            assert_eq!(fields.headers["a"], value, "{line:?}");
        }
    }

    #[test]
    fn what_a_field_says_does_not_count_where_a_line_is_none() {
        let fault = |section| parsed(section).unwrap_err();

        assert_eq!(
            fault("Transfer-Encoding: gzip\r\n chunked\r\n\r\n"),
            HeadError::FieldName
        );
        assert_eq!(fault("Content-Length: x\r\nA: \0\r\n\r\n"), HeadError::Field);
        assert_eq!(
            fault("Content-Length: x\r\nTransfer-Encoding: gzip\r\n\r\n"),
            HeadError::ContentLength
        );
    }

    #[test]
    fn a_section_that_does_not_end_is_refused() {
        for section in ["", "A: b\r\n", "A: b\r\n\r", "A: b"] {
            assert!(parsed(section).is_err(), "{section:?}");
        }
    }

    #[test]
    fn more_fields_than_the_limit_are_refused() {
        let section = |count: usize| Bytes::from("A: b\r\n".repeat(count) + "\r\n");

        assert_eq!(parse(&section(MAX_FIELDS)).unwrap().headers.len(), MAX_FIELDS);
        assert!(matches!(
            parse(&section(MAX_FIELDS + 1)),
            Err(HeadError::TooManyFields)
        ));
    }
}
