//! Requests that can be read in two ways, or not at all: refused with a status that says so, and never seen by the app.

mod support;

use std::sync::mpsc;

use self::support::{Launch, TestTarget};

#[test]
fn what_cannot_be_read_in_one_way_is_refused_and_never_reaches_the_app() {
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(16 * 1024));
    let long_field = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n",
        "a".repeat(64 * 1024)
    );
    let many_fields = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(128));
    let many_lines = format!("{}GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n".repeat(9));
    let requests = [
        // Whose request is it?
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a:port\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: \u{e4}\r\n\r\n"),
        (400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        // What is asked for?
        (400, "GET foo HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET  HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        (400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\r\n\r\n"),
        (400, "\x16\x03\x01\x02\x00\r\n\r\n"),
        (405, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        (405, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (414, &long_target),
        (505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        (505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        // Where does it end?
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello",
        ),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            501,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            501,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        ),
        (
            501,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        ),
        // What do its lines say?
        (400, "GET / HTTP/1.1\nHost: a\n\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX b: c\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"),
        (400, &many_lines),
        (
            417,
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            417,
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        ),
        (431, &long_field),
        (431, &many_fields),
    ];
    let target = TestTarget::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let proxy = Launch::before(&target).start();

    for (status, request) in requests {
        let shown = &request[..request.len().min(200)];
        let mut client = proxy.connect();
        client.send(request);

        let answer = client
            .read_message()
            .unwrap_or_else(|| panic!("no answer to {shown:?}"));

        assert_eq!(answer.status(), status, "{shown:?}");
        assert_eq!(answer.header("connection").as_deref(), Some("close"), "{shown:?}");
        assert_eq!(
            answer.header("content-type").as_deref(),
            Some("text/plain; charset=utf-8")
        );
        assert!(
            answer.text().starts_with(&status.to_string()),
            "{}",
            answer.text()
        );
        assert!(answer.header("x-request-id").is_some());
        client.expect_end();
    }
    assert_eq!(target.connections(), 0, "the app saw none of it");
    let lines = proxy.wait_for_logs("Request", requests.len());
    let mut logged: Vec<_> = lines.iter().map(|line| line["status"].as_u64()).collect();
    let mut refused: Vec<_> = requests
        .iter()
        .map(|(status, _)| Some(u64::from(*status)))
        .collect();
    // Each core writes its own.
    logged.sort_unstable();
    refused.sort_unstable();
    assert_eq!(logged, refused, "each has its line");
    assert!(lines.iter().all(|line| line["error"].is_string()));
}

#[test]
fn a_method_that_is_not_allowed_is_told_which_are() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();

    let answer = proxy.connect().ask("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");

    assert!(
        answer
            .header("allow")
            .is_some_and(|allowed| allowed.contains("GET"))
    );
}

#[test]
fn a_refused_request_ends_the_connection_whatever_follows_it() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
         POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
    );

    assert_eq!(client.read_message().unwrap().text(), "GET /1 ");
    assert_eq!(client.read_message().unwrap().status(), 400);
    client.expect_end();
    assert_eq!(target.requests().len(), 1);
}

#[test]
fn a_refused_client_that_goes_on_sending_still_reads_why() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000, 4000000\r\n\r\n");
    for _ in 0..40 {
        client.send([b'x'; 100_000]);
    }

    assert_eq!(client.read_message().unwrap().status(), 400);
}

#[test]
fn malformed_chunks_are_refused_and_the_app_never_sees_an_end() {
    let bodies = [
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "five\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
        "\r\n5\r\nhello\r\n0\r\n\r\n",
        "0\r\nX : 1\r\n\r\n",
        "0\r\nX: 1\n\r\n",
    ];
    let (told, seen) = mpsc::channel();
    let target = TestTarget::start(move |app| {
        if app.read_request_head().is_some() {
            told.send(app.wire.read_to_end()).unwrap();
        }
    });
    let proxy = Launch::before(&target).start();

    for body in bodies {
        let mut client = proxy.connect();
        let answer = client.ask(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
        ));

        assert_eq!(answer.status(), 400, "{body:?}");
        assert_eq!(answer.header("connection").as_deref(), Some("close"), "{body:?}");
        client.expect_end();
    }
    // Ends the scripts, and with them the list of what they saw.
    drop((proxy, target));
    for seen in seen {
        assert!(!seen.ends_with(b"0\r\n\r\n"), "an end in {seen:?}");
    }
}

#[test]
fn options_for_the_server_as_a_whole_is_answered_by_us() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    let answer = client.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");

    assert_eq!((answer.status(), answer.text()), (200, String::new()));
    assert_eq!(target.connections(), 0);
    assert_eq!(
        client.ask("OPTIONS /a HTTP/1.1\r\nHost: a\r\n\r\n").text(),
        "OPTIONS /a "
    );
}
