//! Whether a client wants what it asks for only in a certain state (RFC 9110 section 13).

use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderValue};

use super::validators::Validators;

/// What becomes of a GET or HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is answered.
    Answer,
    /// The client has it already: 304.
    NotModified,
    /// It is not what the client expects: 412.
    Failed,
}

/// The fields among `headers` that this module and [`super::range`] read; `None` if there are none.
pub(super) fn keep(headers: &HeaderMap) -> Option<Box<HeaderMap>> {
    let mut kept: Option<Box<HeaderMap>> = None;
    for (name, value) in headers {
        // All fields of all requests come by here, and hardly one is wanted.
        if name.as_str().starts_with("if-") || name == header::RANGE {
            kept.get_or_insert_default().append(name, value.clone());
        }
    }
    kept
}

/// Decides in the order of RFC 9110 section 13.2.2. A date that is none is ignored.
pub(super) fn judge(conditions: &HeaderMap, now: &Validators) -> Verdict {
    if conditions.contains_key(header::IF_MATCH) {
        if !matches_any(conditions, header::IF_MATCH, now, |tag, current| {
            tag.is_strongly(current)
        }) {
            return Verdict::Failed;
        }
    } else if let (Some(modified), Some(date)) = (now.modified, date(conditions, header::IF_UNMODIFIED_SINCE))
        && modified > date
    {
        return Verdict::Failed;
    }
    if conditions.contains_key(header::IF_NONE_MATCH) {
        if matches_any(conditions, header::IF_NONE_MATCH, now, |tag, current| {
            tag.is_weakly(current)
        }) {
            return Verdict::NotModified;
        }
    } else if let (Some(modified), Some(date)) = (now.modified, date(conditions, header::IF_MODIFIED_SINCE))
        && modified <= date
    {
        return Verdict::NotModified;
    }
    Verdict::Answer
}

/// Whether `If-Range` lets a range be answered (RFC 9110 section 13.1.5).
pub(super) fn allows_range(conditions: &HeaderMap, now: &Validators) -> bool {
    let Some(value) = conditions.get(header::IF_RANGE) else {
        return true;
    };
    let bytes = value.as_bytes();
    if bytes.contains(&b'"') {
        let current = now.tag.as_ref().and_then(Tag::of);
        return matches!((Tag::of(value), current), (Some(tag), Some(current)) if tag.is_strongly(current));
    }
    let date = value
        .to_str()
        .ok()
        .and_then(|text| httpdate::parse_http_date(text).ok());
    date.is_some() && date == now.modified
}

fn date(conditions: &HeaderMap, name: header::HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(conditions.get(name)?.to_str().ok()?).ok()
}

fn matches_any(
    conditions: &HeaderMap,
    name: header::HeaderName,
    now: &Validators,
    is_same: impl Fn(Tag<'_>, Tag<'_>) -> bool,
) -> bool {
    let current = now.tag.as_ref().and_then(Tag::of);
    conditions.get_all(name).iter().any(|value| {
        value.as_bytes().trim_ascii() == b"*"
            || Tags(value.as_bytes()).any(|tag| current.is_some_and(|current| is_same(tag, current)))
    })
}

/// An entity tag (RFC 9110 section 8.8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag<'a> {
    is_weak: bool,
    opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    fn of(value: &'a HeaderValue) -> Option<Self> {
        Tags(value.as_bytes()).next()
    }

    fn is_strongly(self, other: Tag<'_>) -> bool {
        !self.is_weak && !other.is_weak && self.opaque == other.opaque
    }

    fn is_weakly(self, other: Tag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// The tags of a list; ends where it is malformed. A comma may be part of a tag.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        let start = self
            .0
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
        let rest = &self.0[start..];
        let (is_weak, quoted) = match rest.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let tag = quoted.strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', tag)?;
        self.0 = &tag[end + 1..];
        Some(Tag {
            is_weak,
            opaque: &tag[..end],
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn file(tag: &'static str) -> Validators {
        Validators {
            tag: Some(HeaderValue::from_static(tag)),
            modified: Some(UNIX_EPOCH + Duration::from_secs(784_111_777)),
        }
    }

    fn fields(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| ((*name).try_into().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn conditions_are_judged_in_the_order_of_the_rfc() {
        let strong = file("\"a\"");
        for (asked, verdict) in [
            (&[][..], Verdict::Answer),
            (&[("if-match", "\"a\"")], Verdict::Answer),
            (&[("if-match", "*")], Verdict::Answer),
            (&[("if-match", "\"b\", \"a\"")], Verdict::Answer),
            (&[("if-match", "\"b\"")], Verdict::Failed),
            (&[("if-match", "W/\"a\"")], Verdict::Failed),
            (&[("if-unmodified-since", THEN)], Verdict::Answer),
            (&[("if-unmodified-since", BEFORE)], Verdict::Failed),
            // Of less weight than a tag.
            (
                &[("if-match", "\"a\""), ("if-unmodified-since", BEFORE)],
                Verdict::Answer,
            ),
            (&[("if-none-match", "\"a\"")], Verdict::NotModified),
            (&[("if-none-match", "W/\"a\"")], Verdict::NotModified),
            (&[("if-none-match", "*")], Verdict::NotModified),
            (&[("if-none-match", "\"x,\", \"a\"")], Verdict::NotModified),
            (&[("if-none-match", "\"b\"")], Verdict::Answer),
            (&[("if-modified-since", THEN)], Verdict::NotModified),
            (&[("if-modified-since", AFTER)], Verdict::NotModified),
            (&[("if-modified-since", BEFORE)], Verdict::Answer),
            (&[("if-modified-since", "yesterday")], Verdict::Answer),
            (
                &[("if-none-match", "\"b\""), ("if-modified-since", THEN)],
                Verdict::Answer,
            ),
            (
                &[("if-match", "\"b\""), ("if-none-match", "\"a\"")],
                Verdict::Failed,
            ),
            (
                &[("if-match", "\"a\""), ("if-none-match", "\"a\"")],
                Verdict::NotModified,
            ),
        ] {
            assert_eq!(judge(&fields(asked), &strong), verdict, "{asked:?}");
        }
    }

    #[test]
    fn a_weak_tag_is_enough_for_a_304_and_for_nothing_else() {
        let weak = file("W/\"a\"");

        assert_eq!(
            judge(&fields(&[("if-none-match", "\"a\"")]), &weak),
            Verdict::NotModified
        );
        assert_eq!(judge(&fields(&[("if-match", "W/\"a\"")]), &weak), Verdict::Failed);
        assert!(!allows_range(&fields(&[("if-range", "W/\"a\"")]), &weak));
    }

    #[test]
    fn a_range_is_answered_from_the_very_state_that_the_client_knows() {
        let now = file("\"a\"");
        for (asked, allowed) in [
            (&[][..], true),
            (&[("if-range", "\"a\"")], true),
            (&[("if-range", "\"b\"")], false),
            (&[("if-range", "W/\"a\"")], false),
            (&[("if-range", THEN)], true),
            (&[("if-range", BEFORE)], false),
            (&[("if-range", AFTER)], false),
            (&[("if-range", "a")], false),
        ] {
            assert_eq!(allows_range(&fields(asked), &now), allowed, "{asked:?}");
        }
    }

    #[test]
    fn malformed_tags_match_nothing() {
        for text in ["a", "\"a", "a\"", "w/\"a\"", "W/a", "", ","] {
            let asked = fields(&[("if-none-match", text)]);
            assert_eq!(judge(&asked, &file("\"a\"")), Verdict::Answer, "{text}");
        }
    }

    #[test]
    fn only_what_is_asked_about_the_file_is_kept() {
        assert!(keep(&fields(&[("accept", "*/*"), ("if", "x")])).is_none());
        let kept = keep(&fields(&[
            ("range", "bytes=0-1"),
            ("host", "a"),
            ("if-range", THEN),
        ]))
        .unwrap();
        assert_eq!(kept.len(), 2);
    }
}
