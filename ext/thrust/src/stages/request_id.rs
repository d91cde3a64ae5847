//! Gives every request a name that the client, our log and Rails' log share.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::exchange::Request;

/// The header that carries it, both ways.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that Rails keeps whole.
const MAX_LENGTH: usize = 255;

/// Keeps the id that the client or a proxy before us gave, or makes one, and returns it.
///
/// An id that Rails would change (it keeps letters, digits, `-`, `_` and `@`) is replaced: else the two logs would
/// not agree. Of several ids the first is kept: the app would read all of them as one.
pub(crate) fn assign(request: &mut Request) -> HeaderValue {
    let mut given = request.headers.get_all(X_REQUEST_ID).iter();
    let (first, is_only) = (given.next(), given.next().is_none());
    if let Some(id) = first.filter(|id| is_kept_whole(id.as_bytes())) {
        let id = id.clone();
        if !is_only {
            request.headers.insert(X_REQUEST_ID, id.clone());
        }
        return id;
    }
    if first.is_some() {
        request.headers.remove(X_REQUEST_ID);
    }
    let id = make();
    // Not into the map, which would cost more than all the rest of it.
    request.new_id = Some(id.clone());
    id
}

fn is_kept_whole(id: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'@'))
}

/// A random UUID (RFC 9562 section 5.4), as Rails makes them.
pub(crate) fn make() -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    /// Where the digits of each byte stand.
    const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let mut random = rand::random::<u128>().to_ne_bytes();
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    let mut text = [b'-'; 36];
    for (place, byte) in PLACES.into_iter().zip(random) {
        text[place] = HEX[usize::from(byte >> 4)];
        text[place + 1] = HEX[usize::from(byte & 0xf)];
    }
    // One piece of memory for all copies of it; those of a vector would share it by a second one.
    HeaderValue::from_maybe_shared(Bytes::from_owner(text))
        .expect("hexadecimal digits and dashes are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_rails_keeps_is_kept() {
        let mut request = Request::with_fields(&[("x-request-id", "abc-123_@")]);

        assert_eq!(assign(&mut request), "abc-123_@");
        assert_eq!(request.headers[X_REQUEST_ID], "abc-123_@");
        assert_eq!(request.new_id, None);
    }

    #[test]
    fn of_several_ids_the_first_is_kept() {
        let mut request = Request::with_fields(&[("x-request-id", "one"), ("x-request-id", "two")]);

        assert_eq!(assign(&mut request), "one");
        assert_eq!(request.headers.get_all(X_REQUEST_ID).iter().count(), 1);
        assert_eq!(request.headers[X_REQUEST_ID], "one");
    }

    #[test]
    fn an_id_that_is_missing_or_would_be_changed_is_made_anew() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for given in ["", "a b", "a\"b", long.as_str()] {
            let mut request = Request::with_fields(&[("x-request-id", given)]);

            let id = assign(&mut request);

            assert_eq!(request.new_id.as_ref(), Some(&id));
            assert!(!request.headers.contains_key(X_REQUEST_ID));
            let text = id.to_str().unwrap();
            assert_eq!(text.len(), 36, "{text}");
            for dash in [8, 13, 18, 23] {
                assert_eq!(&text[dash..=dash], "-", "{text}");
            }
            assert_eq!(&text[14..15], "4");
        }
        assert_ne!(make(), make());
    }
}
