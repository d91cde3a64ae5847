//! A client that leaves takes its request with it, wherever that is, and the log says so.

mod support;

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use self::support::{App, DEADLINE, Launch, TestProxy, TestTarget, Wire, cue};

/// How a client leaves.
#[derive(Clone, Copy, Debug)]
enum Leave {
    Close,
    Reset,
    /// FIN with the other direction still open, as `nc -N` and `shutdown` do it.
    FinishSending,
}

const WAYS: [Leave; 3] = [Leave::Close, Leave::Reset, Leave::FinishSending];

#[test]
fn a_client_that_leaves_while_the_app_works_cancels_its_request() {
    for leave in WAYS {
        let (proxy, _target, steps) = before(|app| {
            app.read_request();
        });
        let mut client = proxy.connect();
        client.send("GET /report HTTP/1.1\r\nHost: a\r\n\r\n");
        steps.wait_for("read");

        let kept = leave.with(client);

        steps.wait_for("closed");
        let line = proxy.wait_for_log("Request");
        assert_left(&line);
        assert_eq!(line["path"], "/report");
        drop(kept);
    }
}

#[test]
fn a_client_that_leaves_is_missed_while_nobody_reads_what_it_sends() {
    let (proxy, _target, steps) = before(|app| {
        app.read_request();
    });
    let mut client = proxy.connect();
    client.send("GET /report HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send([b'x'; 1000]);
    steps.wait_for("read");

    drop(client);

    steps.wait_for("closed");
    assert_left(&proxy.wait_for_log("Request"));
}

#[test]
fn a_client_that_breaks_an_upload_that_the_app_does_not_read_is_missed() {
    let (go, cue) = cue();
    let (proxy, _target, steps) = before(move |app| {
        app.read_request_head();
        // Not a byte of the body is read before the proxy has given up.
        cue.wait();
    });
    let mut client = proxy.connect();
    client.hold_little();
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    client.send_until_stuck(&[b'x'; 100_000], Duration::from_millis(200));

    client.reset_on_close();
    drop(client);

    assert_left(&proxy.wait_for_log("Request"));
    go.send(()).unwrap();
    steps.wait_for("closed");
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_upload_leaves_no_whole_request_behind() {
    for (framing, leave) in [
        ("Content-Length: 100", Leave::Close),
        ("Content-Length: 100", Leave::FinishSending),
        ("Transfer-Encoding: chunked", Leave::Reset),
        ("Transfer-Encoding: chunked", Leave::FinishSending),
    ] {
        let (told, seen) = channel();
        let target = TestTarget::start(move |app| {
            if app.read_request_head().is_some() {
                told.send(app.wire.read_exact(5)).unwrap();
                told.send(app.wire.read_to_end()).unwrap();
            }
        });
        let proxy = Launch::before(&target).start();
        let mut client = proxy.connect();
        client.send(format!(
            "POST /upload HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n5\r\nhello\r\n"
        ));
        seen.recv_timeout(DEADLINE).unwrap();

        let kept = leave.with(client);

        let rest = seen.recv_timeout(DEADLINE).unwrap();
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{framing} {leave:?}");
        assert_left(&proxy.wait_for_log("Request"));
        drop(kept);
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_answer_stops_it() {
    for leave in WAYS {
        let (proxy, _target, steps) = before(|app| {
            app.read_request();
            app.wire
                .send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello");
        });
        let mut client = proxy.connect();
        client.send("GET /report HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read_head();
        client.read_exact(5);

        let kept = leave.with(client);

        steps.wait_for("closed");
        let line = proxy.wait_for_log("Request");
        assert_left(&line);
        assert_eq!(line["resp_content_length"], 5);
        drop(kept);
    }
}

#[test]
fn a_client_that_leaves_an_answer_it_does_not_read_stops_it() {
    let (told, stopped) = channel();
    let target = TestTarget::start(move |app| {
        if app.read_request().is_some() {
            app.wire
                .send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
            while app.wire.try_send([b'x'; 100_000]).is_ok() {}
            told.send(()).unwrap();
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();
    client.hold_little();
    client.send("GET /report HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_head();

    drop(client);

    stopped.recv_timeout(DEADLINE).expect("the app can write no more");
    assert_eq!(proxy.wait_for_log("Request")["status"], 499);
}

#[test]
fn leaving_is_how_an_event_stream_ends() {
    let (proxy, _target, steps) = before(|app| {
        app.read_request();
        app.wire
            .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    });
    let mut client = proxy.connect();
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_until(b"data: 1\n\n").unwrap();

    drop(client);

    steps.wait_for("closed");
    let line = proxy.wait_for_log("Request");
    assert_eq!(
        (&line["status"], &line["resp_content_length"]),
        (&200.into(), &9.into())
    );
}

#[test]
fn a_client_that_has_its_answer_may_leave() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.get("/");
    drop(client);
    proxy.connect().get("/");

    for line in proxy.wait_for_logs("Request", 2) {
        assert_eq!((&line["status"], &line["error"]), (&200.into(), &Value::Null));
    }
}

/// A proxy before an app that does `work` and then waits for the end of its connection.
fn before(work: impl Fn(&mut App) + Send + Sync + 'static) -> (TestProxy, TestTarget, Steps) {
    let (told, steps) = channel();
    let target = TestTarget::start(move |app| {
        work(app);
        told.send("read").expect("the test listens");
        app.wire.read_to_end();
        told.send("closed").expect("the test listens");
    });
    let proxy = Launch::before(&target).start();
    (proxy, target, Steps(steps))
}

/// How far the app has come.
struct Steps(Receiver<&'static str>);

impl Steps {
    fn wait_for(&self, step: &str) {
        while self.0.recv_timeout(DEADLINE).expect(step) != step {}
    }
}

impl Leave {
    /// Leaves; what is returned keeps open what this way leaves open.
    fn with(self, mut client: Wire) -> Option<Wire> {
        match self {
            Self::Close => None,
            Self::Reset => {
                client.reset_on_close();
                None
            }
            Self::FinishSending => {
                client.finish_sending();
                Some(client)
            }
        }
    }
}

fn assert_left(line: &Value) {
    let error = line["error"].as_str().unwrap_or_default();
    assert_eq!(line["status"], 499, "{line}");
    assert!(error.ends_with("the client closed the connection"), "{line}");
}
