//! As the first process of a container: whose orphans come to us, and whom no default action ends.

#![cfg(target_os = "linux")]

mod support;

use rustix::process::{Pid, Signal, kill_process};

use self::support::process::children_of;
use self::support::{Launch, Signpost, TestProxy, TestTarget, eventually, lets_us};

#[test]
fn orphans_are_reaped() {
    let Some(launch) = as_pid_one(
        r#"for number in 1 2 3 4 5 6 7 8; do
               orphans="$orphans $(sh -c 'sleep 1000 >/dev/null & echo $!')"
           done
           for orphan in $orphans; do grep -q "^PPid:.1$" /proc/$orphan/status && echo "is ours: $orphan"; done
           kill -9 $orphans
           for orphan in $orphans; do while test -e /proc/$orphan; do sleep 0.01; done; done
           echo "all reaped"; exec sleep 1000"#,
    ) else {
        return;
    };

    let proxy = launch.start();

    proxy.wait_for_line("all reaped");
    let lines = proxy.lines();
    let ours = lines.iter().filter(|line| line.starts_with("is ours: "));
    assert_eq!(ours.count(), 8, "{lines:?}");
}

#[test]
fn the_status_is_the_one_of_the_command_whoever_else_ends() {
    let Some(launch) = as_pid_one(
        r#"for number in 1 2 3 4 5 6 7 8 9; do sh -c 'sh -c "exit 9" &'; done
           exit 42"#,
    ) else {
        return;
    };

    assert_eq!(launch.run().code(), Some(42));
}

#[test]
fn term_ends_the_command_and_then_us() {
    let Some(launch) = as_pid_one("echo ready; exec sleep 1000") else {
        return;
    };
    let proxy = launch.start();
    proxy.wait_for_line("ready");

    kill_process(inside(&proxy), Signal::TERM).expect("it is running");

    assert_eq!(proxy.wait_exit().code(), Some(128 + 15));
}

#[test]
fn a_command_that_is_killed_gives_its_status() {
    let Some(launch) = as_pid_one("kill -KILL $$") else {
        return;
    };

    assert_eq!(launch.run().code(), Some(128 + 9));
}

#[test]
fn a_restart_works_and_the_old_generation_is_waited_for_at_our_end() {
    let Some(launch) = as_pid_one(
        r#"number=${THRUSTER_CONTROL_SOCKET##*-}; number=${number%.sock}
           trap 'echo "told $number"; test $number = 2 || until test -e "$LEAVE"; do sleep 0.01; done
                 echo "ends $number"; exit $((10 + number))' TERM
           echo "app on $PORT"; while :; do sleep 0.01; done"#,
    ) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let leave = Signpost::new();
    let proxy = launch
        .env("THRUSTER_TARGET_PORT", "0")
        .env("RUNTIME_DIRECTORY", directory.path())
        .env("LEAVE", leave.path())
        .start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    assert_eq!(proxy.connect().get("/").text(), "first");

    // Asked from outside of the namespace, as by somebody who shares only its files: by the pid that it has inside.
    let restart = Launch::bare(["restart", "--pid", "1"])
        .env("RUNTIME_DIRECTORY", directory.path())
        .spawn();
    let _second = TestTarget::saying(proxy.app_port(2), "second");
    let restarted = restart.wait_exit();
    assert_eq!(restarted.code(), Some(0), "{restarted:?}");
    assert_eq!(proxy.connect().get("/").text(), "second");
    proxy.wait_for_line("told 1");

    // The system kills whoever is left when the first process ends.
    kill_process(inside(&proxy), Signal::TERM).expect("it is running");
    proxy.wait_for_log("Server stopping");
    leave.set();

    let ended = proxy.wait_exit();
    assert_eq!(ended.code(), Some(12));
    assert!(ended.stdout.contains(&"ends 1".to_owned()), "{ended:?}");
}

/// Wraps a shell that does this, with the proxy as PID 1; `None` where the system does not let us.
fn as_pid_one(script: &str) -> Option<Launch> {
    const UNSHARE: [&str; 4] = ["unshare", "--pid", "--fork", "--mount-proc"];
    const AS_ROOT: [&str; 2] = ["--user", "--map-root-user"];

    let privileged = UNSHARE.to_vec();
    let unprivileged = [&UNSHARE[..], &AS_ROOT[..]].concat();
    let allowed = [privileged, unprivileged]
        .into_iter()
        .find(|words| lets_us("make a namespace for pids", words.iter().chain(&["true"])));
    allowed.map(|words| Launch::shell(script).through(words))
}

/// The proxy itself, by its pid out here: what was started is the program that made the namespace.
fn inside(proxy: &TestProxy) -> Pid {
    eventually("a process in the namespace", || children_of(proxy.pid()).pop())
}
