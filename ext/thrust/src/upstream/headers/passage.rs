//! Which fields of a client's request reach the app as they are.
//!
//! Asked for every field of every request, so most names are told apart by their first letter or their length alone.

use self::Kind::{Ours, Plain, Proxies, Single};
use crate::trust::Belief;

/// What the name of a field says about it, whether it is spelt with `-` or with `_`: Rack does not tell `X_Real_IP` from
/// `X-Real-IP`, both become `HTTP_X_REAL_IP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The client's own.
    Plain,
    /// The client's own, and too important to have a double.
    Single,
    /// We write it ourselves, or no client may send it.
    Ours,
    /// What a proxy says about the client, or how it was asked.
    Proxies,
}

/// How the fields begin that proxies agree on.
const X_FORWARDED: &[u8] = b"x-forwarded-";

/// Whether the field of this name, in small letters, is passed on.
pub(super) fn passes(name: &str, belief: Belief) -> bool {
    match kind(name.as_bytes()) {
        Plain => true,
        Single => !name.contains('_'),
        Ours => false,
        Proxies => belief >= Belief::Unknown && !name.contains('_'),
    }
}

fn kind(name: &[u8]) -> Kind {
    // Those with which the names begin that are not plain.
    if !matches!(name, [b'c' | b'd' | b'f' | b'h' | b't' | b'x', ..]) {
        return Plain;
    }
    if let Some((start, rest)) = name.split_at_checked(X_FORWARDED.len())
        && is_spelling(start, X_FORWARDED)
    {
        return match rest {
            b"for" | b"host" | b"proto" => Ours,
            _ => Proxies,
        };
    }
    let known = of_length(name.len()).iter();
    let known = known.filter(|(known, _)| is_spelling(name, known.as_bytes()));
    known.map(|(_, kind)| *kind).next().unwrap_or(Plain)
}

/// Whether `name` is `known`, which is as long, with `-` or `_`.
fn is_spelling(name: &[u8], known: &[u8]) -> bool {
    name.iter()
        .zip(known)
        .all(|(byte, known)| byte == known || (*byte == b'_' && *known == b'-'))
}

/// The names of this length that are not plain.
fn of_length(length: usize) -> &'static [(&'static str, Kind)] {
    match length {
        4 => &[("host", Ours)],
        7 => &[("trailer", Ours)],
        8 => &[("x-scheme", Proxies)],
        9 => &[
            ("forwarded", Ours),
            ("client-ip", Proxies),
            ("x-real-ip", Proxies),
        ],
        10 => &[("cf-visitor", Proxies)],
        11 => &[
            ("x-client-ip", Proxies),
            ("x-forwarded", Proxies),
            ("x-remote-ip", Proxies),
        ],
        12 => &[
            ("content-type", Single),
            ("x-request-id", Single),
            ("cf-ipcountry", Proxies),
            ("x-url-scheme", Proxies),
        ],
        13 => &[
            ("fly-client-ip", Proxies),
            ("forwarded-for", Proxies),
            ("x-remote-addr", Proxies),
        ],
        14 => &[
            ("content-length", Ours),
            ("cf-pseudo-ipv4", Proxies),
            ("true-client-ip", Proxies),
        ],
        15 => &[
            ("x-request-start", Single),
            ("x-accel-mapping", Ours),
            ("x-sendfile-type", Ours),
            ("front-end-https", Proxies),
        ],
        16 => &[
            ("cf-connecting-ip", Proxies),
            ("do-connecting-ip", Proxies),
            ("fastly-client-ip", Proxies),
            ("x-azure-clientip", Proxies),
        ],
        17 => &[("transfer-encoding", Single), ("x-thruster-secret", Ours)],
        18 => &[("cf-connecting-ipv6", Proxies)],
        19 => &[("x-appengine-user-ip", Proxies), ("x-cluster-client-ip", Proxies)],
        22 => &[("x-vercel-forwarded-for", Proxies)],
        24 => &[
            ("x-envoy-external-address", Proxies),
            ("x-original-forwarded-for", Proxies),
        ],
        25 => &[
            ("cloudfront-viewer-address", Proxies),
            ("x-nf-client-connection-ip", Proxies),
        ],
        26 => &[("cloudfront-forwarded-proto", Proxies)],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every name of this kind that stands in the lists.
    fn names(wanted: Kind) -> Vec<&'static str> {
        let all = (0..100).flat_map(of_length);
        all.filter(|(_, kind)| *kind == wanted)
            .map(|(name, _)| *name)
            .collect()
    }

    #[test]
    fn every_name_is_found() {
        for length in 0..100 {
            for (name, expected) in of_length(length) {
                assert_eq!(name.len(), length, "{name}");
                assert_eq!(kind(name.as_bytes()), *expected, "{name}");
            }
        }
    }

    #[test]
    fn what_is_ours_passes_from_nobody() {
        let mut ours = names(Ours);
        ours.extend(["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]);
        assert_eq!(ours.len(), 10);

        for name in ours {
            assert!(!passes(name, Belief::Everything), "{name}");
        }
    }

    #[test]
    fn what_proxies_say_passes_from_those_that_are_believed() {
        let mut theirs = names(Proxies);
        theirs.extend([
            "x-forwarded-port",
            "x-forwarded-ssl",
            "x-forwarded-scheme",
            "x-forwarded-prefix",
            "x-forwarded-client-cert",
        ]);

        for name in theirs {
            for belief in [Belief::Unknown, Belief::XForwarded, Belief::Everything] {
                assert!(passes(name, belief), "{name} {belief:?}");
            }
            assert!(!passes(name, Belief::Nothing), "{name}");
        }
    }

    #[test]
    fn what_a_client_says_for_itself_always_passes() {
        for name in [
            "accept",
            "user-agent",
            "cookie",
            "te",
            "content-type",
            "x-request-id",
            "x-forwardedness",
            "x-real-ips",
            "x-f",
            "via",
            "my_own",
            "x_own",
        ] {
            assert!(passes(name, Belief::Nothing), "{name}");
        }
    }

    #[test]
    fn no_spelling_with_an_underscore_passes_for_a_field_that_matters() {
        let mut all = [names(Single), names(Ours), names(Proxies)].concat();
        all.extend(["x-forwarded-for", "x-forwarded-proto", "x-forwarded-user"]);

        for name in all.into_iter().filter(|name| name.contains('-')) {
            assert!(!passes(&name.replace('-', "_"), Belief::Everything), "{name}");
            assert!(!passes(&name.replacen('-', "_", 1), Belief::Everything), "{name}");
        }
    }
}
