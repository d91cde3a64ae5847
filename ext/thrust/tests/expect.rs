//! `Expect: 100-continue`: the app decides whether the body is sent; if it does not say, we let it come.

mod support;

use std::time::{Duration, Instant};

use self::support::{Launch, TestTarget};

const UPLOAD: &str = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";

#[test]
fn the_apps_100_lets_the_body_come() {
    let target = asking_for_bodies();
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    for _ in 0..2 {
        client.send(UPLOAD);
        let interim = client.read_head().unwrap();
        client.send("hello");
        let answer = client.read_message().unwrap();

        assert_eq!(interim.head, "HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!((answer.status(), answer.text()), (200, "hello".to_owned()));
        assert_eq!(answer.header("connection"), None);
    }
    let request = &target.requests()[0];
    assert_eq!(request.header("expect").as_deref(), Some("100-continue"));
    assert_eq!(request.header("content-length").as_deref(), Some("5"));
}

#[test]
fn after_a_second_of_silence_the_body_is_asked_for_once() {
    let target = TestTarget::start(|app| {
        while let Some(head) = app.read_request_head() {
            let body = app.wire.read_body(&head);
            // Too late: the client has had one.
            app.wire.send("HTTP/1.1 100 Continue\r\n\r\n");
            app.answer(body);
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    let asked = Instant::now();
    client.send(UPLOAD);
    let interim = client.read_head().unwrap();
    let waited = asked.elapsed();
    client.send("hello");
    let answer = client.read_message().unwrap();

    assert_eq!(interim.status(), 100);
    assert!(waited >= Duration::from_millis(900), "{waited:?}");
    assert_eq!((answer.status(), answer.text()), (200, "hello".to_owned()));
    assert_eq!(client.get("/").status(), 200);
}

#[test]
fn an_answer_instead_of_a_100_ends_the_connection() {
    let target = TestTarget::start(|app| {
        while app.read_request_head().is_some() {
            app.wire
                .send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 6\r\n\r\nlog in");
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    let answer = client.ask(UPLOAD);

    assert_eq!((answer.status(), answer.text()), (401, "log in".to_owned()));
    // Nobody could tell a body that still comes from the next request.
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
    client.expect_end();
    assert_eq!(proxy.connect().ask(UPLOAD).status(), 401);
    assert_eq!(target.connections(), 2, "nor on the app's side");
}

#[test]
fn a_client_that_does_not_wait_is_served_too() {
    let target = asking_for_bodies();
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.send(format!("{UPLOAD}hello"));

    assert_eq!(client.read_head().unwrap().status(), 100);
    assert_eq!(client.read_message().unwrap().text(), "hello");
}

#[test]
fn a_chunked_body_is_waited_for_too() {
    let target = asking_for_bodies();
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.read_head().unwrap().status(), 100);
    client.send("5\r\nhello\r\n0\r\n\r\n");

    assert_eq!(client.read_message().unwrap().text(), "hello");
}

#[test]
fn there_is_no_100_for_1_0_and_none_where_there_is_no_body() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();

    let old = proxy
        .connect()
        .ask("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    let empty = proxy
        .connect()
        .ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");

    assert_eq!((old.status(), old.text()), (200, "POST / hello".to_owned()));
    assert_eq!((empty.status(), empty.text()), (200, "POST / ".to_owned()));
    for request in target.requests() {
        assert_eq!(request.header("expect"), None);
    }
}

/// An app that asks for each body with a 100 and gives it back.
fn asking_for_bodies() -> TestTarget {
    TestTarget::start(|app| {
        while let Some(head) = app.read_request_head() {
            app.wire.send("HTTP/1.1 100 Continue\r\n\r\n");
            let body = app.wire.read_body(&head);
            app.answer(body);
        }
    })
}
