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
