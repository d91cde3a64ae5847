//! Signals reach whom they are meant for, once.

#![cfg(target_os = "linux")]

mod support;

use std::fs;

use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};

use self::support::process::{parent_of, pid, state_of};
use self::support::{Launch, Terminal, TestProxy, eventually};

/// Says which signals it gets, until it is told to end.
const LISTENING: &str = r#"
    for name in HUP QUIT USR1 USR2 TTIN TTOU WINCH INT; do trap "echo got $name" $name; done
    trap 'echo got TERM; exit 0' TERM
    echo "listening as $$"
    while :; do sleep 0.01; done"#;

#[test]
fn what_only_the_app_understands_is_relayed() {
    let proxy = Launch::shell(LISTENING).start();
    proxy.wait_for_line("listening as ");

    for (number, (signal, name, word)) in [
        (Signal::HUP, "HUP", "hangup"),
        (Signal::QUIT, "QUIT", "quit"),
        (Signal::USR1, "USR1", "user defined signal 1"),
        (Signal::USR2, "USR2", "user defined signal 2"),
        (Signal::TTIN, "TTIN", "stopped (tty input)"),
        (Signal::TTOU, "TTOU", "stopped (tty output)"),
        (Signal::WINCH, "WINCH", "window changed"),
    ]
    .into_iter()
    .filter(|(signal, ..)| can_be_relayed(*signal))
    .enumerate()
    {
        proxy.signal(signal);

        proxy.wait_for_line(&format!("got {name}"));
        let lines = proxy.wait_for_logs("Relaying signal to upstream process", number + 1);
        assert_eq!(lines[number]["signal"], word);
    }
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(0));
}

#[test]
fn a_hangup_that_nohup_ignores_stays_ignored() {
    let proxy = Launch::shell("echo ready; exec sleep 1000")
        .through(["nohup"])
        .start();
    proxy.wait_for_line("ready");

    proxy.signal(Signal::HUP);
    proxy.signal(Signal::USR1);

    let ended = proxy.wait_exit();
    assert_eq!(ended.code(), Some(128 + 10), "USR1 came through: {ended:?}");
    assert!(
        !ended.log_lines().iter().any(|line| line["signal"] == "hangup"),
        "{ended:?}"
    );
}

#[test]
fn ctrl_c_reaches_the_app_once() {
    let mut terminal = Terminal::start(Launch::shell(LISTENING));
    app_on(&terminal);

    terminal.type_in("\x03");
    terminal.wait_for("got INT");
    // By the time this one is through, a second SIGINT would be.
    kill_process(terminal.pid(), Signal::USR1).expect("the proxy is running");
    terminal.wait_for("got USR1");

    assert_eq!(
        terminal.screen().matches("got INT").count(),
        1,
        "{}",
        terminal.screen()
    );
    kill_process(terminal.pid(), Signal::TERM).expect("the proxy is running");
    assert_eq!(terminal.wait_exit(), Some(0));
}

#[test]
fn a_window_that_changes_its_size_is_told_once_to_each() {
    let terminal = Terminal::start(Launch::shell(LISTENING));
    app_on(&terminal);

    terminal.resize(50, 100);
    terminal.wait_for("got WINCH");
    kill_process(terminal.pid(), Signal::USR1).expect("the proxy is running");
    terminal.wait_for("got USR1");

    let screen = terminal.screen();
    assert_eq!(screen.matches("got WINCH").count(), 1, "{screen}");
    assert!(!screen.contains("window changed"), "{screen}");
}

#[test]
fn ctrl_z_stops_both_and_the_shell_can_go_on_with_both() {
    let shell = r#"set -m; "$@"; echo "shell: stopped with $?"; fg; exit $?"#;
    let launch = Launch::shell(LISTENING).through(["sh", "-c", shell, "sh"]);
    let mut terminal = Terminal::start(launch);
    let app = app_on(&terminal);

    terminal.type_in("\x1a");
    terminal.wait_for("shell: stopped with 148");
    terminal.type_in("\x03");

    terminal.wait_for("got INT");
    assert!(!is_stopped(app) && !is_stopped(parent_of(app)));
    kill_process(app, Signal::TERM).expect("the app is running");
    assert_eq!(terminal.wait_exit(), Some(0), "as the app has it");
}

#[test]
fn a_job_in_the_background_stops_when_its_app_wants_the_terminal() {
    // TTIN for the first, TTOU for the second.
    for wants in ["read -r line", "stty -echo"] {
        let shell = r#"set -m; "$@" & while :; do sleep 0.01; done"#;
        let script = format!(r#"echo "listening as $$"; {wants}; echo went on"#);
        let launch = Launch::shell(&script).through(["sh", "-c", shell, "sh"]);
        let terminal = Terminal::start(launch);
        let app = app_on(&terminal);
        let proxy = parent_of(app);

        eventually("both have stopped", || {
            (is_stopped(app) && is_stopped(proxy)).then_some(())
        });

        let screen = terminal.screen();
        assert!(
            !screen.contains("Relaying") && !screen.contains("went on"),
            "{wants}: {screen}"
        );
        // The terminal ends only those in its first group.
        kill_process_group(getpgid(Some(app)).expect("it is there"), Signal::KILL).expect("it is ours");
    }
}

#[test]
fn killing_either_process_leaves_neither() {
    let (proxy, app) = listening();
    kill_process(app, Signal::KILL).expect("the app is running");
    assert_eq!(proxy.wait_exit().code(), Some(137));

    // Its output ends with the last of both.
    let (proxy, _) = listening();
    proxy.signal(Signal::KILL);
    let ended = proxy.wait_exit();
    assert_eq!(ended.signal(), Some(9));
    assert_eq!(ended.stdout.last().map(String::as_str), Some("got TERM"));
}

/// Whether this one is relayed even though whoever runs the tests may do so from a terminal.
fn can_be_relayed(signal: Signal) -> bool {
    let from_terminals = [Signal::TTIN, Signal::TTOU, Signal::WINCH].contains(&signal);
    let relayed = !from_terminals || fs::File::open("/dev/tty").is_err();
    if !relayed {
        eprintln!("{signal:?} is left out: these tests have a controlling terminal");
    }
    relayed
}

fn listening() -> (TestProxy, Pid) {
    let proxy = Launch::shell(LISTENING).start();
    let app = proxy.wait_for_line("listening as ");
    (proxy, pid(&app))
}

/// The app on this terminal, once its script has written its whole line.
fn app_on(terminal: &Terminal) -> Pid {
    eventually("the app's pid on the terminal", || {
        let screen = terminal.screen();
        let (_, line) = screen.split_once("listening as ")?;
        let (number, _) = line.split_once('\r')?;
        Some(pid(number))
    })
}

fn is_stopped(process: Pid) -> bool {
    state_of(process).as_deref() == Some("T")
}
