//! Variables that are no setting: those that belong to other parts of the program, words of the dialect that
//! have no row, and slips of the pen.

use super::{PREFIX, Setting, TABLE, TLS_DOMAIN, Warning};

/// What the dialect's variables begin with.
const DIALECT_PREFIX: &str = "THRUST_";

/// The dialect's switch for HTTP/2 on TLS; with certificates beside it, it asks for TLS.
pub(super) const DIALECT_HTTP2: &str = "THRUST_HTTP2";

/// What the launcher, the installer, the proxy and the app tell each other; no settings of the proxy.
const BELONG_TO_OTHERS: [&str; 8] = [
    "THRUSTER_EXECUTABLE",
    "THRUSTER_BUILD",
    "THRUSTER_LAUNCHER",
    "THRUSTER_HANDOVER",
    "THRUSTER_CONTROL_SOCKET",
    "THRUSTER_TARGET_SOCKET",
    "THRUSTER_RAILS_ENABLED",
    "THRUSTER_COMPRESS_ASSETS_ENABLED",
];

/// Thruster's name for TLS_DOMAIN up to 0.1.3.
const OLD_TLS_DOMAIN: &str = "SSL_DOMAIN";

/// Warns about a variable that looks like a setting and is none.
pub(super) fn check(name: &str) -> Option<Warning> {
    let Some(rest) = name
        .strip_prefix(PREFIX)
        .or_else(|| name.strip_prefix(DIALECT_PREFIX))
    else {
        return (name == OLD_TLS_DOMAIN).then(|| Warning::Unknown {
            name: name.to_owned(),
            nearest: Some(TLS_DOMAIN.name.to_owned()),
        });
    };
    if is_known(name) {
        return None;
    }
    Some(Warning::Unknown {
        name: name.to_owned(),
        nearest: nearest(rest).map(Setting::variable),
    })
}

fn is_known(name: &str) -> bool {
    let is_setting = |name| TABLE.iter().any(|setting| setting.name == name);
    let is_dialect = |name| TABLE.iter().any(|setting| setting.dialect == Some(name));
    name.strip_prefix(PREFIX).is_some_and(is_setting)
        || is_dialect(name)
        || name == DIALECT_HTTP2
        || BELONG_TO_OTHERS.contains(&name)
}

/// The setting that has this name as its last word or words, or whose name is at most a third wrong.
pub(super) fn nearest(rest: &str) -> Option<&'static Setting> {
    let rest = rest.to_ascii_uppercase();
    let ending = format!("_{rest}");
    let by_ending = TABLE
        .into_iter()
        .find(|setting| !rest.is_empty() && setting.name.ends_with(&ending));
    let by_slip = || {
        let allowed = rest.len() / 3;
        let (distance, setting) = TABLE
            .into_iter()
            // Comparing takes time, and a name from outside may be of any length: one that is too long or too short is
            // not compared.
            .filter(|setting| setting.name.len().abs_diff(rest.len()) <= allowed)
            .map(|setting| (distance(&rest, setting.name), setting))
            .min_by_key(|(distance, _)| *distance)?;
        (distance <= allowed).then_some(setting)
    };
    by_ending.or_else(by_slip)
}

/// Changes that turn one name into the other: a byte put in, taken out, replaced, or swapped with its neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, &byte) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, &other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(byte != other);
            let mut least = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && byte == to[column - 1] && from[row - 1] == other {
                least = least.min(before_last[column - 1] + 1);
            }
            current.push(least);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest_to(name: &str) -> Option<String> {
        match check(name) {
            Some(Warning::Unknown { nearest, .. }) => nearest,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn a_slip_gets_the_nearest_real_name() {
        assert_eq!(
            nearest_to("THRUSTER_HTP_PORT").as_deref(),
            Some("THRUSTER_HTTP_PORT")
        );
        assert_eq!(
            nearest_to("THRUSTER_HTTP_PROT").as_deref(),
            Some("THRUSTER_HTTP_PORT")
        );
        assert_eq!(
            nearest_to("THRUST_HTTP_PORT").as_deref(),
            Some("THRUSTER_HTTP_PORT")
        );
        assert_eq!(
            nearest_to("THRUSTER_http_port").as_deref(),
            Some("THRUSTER_HTTP_PORT")
        );
        assert_eq!(
            nearest_to("THRUSTER_LOGLEVEL").as_deref(),
            Some("THRUSTER_LOG_LEVEL")
        );
        assert_eq!(
            nearest_to("THRUSTER_SSL_DOMAIN").as_deref(),
            Some("THRUSTER_TLS_DOMAIN")
        );
        assert_eq!(
            nearest_to("THRUSTER_IDLE_TIMEOUT").as_deref(),
            Some("THRUSTER_HTTP_IDLE_TIMEOUT")
        );
    }

    #[test]
    fn what_looks_like_nothing_gets_no_guess() {
        assert_eq!(nearest_to("THRUSTER_FLUX_CAPACITOR"), None);
        assert_eq!(nearest_to("THRUSTER_"), None);
        assert_eq!(nearest_to(&format!("THRUSTER_{}", "X".repeat(1 << 22))), None);
    }

    #[test]
    fn an_unknown_name_cannot_move_the_cursor_of_who_reads_of_it() {
        let warning = check("THRUSTER_\x1b[2J\nready").expect("it is no name of ours");

        let shown = warning.to_string();
        assert!(
            shown.starts_with("THRUSTER_\\u{1b}[2J\\nready is not a setting"),
            "{shown}"
        );
    }

    #[test]
    fn the_former_name_of_tls_domain_is_pointed_out() {
        assert_eq!(nearest_to("SSL_DOMAIN").as_deref(), Some("TLS_DOMAIN"));
    }

    #[test]
    fn known_names_and_those_of_others_pass() {
        for name in [
            "THRUSTER_HTTP_PORT",
            "THRUSTER_EXECUTABLE",
            "THRUSTER_LAUNCHER",
            "THRUSTER_HANDOVER",
            "THRUSTER_CONTROL_SOCKET",
            "THRUSTER_TARGET_SOCKET",
            "THRUSTER_RAILS_ENABLED",
            "THRUSTER_COMPRESS_ASSETS_ENABLED",
            "THRUST_WORKER_PORT",
            "THRUST_HTTP2",
            "HTTP_PORT",
            "LOG_LEVEL",
            "THRUSTERS",
            "PATH",
        ] {
            assert_eq!(check(name), None, "{name}");
        }
    }
}
