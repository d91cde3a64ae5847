//! The line of each request: thruster's fields, one line whatever happens, nothing in it that a client could forge.

mod support;

use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use self::support::{Launch, TestTarget, Wire, eventually, free_port};

#[test]
fn the_fields_are_thrusters_in_its_order_and_then_ours() {
    let target = TestTarget::answering(
        "HTTP/1.1 201 Created\r\nContent-Type: text/html\r\nContent-Length: 8\r\n\r\ngoodbye\n",
    );
    let proxy = Launch::before(&target).start();

    proxy.connect().ask(
        "POST /somepath?q=ok HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 192.168.1.1\r\nUser-Agent: Robot/1\r\n\
         Content-Type: application/json\r\nX-Request-Id: abc\r\nContent-Length: 5\r\n\r\nhello",
    );

    let line = proxy.wait_for_log("Request");
    let raw = proxy
        .lines()
        .into_iter()
        .find(|line| line.contains("\"Request\""))
        .unwrap();
    let time = line["time"].as_str().unwrap();
    let milliseconds = |name: &str| line[name].as_u64().expect("whole milliseconds");
    let (dur, queue) = (milliseconds("dur"), milliseconds("queue"));
    let (connect, first_byte) = (milliseconds("connect"), milliseconds("first_byte"));
    assert_eq!(
        raw,
        format!(
            "{{\"time\":\"{time}\",\"level\":\"INFO\",\"msg\":\"Request\",\"path\":\"/somepath\",\"status\":201,\
             \"dur\":{dur},\"method\":\"POST\",\"req_content_length\":5,\"req_content_type\":\"application/json\",\
             \"resp_content_length\":8,\"resp_content_type\":\"text/html\",\"remote_addr\":\"192.168.1.1\",\
             \"user_agent\":\"Robot/1\",\"cache\":\"bypass\",\"query\":\"q=ok\",\"proto\":\"HTTP/1.1\",\
             \"host\":\"example.com\",\"request_id\":\"abc\",\"queue\":{queue},\"connect\":{connect},\
             \"first_byte\":{first_byte}}}"
        )
    );
    assert!(
        time.len() > 20 && time.contains("T") && time.ends_with('Z'),
        "RFC 3339 in UTC: {time}"
    );
}

#[test]
fn lengths_say_what_was_declared_and_what_was_sent() {
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            match request.method() {
                "HEAD" => app
                    .wire
                    .send("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"),
                _ => app.wire.send(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
                ),
            }
        }
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    let mut client = proxy.connect();

    client.get("/none");
    client.ask("POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    client.send("HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_head().unwrap();

    let lengths: Vec<_> = proxy
        .wait_for_logs("Request", 3)
        .iter()
        .map(|line| {
            (
                line["req_content_length"].as_i64().unwrap(),
                line["resp_content_length"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(lengths, [(0, 11), (-1, 11), (0, 0)]);
}

#[test]
fn the_peer_is_logged_with_its_port_and_1_0_by_its_name() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();
    let peer = client.stream().local_addr().unwrap().to_string();

    client.ask("GET / HTTP/1.0\r\n\r\n");

    let line = proxy.wait_for_log("Request");
    assert_eq!(line["remote_addr"], peer);
    assert_eq!((&line["proto"], &line["host"]), (&"HTTP/1.0".into(), &"".into()));
}

#[test]
fn the_remote_address_is_the_last_that_no_private_network_explains() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    let mut client = proxy.connect();
    let cases = [
        ("6.6.6.6, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        ("203.0.113.7", "203.0.113.7"),
        ("10.0.0.2, 10.0.0.1", "10.0.0.2"),
        ("6.6.6.6, [2001:db8::1]:80", "2001:db8::1"),
    ];

    for (forwarded, _) in cases {
        client.ask(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {forwarded}\r\n\r\n"
        ));
    }

    let lines = proxy.wait_for_logs("Request", cases.len());
    for ((forwarded, expected), line) in cases.iter().zip(lines) {
        assert_eq!(line["remote_addr"], *expected, "{forwarded}");
    }
}

#[test]
fn secrets_in_a_query_are_masked_and_reach_the_app() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();

    let answer = proxy
        .connect()
        .get("/login?user=a&password=hunter2&api%5FKey=x;reset_token=y&page=2");

    assert!(answer.text().contains("hunter2"), "{}", answer.text());
    let line = proxy.wait_for_log("Request");
    assert_eq!(
        line["query"],
        "user=a&password=[FILTERED]&api%5FKey=[FILTERED]&page=2"
    );
    assert!(!proxy.lines().join("\n").contains("hunter2"));
}

#[test]
fn a_client_cannot_forge_lines_in_any_format() {
    let forged = "%0A%7B%22msg%22:%22forged%22%7D%1B%5B2J";
    for format in ["json", "text", "logfmt", "combined"] {
        let target = TestTarget::echoing();
        let proxy = Launch::before(&target).env("THRUSTER_LOG_FORMAT", format).start();

        proxy.connect().ask(format!(
            "GET /%22%3C{forged} HTTP/1.1\r\nHost: a\r\nUser-Agent: a\"b<c>&\u{85}\u{2028}\\ {forged}\r\n\r\n"
        ));

        let line = proxy.wait_for_line_with("%0A%7B");
        assert!(line.contains("forged"), "all of it is in one line: {line}");
        assert!(
            !line.chars().any(char::is_control),
            "a control character in {line:?}"
        );
        if format == "json" {
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(line["path"], "/\"<\n{\"msg\":\"forged\"}\u{1b}[2J");
            assert!(line["user_agent"].as_str().unwrap().starts_with("a\"b<c>&"));
        }
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();

    proxy
        .connect()
        .ask(b"GET /%ff\xfe HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\r\n\r\n");

    let line = proxy.wait_for_log("Request");
    assert_eq!(line["path"], "/\u{fffd}\u{fffd}");
    assert_eq!(line["user_agent"], "\u{fffd}");
}

#[test]
fn with_log_requests_off_only_the_other_lines_are_written() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("LOG_REQUESTS", "0").start();
    proxy.connect().get("/");
    proxy.connect().ask("nonsense\r\n\r\n");

    proxy.signal(rustix::process::Signal::TERM);
    let ended = proxy.wait_exit();

    let messages = ended.messages();
    assert!(!messages.contains(&"Request".to_owned()), "{messages:?}");
    assert!(messages.contains(&"Server stopped".to_owned()), "{messages:?}");
}

#[test]
fn the_log_level_leaves_out_what_matters_less_whatever_debug_says() {
    let levels = |level, debug| {
        let launch = Launch::shell("exit 0")
            .env("HTTP_PORT", "0")
            .env("TARGET_PORT", "0");
        let settings = [("THRUSTER_LOG_LEVEL", level), ("DEBUG", debug)];
        let launch = settings
            .into_iter()
            .fold(launch, |launch, (name, value)| launch.env(name, value));
        let lines = launch.run().log_lines();
        ["DEBUG", "INFO"].map(|level| lines.iter().any(|line| line["level"] == level))
    };

    assert_eq!(levels("", "0"), [false, true]);
    assert_eq!(levels("", "1"), [true, true]);
    assert_eq!(levels("debug", "0"), [true, true]);
    assert_eq!(levels("warn", "1"), [false, false]);
}

#[test]
fn at_the_level_warn_requests_have_no_line() {
    let (target, place) = (TestTarget::echoing(), free_port());
    let proxy = Launch::before(&target)
        .env("THRUSTER_HTTP_PORT", place.to_string())
        .env("THRUSTER_LOG_LEVEL", "warn")
        .spawn();

    eventually("it listens", || TcpStream::connect(("127.0.0.1", place)).ok());
    assert_eq!(Wire::connect(place).get("/").status(), 200);
    proxy.signal(rustix::process::Signal::TERM);

    let messages = proxy.wait_exit().messages();
    assert!(!messages.contains(&"Request".to_owned()), "{messages:?}");
}

#[test]
fn the_last_lines_are_written_before_the_end() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "3").start();
    let mut clients: Vec<_> = (0..9).map(|_| proxy.connect()).collect();
    for client in &mut clients {
        client.get("/");
    }

    proxy.signal(rustix::process::Signal::TERM);
    let ended = proxy.wait_exit();

    let requests = ended
        .messages()
        .iter()
        .filter(|message| *message == "Request")
        .count();
    assert_eq!(requests, 9);
}

#[test]
fn logfmt_is_pairs_and_combined_is_what_other_servers_write() {
    let target = TestTarget::echoing();
    let request = "GET /a%20b?token=x&q=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: Robot 1\r\n\
                   Referer: http://b/?secret=y\r\nX-Forwarded-For: 8.8.8.8\r\n\r\n";

    let proxy = Launch::before(&target)
        .env("THRUSTER_LOG_FORMAT", "logfmt")
        .start();
    proxy.connect().ask(request);
    let line = proxy.wait_for_line_with("msg=Request");
    assert!(line.starts_with("time=2"), "{line}");
    assert!(
        line.contains(" level=INFO msg=Request path=\"/a b\" status=200 dur="),
        "{line}"
    );
    assert!(line.contains(" query=\"token=[FILTERED]&q=1\" "), "{line}");
    assert!(
        proxy
            .wait_for_line_with("Server started")
            .contains(" msg=\"Server started\" ")
    );
    // Two cannot have one app.
    drop(proxy);

    let proxy = Launch::before(&target)
        .env("THRUSTER_LOG_FORMAT", "combined")
        .start();
    let answer = proxy.connect().ask(request);
    let line = proxy.wait_for_line_with("GET /");
    let (before, after) = line.split_once(" +0000] ").expect("a date in UTC");
    assert!(before.starts_with("8.8.8.8 - - ["), "{line}");
    assert_eq!(
        after,
        format!(
            "\"GET /a%20b?token=[FILTERED]&q=1 HTTP/1.1\" 200 {} \"http://b/?secret=[FILTERED]\" \"Robot 1\"",
            answer.body.len()
        )
    );
    proxy.connect().ask("nonsense\r\n\r\n");
    assert!(
        proxy
            .wait_for_line_with("\"-\" 400 ")
            .starts_with("127.0.0.1 - - [")
    );
}

#[test]
fn paths_and_statuses_that_are_to_be_skipped_have_no_line() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_LOG_SKIP_PATHS", "/up, /assets/*")
        .env("THRUSTER_LOG_SKIP_STATUSES", "405, 5xx")
        .start();
    let mut client = proxy.connect();

    for path in ["/up", "/up?x", "/assets/a.js", "/upper", "/last"] {
        client.get(path);
    }
    client.ask("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n");

    proxy.signal(rustix::process::Signal::TERM);
    let lines = proxy.wait_exit().log_lines();
    let logged: Vec<_> = lines.iter().filter_map(|line| line["path"].as_str()).collect();
    assert_eq!(logged, ["/upper", "/last"]);
}

#[test]
fn a_line_says_where_the_time_of_its_request_went() {
    let target = TestTarget::start(move |app| {
        while let Some(request) = app.read_request() {
            let milliseconds = request.target()[1..].parse().unwrap();
            // The time that the app takes is what is measured here.
            std::thread::sleep(Duration::from_millis(milliseconds));
            app.answer("");
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.get("/0");
    client.get("/30");

    let lines = proxy.wait_for_logs("Request", 2);
    let time = |name: &str| lines[1][name].as_u64().expect("whole milliseconds");
    assert_eq!((time("queue"), time("connect")), (0, 0), "{}", lines[1]);
    assert!((30..=time("dur")).contains(&time("first_byte")), "{}", lines[1]);
}
