//! A request as Apache and nginx log it, in their "combined" format, for the programs that read that:
//! `ADDRESS - - [TIME] "METHOD TARGET PROTOCOL" STATUS BYTES "REFERER" "USER AGENT"`.

use std::io::Write as _;
use std::time::SystemTime;

use http::Method;
use time::OffsetDateTime;

use super::filter::Filter;
use super::line::{RequestLine, protocol};
use crate::metrics::Outcome;
use crate::text;

/// Appends the line of a request that ended at `time`.
pub(super) fn write(
    out: &mut Vec<u8>,
    line: &RequestLine,
    filter: &Filter,
    outcome: &Outcome<'_>,
    time: SystemTime,
) {
    match line.client.ip() {
        Some(address) => text::address(out, address),
        // What reads such lines expects a word.
        None => out.extend_from_slice(b"unix"),
    }
    out.extend_from_slice(b" - - [");
    // As of its arrival, like theirs.
    date(out, time.checked_sub(outcome.total).unwrap_or(time));
    out.extend_from_slice(b"] \"");
    if let Some(request) = &line.request {
        escaped(out, outcome.method.map_or("", Method::as_str).as_bytes());
        out.push(b' ');
        target(out, filter, request.target.as_bytes());
        out.push(b' ');
        out.extend_from_slice(protocol(request.version).as_bytes());
    } else {
        out.push(b'-');
    }
    // Writing to a Vec cannot fail.
    let _ = write!(out, "\" {} {}", outcome.status, outcome.sent);
    let request = line.request.as_ref();
    for (value, is_address) in [
        (request.and_then(|request| request.referer.as_ref()), true),
        (request.and_then(|request| request.user_agent.as_ref()), false),
    ] {
        out.extend_from_slice(b" \"");
        match value {
            None => out.push(b'-'),
            Some(value) if is_address => target(out, filter, value.as_bytes()),
            Some(value) => escaped(out, value.as_bytes()),
        }
        out.push(b'"');
    }
    out.push(b'\n');
}

/// An address whose query may hold secrets.
fn target(out: &mut Vec<u8>, filter: &Filter, address: &[u8]) {
    match memchr::memchr(b'?', address) {
        Some(mark) => {
            escaped(out, &address[..=mark]);
            escaped(out, &filter.query(&address[mark + 1..]));
        }
        None => escaped(out, address),
    }
}

/// Quotes, backslashes and what is not printable ASCII as Apache writes them.
fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b' '..=b'~' => out.push(*byte),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
}

/// `21/Nov/2026:22:39:42 +0000`
fn date(out: &mut Vec<u8>, time: SystemTime) {
    let time = OffsetDateTime::from(time);
    let month = time.month().to_string();
    let _ = write!(
        out,
        "{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000",
        time.day(),
        &month[..3],
        time.year(),
        time.hour(),
        time.minute(),
        time.second()
    );
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn what_a_client_sends_stays_within_its_quotes() {
        let mut out = Vec::new();

        target(
            &mut out,
            &Filter::new(&["passw".to_owned()]),
            b"/a\"b\\c\nd\xc3?password=x&q=\"",
        );

        assert_eq!(
            String::from_utf8(out).unwrap(),
            "/a\\\"b\\\\c\\x0ad\\xc3?password=[FILTERED]&q=\\\""
        );
    }

    #[test]
    fn times_are_in_utc() {
        let mut out = Vec::new();

        date(&mut out, UNIX_EPOCH + Duration::from_secs(1_700_000_000));

        assert_eq!(out, b"14/Nov/2023:22:13:20 +0000");
    }
}
