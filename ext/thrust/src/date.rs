//! The `Date` of an answer (RFC 9110 section 6.6.1), formatted once a second, and times as numbers.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;

use crate::text;

thread_local! {
    static CURRENT: RefCell<(u64, HeaderValue)> = const { RefCell::new((0, HeaderValue::from_static(""))) };
}

/// The value for an answer that leaves now.
pub(crate) fn now() -> HeaderValue {
    at(SystemTime::now())
}

/// A time in whole seconds since 1970.
pub(crate) fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn at(time: SystemTime) -> HeaderValue {
    let second = since_1970(time);
    CURRENT.with_borrow_mut(|(formatted, value)| {
        if *formatted != second {
            *formatted = second;
            *value = HeaderValue::from_bytes(&text::http_date(time)).expect("a date is a header value");
        }
        value.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_date_follows_the_clock() {
        assert_eq!(
            at(UNIX_EPOCH + Duration::from_secs(784_111_777)),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
        assert_eq!(
            at(UNIX_EPOCH + Duration::from_secs(784_111_778)),
            "Sun, 06 Nov 1994 08:49:38 GMT"
        );
    }
}
