//! How long each side may be silent, and what it gets when it was for too long.

mod support;

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use self::support::{DEADLINE, Launch, Swamped, TestTarget};

/// The setting in these tests, in seconds.
const LIMIT: &str = "1";
/// A little less than it: nothing happens sooner.
const NOT_BEFORE: Duration = Duration::from_millis(900);

#[test]
fn a_client_that_never_says_anything_is_closed_without_a_word() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("HTTP_READ_TIMEOUT", LIMIT).start();

    let since = Instant::now();
    proxy.connect().expect_end();

    assert!(since.elapsed() >= NOT_BEFORE, "{:?}", since.elapsed());
    assert!(proxy.log_lines().iter().all(|line| line["msg"] != "Request"));
}

#[test]
fn a_head_that_is_not_whole_in_time_is_a_408() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("HTTP_READ_TIMEOUT", LIMIT).start();
    let mut fresh = proxy.connect();
    let mut kept = proxy.connect();
    kept.get("/");

    let since = Instant::now();
    for client in [&mut fresh, &mut kept] {
        client.send("GET / HTTP/1.1\r\nHo");
    }
    // A byte now and then does not buy more time.
    let mut trickling = proxy.connect();
    for byte in "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaa".chars() {
        if !trickling.is_silent_for(Duration::from_millis(50)) || trickling.try_send([byte as u8]).is_err() {
            break;
        }
    }

    for client in [&mut fresh, &mut kept, &mut trickling] {
        let answer = client.read_message().expect("an answer");
        assert_eq!(answer.status(), 408);
        assert_eq!(answer.header("connection").as_deref(), Some("close"));
        client.expect_end();
    }
    assert!(since.elapsed() >= NOT_BEFORE, "{:?}", since.elapsed());
    let statuses: Vec<_> = proxy
        .wait_for_logs("Request", 4)
        .iter()
        .map(|line| line["status"].clone())
        .collect();
    assert_eq!(statuses.iter().filter(|status| **status == 408).count(), 3);
}

#[test]
fn an_upload_that_stands_still_is_a_408_and_one_that_moves_is_not() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("HTTP_READ_TIMEOUT", LIMIT).start();
    let mut still = proxy.connect();
    let mut moving = proxy.connect();

    still.send("POST /still HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    moving.send("POST /moving HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    let since = Instant::now();
    for byte in ["h", "e", "l", "l", "o"] {
        assert!(moving.is_silent_for(Duration::from_millis(400)));
        moving.send(byte);
    }
    assert!(
        since.elapsed() > Duration::from_secs(1),
        "longer than the limit in all"
    );

    assert_eq!(moving.read_message().unwrap().text(), "POST /moving hello");
    let answer = still.read_message().unwrap();
    assert_eq!(answer.status(), 408);
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
    still.expect_end();
}

#[test]
fn a_connection_without_a_next_request_is_closed_without_a_word() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("HTTP_IDLE_TIMEOUT", LIMIT).start();
    let mut client = proxy.connect();
    client.get("/");

    let since = Instant::now();
    client.expect_end();

    assert!(since.elapsed() >= NOT_BEFORE, "{:?}", since.elapsed());
}

#[test]
fn an_idle_timeout_of_zero_is_the_read_timeout_and_less_is_none() {
    // A port belongs to one thrust alone.
    let (target, other) = (TestTarget::echoing(), TestTarget::echoing());
    let zero = Launch::before(&target)
        .env("HTTP_IDLE_TIMEOUT", "0")
        .env("HTTP_READ_TIMEOUT", LIMIT)
        .start();
    let none = Launch::before(&other)
        .env("HTTP_IDLE_TIMEOUT", "-1")
        .env("HTTP_READ_TIMEOUT", LIMIT)
        .start();
    let (mut closed, mut kept) = (zero.connect(), none.connect());
    closed.get("/");
    kept.get("/");

    closed.expect_end();

    assert!(kept.is_silent_for(Duration::from_millis(500)));
    assert_eq!(kept.get("/").status(), 200);
}

#[test]
fn an_app_that_does_not_begin_its_answer_in_time_is_a_504() {
    let (told, closed) = channel();
    let target = TestTarget::start(move |app| {
        if app.number == 0 {
            app.read_request();
            return app.answer("booted");
        }
        app.read_request();
        app.wire.send("HTTP/1.1 2");
        app.wire.read_to_end();
        told.send(()).unwrap();
    });
    let proxy = Launch::before(&target)
        .env("THRUSTER_TARGET_TIMEOUT", LIMIT)
        .start();
    let mut client = proxy.connect();
    client.get("/");

    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    ] {
        let since = Instant::now();
        let answer = client.ask(request);

        assert_eq!(answer.status(), 504);
        assert!(since.elapsed() >= NOT_BEFORE, "{:?}", since.elapsed());
        closed
            .recv_timeout(DEADLINE)
            .expect("the request to the app is cancelled");
    }
    assert_eq!(target.requests().len(), 3, "neither is repeated");
    assert_eq!(proxy.wait_for_logs("Request", 3)[1]["status"], 504);
}

#[test]
fn the_apps_time_begins_when_it_has_the_whole_request() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_TARGET_TIMEOUT", LIMIT)
        .start();
    let mut client = proxy.connect();

    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    for byte in ["a", "b", "c"] {
        assert!(client.is_silent_for(Duration::from_millis(500)));
        client.send(byte);
    }

    assert_eq!(client.read_message().unwrap().text(), "POST / abc");
}

#[test]
fn a_client_that_stops_reading_is_cut() {
    let (told, stopped) = channel();
    let target = TestTarget::start(move |app| {
        app.read_request();
        app.wire
            .send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        while app.wire.try_send([b'x'; 100_000]).is_ok() {}
        told.send(()).unwrap();
    });
    let proxy = Launch::before(&target).env("HTTP_WRITE_TIMEOUT", LIMIT).start();
    let mut client = proxy.connect();

    client.send("GET /stopped HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_head().unwrap();

    stopped
        .recv_timeout(DEADLINE)
        .expect("the app's connection is closed");
    let line = proxy.wait_for_log("Request");
    assert_eq!(
        line["error"], "the client took nothing more of its answer for 1s",
        "{line}"
    );
}

#[test]
fn an_answer_that_moves_has_all_the_time_it_wants_and_one_that_stands_still_is_cut() {
    let (go, wait) = channel::<bool>();
    let wait = Mutex::new(wait);
    let target = TestTarget::start(move |app| {
        app.read_request();
        app.wire
            .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        while wait.lock().unwrap().recv_timeout(DEADLINE).unwrap() {
            app.wire.send("data: 1\n\n");
        }
        app.wire.read_to_end();
    });
    let proxy = Launch::before(&target)
        .env("HTTP_WRITE_TIMEOUT", LIMIT)
        .env("THRUSTER_TARGET_TIMEOUT", LIMIT)
        .env("HTTP_READ_TIMEOUT", LIMIT)
        .start();
    let mut client = proxy.connect();
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_head().unwrap();

    let since = Instant::now();
    for _ in 0..4 {
        assert!(client.is_silent_for(Duration::from_millis(400)));
        go.send(true).unwrap();
        assert_eq!(client.read_exact(14), b"9\r\ndata: 1\n\n\r\n");
    }
    assert!(
        since.elapsed() > Duration::from_secs(1),
        "longer than the limit in all"
    );
    let since = Instant::now();
    go.send(false).unwrap();
    let rest = client.read_to_end();

    assert!(since.elapsed() >= NOT_BEFORE, "{:?}", since.elapsed());
    assert!(!rest.ends_with(b"0\r\n\r\n"), "a cut is no end");
}

#[test]
fn a_target_that_takes_no_connection_is_a_504() {
    let target = Swamped::start();
    let proxy = Launch::before_port(target.port())
        .env("THRUSTER_TARGET_CONNECT_TIMEOUT", "500ms")
        .start();

    let answer = proxy.connect().get("/");

    assert_eq!(answer.status(), 504);
    let line = proxy.wait_for_log("Request");
    let error = line["error"].as_str().unwrap_or_default();
    assert!(error.contains("within 500ms"), "{line}");
}
