//! What the app is told of a request, and the client of an answer: which lines pass, which are dropped, which are ours.

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use self::support::{Launch, Message, TestProxy, TestTarget};

#[test]
fn the_host_is_kept_and_that_of_an_absolute_target_wins() {
    let (target, proxy) = echo();
    let cases = [
        ("GET / HTTP/1.1\r\nHost: Example.com:81\r\n\r\n", "Example.com:81"),
        (
            "GET http://b.example:82/x HTTP/1.1\r\nHost: a\r\n\r\n",
            "b.example:82",
        ),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "[::1]:80"),
    ];

    for (request, host) in cases {
        let seen = ask(&proxy, &target, request);

        assert_eq!(seen.header_lines("host"), [host], "{request:?}");
        assert_eq!(seen.header("x-forwarded-host").as_deref(), Some(host));
        assert!(seen.target().starts_with('/'), "{}", seen.first_line());
    }
    for request in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n"] {
        let seen = ask(&proxy, &target, request);

        assert_eq!(
            seen.header_lines("host"),
            [format!("localhost:{}", target.port())]
        );
        assert_eq!(seen.header("x-forwarded-host").as_deref(), Some(""));
        assert!(seen.first_line().ends_with("HTTP/1.1"), "{}", seen.first_line());
    }
}

#[test]
fn what_belongs_to_one_hop_ends_there() {
    let (target, proxy) = echo();

    let seen = ask(
        &proxy,
        &target,
        "GET / HTTP/1.1\r\nHost: a\r\nX-Named: 1\r\nConnection: keep-alive, X-Named, Host, X-Forwarded-For\r\n\
         X-Named: 2\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\n\
         Proxy-Authenticate: Basic\r\nTE: trailers, deflate\r\nTrailer: X-Sum\r\nUpgrade: websocket\r\n\
         Forwarded: for=1.2.3.4\r\nX-Kept: 1\r\n\r\n",
    );

    for name in [
        "x-named",
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "proxy-authenticate",
        "trailer",
        "upgrade",
        "forwarded",
        "transfer-encoding",
        "content-length",
    ] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.header("te").as_deref(), Some("trailers"));
    assert_eq!(seen.header("host").as_deref(), Some("a"));
    assert_eq!(seen.header("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(seen.header("x-kept").as_deref(), Some("1"));
}

#[test]
fn what_belongs_to_the_apps_hop_does_not_reach_the_client() {
    let target = TestTarget::answering(
        "HTTP/1.1 299 Very Fine\r\nX-Named: 1\r\nConnection: X-Named, Content-Length\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Authenticate: Basic\r\nTE: trailers\r\nUpgrade: h2c\r\nServer: puma\r\nSet-Cookie: a=1\r\n\
         Set-Cookie: b=2\r\nX-Accel-Redirect: /x\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 5\r\n\r\nhello",
    );
    let proxy = Launch::before(&target).start();

    let seen = proxy.connect().get("/");

    for name in [
        "x-named",
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "te",
        "upgrade",
    ] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.first_line(), "HTTP/1.1 299 ");
    assert_eq!(seen.header("server").as_deref(), Some("puma"));
    assert_eq!(seen.header("x-accel-redirect").as_deref(), Some("/x"));
    assert_eq!(seen.header_lines("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(seen.header_lines("date"), ["Sun, 06 Nov 1994 08:49:37 GMT"]);
    assert_eq!(seen.text(), "hello");
    assert_eq!(seen.header("content-type"), None, "nothing is guessed");
}

#[test]
fn codings_ranges_and_lengths_pass_as_they_are() {
    let target = TestTarget::answering(
        "HTTP/1.1 206 Partial Content\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\
         Content-Range: bytes 0-4/9\r\nAccept-Ranges: bytes\r\nEtag: \"a\"\r\nContent-Length: 5\r\n\r\nhello",
    );
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.get("/");
    let answer = client
        .ask("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip;q=0.5, br\r\nRange: bytes=0-4\r\n\r\n");

    let requests = target.requests();
    assert_eq!(requests[0].header("accept-encoding"), None);
    assert_eq!(
        requests[1].header("accept-encoding").as_deref(),
        Some("gzip;q=0.5, br")
    );
    assert_eq!(requests[1].header("range").as_deref(), Some("bytes=0-4"));
    for (name, value) in [
        ("content-encoding", Some("gzip")),
        ("content-range", Some("bytes 0-4/9")),
        ("accept-ranges", Some("bytes")),
        ("etag", Some("\"a\"")),
        ("content-length", Some("5")),
        ("vary", None),
    ] {
        assert_eq!(answer.header(name).as_deref(), value, "{name}");
    }
    assert_eq!((answer.status(), answer.text()), (206, "hello".to_owned()));
}

#[test]
fn an_answer_without_a_date_gets_one() {
    let (_target, proxy) = echo();

    let date = proxy.connect().get("/").header("date").expect("a date");

    assert!(date.ends_with(" GMT"), "{date}");
}

#[test]
fn names_leave_in_the_capitals_that_thruster_gives_them() {
    let target = TestTarget::answering(
        "HTTP/1.1 200 OK\r\nETAG: \"a\"\r\nwww-authenticate: Basic\r\nx-request-id: 1\r\ncontent-length: 0\r\n\r\n",
    );
    let proxy = Launch::before(&target).start();

    let answer = proxy
        .connect()
        .ask("GET / HTTP/1.1\r\nhost: a\r\nx-CSRF-token: b\r\naccept: c\r\n\r\n");

    let request = &target.requests()[0];
    for line in ["\r\nHost: a\r\n", "\r\nX-Csrf-Token: b\r\n", "\r\nAccept: c\r\n"] {
        assert!(request.head.contains(line), "{line:?} in {}", request.head);
    }
    for line in [
        "\r\nEtag: \"a\"\r\n",
        "\r\nWww-Authenticate: Basic\r\n",
        "\r\nX-Request-Id: 1\r\n",
        "\r\nContent-Length: 0\r\n",
    ] {
        assert!(answer.head.contains(line), "{line:?} in {}", answer.head);
    }
}

#[test]
fn what_a_proxy_before_us_said_is_added_to() {
    let (target, proxy) = echo();

    let alone = ask(&proxy, &target, "GET / HTTP/1.1\r\nHost: a:80\r\n\r\n");
    let behind = ask(
        &proxy,
        &target,
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2, 3.3.3.3\r\n\
         X-Forwarded-Host: b\r\nX-Forwarded-Proto: https\r\n\r\n",
    );
    let empty = ask(
        &proxy,
        &target,
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For:\r\nX-Forwarded-Host:\r\nX-Forwarded-Proto:\r\n\r\n",
    );

    assert_eq!(forwarded(&alone), ["127.0.0.1", "a:80", "http"]);
    assert_eq!(
        forwarded(&behind),
        ["1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1", "b", "https"]
    );
    assert_eq!(forwarded(&empty), ["127.0.0.1", "a", "http"]);
}

#[test]
fn with_forward_headers_off_nobody_before_us_is_believed() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("FORWARD_HEADERS", "0").start();

    let behind = ask(
        &proxy,
        &target,
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Host: b\r\nX-Forwarded-Proto: https\r\n\r\n",
    );

    assert_eq!(forwarded(&behind), ["127.0.0.1", "a", "http"]);
}

#[test]
fn the_time_of_arrival_is_told_unless_it_was_told_before() {
    let (target, proxy) = echo();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();

    let before = now();
    let seen = ask(&proxy, &target, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let after = now();
    let kept = ask(
        &proxy,
        &target,
        "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Start: t=1\r\n\r\n",
    );

    let start = seen.header("x-request-start").expect("a start");
    let start: u128 = start.strip_prefix("t=").unwrap().parse().unwrap();
    assert!((before..=after).contains(&start), "{before} {start} {after}");
    assert_eq!(kept.header_lines("x-request-start"), ["t=1"]);
}

#[test]
fn app_client_and_log_know_a_request_by_one_id() {
    let (target, proxy) = echo();
    let cases = [
        ("", None),
        ("X-Request-Id: given-1\r\n", Some("given-1")),
        ("X-Request-Id: not good\r\n", None),
        ("X-Request-Id: one\r\nX-Request-Id: two\r\n", Some("one")),
    ];

    for (number, (header, expected)) in cases.into_iter().enumerate() {
        let answer = proxy
            .connect()
            .ask(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n{header}\r\n"));
        let request = target.requests().pop().unwrap();
        let lines = proxy.wait_for_logs("Request", number + 1);
        let line = lines.iter().find(|line| line["path"] == format!("/{number}"));

        let told = request.header_lines("x-request-id");
        assert_eq!(told.len(), 1, "{header:?}");
        assert_eq!(answer.header_lines("x-request-id"), told, "{header:?}");
        assert_eq!(line.unwrap()["request_id"], told[0], "{header:?}");
        match expected {
            Some(expected) => assert_eq!(told, [expected]),
            None => assert_eq!(told[0].len(), 36, "{told:?}"),
        }
    }
}

#[test]
fn what_only_we_may_say_is_dropped_from_clients_in_every_spelling() {
    let (target, proxy) = echo();

    let seen = ask(
        &proxy,
        &target,
        "GET / HTTP/1.1\r\nHost: a\r\nX-Sendfile-Type: evil\r\nX-Accel-Mapping: /=/\r\nX-Thruster-Secret: evil\r\n\
         X_Thruster_Secret: evil\r\nX_Sendfile_Type: evil\r\nX-Accel_Mapping: /=/\r\nX_Forwarded_For: 6.6.6.6\r\nX_Forwarded-Proto: https\r\n\
         X_Forwarded_Host: evil\r\nX_Request_Id: evil\r\nX_Request_Start: t=1\r\nX_Real_IP: 6.6.6.6\r\n\
         Content_Length: 5\r\nTransfer_Encoding: chunked\r\nContent_Type: text/evil\r\nMy_Own: kept\r\n\r\n",
    );

    let names: Vec<_> = seen
        .head
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0.to_ascii_lowercase()))
        .collect();
    assert_eq!(
        names,
        [
            "host",
            "my_own",
            "x-request-id",
            "x-request-start",
            "x-sendfile-type",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto"
        ]
    );
    assert_eq!(seen.header("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(seen.header("x-sendfile-type").as_deref(), Some("X-Sendfile"));
}

#[test]
fn a_method_that_may_have_a_body_says_when_it_has_none() {
    let (target, proxy) = echo();
    let length = |method: &str, header: &str| {
        ask(
            &proxy,
            &target,
            &format!("{method} / HTTP/1.1\r\nHost: a\r\n{header}\r\n"),
        )
        .header("content-length")
    };

    for method in ["POST", "PUT", "PATCH"] {
        assert_eq!(length(method, "").as_deref(), Some("0"), "{method}");
    }
    for method in ["GET", "DELETE", "OPTIONS"] {
        assert_eq!(length(method, ""), None, "{method}");
        assert_eq!(
            length(method, "Content-Length: 0\r\n").as_deref(),
            Some("0"),
            "{method}"
        );
    }
    let body = ask(
        &proxy,
        &target,
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    );
    assert_eq!(body.text(), "hello", "a GET with a body passes with it");
}

#[test]
fn an_app_on_ipv6_alone_is_found() {
    let listener = std::net::TcpListener::bind(("::1", 0)).expect("this machine has a loopback for IPv6");
    let port = listener.local_addr().unwrap().port();
    let app = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut wire = support::Wire::over(stream.unwrap());
            // The first is the look at the port before the start.
            if wire.wait_for_more() {
                wire.read_head();
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nsix");
                return;
            }
        }
    });
    let proxy = Launch::new(["sleep", "1000"])
        .env("THRUSTER_TARGET_PORT", port.to_string())
        .start();

    assert_eq!(proxy.connect().get("/").text(), "six");
    app.join().unwrap();
}

fn echo() -> (TestTarget, TestProxy) {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    (target, proxy)
}

/// How the app saw this request.
fn ask(proxy: &TestProxy, target: &TestTarget, request: &str) -> Message {
    proxy.connect().ask(request);
    target.requests().pop().expect("it was asked")
}

fn forwarded(request: &Message) -> [String; 3] {
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"].map(|name| {
        let lines = request.header_lines(name);
        assert_eq!(lines.len(), 1, "{name} in {}", request.head);
        lines[0].to_owned()
    })
}
