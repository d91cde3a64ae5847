//! THRUSTER_READY_PATH and THRUSTER_HEALTH_PATH: who is told that requests are welcome, and how that is found out.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Signal, kill_process};

use self::support::{App, Launch, Message, TestProxy, TestTarget, cue, eventually, free_port};

#[test]
fn the_ready_path_is_ours_on_any_host_for_get_and_head() {
    let target = TestTarget::echoing();
    let proxy = before(&target).start();
    until_ready(&proxy);
    let mut client = proxy.connect();

    for host in ["a", "b.example:81", "[::1]"] {
        let answer = client.ask(format!("GET /ready HTTP/1.1\r\nHost: {host}\r\n\r\n"));

        assert_eq!((answer.status(), answer.text().as_str()), (200, "ready\n"));
        assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    }
    let answer = client.get("/ready?probe=1");
    assert_eq!(answer.status(), 200);
    client.send("HEAD /ready HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.read_head().unwrap();
    assert_eq!(
        (head.status(), head.header("content-length").as_deref()),
        (200, Some("6"))
    );
    assert_eq!(target.requests().len(), 0);
    // Everything else there is the app's.
    let post = "POST /ready HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(client.ask(post).text(), "POST /ready ");
    assert_eq!(client.get("/ready/x").text(), "GET /ready/x ");
}

#[test]
fn nobody_is_welcome_before_the_app_accepts() {
    let port = free_port();
    let proxy = ready_path(Launch::before_port(port)).start();

    let early = ready(&proxy);
    let _target = TestTarget::saying(port, "hello");

    assert_eq!((early.status(), early.text().as_str()), (503, "not ready\n"));
    assert!(early.header("retry-after").is_some());
    until_ready(&proxy);
}

#[test]
fn nobody_is_welcome_while_requests_are_finished_before_the_end() {
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        app.read_request();
        cue.wait();
        app.answer("finished");
    });
    let proxy = before(&target).start();
    until_ready(&proxy);
    let mut kept = proxy.connect();
    kept.get("/ready");
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    proxy.signal(Signal::TERM);
    proxy.wait_for_log("Told to end; finishing requests first");
    let answer = kept.get("/ready");
    go.send(()).unwrap();

    assert_eq!(answer.status(), 503);
    assert_eq!(client.read_message().unwrap().text(), "finished");
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

#[test]
fn without_a_ready_path_there_is_none() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();

    assert_eq!(ready(&proxy).text(), "GET /ready ");
}

#[test]
fn an_app_at_its_first_boot_is_not_asked_anything_by_us() {
    let target = TestTarget::echoing();
    let proxy = before(&target).start();
    until_ready(&proxy);

    proxy.connect().get("/the-only-one");

    let requests = target.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(target.connections(), 1);
}

#[test]
fn an_app_with_a_health_path_is_ready_once_it_answers_there_below_500() {
    let well = Arc::new(AtomicBool::new(false));
    let target = TestTarget::start({
        let well = well.clone();
        move |app: &mut App| {
            while let Some(request) = app.read_request() {
                let status = match (request.target(), well.load(Ordering::SeqCst)) {
                    ("/health", false) => "500 Broken",
                    _ => "200 OK",
                };
                app.wire
                    .send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
            }
        }
    });
    let proxy = before(&target).env("THRUSTER_HEALTH_PATH", "/health").start();
    target.wait_for_requests(2);

    // Requests do not wait for that: an app whose database is away can show its own error pages.
    assert_eq!(proxy.connect().get("/").status(), 200);
    assert_eq!(ready(&proxy).status(), 503);
    well.store(true, Ordering::SeqCst);
    until_ready(&proxy);

    let probes: Vec<_> = target
        .requests()
        .into_iter()
        .filter(|request| request.target() == "/health")
        .collect();
    assert!(
        probes
            .iter()
            .all(|probe| probe.header("x-forwarded-proto").as_deref() == Some("https"))
    );
    assert!(
        probes
            .iter()
            .all(|probe| probe.header("host").as_deref() == Some("localhost"))
    );
    // Ready is ready: it is not asked any more.
    for _ in 0..20 {
        proxy.connect().get("/");
    }
    let all = target.requests();
    assert_eq!(
        all.iter().filter(|request| request.target() == "/health").count(),
        probes.len()
    );
}

#[test]
fn an_app_that_takes_its_time_to_answer_is_found_ready_however_often_we_are_asked() {
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        app.read_request();
        cue.wait();
        app.answer("well");
    });
    let proxy = before(&target).env("THRUSTER_HEALTH_PATH", "/health").start();
    target.wait_for_requests(1);

    for _ in 0..5 {
        assert_eq!(proxy.status()["ready"], false);
    }
    proxy.signal(Signal::WINCH);
    go.send(()).unwrap();

    until_ready(&proxy);
    assert_eq!(target.requests().len(), 1, "the first question was the last");
}

#[test]
fn an_app_that_was_started_again_has_to_show_anew_that_it_is_well() {
    let proxy = ready_path(Launch::generations())
        .env("THRUSTER_HEALTH_PATH", "/health")
        .env("THRUSTER_RESTART_ENABLED", "1")
        .start();
    let first = TestTarget::saying(proxy.app_port(1), "well");
    until_ready(&proxy);

    drop(first);
    kill_process(proxy.child(), Signal::KILL).unwrap();
    let well = Arc::new(AtomicBool::new(false));
    let _second = TestTarget::start_on(proxy.app_port(2), {
        let well = well.clone();
        move |app| {
            while app.read_request().is_some() {
                let status = if well.load(Ordering::SeqCst) {
                    "200 OK"
                } else {
                    "500 Broken"
                };
                app.wire
                    .send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
            }
        }
    });

    assert_eq!(proxy.connect().get("/").status(), 500, "it is there");
    assert_eq!(ready(&proxy).status(), 503);
    well.store(true, Ordering::SeqCst);
    until_ready(&proxy);
}

#[test]
fn a_restart_leaves_the_ready_path_as_it_is() {
    let proxy = ready_path(Launch::generations()).start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    until_ready(&proxy);

    let restart = proxy.begin_restart(&[]);
    let port = proxy.app_port(2);
    assert_eq!(ready(&proxy).status(), 200);
    let _second = TestTarget::saying(port, "second");

    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(ready(&proxy).status(), 200);
}

fn ready_path(launch: Launch) -> Launch {
    launch.env("THRUSTER_READY_PATH", "/ready")
}

fn before(target: &TestTarget) -> Launch {
    ready_path(Launch::before(target))
}

fn ready(proxy: &TestProxy) -> Message {
    proxy.connect().get("/ready")
}

fn until_ready(proxy: &TestProxy) {
    eventually("readiness", || (ready(proxy).status() == 200).then_some(()));
}
