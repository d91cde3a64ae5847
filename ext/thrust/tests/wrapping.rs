//! What the wrapped process gets, what it is told, and what its end means.

mod support;

use std::fs;

use rustix::process::{Pid, Signal, getpgid, getpid, kill_process};

#[cfg(target_os = "linux")]
use self::support::Terminal;
use self::support::{Launch, TestProxy, TestTarget, eventually, free_port, process};

#[test]
fn the_exit_status_is_the_one_of_the_command() {
    assert_eq!(Launch::new(["true"]).run().code(), Some(0));
    assert_eq!(Launch::new(["false"]).run().code(), Some(1));
    assert_eq!(Launch::shell("exit 42").run().code(), Some(42));
    assert_eq!(Launch::shell("exit 255").run().code(), Some(255));
}

#[test]
fn a_command_that_a_signal_ends_gives_128_and_the_signal() {
    assert_eq!(Launch::shell("kill -KILL $$").run().code(), Some(137));
    assert_eq!(
        Launch::shell("ulimit -c 0; kill -SEGV $$").run().code(),
        Some(139)
    );
}

#[test]
fn term_and_int_are_relayed_and_end_the_command() {
    for (signal, name, status) in [(Signal::TERM, "terminated", 143), (Signal::INT, "interrupt", 130)] {
        let (proxy, _) = idle_app();

        proxy.signal(signal);

        let line = proxy.wait_for_log("Relaying signal to upstream process");
        assert_eq!((&line["level"], &line["signal"]), (&"INFO".into(), &name.into()));
        assert_eq!(proxy.wait_exit().code(), Some(status));
    }
}

#[test]
fn a_command_that_handles_term_decides_the_exit_status() {
    let proxy = Launch::shell("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done").start();
    proxy.wait_for_line("ready");

    proxy.signal(Signal::TERM);

    assert_eq!(proxy.wait_exit().code(), Some(0));
}

#[test]
fn each_signal_is_relayed_not_only_the_first() {
    let proxy = Launch::shell(
        "trap 'echo got INT' INT; trap 'echo got TERM; exit 7' TERM; echo ready; while :; do sleep 0.01; done",
    )
    .start();
    proxy.wait_for_line("ready");

    proxy.signal(Signal::INT);
    proxy.wait_for_line("got INT");
    proxy.signal(Signal::TERM);
    proxy.wait_for_line("got TERM");

    assert_eq!(proxy.wait_exit().code(), Some(7));
}

#[test]
fn a_signal_goes_to_the_command_and_not_to_its_children() {
    // The grandchild runs its traps before it looks whether it was asked to go.
    let proxy = Launch::shell(
        r#"trap 'kill -USR1 $!; wait $!; exit 3' TERM
           sh -c 'trap "echo grandchild got TERM" TERM; trap "asked=yes" USR1; echo ready
                  until test "$asked"; do sleep 0.01; done; echo grandchild goes' &
           while :; do sleep 0.01; done"#,
    )
    .start();
    proxy.wait_for_line("ready");

    proxy.signal(Signal::TERM);

    let ended = proxy.wait_exit();
    assert_eq!(ended.code(), Some(3));
    assert!(ended.stdout.contains(&"grandchild goes".to_owned()), "{ended:?}");
    assert!(
        !ended.stdout.iter().any(|line| line == "grandchild got TERM"),
        "{ended:?}"
    );
}

#[test]
fn killing_the_command_gives_137() {
    let (proxy, app) = idle_app();

    kill_process(app, Signal::KILL).expect("the app is running");

    assert_eq!(proxy.wait_exit().code(), Some(137));
}

#[test]
#[cfg(target_os = "linux")]
fn killing_the_proxy_ends_the_command() {
    let (proxy, app) = idle_app();

    proxy.signal(Signal::KILL);

    eventually("the end of the app", || (!process::is_running(app)).then_some(()));
}

#[test]
fn port_is_where_the_app_is_expected_whatever_it_was_before() {
    let port = free_port();

    let ended = Launch::shell("echo PORT=$PORT")
        .env("PORT", "9")
        .env("TARGET_PORT", port.to_string())
        .run();

    assert!(ended.stdout.contains(&format!("PORT={port}")), "{ended:?}");
}

#[test]
fn the_rest_of_the_environment_is_passed_on() {
    let ended = Launch::new(["env"])
        .env("RAILS_ENV", "production")
        .env("THRUSTER_TARGET_PORT", "0")
        .env("LOG_REQUESTS", "false")
        .run();

    for line in [
        "RAILS_ENV=production",
        "THRUSTER_TARGET_PORT=0",
        "LOG_REQUESTS=false",
        "THRUSTER_HTTP_PORT=0",
    ] {
        assert!(ended.stdout.contains(&line.to_owned()), "{line} in {ended:?}");
    }
}

#[test]
fn the_command_reads_our_stdin_and_writes_to_our_stdout_and_stderr() {
    let ended = Launch::shell("read line; echo \"read $line\"; echo complained >&2; read line || echo end")
        .stdin("from the test\n")
        .run();

    assert!(
        ended.stdout.contains(&"read from the test".to_owned()),
        "{ended:?}"
    );
    assert!(ended.stdout.contains(&"end".to_owned()), "{ended:?}");
    assert!(ended.stderr.contains(&"complained".to_owned()), "{ended:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_command_gets_the_descriptors_we_were_started_with_and_none_of_ours() {
    // Not a program that has just been started: its loader still has libraries open.
    let (proxy, app) = app_that("while :; do sleep 0.01; done");
    let open = |pid: Pid, number: &str| fs::read_link(process::path(pid, "fd").join(number)).ok();

    let mut numbers: Vec<_> = fs::read_dir(process::path(app, "fd"))
        .expect("the app is running")
        .map(|entry| entry.expect("/proc can be read").file_name())
        .map(|name| name.into_string().expect("a number"))
        .collect();
    numbers.sort_by_key(|number| number.parse::<u32>().expect("a number"));

    assert_eq!(numbers[..3], ["0", "1", "2"]);
    for number in &numbers[..3] {
        assert_eq!(open(app, number), open(proxy.pid(), number), "no pipe between");
    }
    // Whoever runs the tests may have left some open for everybody.
    for number in &numbers[3..] {
        assert_eq!(open(app, number), open(getpid(), number), "{number} is ours");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_command_gets_the_descriptor_limit_we_were_started_with() {
    let ended = Launch::shell("echo $(ulimit -Sn) $(ulimit -Hn)")
        .through(["prlimit", "--nofile=256:512"])
        .run();

    assert!(ended.stdout.contains(&"256 512".to_owned()), "{ended:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_command_runs_in_our_directory_and_group_under_the_name_that_was_typed() {
    let proxy = Launch::new(["sleep", "1000"]).start();
    let app = eventually("the app", || process::children_of(proxy.pid()).pop());
    let directory = |pid| fs::read_link(process::path(pid, "cwd")).expect("it is running");

    eventually("the exec", || {
        (fs::read(process::path(app, "cmdline")).ok()? == b"sleep\x001000\0").then_some(())
    });

    assert_eq!(getpgid(Some(app)), getpgid(Some(proxy.pid())));
    assert_eq!(directory(app), directory(proxy.pid()));
}

#[test]
fn requests_reach_the_app_behind() {
    let target = TestTarget::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere");
    let proxy = Launch::before(&target).start();

    let answer = proxy.connect().get("/page");

    assert_eq!((answer.status(), answer.text().as_str()), (200, "here"));
    assert_eq!(target.requests()[0].target(), "/page");
}

#[test]
#[cfg(target_os = "linux")]
fn a_debugger_can_talk_to_the_terminal() {
    let mut terminal = Terminal::start(Launch::shell(
        r#"test -t 0 && test -t 1 && test -t 2 || exit 9
           echo "prompt>"; read -r line; echo "evaluated: $line"
           stty -icanon -echo; echo "one key>"; key=$(dd bs=1 count=1 2>/dev/null); stty sane; echo "pressed: $key"
           read -r line || exit 5"#,
    ));

    terminal.wait_for("prompt>");
    terminal.type_in("1 + 1\n");
    terminal.wait_for("evaluated: 1 + 1");
    terminal.wait_for("one key>");
    terminal.type_in("k");
    terminal.wait_for("pressed: k");
    terminal.type_in("\x04");

    assert_eq!(
        terminal.wait_exit(),
        Some(5),
        "the end of input is the app's to handle"
    );
}

/// A proxy before an app that waits to be ended, and the app's pid.
fn idle_app() -> (TestProxy, Pid) {
    app_that("exec sleep 1000")
}

/// A proxy before a shell that does this, and the shell's pid.
fn app_that(script: &str) -> (TestProxy, Pid) {
    let proxy = Launch::shell(&format!("echo pid $$; {script}")).start();
    let pid = process::pid(&proxy.wait_for_line("pid "));
    (proxy, pid)
}
