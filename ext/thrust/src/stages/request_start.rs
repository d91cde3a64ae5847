//! Tells the app when a request reached us, so that it can tell how long the request waited.

use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderName;

use crate::exchange::Request;
use crate::text;

const X_REQUEST_START: HeaderName = HeaderName::from_static("x-request-start");

/// Notes that the request reached us `now`, unless a proxy before us has said when it reached that; thruster does the
/// same.
pub(crate) fn mark(request: &mut Request, now: SystemTime) {
    match request.headers.get(X_REQUEST_START) {
        Some(given) if !given.is_empty() => return,
        Some(_) => drop(request.headers.remove(X_REQUEST_START)),
        None => {}
    }
    request.start = Some(now);
}

/// Appends `X-Request-Start: t=<milliseconds since 1970>`.
pub(crate) fn write(out: &mut Vec<u8>, start: SystemTime) {
    let milliseconds = start.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    out.extend_from_slice(b"X-Request-Start: t=");
    text::number(out, u64::try_from(milliseconds).unwrap_or(u64::MAX));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_time_of_arrival_is_told_in_milliseconds() {
        let mut out = Vec::new();

        write(
            &mut out,
            UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456),
        );

        assert_eq!(out, b"X-Request-Start: t=1700000000123\r\n");
    }

    #[test]
    fn what_a_proxy_before_us_has_set_is_kept_unless_it_is_empty() {
        for (given, kept) in [("t=1", true), ("", false)] {
            let mut request = Request::with_fields(&[("x-request-start", given)]);

            mark(&mut request, SystemTime::now());

            assert_eq!(request.headers.contains_key(X_REQUEST_START), kept);
            assert_eq!(request.start.is_none(), kept);
        }
    }
}
