//! Keeps secrets that stand in a query out of the log.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// What stands in place of a filtered value, as in Rails' own log.
const FILTERED: &[u8] = b"[FILTERED]";

/// Rails' stock `filter_parameters`: a parameter whose name contains one of them is filtered.
const WORDS: [&[u8]; 12] = [
    b"passw",
    b"email",
    b"secret",
    b"token",
    b"_key",
    b"crypt",
    b"salt",
    b"certificate",
    b"otp",
    b"ssn",
    b"cvv",
    b"cvc",
];

/// `query` with the values of sensitive parameters replaced.
///
/// Names are compared decoded and without regard to case, so `user%5BPassword%5D` is found too.
pub(super) fn query(query: &[u8]) -> Cow<'_, [u8]> {
    if !query.split(|byte| matches!(byte, b'&' | b';')).any(is_sensitive) {
        return Cow::Borrowed(query);
    }
    let mut filtered = Vec::with_capacity(query.len());
    for (number, pair) in query.split(|byte| *byte == b'&').enumerate() {
        if number > 0 {
            filtered.push(b'&');
        }
        match sensitive_value(pair) {
            Some(start) => {
                filtered.extend_from_slice(&pair[..start]);
                filtered.extend_from_slice(FILTERED);
            }
            None => filtered.extend_from_slice(pair),
        }
    }
    Cow::Owned(filtered)
}

/// Where the first sensitive value of `pair` begins. It ends with the pair: Rack has stopped to take `;` for a separator,
/// so what follows one may belong to the secret.
fn sensitive_value(pair: &[u8]) -> Option<usize> {
    let mut start = 0;
    for part in pair.split(|byte| *byte == b';') {
        if is_sensitive(part) {
            return memchr::memchr(b'=', part).map(|equals| start + equals + 1);
        }
        start += part.len() + 1;
    }
    None
}

fn is_sensitive(part: &[u8]) -> bool {
    let Some(equals) = memchr::memchr(b'=', part) else {
        return false;
    };
    let name: Cow<'_, [u8]> = percent_decode(&part[..equals]).into();
    WORDS.iter().any(|word| {
        name.windows(word.len())
            .any(|window| window.eq_ignore_ascii_case(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(given: &str) -> String {
        String::from_utf8(query(given.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn values_of_sensitive_parameters_are_replaced() {
        assert_eq!(
            filtered("a=1&password=hunter2&b=2"),
            "a=1&password=[FILTERED]&b=2"
        );
        assert_eq!(
            filtered("user%5BPassword%5D=x;api_key=y"),
            "user%5BPassword%5D=[FILTERED]"
        );
        assert_eq!(filtered("a=1;token=b;c&d=2;e"), "a=1;token=[FILTERED]&d=2;e");
        assert_eq!(filtered("reset_token="), "reset_token=[FILTERED]");
    }

    #[test]
    fn everything_else_stays_byte_for_byte() {
        for query in ["", "q=%zz&b=2&a=1", "a;b&&=", "password", "page=token"] {
            assert_eq!(filtered(query), query);
        }
    }
}
