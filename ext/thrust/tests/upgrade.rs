//! WebSockets and whatever else an app changes to after a 101.

mod support;

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use self::support::{App, DEADLINE, Launch, TestProxy, TestTarget};

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                      Sec-WebSocket-Accept: x\r\n\r\n";

#[test]
fn bytes_pass_both_ways_until_both_ends_have_ended() {
    let (proxy, target) = before(|app| {
        app.read_request();
        app.wire.send(SWITCH);
        while let Some(line) = app.wire.read_until(b"\n") {
            app.wire.send([b"echo ", &line[..]].concat());
        }
        // The client's end has come through; ours is still open.
        app.wire.send("last words");
    });
    let mut client = proxy.connect();

    client.send(ask("Upgrade", "websocket"));
    let answer = client.read_head().unwrap();
    for word in ["one\n", "two\n"] {
        client.send(word);
        assert_eq!(
            String::from_utf8(client.read_until(b"\n").unwrap()).unwrap(),
            format!("echo {word}")
        );
    }
    client.finish_sending();

    assert_eq!(String::from_utf8(client.read_to_end()).unwrap(), "last words");
    assert_eq!(answer.first_line(), "HTTP/1.1 101 Switching Protocols");
    assert_eq!(answer.header("connection").as_deref(), Some("Upgrade"));
    assert_eq!(answer.header("upgrade").as_deref(), Some("websocket"));
    assert_eq!(answer.header("sec-websocket-accept").as_deref(), Some("x"));
    let request = &target.requests()[0];
    assert_eq!(request.header("connection").as_deref(), Some("Upgrade"));
    assert_eq!(request.header("upgrade").as_deref(), Some("websocket"));
    assert_eq!(request.header("sec-websocket-key").as_deref(), Some("k"));
    let line = proxy.wait_for_log("Request");
    assert_eq!(
        (&line["status"], &line["resp_content_length"]),
        (&101.into(), &0.into())
    );
}

#[test]
fn every_spelling_of_an_upgrade_works() {
    let (proxy, target) = before(|app| {
        app.read_request();
        app.wire.send(SWITCH);
    });

    for (connection, protocol) in [
        ("Upgrade", "websocket"),
        ("upgrade", "WebSocket"),
        ("keep-alive, Upgrade", "WebSocket"),
        ("Upgrade", "websocket, other"),
    ] {
        let mut client = proxy.connect();
        client.send(ask(connection, protocol));

        assert_eq!(
            client.read_head().unwrap().status(),
            101,
            "{connection:?} {protocol:?}"
        );
        let request = target.requests().pop().unwrap();
        assert_eq!(request.header("upgrade").as_deref(), Some(protocol));
    }
}

#[test]
fn bytes_that_come_with_the_101_reach_the_client() {
    let (proxy, _target) = before(|app| {
        app.read_request_head();
        app.wire.send(format!("{SWITCH}hello"));
        app.wire.read_to_end();
    });
    let mut client = proxy.connect();

    client.send(ask("Upgrade", "websocket"));
    client.read_head().unwrap();

    assert_eq!(client.read_exact(5), b"hello");
}

#[test]
fn early_bytes_of_the_client_reach_the_app_after_its_101_and_not_before() {
    let (told, seen) = channel();
    let (proxy, _target) = before(move |app| {
        app.read_request_head();
        let nothing_early = app.wire.is_silent_for(Duration::from_millis(100));
        app.wire.send(SWITCH);
        told.send((nothing_early, app.wire.read_exact(5))).unwrap();
    });
    let mut client = proxy.connect();

    client.send(format!("{}early", ask("Upgrade", "websocket")));

    assert_eq!(seen.recv_timeout(DEADLINE).unwrap(), (true, b"early".to_vec()));
}

#[test]
fn an_upgrade_that_the_app_refuses_is_an_ordinary_answer() {
    let (proxy, target) = before(|app| {
        while let Some(request) = app.read_request() {
            match request.header("upgrade") {
                Some(_) => app
                    .wire
                    .send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"),
                None => app.answer("plain"),
            }
        }
    });
    let mut client = proxy.connect();

    // What follows a refused upgrade is the next request.
    client.send(format!(
        "{}GET /next HTTP/1.1\r\nHost: a\r\n\r\n",
        ask("Upgrade", "websocket")
    ));

    let answer = client.read_message().unwrap();
    assert_eq!((answer.status(), answer.text()), (403, "no".to_owned()));
    assert_eq!(client.read_message().unwrap().text(), "plain");
    assert_eq!(target.requests().len(), 2);
}

#[test]
fn a_protocol_that_nobody_asked_for_is_a_502() {
    for request in [
        ask("Upgrade", "other"),
        ask("keep-alive", "websocket"),
        "GET /cable HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /cable HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".to_owned(),
    ] {
        let (told, closed) = channel();
        let (proxy, _target) = before(move |app| {
            app.read_request();
            app.wire.send(SWITCH);
            app.wire.read_to_end();
            told.send(()).unwrap();
        });

        assert_eq!(proxy.connect().ask(&request).status(), 502, "{request:?}");
        closed
            .recv_timeout(DEADLINE)
            .expect("the app's connection is closed");
    }
}

#[test]
fn h2c_is_never_passed_on() {
    let (proxy, target) = before(|app| {
        while app.read_request().is_some() {
            app.answer("plain");
        }
    });

    for protocol in ["h2c", "H2C"] {
        let answer = proxy.connect().ask(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\n\
             HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        ));

        assert_eq!((answer.status(), answer.text()), (200, "plain".to_owned()));
    }
    for request in target.requests() {
        for name in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(request.header(name), None, "{name}");
        }
    }
}

#[test]
fn a_tunnel_outlives_every_timeout() {
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.send(SWITCH);
        app.wire.read_until(b"\n");
        app.wire.send("still here");
    });
    let proxy = Launch::before(&target)
        .env("HTTP_READ_TIMEOUT", "1")
        .env("HTTP_WRITE_TIMEOUT", "1")
        .env("HTTP_IDLE_TIMEOUT", "1")
        .env("THRUSTER_TARGET_TIMEOUT", "1")
        .start();
    let mut client = proxy.connect();
    client.send(ask("Upgrade", "websocket"));
    client.read_head().unwrap();

    let silence = Duration::from_millis(1500);
    let since = Instant::now();
    assert!(client.is_silent_for(silence) && since.elapsed() >= silence);
    client.send("hello?\n");

    assert_eq!(client.read_exact(10), b"still here");
}

#[test]
fn the_end_of_one_side_ends_the_other() {
    let (told, closed) = channel();
    let (proxy, _target) = before(move |app| {
        app.read_request();
        app.wire.send(SWITCH);
        if app.number == 0 {
            app.wire.read_to_end();
            told.send(()).unwrap();
        } else {
            app.wire.reset_on_close();
        }
    });

    let mut leaving = proxy.connect();
    leaving.send(ask("Upgrade", "websocket"));
    leaving.read_head().unwrap();
    drop(leaving);
    closed
        .recv_timeout(DEADLINE)
        .expect("the app sees that its client left");
    let mut left = proxy.connect();
    left.send(ask("Upgrade", "websocket"));
    left.read_head().unwrap();

    left.expect_end();
}

#[test]
fn the_end_of_the_proxy_does_not_wait_for_tunnels() {
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.send(SWITCH);
        app.wire.read_to_end();
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();
    client.send(ask("Upgrade", "websocket"));
    client.read_head().unwrap();

    let asked = Instant::now();
    proxy.signal(rustix::process::Signal::TERM);
    let ended = proxy.wait_exit();

    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert_eq!(ended.code(), Some(143));
    client.expect_end();
    let lines = ended.log_lines();
    let line = lines.iter().find(|line| line["msg"] == "Request").unwrap();
    assert_eq!(line["status"], 101);
}

fn before(script: impl Fn(&mut App) + Send + Sync + 'static) -> (TestProxy, TestTarget) {
    let target = TestTarget::start(script);
    (Launch::before(&target).start(), target)
}

fn ask(connection: &str, protocol: &str) -> String {
    format!(
        "GET /cable HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\nUpgrade: {protocol}\r\nSec-WebSocket-Key: k\r\n\r\n"
    )
}
