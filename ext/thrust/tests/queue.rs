//! THRUSTER_TARGET_MAX_REQUESTS: how many requests the app has at once, and how the others wait for their turn.

mod support;

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use self::support::{Launch, TestProxy, TestTarget, Wire, cue, eventually, frames};

#[test]
fn the_app_has_no_more_than_it_may_and_the_others_follow_in_order() {
    let (target, go) = answering_on_cue();
    let proxy = ready(limited(&target, 2).env("THRUSTER_THREADS", "2"));
    let mut clients: Vec<_> = (0..6).map(|number| waiting(&proxy, number)).collect();

    assert_eq!(target.wait_for_requests(2).len(), 2);
    for seen in 3..=6 {
        go.send(()).unwrap();
        assert_eq!(target.wait_for_requests(seen).len(), seen);
    }
    (0..2).for_each(|_| go.send(()).unwrap());

    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read_message().unwrap().text(), format!("/{number}"));
    }
    let came: Vec<_> = target
        .requests()
        .iter()
        .map(|request| request.target().to_owned())
        .collect();
    assert_eq!(came[2..], ["/2", "/3", "/4", "/5"]);
    let lines = proxy.wait_for_logs("Request", 6);
    let last = lines.iter().find(|line| line["path"] == "/5").unwrap();
    assert!(last["queue"].as_u64().unwrap() >= 1, "{last}");
}

#[test]
fn whoever_finds_the_queue_full_is_told_when_to_try_again() {
    let (target, go) = answering_on_cue();
    let launch = limited(&target, 1).env("THRUSTER_TARGET_QUEUE", "1");
    let proxy = ready(launch.env("THRUSTER_READY_PATH", "/ready"));
    let mut clients: Vec<_> = (0..2).map(|number| waiting(&proxy, number)).collect();
    let mut third = proxy.connect();

    let answer = third.get("/third");

    assert_eq!(answer.status(), 503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.header("connection"), None, "it may try again here");
    assert_eq!(third.get("/ready").status(), 200, "and ask us");
    (0..3).for_each(|_| go.send(()).unwrap());
    for client in &mut clients {
        assert_eq!(client.read_message().unwrap().status(), 200);
    }
    assert_eq!(third.get("/again").text(), "/again");
    let lines = proxy.wait_for_logs("Request", 5);
    let line = lines.iter().find(|line| line["path"] == "/third").unwrap();
    let error = line["error"].as_str().unwrap();
    assert!(error.contains("wait for their turn already"), "{error}");
}

#[test]
fn without_a_queue_nobody_waits() {
    let (target, go) = answering_on_cue();
    let proxy = ready(limited(&target, 1).env("THRUSTER_TARGET_QUEUE", "0"));
    let mut first = waiting(&proxy, 0);

    assert_eq!(proxy.connect().get("/second").status(), 503);

    go.send(()).unwrap();
    assert_eq!(first.read_message().unwrap().text(), "/0");
}

#[test]
fn whoever_waits_for_too_long_is_told_when_to_try_again() {
    let (target, go) = answering_on_cue();
    let proxy = ready(limited(&target, 1).env("THRUSTER_TARGET_QUEUE_TIMEOUT", "1s"));
    let mut first = waiting(&proxy, 0);

    let since = Instant::now();
    let answer = proxy.connect().get("/late");

    assert_eq!(answer.status(), 503);
    assert!(answer.header("retry-after").is_some());
    assert!(
        since.elapsed() >= Duration::from_millis(900),
        "{:?}",
        since.elapsed()
    );
    go.send(()).unwrap();
    assert_eq!(first.read_message().unwrap().text(), "/0");
    assert_eq!(target.requests().len(), 1, "the app never heard of it");
    let lines = proxy.wait_for_logs("Request", 2);
    assert!(lines[0]["queue"].as_u64().unwrap() >= 900, "{lines:?}");
}

#[test]
fn who_leaves_leaves_the_queue() {
    let (target, go) = answering_on_cue();
    let proxy = ready(limited(&target, 1));
    let mut first = waiting(&proxy, 0);
    let second = waiting(&proxy, 1);
    let mut third = waiting(&proxy, 2);

    drop(second);
    held(&proxy, 1);
    (0..2).for_each(|_| go.send(()).unwrap());

    assert_eq!(first.read_message().unwrap().text(), "/0");
    assert_eq!(third.read_message().unwrap().text(), "/2");
    assert_eq!(target.requests().len(), 2);
}

#[test]
fn the_next_one_comes_when_an_answer_was_read_to_its_end_or_given_up() {
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        while let Some(request) = app.read_request() {
            app.wire
                .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n");
            if request.target() == "/0" {
                cue.wait();
                app.wire.send("0\r\n\r\n");
            }
        }
    });
    let proxy = ready(limited(&target, 1));
    let mut first = waiting(&proxy, 0);
    first.read_head().unwrap();
    let mut second = waiting(&proxy, 1);
    assert!(second.is_held(), "the first has only begun");

    go.send(()).unwrap();
    second.read_head().unwrap();
    let mut third = waiting(&proxy, 2);
    assert!(third.is_held());
    drop(second);

    third.read_head().unwrap();
}

#[test]
fn a_tunnel_lets_the_next_one_come_and_an_event_stream_does_not() {
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            match request.target() {
                "/tunnel" => app
                    .wire
                    .send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
                "/events" => app
                    .wire
                    .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n"),
                _ => app.answer("ok"),
            }
        }
    });
    let proxy = ready(limited(&target, 1));
    let mut tunnel = proxy.connect();
    tunnel.send("GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    assert_eq!(tunnel.read_head().unwrap().status(), 101);

    assert_eq!(proxy.connect().get("/").text(), "ok");

    let mut events = proxy.connect();
    events.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(events.read_head().unwrap().status(), 200);
    let mut next = waiting(&proxy, 1);
    assert!(next.is_held(), "a thread of the app is busy with it");
    drop(events);
    assert_eq!(next.read_message().unwrap().text(), "ok");
}

#[test]
fn who_waits_for_an_old_generation_goes_to_the_next_one() {
    let proxy = Launch::generations()
        .env("THRUSTER_TARGET_MAX_REQUESTS", "1")
        .start();
    let (go, cue) = cue();
    let first = TestTarget::start_on(proxy.app_port(1), move |app| {
        while app.read_request().is_some() {
            cue.wait();
            app.answer("first");
        }
    });
    let mut busy = proxy.connect();
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    first.wait_for_requests(1);
    let mut waiting: Vec<_> = (1..4).map(|number| waiting(&proxy, number)).collect();

    let restart = proxy.begin_restart(&[]);
    let _next = TestTarget::saying(proxy.app_port(2), "next");

    for client in &mut waiting {
        assert_eq!(client.read_message().unwrap().text(), "next");
    }
    go.send(()).unwrap();
    assert_eq!(busy.read_message().unwrap().text(), "first");
    assert_eq!(restart.wait_exit().code(), Some(0));
}

#[test]
fn who_waits_when_the_end_begins_is_served() {
    let (target, go) = answering_on_cue();
    let proxy = ready(limited(&target, 1));
    let mut clients: Vec<_> = (0..3).map(|number| waiting(&proxy, number)).collect();

    proxy.signal(Signal::TERM);
    proxy.wait_for_log("Told to end; finishing requests first");
    (0..3).for_each(|_| go.send(()).unwrap());

    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read_message().unwrap().text(), format!("/{number}"));
    }
}

#[test]
fn over_http_2_uploads_that_wait_are_bounded_in_memory() {
    let (target, go) = answering_on_cue();
    let proxy = ready(limited(&target, 1));
    let _first = waiting(&proxy, 0);
    target.wait_for_requests(1);
    let mut client = frames::connect(&proxy);

    // Each may send as much as its window: with their heads, seven of them fit into 8 MiB.
    let begin = |stream| {
        let post = frames::get(stream, "/upload");
        // The same without the flag that ends the stream.
        [&post[..4], &[post[4] & !1], &post[5..]].concat()
    };
    (0..8).for_each(|number| client.send(begin(2 * number + 1)));

    frames::read_next(&mut client, frames::HEADERS);
    let line = proxy.wait_for_log("Request");
    assert_eq!(line["status"], 503);
    assert!(
        line["error"].as_str().unwrap().contains("8388608 bytes"),
        "{line}"
    );
    held(&proxy, 7);
    go.send(()).unwrap();
    assert_eq!(target.wait_for_requests(2)[1].target(), "/upload");
}

fn limited(target: &TestTarget, requests: usize) -> Launch {
    Launch::before(target).env("THRUSTER_TARGET_MAX_REQUESTS", requests.to_string())
}

/// Started, and its app is known to be there: nobody waits for a boot.
fn ready(launch: Launch) -> TestProxy {
    let proxy = launch.start();
    eventually("the app is there", || {
        (proxy.status()["ready"] == true).then_some(())
    });
    proxy
}

/// An app that answers each request with its target, once for each cue.
fn answering_on_cue() -> (TestTarget, Sender<()>) {
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        while let Some(request) = app.read_request_head() {
            cue.wait();
            app.answer(request.target());
        }
    });
    (target, go)
}

/// A client that has asked for `/NUMBER`, after all that were asked before it.
fn waiting(proxy: &TestProxy, number: usize) -> Wire {
    let before = under_way(proxy);
    let mut client = proxy.connect();
    client.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
    eventually("it is under way", || (under_way(proxy) > before).then_some(()));
    client
}

fn under_way(proxy: &TestProxy) -> u64 {
    proxy.status()["in_flight"].as_u64().expect("a number")
}

fn held(proxy: &TestProxy, count: u64) {
    eventually("they wait for their turn", || {
        (proxy.status()["held"] == count).then_some(())
    });
}
