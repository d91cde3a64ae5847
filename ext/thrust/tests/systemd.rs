//! What a service manager and the app behind us see of each other, and the units that the docs offer.

mod support;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use self::support::{Launch, Manager, TestTarget, cue, eventually, free_port};

/// The directory of the units, as a user of systemd would copy them.
const UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/systemd");

#[test]
fn what_the_service_manager_says_is_for_us_and_not_for_the_app() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let socket = directory.path().join("notify");
    let _manager = UnixDatagram::bind(&socket).expect("a socket of the test's");

    let ended = Launch::new(["env"])
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", "60000000")
        .env("WATCHDOG_PID", "1")
        .env("LISTEN_FDS", "1")
        .env("LISTEN_PID", "1")
        .env("LISTEN_FDNAMES", "web")
        .env("THRUSTER_CONTROL_SOCKET", "/of/another/thrust")
        .env("RAILS_ENV", "production")
        .run();

    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains(&"RAILS_ENV=production".to_owned()),
        "{ended:?}"
    );
    let inherited = "THRUSTER_CONTROL_SOCKET=/of/another/thrust";
    for name in ["NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_", inherited] {
        assert!(
            !ended.stdout.iter().any(|line| line.starts_with(name)),
            "{name} in {ended:?}"
        );
    }
}

#[test]
fn the_service_manager_is_told_how_far_we_are() {
    let manager = Manager::new();
    let port = free_port();
    let proxy = manager.start(Launch::before_port(port));
    assert_eq!(manager.messages(), [""; 0], "nothing before the app is there");

    let _target = TestTarget::saying(port, "hello");

    assert_eq!(manager.next(), "READY=1");
    let child = proxy.status()["child"].to_string();
    assert_eq!(manager.next(), format!("STATUS=Generation 1 serves, pid {child}"));
    proxy.signal(Signal::TERM);
    assert_eq!(manager.next(), "STOPPING=1");
    assert_eq!(proxy.wait_exit().code(), Some(143));
    assert_eq!(manager.messages(), [""; 0]);
}

#[test]
fn with_a_health_path_the_service_is_started_when_the_app_is_well() {
    let manager = Manager::new();
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        app.read_request();
        cue.wait();
        app.answer("well");
    });
    let _proxy = manager.start(Launch::before(&target).env("THRUSTER_HEALTH_PATH", "/health"));
    target.wait_for_requests(1);

    let early = manager.messages();
    go.send(()).unwrap();

    assert_eq!(early, [""; 0]);
    assert_eq!(manager.next(), "READY=1");
}

#[test]
fn a_restart_is_told_by_the_status_alone() {
    let manager = Manager::new();
    let proxy = manager.start(Launch::generations());
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    assert_eq!(manager.next(), "READY=1");
    manager.next();

    let restart = proxy.begin_restart(&[]);
    let _second = TestTarget::saying(proxy.app_port(2), "second");
    assert_eq!(restart.wait_exit().code(), Some(0));

    let child = proxy.status()["child"].to_string();
    assert_eq!(manager.next(), format!("STATUS=Generation 2 serves, pid {child}"));
    assert_eq!(manager.messages(), [""; 0]);
}

#[test]
fn the_watchdog_is_answered_as_long_as_we_live_whatever_the_app_does() {
    let manager = Manager::new();
    let proxy = manager.start(
        Launch::shell("trap 'echo told' TERM; echo listens to nothing; while :; do sleep 0.01; done")
            .env("THRUSTER_TARGET_PORT", "0")
            .env("WATCHDOG_USEC", "40000"),
    );
    let answered = |times: usize| {
        for _ in 0..times {
            assert_eq!(manager.next(), "WATCHDOG=1");
        }
    };

    answered(5);
    proxy.wait_for_line("listens to nothing");
    proxy.signal(Signal::TERM);
    eventually("the end begins", || {
        (manager.next() == "STOPPING=1").then_some(())
    });
    proxy.wait_for_line("told");
    answered(5);
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for name in ["thrust.service", "thrust.socket"] {
        let unit = fs::read_to_string(Path::new(UNITS).join(name)).expect("the unit is there");
        // The one thing that is looked for on this machine.
        let unit = unit.replace("/srv/app/current/bin/thrust", env!("CARGO_BIN_EXE_thrust"));
        fs::write(directory.path().join(name), unit).expect("the directory is ours");
    }

    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "thrust.service", "thrust.socket"])
        .current_dir(&directory)
        .env("SYSTEMD_UNIT_PATH", format!("{}:", directory.path().display()))
        .output();

    match verified {
        Ok(verified) => {
            let said = String::from_utf8_lossy(&verified.stderr);
            let about_ours = said.lines().any(|line| line.contains("thrust."));
            assert!(verified.status.success() && !about_ours, "{said}");
        }
        Err(error) => eprintln!("the units are not checked: no systemd-analyze here: {error}"),
    }
}
