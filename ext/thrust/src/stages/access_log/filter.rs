//! Keeps secrets that stand in a query out of the log.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// What stands in place of a filtered value, as in Rails' own log.
const FILTERED: &[u8] = b"[FILTERED]";

/// The word that stands for every parameter.
const EVERY: &str = "*";

/// Which parameters have values that the log must not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// Whether all have.
    every: bool,
    /// Else those with one of these in their name.
    words: Vec<String>,
}

impl Filter {
    /// For THRUSTER_FILTER_PARAMETERS.
    pub(super) fn new(words: &[String]) -> Self {
        Self {
            every: words.iter().any(|word| word == EVERY),
            words: words.to_vec(),
        }
    }

    /// `query` with the values of sensitive parameters replaced.
    ///
    /// Names are compared decoded and without regard to case, so `user%5BPassword%5D` is found too.
    pub(super) fn query<'a>(&self, query: &'a [u8]) -> Cow<'a, [u8]> {
        if !query
            .split(|byte| matches!(byte, b'&' | b';'))
            .any(|part| self.is_sensitive(part))
        {
            return Cow::Borrowed(query);
        }
        let mut filtered = Vec::with_capacity(query.len());
        for (number, pair) in query.split(|byte| *byte == b'&').enumerate() {
            if number > 0 {
                filtered.push(b'&');
            }
            match self.sensitive_value(pair) {
                Some(start) => {
                    filtered.extend_from_slice(&pair[..start]);
                    filtered.extend_from_slice(FILTERED);
                }
                None => filtered.extend_from_slice(pair),
            }
        }
        Cow::Owned(filtered)
    }

    /// Where the first sensitive value of `pair` begins. It ends with the pair: Rack has stopped to take `;` for a
    /// separator, so what follows one may belong to the secret.
    fn sensitive_value(&self, pair: &[u8]) -> Option<usize> {
        let mut start = 0;
        for part in pair.split(|byte| *byte == b';') {
            if self.is_sensitive(part) {
                return memchr::memchr(b'=', part).map(|equals| start + equals + 1);
            }
            start += part.len() + 1;
        }
        None
    }

    fn is_sensitive(&self, part: &[u8]) -> bool {
        let Some(equals) = memchr::memchr(b'=', part) else {
            return false;
        };
        if self.every {
            return true;
        }
        let name: Cow<'_, [u8]> = percent_decode(&part[..equals]).into();
        self.words.iter().any(|word| {
            name.windows(word.len())
                .any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(words: &[&str], given: &str) -> String {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        String::from_utf8(Filter::new(&words).query(given.as_bytes()).into_owned()).unwrap()
    }

    fn filtered(given: &str) -> String {
        by(&["passw", "token", "_key"], given)
    }

    #[test]
    fn the_words_are_the_operators_and_one_stands_for_all() {
        assert_eq!(
            by(&["plan"], "token=a&floorPlan=b"),
            "token=a&floorPlan=[FILTERED]"
        );
        assert_eq!(by(&["*"], "a=1&b&c=2;d"), "a=[FILTERED]&b&c=[FILTERED]");
        assert_eq!(by(&[], "token=a"), "token=a");
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
