//! Which parts of a file a client wants (RFC 9110 section 14).

use std::ops::Range;

/// More parts than this are not worth their heads: the whole file is sent.
const MAX_PARTS: usize = 64;

/// What of a file is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ranges {
    /// All of it: the field says nothing that we understand, or asks for more than the file has.
    Whole,
    /// These parts, in the order in which they were asked for; at least one, none of them empty.
    Parts(Vec<Range<u64>>),
    /// Nothing: none of the parts is there.
    Unsatisfiable,
}

/// What the value of a `Range` field asks for of a file of `size` bytes.
///
/// Of parts that overlap so much that they are longer than the file, and of very many, the whole file is sent: they
/// cost more than they save (RFC 9110 section 17.15).
pub(super) fn of(value: &[u8], size: u64) -> Ranges {
    let Some(list) = bytes_unit(value) else {
        return Ranges::Whole;
    };
    if size == 0 {
        // Nothing that could be counted from; a 416 would tell no more than the empty file.
        return Ranges::Whole;
    }
    let mut parts = Vec::new();
    let mut total = 0_u64;
    let mut asked = 0;
    for spec in list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        if spec.is_empty() {
            continue;
        }
        let Some(part) = part(spec, size) else {
            return Ranges::Whole;
        };
        asked += 1;
        if asked > MAX_PARTS {
            return Ranges::Whole;
        }
        if !part.is_empty() {
            total = total.saturating_add(part.end - part.start);
            parts.push(part);
        }
    }
    match asked {
        0 => Ranges::Whole,
        _ if parts.is_empty() => Ranges::Unsatisfiable,
        _ if total > size => Ranges::Whole,
        _ => Ranges::Parts(parts),
    }
}

fn bytes_unit(value: &[u8]) -> Option<&[u8]> {
    let (unit, list) = value.split_at_checked(6)?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(list)
}

/// One part; empty if it is behind the end of the file, `None` if it is malformed.
fn part(spec: &[u8], size: u64) -> Option<Range<u64>> {
    let dash = memchr::memchr(b'-', spec)?;
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    match (first, last) {
        ([], []) => None,
        ([], suffix) => Some(size.saturating_sub(number(suffix)?)..size),
        (first, []) => Some(number(first)?.min(size)..size),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| first.min(size)..last.saturating_add(1).min(size))
        }
    }
}

/// Digits and nothing else. One that is too large for us is as good as the largest.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_the_rfc_says() {
        for (value, parts) in [
            ("bytes=0-4", &[(0, 5)][..]),
            ("Bytes=0-4", &[(0, 5)]),
            ("bytes=-3", &[(97, 100)]),
            ("bytes=-300", &[(0, 100)]),
            ("bytes=50-", &[(50, 100)]),
            ("bytes=99-99", &[(99, 100)]),
            ("bytes=90-1000", &[(90, 100)]),
            ("bytes=90-99999999999999999999999", &[(90, 100)]),
            ("bytes=0-0,-1", &[(0, 1), (99, 100)]),
            ("bytes= 0-0 , ,10-19", &[(0, 1), (10, 20)]),
            // One that is not there, beside one that is.
            ("bytes=0-0,200-300", &[(0, 1)]),
            ("bytes=50-59,0-9", &[(50, 60), (0, 10)]),
        ] {
            let parts = parts.iter().map(|(start, end)| *start..*end).collect();
            assert_eq!(of(value.as_bytes(), 100), Ranges::Parts(parts), "{value}");
        }
    }

    #[test]
    fn parts_that_are_not_there_cannot_be_sent() {
        for value in [
            "bytes=100-",
            "bytes=100-200,300-",
            "bytes=-0",
            "bytes=99999999999999999999999-",
        ] {
            assert_eq!(of(value.as_bytes(), 100), Ranges::Unsatisfiable, "{value}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=1--2",
            "bytes=+1-2",
            "bytes=0-4,x",
            "lines=1-2",
            "bytes 0-4",
            "bytes=0x1-2",
            "bytes==0-1",
        ] {
            assert_eq!(of(value.as_bytes(), 100), Ranges::Whole, "{value}");
        }
    }

    #[test]
    fn an_empty_file_is_sent_whole() {
        assert_eq!(of(b"bytes=0-", 0), Ranges::Whole);
        assert_eq!(of(b"bytes=-5", 0), Ranges::Whole);
    }

    #[test]
    fn parts_that_would_cost_more_than_they_save_are_the_whole_file() {
        let overlapping = format!("bytes={}", ["0-"; 2].join(","));
        let many = format!("bytes={}", ["0-0"; 65].join(","));
        let few = format!("bytes={}", ["0-0"; 64].join(","));

        assert_eq!(of(overlapping.as_bytes(), 100), Ranges::Whole);
        assert_eq!(of(many.as_bytes(), 100), Ranges::Whole);
        assert_eq!(of(few.as_bytes(), 100), Ranges::Parts(vec![0..1; 64]));
    }
}
