//! Gives every request a name that the client, our log and Rails' log share.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, both ways.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that Rails keeps whole.
const MAX_LENGTH: usize = 255;

/// Keeps the id that the client or a proxy before us gave, or makes one, and returns it.
///
/// An id that Rails would change (it keeps letters, digits, `-`, `_` and `@`) is replaced: else the two logs would
/// not agree. Of several ids the first is kept: the app would read all of them as one.
pub(crate) fn assign(headers: &mut HeaderMap) -> HeaderValue {
    let given = headers
        .get(X_REQUEST_ID)
        .filter(|id| is_kept_whole(id.as_bytes()));
    let id = given.cloned().unwrap_or_else(make);
    headers.insert(X_REQUEST_ID, id.clone());
    id
}

fn is_kept_whole(id: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'@'))
}

/// A random UUID (RFC 9562 section 5.4), as Rails makes them.
fn make() -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut random: [u8; 16] = rand::random();
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    let mut text = Vec::with_capacity(36);
    for (position, byte) in random.into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        text.push(HEX[usize::from(byte >> 4)]);
        text.push(HEX[usize::from(byte & 0xf)]);
    }
    HeaderValue::from_maybe_shared(bytes::Bytes::from(text))
        .expect("hexadecimal digits and dashes are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_rails_keeps_is_kept() {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_static("abc-123_@"));

        assert_eq!(assign(&mut headers), "abc-123_@");
        assert_eq!(headers[X_REQUEST_ID], "abc-123_@");
    }

    #[test]
    fn of_several_ids_the_first_is_kept() {
        let mut headers = HeaderMap::new();
        headers.append(X_REQUEST_ID, HeaderValue::from_static("one"));
        headers.append(X_REQUEST_ID, HeaderValue::from_static("two"));

        assert_eq!(assign(&mut headers), "one");
        assert_eq!(headers.get_all(X_REQUEST_ID).iter().count(), 1);
    }

    #[test]
    fn an_id_that_is_missing_or_would_be_changed_is_made_anew() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for given in ["", "a b", "a\"b", long.as_str()] {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_str(given).unwrap());

            let id = assign(&mut headers);

            assert_eq!(headers[X_REQUEST_ID], id);
            let text = id.to_str().unwrap();
            assert_eq!(text.len(), 36, "{text}");
            assert_eq!(&text[14..15], "4");
        }
        assert_ne!(assign(&mut HeaderMap::new()), assign(&mut HeaderMap::new()));
    }
}
