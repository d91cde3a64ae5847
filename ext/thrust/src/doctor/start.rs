//! Whether a thrust would start here: its settings, and what it would listen on.

use std::collections::BTreeSet;
use std::fs::File;

use thrust_api::settings::{self, Rejection, Settings, Source, Warning};

use super::finding::{Finding, Level};
use crate::config::Config;
use crate::error::chain;
use crate::ports::{self, Environment, Notice};

const SETTINGS: &str = "settings";
const PORTS: &str = "ports";

/// What is wrong with the settings, or odd.
pub(super) fn settings(read: Result<&Settings, &Rejection>) -> Vec<Finding> {
    let (faults, warnings) = match read {
        Ok(settings) => (&[][..], &settings.warnings),
        Err(rejection) => (&rejection.faults[..], &rejection.warnings),
    };
    let mut findings: Vec<_> = faults
        .iter()
        .map(|fault| {
            Finding::new(SETTINGS, Level::Error, fault.to_string()).because("thrust does not start with it")
        })
        .chain(warnings.iter().map(odd))
        .collect();
    let Ok(settings) = read else {
        return findings;
    };
    findings.extend(missing_page(settings));
    if findings.is_empty() {
        let entries = settings.entries().iter();
        let set: BTreeSet<_> = entries.filter_map(|entry| entry.source.name()).collect();
        let set = set.into_iter().collect::<Vec<_>>().join(", ");
        let what = match &*set {
            "" => "nothing is set here".to_owned(),
            set => format!("all that is set here can be read: {set}"),
        };
        findings.push(Finding::ok(SETTINGS, what));
    }
    findings
}

fn odd(warning: &Warning) -> Finding {
    Finding::new(SETTINGS, Level::Warning, warning.to_string())
}

/// A page that somebody chose, and that is not there.
fn missing_page(settings: &Settings) -> Option<Finding> {
    let page = settings.entry(&settings::BAD_GATEWAY_PAGE);
    let path = settings.text(&settings::BAD_GATEWAY_PAGE);
    if path.is_empty() || page.source == Source::Default {
        return None;
    }
    let error = File::open(path).err()?;
    let finding = Finding::new(
        SETTINGS,
        Level::Warning,
        format!("{} cannot be read: {error}", page.setting.variable()),
    );
    Some(
        finding
            .because(format!("clients get a page of ours in the place of {path}"))
            .change("write the page there, or name another"),
    )
}

/// What would be listened on, and where the app would be: it is tried for a moment.
pub(super) fn ports(config: &Config, environment: Environment) -> Vec<Finding> {
    let ports = match ports::open(config, environment) {
        Ok(ports) => ports,
        // It says what to change, too.
        Err(error) => return vec![Finding::new(PORTS, Level::Error, chain(&error))],
    };
    let places: Vec<_> = ports
        .listeners
        .iter()
        .map(|bound| bound.place().to_string())
        .collect();
    let what = format!(
        "{} can be listened on, and the app would be asked at {}",
        places.join(", "),
        ports.target
    );
    let mut findings = vec![Finding::ok(PORTS, what)];
    findings.extend(ports.notices.iter().map(noticed));
    findings
}

fn noticed(notice: &Notice) -> Finding {
    let holder = |holder: &Option<ports::Holder>| {
        holder
            .as_ref()
            .map_or_else(|| "another program".to_owned(), ToString::to_string)
    };
    match notice {
        Notice::ListeningOnInherited { port } => Finding::ok(
            PORTS,
            format!("port 80 is not allowed here; {port}, the inherited PORT, stands in for it"),
        ),
        Notice::ListeningOnFallback { port } => Finding::new(
            PORTS,
            Level::Warning,
            format!("port 80 is not allowed here; on a terminal {port} stands in for it"),
        )
        .because("without a terminal, thrust does not start")
        .change("set HTTP_PORT, or allow the port: setcap cap_net_bind_service=+ep, or net.ipv4.ip_unprivileged_port_start"),
        Notice::TargetMoved { from, to, holder: who } => Finding::new(
            PORTS,
            Level::Warning,
            format!("port {from} is taken by {}; the app gets another, such as {to}, as PORT", holder(who)),
        )
        .change("nothing, if the app listens on PORT, as `rails server` does"),
        Notice::TargetAnswered { port, holder: who } => {
            answered(&format!("port {port}"), &holder(who), "TARGET_PORT")
        }
        Notice::TargetSocketAnswered { path, holder: who } => {
            answered(&path.display().to_string(), &holder(who), "THRUSTER_TARGET")
        }
        Notice::BindIgnored => Finding::new(
            PORTS,
            Level::Warning,
            "sockets are passed in LISTEN_FDS, so HTTP_PORT and THRUSTER_BIND are ignored",
        ),
    }
}

fn answered(place: &str, holder: &str, setting: &str) -> Finding {
    Finding::new(
        PORTS,
        Level::Error,
        format!("{holder} answers at {place}, where the app is to be"),
    )
    .because("requests would go to it")
    .change(format!("stop it, or set {setting} to another place"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::config::settings_of;

    fn found(environment: &[(&str, &str)]) -> Vec<Finding> {
        settings(settings_of(environment).as_ref())
    }

    #[test]
    fn each_fault_is_an_error_and_each_oddity_a_warning() {
        let findings = found(&[
            ("THRUSTER_HTTP_PORT", "eighty"),
            ("THRUSTER_DEBUG", "so"),
            ("THRUSTER_HTP_PORT", "1"),
        ]);

        let levels: Vec<_> = findings.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Error, Level::Error, Level::Warning]);
        assert!(findings[0].what.starts_with("THRUSTER_HTTP_PORT is \"eighty\""));
        let fine = found(&[("DEBUG", "on")]);
        assert_eq!(fine[0].what, "all that is set here can be read: DEBUG");
        assert_eq!(found(&[])[0].what, "nothing is set here");
    }

    #[test]
    fn a_page_that_was_chosen_and_is_not_there_is_a_warning() {
        let findings = found(&[("BAD_GATEWAY_PAGE", "/nonexistent/page.html")]);

        assert_eq!(findings[0].level, Level::Warning);
        assert!(
            findings[0]
                .what
                .starts_with("THRUSTER_BAD_GATEWAY_PAGE cannot be read")
        );
        assert!(missing_page(&settings_of(&[]).unwrap()).is_none());
    }

    #[test]
    fn a_port_that_is_taken_is_an_error_that_names_it() {
        let taken = TcpListener::bind("[::]:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let config = |port| Config::of(&[("THRUSTER_HTTP_PORT", port), ("THRUSTER_TARGET_PORT", "0")]);

        let refused = ports(&config(&port), Environment::default());
        let free = ports(&config("0"), Environment::default());

        assert_eq!((refused.len(), refused[0].level), (1, Level::Error));
        assert!(refused[0].what.contains(&port), "{refused:?}");
        assert_eq!((free.len(), free[0].level), (1, Level::Ok), "{free:?}");
    }
}
