//! Paths of requests: the one that tells whether the app is ready, and the one that asks the app how it is.

/// Whether a text can be the path of a request: from `/` on, in ASCII, without a query.
pub(crate) fn is_request_path(text: &str) -> bool {
    is_request_target(text) && !text.contains('?')
}

/// Whether a text can be the path of a request, with a query or without (origin-form, RFC 9112 section 3.2.1).
pub(crate) fn is_request_target(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_with_a_slash_and_has_nothing_that_ends_it() {
        for text in ["/", "/up", "/a/b;c=d%20e"] {
            assert!(is_request_path(text) && is_request_target(text), "{text}");
        }
        for text in [
            "",
            "up",
            "http://a/b",
            "/a b",
            "/a#b",
            "/a\r\nb",
            "/\u{e9}",
            "/\u{7f}",
        ] {
            assert!(!is_request_path(text) && !is_request_target(text), "{text:?}");
        }
    }

    #[test]
    fn only_a_target_has_a_query() {
        assert!(!is_request_path("/up?full=1"));
        assert!(is_request_target("/up?full=1"));
    }
}
