//! Where one message ends and the next begins, on both sides, however the bytes arrive.

mod support;

use self::support::{Launch, TestTarget};

const PIECES: [usize; 5] = [1, 2, 3, 7, 1000];

#[test]
fn a_request_is_the_same_in_pieces_of_any_size() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    let requests = [
        (
            "GET /a HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n",
            "GET /a ",
        ),
        (
            "POST /b HTTP/1.1\r\nHost: example.com\r\nContent-Length: 11\r\n\r\nhello world",
            "POST /b hello world",
        ),
        (
            "POST /c HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\nhello\r\n6;name=\"a b\"\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n",
            "POST /c hello world",
        ),
    ];

    for size in PIECES {
        let mut client = proxy.connect();
        for (request, answer) in requests {
            client.send_in_pieces(request, size);

            assert_eq!(
                client.read_message().unwrap().text(),
                answer,
                "in pieces of {size}"
            );
        }
    }
}

#[test]
fn an_answer_is_the_same_in_pieces_of_any_size() {
    let answers = [
        (
            "/length",
            "HTTP/1.1 200 OK\r\nX-Kind: a\r\nContent-Length: 11\r\n\r\nhello world",
        ),
        (
            "/chunks",
            "HTTP/1.1 200 OK\r\nX-Kind: a\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\nhello\r\n006;name=\"a b\"\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n",
        ),
        (
            "/interim",
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n\
             HTTP/1.1 200 OK\r\nX-Kind: a\r\nContent-Length: 11\r\n\r\nhello world",
        ),
    ];
    let target = TestTarget::start(move |app| {
        while let Some(request) = app.read_request() {
            let (path, size) = request
                .target()
                .split_once('?')
                .expect("the size is in the query");
            let (_, answer) = answers
                .iter()
                .find(|(known, _)| *known == path)
                .expect("a known path");
            app.wire
                .send_in_pieces(answer, size.parse().expect("a size is a number"));
        }
    });
    let proxy = Launch::before(&target).start();

    let mut client = proxy.connect();
    for size in PIECES {
        for (path, _) in answers {
            let mut answer = client.get(&format!("{path}?{size}"));
            if answer.status() == 103 {
                answer = client.read_message().unwrap();
            }

            assert_eq!(
                (answer.status(), answer.text()),
                (200, "hello world".to_owned()),
                "{path} by {size}"
            );
            assert_eq!(answer.header("x-kind").as_deref(), Some("a"));
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order_each_with_its_own_body() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    let requests = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
                    POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
                    POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n\
                    \r\n\
                    PUT /4 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n\
                    GET /5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\
                    GET /6 HTTP/1.1\r\nHost: a\r\n\r\n";

    for size in PIECES {
        let mut client = proxy.connect();
        // The last of them follow a close, so they may meet a connection that is gone.
        for piece in requests.as_bytes().chunks(size) {
            if client.try_send(piece).is_err() {
                break;
            }
        }
        let answers: Vec<_> = (0..5)
            .map(|_| client.read_message().expect("one answer a request").text())
            .collect();

        assert_eq!(
            answers,
            ["GET /1 ", "POST /2 hello", "POST /3 one", "PUT /4 ", "GET /5 "],
            "in pieces of {size}"
        );
        client.expect_end();
    }
}

#[test]
fn trailers_of_an_answer_reach_who_asked_for_them_without_what_may_not_stand_there() {
    let target = TestTarget::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         5;name=value\r\nhello\r\n0\r\nX-Sum: 1\r\nContent-Length: 3\r\nSet-Cookie: a=b\r\n\r\n",
    );
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    for (te, end) in [
        ("TE: trailers\r\n", "0\r\nX-Sum: 1\r\n\r\n"),
        ("", "0\r\n\r\n"),
        ("TE: deflate\r\n", "0\r\n\r\n"),
    ] {
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{te}\r\n"));
        let head = client.read_head().unwrap();
        let body = client.read_exact(10 + end.len());

        assert_eq!(head.header("transfer-encoding").as_deref(), Some("chunked"));
        assert_eq!(
            String::from_utf8_lossy(&body),
            format!("5\r\nhello\r\n{end}"),
            "{te:?}"
        );
    }
}

#[test]
fn an_answer_that_ends_with_its_connection_is_chunked_for_1_1_and_closed_for_1_0() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\nhello world",
        "HTTP/1.0 200 OK\r\n\r\nhello world",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world",
    ] {
        let target = TestTarget::start(move |app| {
            if app.read_request().is_some() {
                app.wire.send(answer);
            }
        });
        let proxy = Launch::before(&target).start();
        let mut new = proxy.connect();
        let mut old = proxy.connect();

        for _ in 0..2 {
            let chunked = new.get("/");
            assert_eq!(chunked.header("transfer-encoding").as_deref(), Some("chunked"));
            assert_eq!(chunked.text(), "hello world");
        }
        let closed = old.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(closed.first_line(), "HTTP/1.0 200 OK");
        assert_eq!(closed.header("transfer-encoding"), None);
        assert_eq!(closed.header("connection").as_deref(), Some("close"));
        assert_eq!(closed.text(), "hello world");
    }
}

#[test]
fn a_1_0_client_gets_a_chunked_answer_as_one_that_ends_with_the_connection() {
    let target = TestTarget::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    );
    let proxy = Launch::before(&target).start();

    let answer = proxy
        .connect()
        .ask("GET / HTTP/1.0\r\nTE: trailers\r\nConnection: keep-alive\r\n\r\n");

    assert_eq!(answer.header("transfer-encoding"), None);
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
    assert_eq!(answer.text(), "hello");
}

#[test]
fn head_204_and_304_have_no_body_and_leave_the_connection_in_step() {
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            app.wire.send(match request.target() {
                "/length" => "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n",
                "/chunks" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "/unknown" => "HTTP/1.1 200 OK\r\n\r\n",
                "/204" => "HTTP/1.1 204 No Content\r\n\r\n",
                "/204/length" => "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
                "/304" => "HTTP/1.1 304 Not Modified\r\nEtag: \"a\"\r\n\r\n",
                "/304/length" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 11\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nafter",
            });
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();
    let cases = [
        ("HEAD", "/length", 200, Some("11")),
        ("HEAD", "/chunks", 200, None),
        ("HEAD", "/unknown", 200, None),
        ("HEAD", "/204", 204, None),
        ("HEAD", "/304/length", 304, Some("11")),
        ("GET", "/204", 204, None),
        ("GET", "/204/length", 204, None),
        ("GET", "/304", 304, None),
        ("GET", "/304/length", 304, Some("11")),
        ("POST", "/204", 204, None),
    ];

    for (method, path, status, length) in cases {
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let head = client.read_head().unwrap();
        let after = client.get("/after");

        assert_eq!(head.status(), status, "{method} {path}");
        assert_eq!(
            head.header("content-length").as_deref(),
            length,
            "{method} {path}"
        );
        assert_eq!(after.text(), "after", "{method} {path}");
    }
    assert_eq!(target.connections(), 1);
}

#[test]
fn a_body_where_none_may_be_reaches_nobody() {
    for answer in [
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nwrong",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwrong\r\n0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nwrong",
    ] {
        let target = TestTarget::start(move |app| {
            while let Some(request) = app.read_request() {
                match request.target() {
                    "/wrong" => app.wire.send(answer),
                    _ => app.answer("right"),
                }
            }
        });
        let proxy = Launch::before(&target).start();
        let mut client = proxy.connect();

        client.send("GET /wrong HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read_head().unwrap();

        assert_eq!(client.get("/right").text(), "right", "{answer:?}");
    }
}
