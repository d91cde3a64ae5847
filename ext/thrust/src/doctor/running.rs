//! Whether a running thrust does what it should: it listens, its app answers, and Rails has spoken.

use thrust_api::message::State;

use super::Running;
use super::finding::{Finding, Level};

const THRUST: &str = "thrust";
const PORTS: &str = "ports";
const TARGET: &str = "target";
const RAILS: &str = "rails";

/// All that it tells.
pub(super) fn all(running: &Running) -> Vec<Finding> {
    let status = &running.status;
    vec![
        Finding::ok(
            THRUST,
            format!(
                "thrust {} runs as process {} in {}",
                status.version, status.pid, status.directory
            ),
        ),
        Finding::ok(PORTS, format!("it listens on {}", status.listening.join(", "))),
        target(running),
        rails(running),
    ]
}

fn target(running: &Running) -> Finding {
    let status = &running.status;
    let place = &status.target;
    match (status.ready, status.state) {
        (true, _) => Finding::ok(
            TARGET,
            format!("generation {} of the app answers at {place}", status.generation),
        ),
        (false, State::Draining | State::Stopping) => {
            Finding::new(TARGET, Level::Warning, "thrust is ending")
        }
        (false, _) => Finding::new(
            TARGET,
            Level::Error,
            format!("the app does not answer at {place}"),
        )
        .because("requests wait for it, and get 503 when they have waited for THRUSTER_BOOT_TIMEOUT")
        .change("let it listen there, as PORT says; if it still boots, ask again"),
    }
}

fn rails(running: &Running) -> Finding {
    let configuration = &running.configuration;
    match &configuration.app {
        Some(app) => {
            let settings = configuration.settings.iter();
            let told = settings.filter(|setting| setting.source == "rails").count();
            let framework = app
                .facts
                .get("framework")
                .and_then(|name| name.as_str())
                .unwrap_or("the app");
            Finding::ok(
                RAILS,
                format!("{framework} has told its settings; {told} hold that way"),
            )
        }
        None => Finding::new(RAILS, Level::Warning, "no app has told its settings")
            .because("public files, files to send and what to keep out of the log are known from Rails only")
            .change(
                "let the Gemfile say gem \"thruster-rs\" without require: false \
                 (bin/rails generate thruster:install does); an app without Rails needs nothing",
            ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use thrust_api::message::{App, Configuration, Status};

    use super::*;

    fn running(ready: bool, app: Option<App>) -> Running {
        let status: Status = serde_json::from_value(json!({
            "state": "ready", "version": "1.0.0", "pid": 7, "uptime": 1.0, "directory": "/srv", "listening": ["*:80"],
            "generation": 2, "child": 8, "target": "localhost:3000", "port": 3000, "ready": ready,
            "connections": 0, "in_flight": 0, "held": 0, "previous": []
        }))
        .unwrap();
        let configuration = Configuration {
            settings: Vec::new(),
            app,
        };
        Running {
            status,
            configuration,
        }
    }

    #[test]
    fn an_app_that_does_not_answer_is_an_error_and_one_that_says_nothing_a_warning() {
        let levels = |running: &Running| {
            let findings = all(running);
            findings.iter().map(|finding| finding.level).collect::<Vec<_>>()
        };

        assert_eq!(
            levels(&running(true, Some(App::default()))),
            [Level::Ok, Level::Ok, Level::Ok, Level::Ok]
        );
        assert_eq!(
            levels(&running(false, None)),
            [Level::Ok, Level::Ok, Level::Error, Level::Warning]
        );
    }
}
