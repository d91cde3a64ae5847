//! Tells the app when a request reached us, so that it can tell how long the request waited.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::text;

const X_REQUEST_START: HeaderName = HeaderName::from_static("x-request-start");

/// Sets `X-Request-Start: t=<milliseconds since 1970>`, unless a proxy before us did; thruster does the same.
pub(crate) fn mark(headers: &mut HeaderMap, now: SystemTime) {
    if headers
        .get(X_REQUEST_START)
        .is_some_and(|value| !value.is_empty())
    {
        return;
    }
    let milliseconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut value = Vec::with_capacity(20);
    value.extend_from_slice(b"t=");
    text::number(&mut value, milliseconds);
    let value = HeaderValue::from_maybe_shared(Bytes::from(value)).expect("digits are a header value");
    headers.insert(X_REQUEST_START, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_time_of_arrival_is_added_in_milliseconds() {
        let mut headers = HeaderMap::new();

        mark(
            &mut headers,
            UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456),
        );

        assert_eq!(headers[X_REQUEST_START], "t=1700000000123");
    }

    #[test]
    fn what_a_proxy_before_us_has_set_is_kept_unless_it_is_empty() {
        for (given, kept) in [("t=1", true), ("", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_START, HeaderValue::from_static(given));

            mark(&mut headers, SystemTime::now());

            assert_eq!(headers[X_REQUEST_START] == given, kept);
        }
    }
}
