//! An app that ends, or goes away, without being told: who takes over, and what becomes of requests meanwhile.

mod support;

use std::time::Duration;

use rustix::process::{Signal, kill_process};

use self::support::{Launch, Signpost, TestProxy, TestTarget, Wire, cue, eventually, process};

const AGAIN: &str = "Starting the upstream process again after a pause";
const ENDED: &str = "Upstream process ended";

#[test]
fn what_is_in_flight_is_finished_when_the_command_ends_by_itself() {
    let (go, cue) = cue();
    // The app is a process of its own, as behind a command that only starts it.
    let target = TestTarget::start(move |app| {
        app.read_request();
        cue.wait();
        app.answer("finished");
    });
    let leave = Signpost::new();
    let proxy = awaiting(&leave, "exit 5")
        .env("THRUSTER_TARGET_PORT", target.port().to_string())
        .start();
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    leave.set();
    assert_eq!(proxy.wait_for_log(ENDED)["how"], "exited with status 5");
    go.send(()).unwrap();

    assert_eq!(client.read_message().unwrap().text(), "finished");
    assert_eq!(proxy.wait_exit().code(), Some(5));
}

#[test]
fn whoever_waits_for_an_app_that_ends_is_told_that_it_will_not_come() {
    let leave = Signpost::new();
    let proxy = awaiting(&leave, "exit 3")
        .env("THRUSTER_TARGET_PORT", "0")
        .start();
    let mut client = held(&proxy, "/");

    leave.set();

    assert_eq!(client.read_message().unwrap().status(), 503);
    assert_eq!(proxy.wait_exit().code(), Some(3));
}

#[test]
fn a_command_that_leaves_its_app_behind_has_ended() {
    let ended = Launch::shell("sleep 1000 >/dev/null 2>&1 & echo \"left $!\"").run();

    assert_eq!(ended.code(), Some(0));
    let left = ended
        .stdout
        .iter()
        .find_map(|line| line.strip_prefix("left "))
        .unwrap();
    // The test's own to end: what a command leaves behind was not ours.
    kill_process(process::pid(left), Signal::KILL).unwrap();
}

#[test]
fn the_next_generation_takes_over_when_the_current_one_ends_before_it_is_ready() {
    let leave = Signpost::new();
    let proxy = first_awaiting(&leave, "exit 5", "exit 6").start();
    let first = TestTarget::saying(proxy.app_port(1), "first");
    assert_eq!(proxy.connect().get("/").text(), "first");
    let restart = proxy.begin_restart(&[]);
    let port = proxy.app_port(2);

    drop(first);
    leave.set();
    proxy.wait_for_log(ENDED);
    let mut client = held(&proxy, "/held");
    let status = proxy.status();
    let _second = TestTarget::saying(port, "second");

    assert_eq!(client.read_message().unwrap().text(), "second");
    assert_eq!(
        (&status["state"], &status["child"]),
        (&"restarting".into(), &serde_json::Value::Null)
    );
    assert_eq!(restart.wait_exit().code(), Some(0));
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(6));
}

#[test]
fn both_gone_is_the_end_with_the_status_of_the_one_that_served() {
    let leave = Signpost::new();
    let proxy = first_awaiting(&leave, "exit 5", "exit 6").start();
    let first = TestTarget::saying(proxy.app_port(1), "first");
    assert_eq!(proxy.connect().get("/").text(), "first");
    let restart = proxy.begin_restart(&["--timeout", "1s"]);
    proxy.app_port(2);

    drop(first);
    leave.set();
    proxy.wait_for_log(ENDED);
    let mut client = held(&proxy, "/held");

    assert_eq!(client.read_message().unwrap().status(), 503);
    assert_eq!(restart.wait_exit().code(), Some(1));
    assert_eq!(proxy.wait_exit().code(), Some(5));
}

#[test]
fn an_app_that_is_to_be_started_again_is_and_nobody_gets_an_error() {
    let proxy = started_again();
    let port = proxy.app_port(1);
    let mut first = Some(TestTarget::saying(port, "served"));
    assert_eq!(proxy.connect().get("/").text(), "served");

    for generation in 2..4 {
        drop(first.take());
        kill_process(proxy.child(), Signal::KILL).unwrap();
        proxy.wait_for_logs(ENDED, generation - 1);
        let mut client = held(&proxy, "/held");
        assert_eq!(proxy.app_port(generation), port, "where it was");
        first = Some(TestTarget::saying(port, "served"));

        assert_eq!(client.read_message().unwrap().text(), "served");
    }

    let lines = proxy.wait_for_logs(AGAIN, 2);
    assert_eq!(
        (&lines[0]["pause"], &lines[1]["pause"]),
        (&"500ms".into(), &"1s".into())
    );
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

#[test]
fn between_two_starts_we_can_be_asked_restarted_and_ended() {
    let proxy = started_again();
    let first = TestTarget::saying(proxy.app_port(1), "first");
    assert_eq!(proxy.connect().get("/").text(), "first");
    drop(first);
    kill_process(proxy.child(), Signal::KILL).unwrap();
    proxy.wait_for_log(AGAIN);

    let status = proxy.status();
    let restart = proxy.begin_restart(&[]);
    let second = TestTarget::saying(proxy.app_port(2), "second");

    assert_eq!(
        (&status["ready"], &status["child"]),
        (&false.into(), &serde_json::Value::Null)
    );
    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(proxy.connect().get("/").text(), "second");
    drop(second);
    kill_process(proxy.child(), Signal::KILL).unwrap();
    let pauses = proxy.wait_for_logs(AGAIN, 2);
    assert_eq!(pauses[1]["pause"], "500ms", "this one had shown that it works");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(137), "as the app ended");
}

#[test]
fn an_app_that_is_on_its_way_by_a_restart_is_not_started_besides() {
    let proxy = started_again();
    let first = TestTarget::saying(proxy.app_port(1), "first");
    assert_eq!(proxy.connect().get("/").text(), "first");
    drop(first);
    kill_process(proxy.child(), Signal::KILL).unwrap();
    proxy.wait_for_log(AGAIN);

    let restart = proxy.begin_restart(&[]);
    let port = proxy.app_port(2);
    let mut client = held(&proxy, "/");
    assert!(
        client.is_silent_for(Duration::from_millis(700)),
        "longer than the pause"
    );
    let _second = TestTarget::saying(port, "second");

    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(client.read_message().unwrap().text(), "second");
    let lines = proxy.lines();
    let starts = lines.iter().filter(|line| line.starts_with("app on "));
    assert_eq!(starts.count(), 2, "{lines:?}");
}

#[test]
fn an_app_that_stops_listening_is_waited_for_and_told_to_end_all_the_same() {
    let proxy = Launch::generations()
        .env("THRUSTER_READY_PATH", "/ready")
        .env("THRUSTER_DRAIN_TIMEOUT", "200ms")
        .start();
    let port = proxy.app_port(1);
    let saying = |text| {
        // Each connection once, so that none outlives the listener.
        TestTarget::start_on(port, move |app| {
            app.read_request();
            app.answer(text);
        })
    };
    let target = saying("before");
    assert_eq!(proxy.connect().get("/").text(), "before");

    drop(target);
    let mut client = held(&proxy, "/");
    assert_eq!(proxy.connect().get("/ready").status(), 503);
    let target = saying("after");
    assert_eq!(client.read_message().unwrap().text(), "after");
    eventually("it is ready again", || {
        (proxy.connect().get("/ready").status() == 200).then_some(())
    });
    drop(target);

    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

/// A proxy that starts its app again; see [`Launch::generations`].
fn started_again() -> TestProxy {
    Launch::generations().env("THRUSTER_RESTART_ENABLED", "1").start()
}

/// A connection with a request that waits for the app.
fn held(proxy: &TestProxy, path: &str) -> Wire {
    let mut client = proxy.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert!(client.is_held());
    client
}

/// A shell that does this once the signpost is set.
fn awaiting(leave: &Signpost, then: &str) -> Launch {
    Launch::shell(&format!(r#"until test -e "$LEAVE"; do sleep 0.01; done; {then}"#))
        .env("LEAVE", leave.path())
}

/// The first generation does this once the signpost is set; each does the other when it is told to end.
fn first_awaiting(leave: &Signpost, then: &str, told: &str) -> Launch {
    let script = format!(
        r#"trap '{told}' TERM; echo "app on $PORT"
           case $THRUSTER_CONTROL_SOCKET in *-1.sock) until test -e "$LEAVE"; do sleep 0.01; done; {then};; esac
           while :; do sleep 0.01; done"#
    );
    Launch::shell(&script)
        .env("LEAVE", leave.path())
        .env("THRUSTER_TARGET_PORT", "0")
}
