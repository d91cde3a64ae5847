//! Which connections are kept, on both sides, and when a request may be sent a second time.

mod support;

use std::sync::mpsc;

use self::support::{Launch, Message, TestTarget};

#[test]
fn a_client_keeps_its_connection_unless_one_side_says_close() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    let cases = [
        ("HTTP/1.1", "", None, true),
        ("HTTP/1.1", "Connection: keep-alive\r\n", None, true),
        ("HTTP/1.1", "Connection: close\r\n", Some("close"), false),
        ("HTTP/1.1", "Connection: X-Hop, Close\r\n", Some("close"), false),
        ("HTTP/1.0", "", Some("close"), false),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", Some("keep-alive"), true),
    ];

    for (version, header, said, kept) in cases {
        let mut client = proxy.connect();
        let request = format!("GET /1 {version}\r\nHost: a\r\n{header}\r\n");

        let answer = client.ask(&request);

        assert_eq!(answer.header("connection").as_deref(), said, "{request:?}");
        assert!(answer.first_line().starts_with(version), "{}", answer.head);
        if kept {
            assert_eq!(client.ask(&request).text(), "GET /1 ", "{request:?}");
        } else {
            client.expect_end();
        }
    }
}

#[test]
fn one_connection_to_the_app_serves_request_after_request() {
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            match request.target() {
                "/chunks" => app
                    .wire
                    .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
                _ => app.answer("hello"),
            }
        }
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();

    for path in ["/length", "/chunks", "/length"] {
        assert_eq!(proxy.connect().get(path).text(), "hello");
        assert_eq!(
            proxy
                .connect()
                .ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
                .text(),
            "hello"
        );
    }

    assert_eq!(target.connections(), 1);
}

#[test]
fn a_connection_that_the_app_does_not_keep_is_not_used_again() {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        // What this announces may still come, and then it would be the next answer.
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let target = TestTarget::answering(answer);
        let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
        let mut client = proxy.connect();

        client.get("/");
        client.get("/");

        assert_eq!(target.connections(), 2, "{answer:?}");
    }
}

#[test]
fn a_1_0_app_may_keep_its_connection() {
    let target =
        TestTarget::answering("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello");
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    let mut client = proxy.connect();

    client.get("/");
    client.get("/");

    assert_eq!(target.connections(), 1);
}

#[test]
fn a_connection_that_the_app_closed_meanwhile_costs_no_request() {
    let (closed, is_closed) = mpsc::channel();
    let target = TestTarget::start(move |app| {
        app.read_request();
        app.answer("hello");
        app.wire.finish_sending();
        // The proxy closes its end when it sees ours: not before it comes to use the connection.
        closed.send(()).unwrap();
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    let mut client = proxy.connect();

    for method in ["GET", "POST", "GET", "POST"] {
        let answer = client.ask(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        is_closed.recv().unwrap();

        assert_eq!(answer.status(), 200);
    }
    assert_eq!(target.requests().len(), 4);
}

#[test]
fn a_request_that_does_no_harm_twice_is_repeated_once_on_a_kept_connection_that_broke() {
    for request in [
        "GET /again HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /again HTTP/1.1\r\nHost: a\r\n\r\n",
        "DELETE /again HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT /again HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST /again HTTP/1.1\r\nHost: a\r\nIdempotency-Key: 1\r\n\r\n",
    ] {
        let (status, asked) = ask_on_a_kept_connection_that_breaks(request);

        assert_eq!((status, asked.len()), (200, 2), "{request:?}");
        assert_eq!(asked[0], asked[1]);
    }
}

#[test]
fn a_request_that_may_have_had_an_effect_is_never_sent_twice() {
    for request in [
        "POST /again HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST /again HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "PATCH /again HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "BREW /again HTTP/1.1\r\nHost: a\r\n\r\n",
        // Their bodies are gone by then.
        "PUT /again HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /again HTTP/1.1\r\nHost: a\r\nIdempotency-Key: 1\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let (status, asked) = ask_on_a_kept_connection_that_breaks(request);

        assert_eq!((status, asked.len()), (502, 1), "{request:?}");
    }
}

/// The status of `request`, and how the app saw it, when the kept connection it goes out on breaks without an answer.
fn ask_on_a_kept_connection_that_breaks(request: &str) -> (u16, Vec<String>) {
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            if request.target() == "/again" && app.number == 0 {
                return;
            }
            app.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    let mut client = proxy.connect();
    client.get("/first");

    client.send(request);
    let status = client.read_head().unwrap().status();

    let mut asked = target.requests();
    asked.retain(|request| request.target() == "/again");
    (
        status,
        asked.into_iter().map(|Message { head, .. }| head).collect(),
    )
}

#[test]
fn a_request_whose_answer_had_begun_is_not_repeated() {
    for beginning in [
        "HTTP/1.1 20",
        "HTTP/1.1 103 Early Hints\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
    ] {
        let target = TestTarget::start(move |app| {
            while let Some(request) = app.read_request() {
                if request.target() == "/again" {
                    app.wire.send(beginning);
                    return;
                }
                app.answer("hello");
            }
        });
        let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
        let mut client = proxy.connect();
        client.get("/first");

        let mut answer = client.get("/again");
        if answer.status() == 103 {
            answer = client.read_message().unwrap();
        }

        assert_eq!(answer.status(), 502, "{beginning:?}");
        assert_eq!(target.requests().len(), 2, "{beginning:?}");
    }
}

#[test]
fn a_repeated_request_is_repeated_once() {
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            if request.target() == "/again" {
                return;
            }
            app.answer("hello");
        }
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    let mut client = proxy.connect();
    client.get("/first");

    assert_eq!(client.get("/again").status(), 502);
    assert_eq!(target.requests().len(), 3);
}
