//! Codings of files that were compressed beforehand, and which of them a client likes best (RFC 9110 section 12.5.3).

use http::header::{ACCEPT_ENCODING, HeaderMap};

use crate::http1::fields::tokens;

/// A coding, with what a file in it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Zstandard,
    Gzip,
}

impl Coding {
    /// All of them, the one that compresses best first.
    pub(crate) const ALL: [Self; 3] = [Self::Brotli, Self::Zstandard, Self::Gzip];

    /// Its name in fields.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// What the name of a file in it ends in.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstandard => ".zst",
            Self::Gzip => ".gz",
        }
    }
}

/// The one of `available` that a request with these `headers` likes best, the first of those that it likes as much;
/// `None` for none of them.
pub(crate) fn choose(headers: &HeaderMap, available: impl IntoIterator<Item = Coding>) -> Option<Coding> {
    let uncoded = weight(headers, "identity").unwrap_or(0);
    let mut best = None;
    for coding in available {
        let weight = weight(headers, coding.name())
            .or_else(|| weight(headers, "*"))
            .unwrap_or(0);
        if weight > 0 && weight >= uncoded && best.is_none_or(|(_, most)| weight > most) {
            best = Some((coding, weight));
        }
    }
    best.map(|(coding, _)| coding)
}

/// In thousandths, what the client thinks of a coding; `None` if it does not speak of it.
fn weight(headers: &HeaderMap, name: &str) -> Option<u32> {
    let mut elements = headers.get_all(ACCEPT_ENCODING).iter().flat_map(tokens);
    elements.find_map(|element| {
        let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let coding = parts.next()?;
        // RFC 9110 section 8.4.1.3: the same under an old name.
        let coding = if coding.eq_ignore_ascii_case(b"x-gzip") {
            b"gzip"
        } else {
            coding
        };
        if !coding.eq_ignore_ascii_case(name.as_bytes()) {
            return None;
        }
        let quality = parts.find_map(|part| {
            let value = part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q="))?;
            std::str::from_utf8(value).ok()?.parse::<f32>().ok()
        });
        // Saturates, and NaN is 0.
        Some((quality.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Zstandard};
    use super::*;

    fn chosen(accept: &[&'static str], available: &[Coding]) -> Option<Coding> {
        let fields = accept
            .iter()
            .map(|value| (ACCEPT_ENCODING, value.parse().unwrap()));
        choose(&fields.collect(), available.iter().copied())
    }

    #[test]
    fn the_client_chooses_and_leaves_the_rest_to_us() {
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Some(Brotli)),
            ("gzip, zstd", Some(Zstandard)),
            ("gzip", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("GZIP;q=0.5", Some(Gzip)),
            ("gzip;q=1.0, br;q=0.5", Some(Gzip)),
            ("br;q=0, *", Some(Zstandard)),
            ("*;q=0.1", Some(Brotli)),
            ("gzip;q=0.5, identity;q=0.1", Some(Gzip)),
            ("gzip;q=0.5, identity", None),
            ("gzip;q=0", None),
            ("*;q=0", None),
            ("gzip;q=x", Some(Gzip)),
            ("gzip;q=nan", None),
            ("identity", None),
            ("deflate", None),
            ("", None),
        ] {
            assert_eq!(chosen(&[accept], &Coding::ALL), expected, "{accept:?}");
        }
        assert_eq!(chosen(&[], &Coding::ALL), None);
        assert_eq!(
            chosen(&["br;q=0", "gzip"], &Coding::ALL),
            Some(Gzip),
            "on two lines"
        );
    }

    #[test]
    fn only_what_is_there_is_chosen() {
        let accept = ["br, gzip;q=0.2"];
        assert_eq!(chosen(&accept, &[Gzip]), Some(Gzip));
        assert_eq!(chosen(&accept, &[Zstandard]), None);
    }
}
