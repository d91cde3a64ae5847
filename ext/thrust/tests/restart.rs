//! `thrust restart` as clients see it: not at all.

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread;

use self::support::{App, Launch, TestProxy, TestTarget, Wire, bench_app, cue, eventually};

const SWITCHED: &str = "Restarted: requests go to the new generation";
const OLD_ENDED: &str = "Old generation ended";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";

#[test]
fn no_request_fails_over_several_restarts() {
    let proxy = Launch::new([bench_app()])
        .env("THRUSTER_TARGET_PORT", "0")
        .env("THRUSTER_THREADS", "2")
        // It does not know HEAD.
        .env("THRUSTER_HEALTH_PATH", "/1k")
        .start();
    assert_eq!(proxy.connect().get("/1k").status(), 200);
    let (port, over, answered) = (proxy.port(), AtomicBool::new(false), AtomicUsize::new(0));

    thread::scope(|scope| {
        let _over = Over(&over);
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = Wire::connect(port);
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(client.get("/10k").body.len(), 10 * 1024);
                    let post = "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
                    assert_eq!(client.ask(post).text(), "5");
                    answered.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(Wire::connect(port).get("/1k").body.len(), 1024);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
        for generation in 2..=6 {
            let enough = answered.load(Ordering::Relaxed) + 100;
            eventually("requests go on", || {
                (answered.load(Ordering::Relaxed) >= enough).then_some(())
            });

            let restarted = proxy.restart(&[]);

            assert_eq!(restarted.code(), Some(0), "{restarted:?}");
            let said = format!("Generation {generation} serves, pid ");
            assert!(restarted.stdout[0].starts_with(&said), "{restarted:?}");
        }
    });

    let ends = proxy.wait_for_logs(OLD_ENDED, 5);
    assert!(
        ends.iter().all(|end| end["how"] == "was killed by SIGTERM (15)"),
        "{ends:?}"
    );
    let lines = proxy.log_lines();
    let requests: Vec<_> = lines.iter().filter(|line| line["msg"] == "Request").collect();
    assert!(requests.iter().all(|line| line["status"] == 200), "{requests:?}");
}

#[test]
fn requests_under_way_are_finished_by_the_generation_that_has_them() {
    let (go, cue) = cue();
    let proxy = Launch::generations().env("THRUSTER_DRAIN_TIMEOUT", "1h").start();
    let old = TestTarget::start_on(proxy.app_port(1), move |app| {
        while let Some(request) = app.read_request() {
            if request.target() == "/slow" {
                cue.wait();
            }
            app.answer(format!("old {}", request.text()));
        }
    });
    let mut slow = proxy.connect();
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut upload = proxy.connect();
    upload.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst");
    eventually("the upload is under way", || {
        (old.connections() == 2).then_some(())
    });

    let restart = proxy.begin_restart(&[]);
    let _new = TestTarget::saying(proxy.app_port(2), "new");
    proxy.wait_for_log(SWITCHED);

    assert_eq!(proxy.connect().get("/").text(), "new");
    let status = proxy.status();
    assert_eq!(status["generation"], 2);
    assert_eq!(status["previous"][0]["in_flight"], 2, "{status}");
    assert!(!is_told(&proxy));
    upload.send(" rest");
    assert_eq!(upload.read_message().unwrap().text(), "old first rest");
    go.send(()).unwrap();
    assert_eq!(slow.read_message().unwrap().text(), "old ");
    assert_eq!(restart.wait_exit().code(), Some(0));
    proxy.wait_for_log(OLD_ENDED);
    // Kept connections of clients are not those of a generation.
    assert_eq!(slow.get("/").text(), "new");
}

#[test]
fn what_may_last_for_ever_does_not_hold_the_old_generation() {
    let proxy = Launch::generations().env("THRUSTER_DRAIN_TIMEOUT", "1h").start();
    let (go, cue) = cue();
    let _old = TestTarget::start_on(proxy.app_port(1), move |app| {
        let request = app.read_request().unwrap();
        if request.target() == "/tunnel" {
            app.wire.send(SWITCH);
            assert_eq!(app.wire.read_exact(4), b"ping");
            app.wire.send("pong");
        } else {
            app.wire
                .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
            cue.wait();
            app.wire.send("data: 2\n\n");
        }
    });
    let mut events = proxy.connect();
    events.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    events.read_until(b"data: 1\n\n").unwrap();
    let mut tunnel = proxy.connect();
    tunnel.send("GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n");
    assert_eq!(tunnel.read_head().unwrap().status(), 101);

    let restart = proxy.begin_restart(&[]);
    let _new = TestTarget::saying(proxy.app_port(2), "new");

    assert_eq!(restart.wait_exit().code(), Some(0));
    proxy.wait_for_log(OLD_ENDED);
    // The app ends them, when and how it likes.
    tunnel.send("ping");
    assert_eq!(tunnel.read_exact(4), b"pong");
    go.send(()).unwrap();
    events.read_until(b"data: 2\n\n").unwrap();
}

#[test]
fn a_request_that_does_not_end_costs_the_old_generation_its_drain_timeout_only() {
    let proxy = Launch::generations()
        .env("THRUSTER_DRAIN_TIMEOUT", "300ms")
        .start();
    let (go, script) = answering_when_told("old");
    let old = TestTarget::start_on(proxy.app_port(1), script);
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    old.wait_for_requests(1);

    let restart = proxy.begin_restart(&[]);
    let _new = TestTarget::saying(proxy.app_port(2), "new");

    assert_eq!(restart.wait_exit().code(), Some(0));
    proxy.wait_for_log(OLD_ENDED);
    // An app that finishes what it has before it ends is not cut short.
    go.send(()).unwrap();
    assert_eq!(client.read_message().unwrap().text(), "old");
}

#[test]
fn several_old_generations_finish_side_by_side() {
    let proxy = Launch::generations().env("THRUSTER_DRAIN_TIMEOUT", "1h").start();
    let mut apps = Vec::new();
    let mut slow = Vec::new();
    for generation in 1..=3 {
        let restart = (generation > 1).then(|| proxy.begin_restart(&[]));
        let (go, script) = answering_when_told("finished");
        let app = TestTarget::start_on(proxy.app_port(generation), script);
        if let Some(restart) = restart {
            // The probe, then the switch; the command itself waits for the requests.
            go.send(()).unwrap();
            proxy.wait_for_logs(SWITCHED, generation - 1);
            drop(restart);
        }
        let mut client = proxy.connect();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        app.wait_for_requests(if generation > 1 { 2 } else { 1 });
        apps.push(app);
        slow.push((go, client));
    }

    let previous = proxy.status()["previous"].clone();
    assert_eq!(previous.as_array().map(Vec::len), Some(2), "{previous}");
    assert_eq!(
        (&previous[0]["generation"], &previous[0]["in_flight"]),
        (&1.into(), &1.into())
    );
    for (go, client) in &mut slow {
        go.send(()).unwrap();
        assert_eq!(client.read_message().unwrap().text(), "finished");
    }
    proxy.wait_for_logs(OLD_ENDED, 2);
    assert_eq!(proxy.status()["previous"], serde_json::json!([]));
}

#[test]
fn a_second_restart_at_the_same_time_is_refused() {
    let proxy = Launch::generations().start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    let restart = proxy.begin_restart(&[]);
    let port = proxy.app_port(2);

    let refused = proxy.restart(&[]);
    assert_eq!(proxy.status()["state"], "restarting");
    let _second = TestTarget::saying(port, "second");

    assert_eq!(refused.code(), Some(1));
    assert!(
        refused.stderr[0].contains("a restart is under way already"),
        "{refused:?}"
    );
    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(proxy.status()["generation"], 2);
}

#[test]
fn whoever_gives_up_waiting_does_not_stop_the_restart() {
    let proxy = Launch::generations().start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    let restart = proxy.begin_restart(&[]);
    let port = proxy.app_port(2);

    drop(restart);
    let _second = TestTarget::saying(port, "second");

    proxy.wait_for_log(SWITCHED);
    assert_eq!(proxy.connect().get("/").text(), "second");
}

/// An app that answers each request with `text` once it was told to for that one, and how to tell it.
fn answering_when_told(text: &'static str) -> (Sender<()>, impl Fn(&mut App) + Send + Sync + 'static) {
    let (go, cue) = cue();
    let script = move |app: &mut App| {
        while app.read_request().is_some() {
            cue.wait();
            app.answer(text);
        }
    };
    (go, script)
}

/// Whether any generation was told anything.
fn is_told(proxy: &TestProxy) -> bool {
    let lines = proxy.log_lines();
    lines
        .iter()
        .any(|line| line["msg"] == "Relaying signal to upstream process")
}

/// Ends the load, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
