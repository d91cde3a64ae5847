//! A second reader of HTTP/1.1, as plain and strict as RFC 9112 is by the letter, to compare ours with.
//!
//! It shares nothing with ours, is slow, and reads from the whole of the bytes. Looser than the letter it is only where
//! that harms nobody: a target may hold any visible byte, a reason phrase and a chunk extension any text.

mod parts;

use parts::{fields, is_text, is_token, line, malformed, number};
pub(super) use parts::{members, values};

/// Why bytes are not what was to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// They end too early.
    Short,
    /// No more bytes would help.
    Malformed(&'static str),
}

pub(super) type Reading<T> = Result<T, Fault>;

/// A name in lower case and a value without the space around it.
pub(super) type Field = (String, Vec<u8>);

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Vec<u8>,
    /// In origin-form or asterisk-form.
    pub(super) target: Vec<u8>,
    /// Of a target that came in absolute-form.
    pub(super) authority: Option<Vec<u8>>,
    /// The digit behind `HTTP/1.`.
    pub(super) minor: u8,
    pub(super) fields: Vec<Field>,
    pub(super) framing: Framing,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The digit behind `HTTP/1.`.
    pub(super) minor: u8,
    pub(super) fields: Vec<Field>,
    pub(super) framing: Framing,
}

/// What a head says of the body behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Unsaid,
    Length(u64),
    Chunked,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    pub(super) body: Vec<u8>,
    pub(super) trailers: Vec<Field>,
    /// Whether any chunk had an extension.
    pub(super) extended: bool,
}

/// A request head at the start of `bytes`, and what follows it (section 3).
pub(super) fn request_head(bytes: &[u8]) -> Reading<(Request, &[u8])> {
    let (start, rest) = line(bytes)?;
    let words: Vec<&[u8]> = start.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else {
        return malformed("a request line has three words");
    };
    if !is_token(method) {
        return malformed("a method is a token");
    }
    let minor = minor_version(version)?;
    let (target, authority) = split_target(method, target)?;
    let (fields, rest) = fields(rest)?;
    let framing = framing(&fields, minor)?;
    judge_host(&fields, minor)?;
    let request = Request {
        method: method.to_vec(),
        target,
        authority,
        minor,
        fields,
        framing,
    };
    Ok((request, rest))
}

/// A response head at the start of `bytes`, and what follows it (section 4).
pub(super) fn response_head(bytes: &[u8]) -> Reading<(Response, &[u8])> {
    let (start, rest) = line(bytes)?;
    let (version, status) = match start.split_at_checked(8) {
        Some((version, [b' ', status @ ..])) => (version, status),
        _ => return malformed("a status line begins with a version and a space"),
    };
    let minor = minor_version(version)?;
    let digits = match status {
        digits if digits.len() == 3 => digits,
        [a, b, c, b' ', ..] => &[*a, *b, *c][..],
        _ => return malformed("a status has three digits, and a space behind them"),
    };
    let Some(status) = number(digits, 10) else {
        return malformed("a status is a number");
    };
    if !(100..600).contains(&status) {
        return malformed("a status is between 100 and 599");
    }
    let (fields, rest) = fields(rest)?;
    let framing = framing(&fields, minor)?;
    let response = Response {
        status: status as u16,
        minor,
        fields,
        framing,
    };
    Ok((response, rest))
}

/// The body that a request's head announced, and what follows it (section 6.3).
pub(super) fn request_body(framing: Framing, bytes: &[u8]) -> Reading<(Vec<u8>, &[u8])> {
    match framing {
        Framing::Unsaid => Ok((Vec::new(), bytes)),
        Framing::Length(length) => match usize::try_from(length) {
            Ok(length) if length <= bytes.len() => Ok((bytes[..length].to_vec(), &bytes[length..])),
            _ => Err(Fault::Short),
        },
        Framing::Chunked => chunks(bytes).map(|(chunks, rest)| (chunks.body, rest)),
    }
}

/// A chunked body at the start of `bytes`, and what follows it (section 7.1).
pub(super) fn chunks(mut bytes: &[u8]) -> Reading<(Chunks, &[u8])> {
    let mut chunks = Chunks::default();
    loop {
        let (size, rest) = line(bytes)?;
        let (digits, extension) = match size.iter().position(|byte| *byte == b';') {
            Some(at) => (&size[..at], &size[at..]),
            None => (size, &[][..]),
        };
        if !extension.iter().all(is_text) {
            return malformed("a chunk extension is text");
        }
        chunks.extended |= !extension.is_empty();
        let Some(size) = number(digits, 16) else {
            return malformed("a chunk size is a hexadecimal number");
        };
        if size == 0 {
            let (trailers, rest) = fields(rest)?;
            chunks.trailers = trailers;
            return Ok((chunks, rest));
        }
        let size = usize::try_from(size).map_err(|_| Fault::Short)?;
        let (data, rest) = rest.split_at_checked(size).ok_or(Fault::Short)?;
        chunks.body.extend_from_slice(data);
        bytes = match rest {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Err(Fault::Short),
            _ => return malformed("a chunk ends with CRLF"),
        };
    }
}

/// Sections 6.1 to 6.3, with every choice that the RFC leaves to the reader taken for refusal.
fn framing(fields: &[Field], minor: u8) -> Reading<Framing> {
    let codings = values(fields, "transfer-encoding");
    let lengths = values(fields, "content-length");
    match (&codings[..], &lengths[..]) {
        ([], []) => Ok(Framing::Unsaid),
        ([], [length]) => match number(length, 10) {
            Some(length) => Ok(Framing::Length(length)),
            None => malformed("a length is a number"),
        },
        ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") && minor == 1 => Ok(Framing::Chunked),
        _ => malformed("a body has one length, or is chunked"),
    }
}

fn judge_host(fields: &[Field], minor: u8) -> Reading<()> {
    match &values(fields, "host")[..] {
        [] if minor == 0 => Ok(()),
        [host] if is_authority(host) => Ok(()),
        _ => malformed("there is one Host"),
    }
}

/// The target in origin-form, and its authority if it came in absolute-form (section 3.2).
fn split_target(method: &[u8], target: &[u8]) -> Reading<(Vec<u8>, Option<Vec<u8>>)> {
    if target
        .iter()
        .any(|byte| *byte <= b' ' || *byte == 0x7f || *byte == b'#')
    {
        return malformed("a target is visible and has no fragment");
    }
    if target.starts_with(b"/") || (target == b"*" && method == b"OPTIONS") {
        return Ok((target.to_vec(), None));
    }
    let colon = target.windows(3).position(|bytes| bytes == b"://");
    let Some(colon) =
        colon.filter(|at| matches!(&target[..*at].to_ascii_lowercase()[..], b"http" | b"https"))
    else {
        return malformed("a target begins with / or names an address of the web");
    };
    let rest = &target[colon + 3..];
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() || !is_authority(authority) {
        return malformed("an authority is a host and perhaps a port");
    }
    let path = match path {
        [] if method == b"OPTIONS" => b"*".to_vec(),
        [b'/', ..] => path.to_vec(),
        _ => [b"/", path].concat(),
    };
    Ok((path, Some(authority.to_vec())))
}

/// Characters that a host or a port may have (RFC 3986 section 3.2); a comma among the last would make it a list.
fn is_authority(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(byte))
}

fn minor_version(version: &[u8]) -> Reading<u8> {
    match version {
        b"HTTP/1.1" => Ok(1),
        b"HTTP/1.0" => Ok(0),
        _ => malformed("the version is HTTP/1.0 or HTTP/1.1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_where_its_head_says() {
        let wire = b"POST http://b:81?q HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n0\r\nA: b\r\n\r\nrest";

        let (head, rest) = request_head(wire).unwrap();
        let (body, rest) = request_body(head.framing, rest).unwrap();

        assert_eq!(head.method, b"POST");
        assert_eq!(
            (head.target, head.authority),
            (b"/?q".to_vec(), Some(b"b:81".to_vec()))
        );
        assert_eq!(head.fields[0], ("host".to_owned(), b"a".to_vec()));
        assert_eq!((&body[..], rest), (&b"ab"[..], &b"rest"[..]));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_malformed() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert!(
                matches!(request_head(head.as_bytes()), Err(Fault::Malformed(_))),
                "{head:?}"
            );
        }
        for body in [
            "1 \r\na\r\n0\r\n\r\n",
            "1\r\nab\r\n0\r\n\r\n",
            "0\r\nA\r\n\r\n",
            "\r\n",
        ] {
            assert!(
                matches!(chunks(body.as_bytes()), Err(Fault::Malformed(_))),
                "{body:?}"
            );
        }
    }

    #[test]
    fn what_ends_too_early_is_short() {
        let wire = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
        let read = |bytes| request_head(bytes).and_then(|(head, rest)| request_body(head.framing, rest));

        for length in 0..wire.len() {
            assert_eq!(read(&wire[..length]), Err(Fault::Short), "{length} bytes");
        }
        assert!(read(wire).is_ok());
    }
}
