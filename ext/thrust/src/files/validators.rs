//! What tells one state of a file from another: its time and its entity tag (RFC 9110 section 8.8).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderValue;

use crate::text;

/// From here on a year has five digits, for which no field has room.
const YEAR_10000: u64 = 253_402_300_800;

/// When a file was changed last, as the system says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Modified {
    /// Since 1970; negative before.
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

impl Modified {
    /// The whole second, as fields have it; `None` for one that no field can tell.
    pub(super) fn second(self) -> Option<SystemTime> {
        let seconds = u64::try_from(self.seconds).ok()?;
        (seconds < YEAR_10000).then(|| UNIX_EPOCH + Duration::from_secs(seconds))
    }
}

/// What a client's conditions are compared with.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    pub(super) tag: Option<HeaderValue>,
    /// A whole second.
    pub(super) modified: Option<SystemTime>,
}

/// A strong tag of a file of this size and time.
///
/// The time is as fine as the file system keeps it. The inode is no part of it: hosts that serve copies of the same
/// files have the same tags.
pub(super) fn tag(modified: Modified, size: u64, suffix: &str) -> HeaderValue {
    let Modified { seconds, nanoseconds } = modified;
    let mut tag = Vec::with_capacity(48);
    tag.push(b'"');
    text::hexadecimal(&mut tag, seconds.cast_unsigned());
    tag.push(b'.');
    text::hexadecimal(&mut tag, nanoseconds.into());
    tag.push(b'-');
    text::hexadecimal(&mut tag, size);
    tag.extend_from_slice(suffix.as_bytes());
    tag.push(b'"');
    HeaderValue::from_maybe_shared(Bytes::from(tag)).expect("digits and letters are a header value")
}

/// The value of a `Last-Modified` field.
pub(super) fn date(second: SystemTime) -> HeaderValue {
    HeaderValue::from_bytes(&text::http_date(second)).expect("a date is a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_tells_apart_what_differs_in_size_in_time_or_in_coding() {
        let at = |nanoseconds| Modified {
            seconds: 1_700_000_000,
            nanoseconds,
        };
        let tags = [
            tag(at(1), 10, ""),
            tag(at(2), 10, ""),
            tag(at(1), 11, ""),
            tag(at(1), 10, "-br"),
        ];

        assert_eq!(tags[0], "\"6553f100.1-a\"");
        for (index, one) in tags.iter().enumerate() {
            assert!(tags[index + 1..].iter().all(|other| one != other), "{one:?}");
        }
    }

    #[test]
    fn a_time_that_no_field_can_tell_is_none() {
        for seconds in [-1, i64::MIN, i64::MAX, YEAR_10000 as i64] {
            let modified = Modified {
                seconds,
                nanoseconds: 0,
            };
            assert_eq!(modified.second(), None, "{seconds}");
        }
        let last = Modified {
            seconds: YEAR_10000 as i64 - 1,
            nanoseconds: 0,
        };
        assert_eq!(date(last.second().unwrap()), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
