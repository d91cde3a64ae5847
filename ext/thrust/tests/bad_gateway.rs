//! What a client sees while the app is not there.

mod support;

use std::fs;

use self::support::{Launch, TestTarget};

#[test]
fn while_nobody_listens_the_answer_is_the_operators_page() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("502.html");
    fs::write(&page, "<h1>Back at nine</h1>").unwrap();
    let proxy = without_an_app().env("BAD_GATEWAY_PAGE", &page).start();
    // Read once, at the start.
    fs::remove_file(&page).unwrap();
    let mut client = proxy.connect();

    for method in ["GET", "POST", "DELETE"] {
        let answer = client.ask(format!(
            "{method} /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        ));

        assert_eq!(answer.first_line(), "HTTP/1.1 502 Bad Gateway");
        assert_eq!(
            answer.header("content-type").as_deref(),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(answer.text(), "<h1>Back at nine</h1>");
        assert_eq!(answer.header("connection"), None, "the client's connection stays");
        assert!(answer.header("x-request-id").is_some());
    }
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.read_head().unwrap();
    assert_eq!(head.header("content-length").as_deref(), Some("21"));
    assert_eq!(client.get("/").status(), 502);
}

#[test]
fn without_a_page_the_502_is_empty() {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().to_str().unwrap();

    for page in ["", "/no/such/page.html", there] {
        let proxy = without_an_app().env("BAD_GATEWAY_PAGE", page).start();
        let mut client = proxy.connect();

        for _ in 0..2 {
            let answer = client.get("/");

            assert_eq!((answer.status(), answer.text()), (502, String::new()), "{page:?}");
            assert_eq!(answer.header("content-type"), None);
            assert_eq!(answer.header("content-length").as_deref(), Some("0"));
        }
    }
}

#[test]
fn the_log_says_why_and_the_client_does_not() {
    let proxy = without_an_app().env("BAD_GATEWAY_PAGE", "").start();

    let answer = proxy.connect().get("/x");

    let line = proxy.wait_for_log("Request");
    assert_eq!((&line["path"], &line["status"]), (&"/x".into(), &502.into()));
    let error = line["error"].as_str().unwrap_or_default();
    assert!(error.contains("could not connect to localhost:"), "{line}");
    assert!(error.contains("refused"), "{line}");
    assert!(!answer.head.contains("localhost"), "{}", answer.head);
}

#[test]
fn an_upload_that_nobody_takes_is_answered_and_the_connection_ends() {
    let proxy = without_an_app().env("BAD_GATEWAY_PAGE", "").start();
    let mut client = proxy.connect();

    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");
    for _ in 0..40 {
        client.send([b'x'; 100_000]);
    }

    let answer = client.read_message().unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
    client.expect_end();
}

#[test]
fn an_app_that_comes_up_later_is_found() {
    let proxy = Launch::shell("echo port $PORT; exec sleep 1000")
        .env("THRUSTER_TARGET_PORT", "0")
        .env("BAD_GATEWAY_PAGE", "")
        .start();
    let port: u16 = proxy.wait_for_line("port ").parse().unwrap();
    let mut client = proxy.connect();
    assert_eq!(client.get("/").status(), 502);

    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is the app's");
    let app = std::thread::spawn(move || {
        let mut wire = support::Wire::over(listener.accept().unwrap().0);
        wire.read_head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup");
    });

    assert_eq!(client.get("/").text(), "up");
    app.join().unwrap();
}

/// A proxy before a port where nobody listens any more.
fn without_an_app() -> Launch {
    Launch::before(&TestTarget::echoing())
}
