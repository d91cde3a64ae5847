//! `thrust config` and `thrust doctor`: of the thrust that runs, or of what the environment would give.

mod support;

use serde_json::{Value, json};

use self::support::{Launch, Pushed, TestTarget, thrust};

#[test]
fn config_asks_the_running_thrust_unless_it_is_given_options() {
    let target = TestTarget::echoing();
    let running = Pushed::before(&target, &[("max_request_body", "10")]);
    let pid = running.proxy.pid().as_raw_pid().to_string();
    let place = running.socket("control.sock");
    let place = place.ancestors().nth(3).unwrap().to_str().unwrap();
    let here = [("RUNTIME_DIRECTORY", place)];

    let people = thrust(&["config", "--pid", &pid], &here);
    let programs = thrust(&["config", "--json", "--pid", &pid], &here);
    let given = thrust(&["--threads", "3", "config"], &here);

    let row = people
        .stdout
        .lines()
        .find(|line| line.starts_with("THRUSTER_MAX_REQUEST_BODY "));
    let words: Vec<_> = row.unwrap().split_whitespace().take(3).collect();
    assert_eq!(words, ["THRUSTER_MAX_REQUEST_BODY", "10", "Rails"]);
    let whose = format!("thrust runs as process {pid} in ");
    assert!(people.stdout.starts_with(&whose), "{people:?}");
    let report: Value = serde_json::from_str(&programs.stdout).unwrap();
    assert_eq!(
        (&report["running"], &report["note"], report["pid"].to_string()),
        (&json!(true), &Value::Null, pid)
    );
    assert!(
        given.stdout.starts_with("No running thrust was asked."),
        "{given:?}"
    );
    let other = thrust(&["config", "--pid", "1"], &here);
    assert_eq!(other.code, 2, "{other:?}");
}

#[test]
fn config_and_doctor_name_those_that_could_be_meant_and_how_to_mean_none() {
    let runtime = tempfile::tempdir().unwrap();
    // In this very directory, both of them: whatever else runs on the machine, it is not clear which one is meant.
    let _running = [(); 2].map(|()| {
        Launch::generations()
            .env("RUNTIME_DIRECTORY", runtime.path())
            .start()
    });
    let here = [("RUNTIME_DIRECTORY", runtime.path().to_str().unwrap())];

    for word in ["config", "doctor"] {
        let unclear = thrust(&[word], &here);
        assert_eq!(unclear.code, 2, "{unclear:?}");
        assert!(unclear.stderr.matches("\n  --pid ").count() >= 2, "{unclear:?}");
        assert!(
            unclear
                .stderr
                .trim_end()
                .ends_with("\n  --environment  none of them: what this environment would give"),
            "{unclear:?}"
        );
    }
    let none = thrust(&["config", "--environment"], &here);
    assert_eq!(none.code, 0, "{none:?}");
    let status = thrust(&["status"], &here);
    assert!(!status.stderr.contains("--environment"), "{status:?}");
}

#[test]
fn doctor_tells_of_the_running_thrust_whether_its_app_answers_and_has_spoken() {
    let target = TestTarget::echoing();
    let running = Pushed::start(Launch::before(&target));
    let pid = running.proxy.pid().as_raw_pid().to_string();
    let place = running.socket("control.sock");
    let place = place.ancestors().nth(3).unwrap().to_str().unwrap().to_owned();
    let levels = || {
        let output = thrust(
            &["doctor", "--json", "--pid", &pid],
            &[("RUNTIME_DIRECTORY", &place)],
        );
        let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let findings = report["findings"].as_array().unwrap().clone();
        let of = |check: &str| {
            let found = findings.iter().find(|finding| finding["check"] == check);
            found.map_or(Value::Null, |finding| finding["level"].clone())
        };
        (of("target"), of("rails"))
    };

    running.proxy.connect().get("/");
    support::eventually("an app that answers", || (levels().0 == "ok").then_some(()));
    assert_eq!(levels().1, "warning");
    running.push(&[("debug", "off")]);

    assert_eq!(levels().1, "ok");
}

#[test]
fn doctor_tries_out_what_would_start_here_and_fails_with_what_would_not() {
    let port = support::free_port().to_string();
    let fine = thrust(
        &["--http-port", &port, "--target-port", "0", "doctor"],
        &[("TMPDIR", "/tmp")],
    );
    let faulty = thrust(
        &["--threads", "none", "doctor", "--json"],
        &[("THRUSTER_HTTP_PORT", "eighty")],
    );

    assert_eq!(fine.code, 0, "{fine:?}");
    assert!(
        fine.stdout
            .contains(&format!("ok       ports: port {port} can be listened on")),
        "{fine:?}"
    );
    assert_eq!(faulty.code, 1);
    let report: Value = serde_json::from_str(&faulty.stdout).unwrap();
    let errors = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["level"] == "error");
    assert_eq!(errors.count(), 2, "{faulty:?}");
}
