//! What becomes of requests when the wrapped process ends, and of the process when we are told things.

mod support;

use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use self::support::{Launch, Signpost, TestTarget, cue, eventually};

#[test]
fn a_request_under_way_is_finished_and_no_new_one_taken() {
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        app.read_request();
        cue.wait();
        app.answer("finished");
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "3").start();
    let port = proxy.port();
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    proxy.signal(Signal::TERM);
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
fn a_request_that_does_not_end_is_cut_after_the_drain() {
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
fn a_head_that_trickles_in_delays_the_end_by_the_drain_timeout_at_most() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_DRAIN_TIMEOUT", "200ms")
        .start();
    proxy.connect().get("/");
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\n");

    proxy.signal(Signal::TERM);
    let trickle = thread::spawn(move || {
        eventually("the connection is closed", || {
            client.is_silent_for(Duration::from_millis(5));
            client.try_send("x").is_err().then_some(())
        });
    });

    assert_eq!(proxy.wait_exit().code(), Some(143));
    trickle.join().unwrap();
}

#[test]
fn a_third_signal_ends_the_wait_for_clients_too() {
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.read_to_end();
    });
    let proxy = Launch::before(&target)
        .env("THRUSTER_DRAIN_TIMEOUT", "1h")
        .start();
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    proxy.signal(Signal::TERM);
    proxy.wait_for_log("Told to end; finishing requests first");
    proxy.signal(Signal::TERM);
    // The command is gone, but not the app: that is the test's.
    proxy.wait_for_log("Server stopping");
    proxy.signal(Signal::TERM);

    assert_eq!(proxy.wait_exit().code(), Some(143));
    client.expect_end();
}

#[test]
fn the_command_is_told_only_when_requests_are_finished() {
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        app.read_request();
        cue.wait();
        app.answer("finished");
    });
    let proxy = Launch::shell("trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.01; done")
        .env("THRUSTER_TARGET_PORT", target.port().to_string())
        .start();
    proxy.wait_for_line("ready");
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    proxy.signal(Signal::TERM);
    proxy.wait_for_log("Told to end; finishing requests first");
    let told_early = proxy.lines().contains(&"told".to_owned());
    go.send(()).unwrap();

    assert!(!told_early);
    assert_eq!(client.read_message().unwrap().text(), "finished");
    let ended = proxy.wait_exit();
    assert_eq!(ended.code(), Some(7));
    let messages = ended.messages();
    let at = |message: &str| messages.iter().position(|line| line == message);
    assert!(
        at("Request") < at("Relaying signal to upstream process"),
        "{messages:?}"
    );
}

#[test]
fn a_kept_connection_may_bring_one_more_request() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    let mut kept = proxy.connect();
    kept.get("/first");

    proxy.signal(Signal::TERM);
    eventually("an answer that is the last", || {
        // Before the cores have heard of the end, they answer as ever.
        let answer = kept.get("/last");
        assert_eq!(answer.text(), "GET /last ");
        (answer.header("connection").as_deref() == Some("close")).then_some(())
    });

    kept.expect_end();
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

#[test]
fn a_second_signal_is_relayed_at_once_and_a_third_kills() {
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.read_to_end();
    });
    let proxy = Launch::shell("trap 'echo told' TERM; echo ready; while :; do sleep 0.01; done")
        .env("THRUSTER_TARGET_PORT", target.port().to_string())
        .env("THRUSTER_DRAIN_TIMEOUT", "1h")
        .start();
    proxy.wait_for_line("ready");
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    proxy.signal(Signal::TERM);
    proxy.wait_for_log("Told to end; finishing requests first");
    proxy.signal(Signal::TERM);
    proxy.wait_for_line("told");
    proxy.signal(Signal::TERM);

    proxy.wait_for_log("Told again to end; killing the upstream process");
    drop(client);
    assert_eq!(proxy.wait_exit().code(), Some(137));
}

#[test]
fn a_command_that_does_not_stop_is_killed_after_the_stop_timeout() {
    let target = TestTarget::echoing();
    let proxy = Launch::shell("trap '' TERM; echo ready; while :; do sleep 0.01; done")
        .env("THRUSTER_TARGET_PORT", target.port().to_string())
        .env("THRUSTER_STOP_TIMEOUT", "100ms")
        .start();
    proxy.wait_for_line("ready");

    proxy.signal(Signal::TERM);

    assert_eq!(proxy.wait_exit().code(), Some(137));
}

#[test]
fn a_command_that_stops_by_itself_is_not_told_again() {
    // It plays an app that got the signal from whoever signalled us, and stops accepting.
    let leave = Signpost::new();
    let target = TestTarget::echoing();
    let proxy = Launch::shell(
        r#"trap 'echo told; exit 1' TERM; echo ready; until test -e "$LEAVE"; do sleep 0.01; done; exit 5"#,
    )
    .env("THRUSTER_TARGET_PORT", target.port().to_string())
    .env("THRUSTER_DRAIN_TIMEOUT", "1h")
    .env("LEAVE", leave.path())
    .start();
    proxy.wait_for_line("ready");
    proxy.connect().get("/");
    drop(target);

    proxy.signal(Signal::TERM);
    proxy.wait_for_log("The app stops by itself; not telling it again");
    leave.set();

    let ended = proxy.wait_exit();
    assert_eq!(ended.code(), Some(5));
    assert!(!ended.stdout.contains(&"told".to_owned()));
}

#[test]
fn the_command_is_not_kept_waiting_by_idle_connections_of_ours() {
    // Told to end, it waits for its connections, as many servers do.
    let (told, closed) = channel::<()>();
    let target = TestTarget::start(move |app| {
        app.read_request();
        app.answer("kept");
        app.wire.read_to_end();
        told.send(()).unwrap();
    });
    let proxy = Launch::shell("trap 'echo told' TERM; echo ready; while :; do sleep 0.01; done")
        .env("THRUSTER_TARGET_PORT", target.port().to_string())
        .start();
    proxy.wait_for_line("ready");
    proxy.connect().get("/");

    proxy.signal(Signal::TERM);
    proxy.wait_for_line("told");

    closed
        .recv_timeout(Duration::from_secs(5))
        .expect("it is closed long before it has been idle for too long");
}

#[test]
fn during_the_boot_a_signal_reaches_the_command_at_once_and_who_waits_is_answered() {
    let proxy = Launch::shell("trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.01; done")
        .env("THRUSTER_TARGET_PORT", "0")
        .env("THRUSTER_DRAIN_TIMEOUT", "1h")
        .start();
    proxy.wait_for_line("ready");
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut second = proxy.connect();
    second.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");

    proxy.signal(Signal::TERM);

    let answer = client.read_message().unwrap();
    assert_eq!(
        (answer.status(), answer.header("retry-after").is_some()),
        (503, true)
    );
    assert_eq!(second.read_message().unwrap().status(), 503);
    assert_eq!(proxy.wait_exit().code(), Some(3));
}

#[test]
fn requests_go_on_for_the_shutdown_delay() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_SHUTDOWN_DELAY", "1s")
        .env("THRUSTER_READY_PATH", "/ready")
        .start();
    proxy.connect().get("/");
    assert_eq!(proxy.connect().get("/ready").status(), 200);

    proxy.signal(Signal::TERM);
    proxy.wait_for_log("Told to end; finishing requests first");

    let mut late = proxy.connect();
    assert_eq!(late.get("/ready").status(), 503, "nobody new is welcome");
    assert_eq!(late.get("/late").text(), "GET /late ", "whoever comes is served");
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

#[test]
fn signals_that_mean_nothing_to_us_end_nobody() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();

    for signal in [Signal::ALARM, Signal::PIPE] {
        proxy.signal(signal);

        assert_eq!(proxy.connect().get("/").status(), 200, "{signal:?}");
    }
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(143));
}
