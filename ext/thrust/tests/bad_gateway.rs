//! What a client sees of an app that is there and breaks its connections.

mod support;

use std::fs;

use self::support::{Launch, TestTarget};

#[test]
fn while_the_app_is_broken_the_answer_is_the_operators_page() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("502.html");
    fs::write(&page, "<h1>Back at nine</h1>").unwrap();
    let target = broken();
    let proxy = Launch::before(&target).env("BAD_GATEWAY_PAGE", &page).start();
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
fn without_a_page_it_is_ours_in_the_form_that_the_client_wants() {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().to_str().unwrap();
    let target = broken();
    let forms = [
        (
            "text/html",
            "text/html; charset=utf-8",
            "<small>502, request abc</small>",
        ),
        ("application/json", "application/json", "\"request_id\":\"abc\""),
        (
            "*/*",
            "text/plain; charset=utf-8",
            "502 Bad Gateway: the application",
        ),
    ];

    for page in ["", "/no/such/page.html", there] {
        let proxy = Launch::before(&target).env("BAD_GATEWAY_PAGE", page).start();
        let mut client = proxy.connect();

        for (accept, content_type, part) in forms {
            let answer = client.ask(format!(
                "GET / HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\nX-Request-Id: abc\r\n\r\n"
            ));

            assert_eq!(answer.status(), 502, "{page:?}");
            assert_eq!(answer.header("content-type").as_deref(), Some(content_type));
            assert!(answer.text().contains(part), "{}", answer.text());
            assert_eq!(
                answer.header("proxy-status").as_deref(),
                Some("thrust; error=connection_terminated")
            );
        }
    }
}

#[test]
fn a_program_that_wants_json_gets_it_in_the_place_of_the_operators_page() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("502.html");
    fs::write(&page, "<h1>Back at nine</h1>").unwrap();
    let target = broken();
    let proxy = Launch::before(&target).env("BAD_GATEWAY_PAGE", &page).start();

    let answer = proxy
        .connect()
        .ask("GET / HTTP/1.1\r\nHost: a\r\nAccept: application/problem+json\r\n\r\n");

    let told: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(
        (&told["status"], &told["title"]),
        (&502.into(), &"Bad Gateway".into())
    );
    assert_eq!(
        told["request_id"].as_str(),
        answer.header("x-request-id").as_deref()
    );
}

#[test]
fn with_debug_on_the_log_says_that_there_is_no_page() {
    let proxy = Launch::new(["sleep", "1000"])
        .env("BAD_GATEWAY_PAGE", "/no/such/page.html")
        .env("DEBUG", "1")
        .start();

    let line = proxy.wait_for_log("No custom 502 page found");

    assert_eq!(
        (&line["level"], &line["path"]),
        (&"DEBUG".into(), &"/no/such/page.html".into())
    );
}

#[test]
fn the_log_says_why_and_the_client_does_not() {
    let target = broken();
    let proxy = Launch::before(&target).env("BAD_GATEWAY_PAGE", "").start();

    let answer = proxy.connect().get("/x");

    let line = proxy.wait_for_log("Request");
    assert_eq!((&line["path"], &line["status"]), (&"/x".into(), &502.into()));
    let error = line["error"].as_str().unwrap_or_default();
    assert!(
        error.starts_with("localhost:") && error.ends_with("closed the connection without an answer"),
        "{line}"
    );
    assert!(!answer.head.contains("localhost"), "{}", answer.head);
}

#[test]
fn an_upload_that_nobody_takes_is_answered_and_the_connection_ends() {
    let target = broken();
    let proxy = Launch::before(&target).env("BAD_GATEWAY_PAGE", "").start();
    let mut client = proxy.connect();

    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");
    // Not all of it: once all has been read, the connection could stay.
    for _ in 0..20 {
        client.send([b'x'; 100_000]);
    }

    let answer = client.read_message().unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
    client.expect_end();
}

/// An app that takes every request and answers none.
fn broken() -> TestTarget {
    TestTarget::start(|app| {
        app.read_request_head();
    })
}
