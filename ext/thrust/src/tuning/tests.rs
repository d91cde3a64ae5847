//! Whose settings hold, and from when on.

use std::time::Duration;

use super::*;
use crate::config::settings_of;

fn settings(environment: &[(&str, &str)]) -> Settings {
    settings_of(environment).unwrap()
}

fn push(settings: &[(&str, &str)]) -> Push {
    let settings = settings
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    Push {
        settings,
        ..Push::default()
    }
}

/// One whose parts are a core's.
fn tuning(environment: &[(&str, &str)]) -> Tuning {
    let core = Core::for_test();
    let held = Held::new(&settings(environment), None);
    let config = held.config();
    let parts = Parts {
        service: core.live().pipeline.service.clone(),
        room: core.room.clone(),
        cores: vec![core],
        threshold: Threshold::for_test(),
    };
    Tuning::new(held, &config, parts)
}

fn drain(tuning: &Tuning) -> Duration {
    tuning.waits().drain
}

#[test]
fn a_push_takes_effect_as_a_whole_and_the_same_again_changes_nothing() {
    let tuning = tuning(&[("THRUSTER_STOP_TIMEOUT", "9s")]);
    let pushed = push(&[
        ("drain_timeout", "7s"),
        ("stop_timeout", "8s"),
        ("max_request_body", "1kB"),
    ]);

    let configured = tuning.configure(1, 1, pushed.clone()).unwrap();

    assert_eq!(
        configured.changed,
        ["drain_timeout", "max_request_body", "stop_timeout"]
    );
    let overridden = Overridden {
        setting: "stop_timeout".to_owned(),
        source: "environment THRUSTER_STOP_TIMEOUT".to_owned(),
    };
    assert_eq!(configured.overridden, [overridden]);
    let waits = tuning.waits();
    assert_eq!(
        (waits.drain, waits.stop),
        (Duration::from_secs(7), Some(Duration::from_secs(9)))
    );
    let live = tuning.parts.cores[0].live();
    assert_eq!(live.pipeline.limits.max_request_body, Some(1000));

    assert!(tuning.configure(1, 1, pushed).unwrap().changed.is_empty());
    assert!(Arc::ptr_eq(&live, &tuning.parts.cores[0].live()));
}

#[test]
fn a_push_with_faults_changes_nothing_and_names_them_all() {
    let tuning = tuning(&[]);
    tuning.configure(1, 1, push(&[("drain_timeout", "7s")])).unwrap();

    let pushed = push(&[("drain_timeout", "1s"), ("debug", "so"), ("threads", "2")]);
    let failure = tuning.configure(1, 1, pushed).unwrap_err();

    assert_eq!(failure.kind, FailureKind::Invalid);
    let faulty: Vec<_> = failure.faults.iter().map(|fault| &*fault.setting).collect();
    assert_eq!(faulty, ["threads", "debug"]);
    assert_eq!(drain(&tuning), Duration::from_secs(7));
}

#[test]
fn the_newest_push_of_a_generation_wins_and_takes_back_what_it_leaves_out() {
    let tuning = tuning(&[]);
    tuning
        .configure(1, 1, push(&[("drain_timeout", "7s"), ("debug", "on")]))
        .unwrap();

    let configured = tuning.configure(1, 1, push(&[("debug", "on")])).unwrap();

    assert_eq!(configured.changed, ["drain_timeout"]);
    assert_eq!(drain(&tuning), Duration::from_secs(5));
}

#[test]
fn a_generation_that_boots_is_heard_and_waits_for_its_turn() {
    let tuning = tuning(&[]);
    tuning.configure(1, 1, push(&[("drain_timeout", "7s")])).unwrap();

    tuning.configure(2, 1, push(&[("drain_timeout", "9s")])).unwrap();
    assert_eq!(drain(&tuning), Duration::from_secs(7));
    tuning.serves(2);
    assert_eq!(drain(&tuning), Duration::from_secs(9));

    let failure = tuning.configure(1, 2, push(&[])).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Superseded);
    assert_eq!(drain(&tuning), Duration::from_secs(9));
}

#[test]
fn what_held_goes_on_for_a_generation_that_says_nothing_and_after_one_that_failed() {
    let tuning = tuning(&[]);
    tuning.configure(1, 1, push(&[("drain_timeout", "7s")])).unwrap();

    tuning.configure(2, 1, push(&[("drain_timeout", "9s")])).unwrap();
    tuning.forget(2);
    tuning.serves(3);

    assert_eq!(drain(&tuning), Duration::from_secs(7));
}

#[test]
fn the_next_image_of_this_process_goes_on_with_what_held() {
    let tuning = tuning(&[]);
    let mut pushed = push(&[("drain_timeout", "7s")]);
    pushed.app.sendfile = true;
    let secret = tuning.configure(1, 1, pushed).unwrap().sendfile_secret;

    let left = serde_json::to_string(&tuning.left()).unwrap();
    let held = Held::new(&settings(&[]), Some(serde_json::from_str(&left).unwrap()));

    let config = held.config();
    assert_eq!(config.drain_timeout, Duration::from_secs(7));
    assert_eq!(config.sendfile_secret.unwrap(), secret.as_str());
}

#[test]
fn requests_carry_the_secret_only_to_an_app_that_has_said_that_it_knows_it() {
    let tuning = tuning(&[]);
    let secret = |tuning: &Tuning| tuning.held.borrow().config().sendfile_secret;
    assert_eq!(secret(&tuning), None);

    let configured = tuning.configure(1, 1, push(&[])).unwrap();
    assert_eq!(configured.sendfile_secret.len(), 32);
    assert_eq!(secret(&tuning), None);

    let mut pushed = push(&[]);
    pushed.app.sendfile = true;
    tuning.configure(1, 1, pushed).unwrap();
    let secret = secret(&tuning).unwrap();
    assert_eq!(secret, configured.sendfile_secret.as_str());
    assert!(!format!("{secret:?}").contains(&configured.sendfile_secret));
}

#[test]
fn requests_carry_no_secret_while_what_it_asks_for_is_not_understood() {
    for (name, text) in [
        ("x_sendfile_enabled", "off"),
        ("sendfile_header", "X-Accel-Redirect"),
    ] {
        let tuning = tuning(&[]);
        let mut pushed = push(&[(name, text)]);
        pushed.app.sendfile = true;

        tuning.configure(1, 1, pushed).unwrap();

        assert_eq!(tuning.held.borrow().config().sendfile_secret, None, "{name}");
    }
}

#[test]
fn what_the_next_image_refuses_of_another_version_is_left_out_but_not_the_secret() {
    let left = r#"{"push":{"settings":{"wings":"two"},"app":{"sendfile":true}},"secret":"00"}"#;

    let held = Held::new(&settings(&[]), Some(serde_json::from_str(left).unwrap()));

    assert!(held.settings.pushed().is_empty());
    assert_eq!(held.config().sendfile_secret.unwrap(), "00");
}
