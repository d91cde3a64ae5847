//! What becomes of requests when the wrapped process ends, and of the process when we are told things.

mod support;

use std::fs;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use self::support::{DEADLINE, Launch, TestTarget, eventually};

#[test]
fn a_request_under_way_is_finished_and_no_new_one_taken() {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let target = TestTarget::start(move |app| {
        app.read_request();
        wait.lock().unwrap().recv_timeout(DEADLINE).unwrap();
        app.answer("finished");
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "3").start();
    let port = proxy.port();
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    proxy.signal(Signal::TERM);
    proxy.wait_for_log("Server stopping");
    eventually("new connections are refused", || {
        TcpStream::connect(("127.0.0.1", port)).is_err().then_some(())
    });
    go.send(()).unwrap();

    let answer = client.read_message().unwrap();
    assert_eq!(answer.text(), "finished");
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
    let ended = proxy.wait_exit();
    assert_eq!(ended.code(), Some(143));
    let lines = ended.messages();
    assert_eq!(lines.last().map(String::as_str), Some("Server stopped"));
}

#[test]
fn a_request_that_does_not_end_is_cut_after_five_seconds() {
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.read_to_end();
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    let since = Instant::now();
    proxy.signal(Signal::TERM);
    let ended = proxy.wait_exit();

    assert!(
        since.elapsed() >= Duration::from_millis(4900),
        "{:?}",
        since.elapsed()
    );
    client.expect_end();
    let lines = ended.log_lines();
    let line = lines
        .iter()
        .find(|line| line["msg"] == "Request")
        .expect("it has its line");
    assert_eq!(line["status"], 503);
    assert_eq!(line["error"], "thrust ended before the answer did");
}

#[test]
fn connections_without_a_request_do_not_delay_the_end() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    let mut fresh = proxy.connect();
    let mut kept = proxy.connect();
    kept.get("/");

    let since = Instant::now();
    proxy.signal(Signal::TERM);
    proxy.wait_exit();

    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
    fresh.expect_end();
    kept.expect_end();
}

#[test]
fn requests_are_served_while_the_command_takes_its_time_to_stop() {
    let directory = tempfile::tempdir().unwrap();
    let leave = directory.path().join("leave");
    let target = TestTarget::echoing();
    let proxy = Launch::shell(
        r#"trap 'echo stopping; until test -e "$LEAVE"; do sleep 0.01; done; exit 0' TERM
           echo ready; while :; do sleep 0.01; done"#,
    )
    .env("THRUSTER_TARGET_PORT", target.port().to_string())
    .env("LEAVE", &leave)
    .start();
    proxy.wait_for_line("ready");

    proxy.signal(Signal::TERM);
    proxy.wait_for_line("stopping");

    assert_eq!(proxy.connect().get("/late").text(), "GET /late ");
    fs::write(&leave, "").unwrap();
    assert_eq!(proxy.wait_exit().code(), Some(0));
}

#[test]
fn signals_that_mean_nothing_to_us_end_nobody() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();

    for signal in [
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
        Signal::WINCH,
        Signal::PIPE,
    ] {
        proxy.signal(signal);

        assert_eq!(proxy.connect().get("/").status(), 200, "{signal:?}");
    }
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

#[test]
#[cfg(target_os = "linux")]
fn a_hangup_ends_the_command_with_us() {
    let proxy = Launch::shell("echo ready; exec sleep 1000").start();
    proxy.wait_for_line("ready");

    proxy.signal(Signal::HUP);

    // Waits for the end of all that could still write.
    assert_eq!(proxy.wait_exit().signal(), Some(1));
}
