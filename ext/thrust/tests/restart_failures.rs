//! A restart that fails: the old generation stays, and the command says why.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use tempfile::TempDir;

use self::support::{Launch, TestProxy, TestTarget, eventually, process, usage, write_script};

/// The first generation lives; what a later one does follows.
const FIRST_LIVES: &str =
    r#"case $THRUSTER_CONTROL_SOCKET in *-1.sock) echo "app on $PORT"; exec sleep 1000;; esac; "#;

#[test]
fn one_that_ends_before_it_answers_is_told_by_its_exit_status_or_signal() {
    for (script, how) in [
        ("echo boom >&2; exit 1", "exited with status 1"),
        ("kill -KILL $$", "was killed by SIGKILL (9)"),
        ("exit 0", "exited with status 0"),
    ] {
        let (proxy, _first) = later(script);

        let failed = proxy.restart(&[]);

        assert_eq!(failed.code(), Some(1), "{failed:?}");
        let said = &failed.stderr[0];
        assert!(
            said.contains(how) && said.contains("its output is in the app's own"),
            "{said}"
        );
        assert_eq!(proxy.status()["generation"], 1);
        assert_stays(&proxy);
        let warning = proxy.wait_for_log("Failed to restart; the old generation goes on");
        assert!(warning["error"].as_str().unwrap().contains(how), "{warning}");
    }
}

#[test]
fn one_that_never_answers_is_told_by_the_last_probe_and_ended() {
    let (proxy, _first) = later(r#"trap 'echo "second ends"; exit 0' TERM; while :; do sleep 0.01; done"#);

    let failed = proxy.restart(&["--timeout", "300ms"]);

    assert_eq!(failed.code(), Some(1), "{failed:?}");
    let said = &failed.stderr[0];
    assert!(said.contains("not ready within 300ms"), "{said}");
    assert!(
        said.contains("the last HEAD /up was not answered: could not connect"),
        "{said}"
    );
    proxy.wait_for_line("second ends");
    assert_stays(&proxy);
}

#[test]
fn one_that_answers_that_it_is_not_well_is_told_by_its_status() {
    let proxy = Launch::generations()
        .env("THRUSTER_HEALTH_PATH", "/health")
        .start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    eventually("the first is ready", || {
        proxy.status()["ready"].as_bool().filter(|ready| *ready)
    });

    let restart = proxy.begin_restart(&["--timeout", "400ms"]);
    let _second = TestTarget::start_on(proxy.app_port(2), |app| {
        while app.read_request().is_some() {
            app.wire.send("HTTP/1.1 503 Not Yet\r\nContent-Length: 0\r\n\r\n");
        }
    });

    let failed = restart.wait_exit();
    assert_eq!(failed.code(), Some(1));
    let said = &failed.stderr[0];
    assert!(
        said.contains("GET /health was answered with status 503"),
        "{said}"
    );
    assert_stays(&proxy);
}

#[test]
fn one_that_does_not_end_when_it_has_failed_is_killed() {
    let (proxy, _first) = later(r#"trap '' TERM; echo "second $$"; while :; do sleep 0.01; done"#);

    let failed = proxy.restart(&["--timeout", "100ms"]);

    assert_eq!(failed.code(), Some(1));
    let second = process::pid(&proxy.wait_for_line("second "));
    assert_eq!(process::state_of(second), None);
    assert_stays(&proxy);
}

#[test]
fn after_a_failure_the_next_restart_may_succeed() {
    let directory = tempfile::tempdir().unwrap();
    let mended = directory.path().join("mended");
    let (proxy, _first) = later(&format!(
        r#"test -e {} || exit 1; echo "app on $PORT"; exec sleep 1000"#,
        mended.display()
    ));
    assert_eq!(proxy.restart(&[]).code(), Some(1));
    fs::write(mended, "").unwrap();

    let restart = proxy.begin_restart(&[]);
    let _second = TestTarget::saying(proxy.app_port(2), "second");

    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(proxy.connect().get("/").text(), "second");
}

#[test]
fn what_the_command_fixes_is_named_before_anything_is_started() {
    for (words, named) in [
        (vec!["-p", "3000"], "(`-p 3000`)"),
        (vec!["--port=3000"], "(`--port=3000`)"),
        (vec!["-P", "tmp/pids/other.pid"], "(`-P tmp/pids/other.pid`)"),
        (vec!["-b", "tcp://0.0.0.0:3000"], "(`-b tcp://0.0.0.0:3000`)"),
    ] {
        let (_directory, puma) = server_called_puma(r#"echo "app on $PORT"; exec sleep 1000"#);
        let words = std::iter::once(puma.to_str().unwrap()).chain(words);
        let proxy = Launch::new(words).env("THRUSTER_TARGET_PORT", "0").start();
        let _first = TestTarget::saying(proxy.app_port(1), "first");

        let failed = proxy.restart(&[]);

        assert_eq!(failed.code(), Some(1));
        assert!(failed.stderr[0].contains(named), "{failed:?}");
        assert_eq!(
            proxy
                .lines()
                .iter()
                .filter(|line| line.starts_with("app on "))
                .count(),
            1
        );
        assert_stays(&proxy);
    }
}

#[test]
fn what_pumas_configuration_fixes_is_named_after_the_failure() {
    let (directory, puma) = server_called_puma(&format!("{FIRST_LIVES} exit 1"));
    fs::create_dir(directory.path().join("config")).unwrap();
    fs::write(directory.path().join("config/puma.rb"), "threads 3\nport 3000\n").unwrap();
    let proxy = Launch::new([puma])
        .through(["env".as_ref(), "-C".as_ref(), directory.path().as_os_str()])
        .env("THRUSTER_TARGET_PORT", "0")
        .start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");

    let failed = proxy.restart(&[]);

    assert_eq!(failed.code(), Some(1));
    let said = &failed.stderr[0];
    assert!(said.contains("exited with status 1"), "{said}");
    assert!(
        said.contains("config/puma.rb:2 fixes the port (`port 3000`)"),
        "{said}"
    );
}

#[test]
fn an_app_that_may_be_on_another_machine_is_not_started_twice() {
    let target = TestTarget::echoing();
    let proxy = Launch::new(["sleep", "1000"])
        .env(
            "THRUSTER_TARGET",
            format!("http://ip6-localhost:{}", target.port()),
        )
        .start();

    let failed = proxy.restart(&[]);

    assert_eq!(failed.code(), Some(1), "{failed:?}");
    assert!(failed.stderr[0].contains("THRUSTER_TARGET="), "{failed:?}");
}

#[test]
fn an_end_during_a_restart_is_the_end_of_both_generations() {
    let proxy = Launch::shell(
        r#"number=${THRUSTER_CONTROL_SOCKET##*-}; number=${number%.sock}
           trap 'echo "ends $number"; exit $((10 + number))' TERM
           echo "app on $PORT"; while :; do sleep 0.01; done"#,
    )
    .env("THRUSTER_TARGET_PORT", "0")
    .start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    assert_eq!(proxy.connect().get("/").text(), "first");
    let restart = proxy.begin_restart(&[]);
    proxy.app_port(2);

    proxy.signal(Signal::TERM);

    let ended = proxy.wait_exit();
    assert_eq!(ended.code(), Some(11), "that of the one that served");
    for line in ["ends 1", "ends 2"] {
        assert!(ended.stdout.iter().any(|other| other == line), "{ended:?}");
    }
    let failed = restart.wait_exit();
    assert_eq!(failed.code(), Some(1));
    assert!(failed.stderr[0].contains("this thrust is ending"), "{failed:?}");
}

#[test]
fn at_our_end_no_restart_is_begun() {
    let (proxy, _first) = later("exit 1");
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");

    proxy.signal(Signal::TERM);
    proxy.wait_for_log("Told to end; finishing requests first");
    let refused = proxy.restart(&[]);
    client.send("hello");

    assert_eq!(refused.code(), Some(1));
    assert!(refused.stderr[0].contains("this thrust is ending"), "{refused:?}");
    assert_eq!(client.read_message().unwrap().text(), "first");
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

#[test]
fn restarts_that_fail_leave_no_process_and_no_descriptor() {
    let (proxy, _first) = later("exit 1");
    proxy.connect().get("/");
    proxy.restart(&[]);
    let before = eventually("the command's connection is closed", || {
        let count = usage::descriptors(&proxy);
        (proxy.status()["connections"] == 0).then_some(count)
    });

    for _ in 0..5 {
        assert_eq!(proxy.restart(&[]).code(), Some(1));
    }

    eventually("no more than before", || {
        (usage::descriptors(&proxy) <= before).then_some(())
    });
    assert_eq!(process::children_of(proxy.pid()), [proxy.child()]);
}

/// A proxy whose first generation serves; a later one does as `script` says.
fn later(script: &str) -> (TestProxy, TestTarget) {
    let proxy = Launch::shell(&format!("{FIRST_LIVES}{script}"))
        .env("THRUSTER_TARGET_PORT", "0")
        .start();
    let first = TestTarget::saying(proxy.app_port(1), "first");
    assert_eq!(proxy.connect().get("/").text(), "first");
    (proxy, first)
}

/// A program that is called as the server is and does as `script` says.
fn server_called_puma(script: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let puma = directory.path().join("puma");
    write_script(&puma, script);
    (directory, puma)
}

/// Asserts that the first generation serves as before.
fn assert_stays(proxy: &TestProxy) {
    assert_eq!(proxy.connect().get("/").text(), "first");
    let status = proxy.status();
    assert_eq!(
        (&status["generation"], &status["state"]),
        (&1.into(), &"ready".into())
    );
}
