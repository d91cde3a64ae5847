//! Which fields of a client's request reach the app as they are.
//!
//! Asked for every field of every request, so names are told apart by their length first.

use crate::trust::Belief;

/// What the name of a field says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The client's own.
    Plain,
    /// We write it ourselves, or no client may send it.
    Ours,
    /// What a proxy says about the client, or how it was asked.
    Proxies,
}

/// How the fields begin that proxies agree on.
const X_FORWARDED: &str = "x-forwarded-";

/// Plain fields that matter too much to be shadowed.
const UNSHADOWED: [&str; 4] = [
    "transfer-encoding",
    "content-type",
    "x-request-id",
    "x-request-start",
];

/// Whether the field of this name, in small letters, is passed on.
pub(super) fn passes(name: &str, belief: Belief) -> bool {
    if name.contains('_') {
        return !shadows(name);
    }
    match kind(name) {
        Kind::Plain => true,
        Kind::Ours => false,
        Kind::Proxies => belief >= Belief::Unknown,
    }
}

/// Whether Rack would take the field for another one: `X_Real_IP` becomes `HTTP_X_REAL_IP`, as `X-Real-IP` does.
#[cold]
fn shadows(name: &str) -> bool {
    let name = name.replace('_', "-");
    kind(&name) != Kind::Plain || UNSHADOWED.contains(&name.as_str())
}

fn kind(name: &str) -> Kind {
    if let Some(rest) = name.strip_prefix(X_FORWARDED) {
        return match rest {
            "for" | "host" | "proto" => Kind::Ours,
            _ => Kind::Proxies,
        };
    }
    let (ours, proxies) = of_length(name.len());
    if ours.contains(&name) {
        Kind::Ours
    } else if proxies.contains(&name) {
        Kind::Proxies
    } else {
        Kind::Plain
    }
}

/// Names of this length, first those that are ours, then those that proxies write.
fn of_length(length: usize) -> (&'static [&'static str], &'static [&'static str]) {
    match length {
        4 => (&["host"], &[]),
        7 => (&["trailer"], &[]),
        8 => (&[], &["x-scheme"]),
        9 => (&["forwarded"], &["client-ip", "x-real-ip"]),
        10 => (&[], &["cf-visitor"]),
        11 => (&[], &["x-client-ip", "x-forwarded", "x-remote-ip"]),
        12 => (&[], &["cf-ipcountry", "x-url-scheme"]),
        13 => (&[], &["fly-client-ip", "forwarded-for", "x-remote-addr"]),
        14 => (&["content-length"], &["cf-pseudo-ipv4", "true-client-ip"]),
        15 => (&["x-accel-mapping", "x-sendfile-type"], &["front-end-https"]),
        16 => (
            &[],
            &[
                "cf-connecting-ip",
                "do-connecting-ip",
                "fastly-client-ip",
                "x-azure-clientip",
            ],
        ),
        18 => (&[], &["cf-connecting-ipv6"]),
        19 => (&[], &["x-appengine-user-ip", "x-cluster-client-ip"]),
        22 => (&[], &["x-vercel-forwarded-for"]),
        24 => (&[], &["x-envoy-external-address", "x-original-forwarded-for"]),
        25 => (&[], &["cloudfront-viewer-address", "x-nf-client-connection-ip"]),
        26 => (&[], &["cloudfront-forwarded-proto"]),
        _ => (&[], &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every name that is told apart.
    fn names(choose: impl Fn(usize) -> &'static [&'static str]) -> Vec<&'static str> {
        (0..100).flat_map(choose).copied().collect()
    }

    #[test]
    fn every_name_stands_at_its_length() {
        for length in 0..100 {
            let (ours, proxies) = of_length(length);

            for name in ours.iter().chain(proxies) {
                assert_eq!(name.len(), length, "{name}");
                assert_eq!(*name, name.to_ascii_lowercase());
            }
        }
    }

    #[test]
    fn what_is_ours_passes_from_nobody() {
        let mut ours = names(|length| of_length(length).0);
        ours.extend(["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]);
        assert_eq!(ours.len(), 9);

        for name in ours {
            assert!(!passes(name, Belief::Everything), "{name}");
        }
    }

    #[test]
    fn what_proxies_say_passes_from_those_that_are_believed() {
        let mut theirs = names(|length| of_length(length).1);
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
            "content-type",
            "x-request-id",
            "x-forwardedness",
            "x-real-ips",
            "via",
            "my_own",
        ] {
            assert!(passes(name, Belief::Nothing), "{name}");
        }
    }

    #[test]
    fn no_spelling_with_an_underscore_passes_for_a_field_that_matters() {
        for name in names(|length| of_length(length).0)
            .into_iter()
            .chain(names(|length| of_length(length).1))
            .chain(UNSHADOWED)
            .chain(["x-forwarded-for", "x-forwarded-proto", "x-forwarded-user"])
            .filter(|name| name.contains('-'))
        {
            assert!(!passes(&name.replace('-', "_"), Belief::Everything), "{name}");
            assert!(!passes(&name.replacen('-', "_", 1), Belief::Everything), "{name}");
        }
    }
}
