//! What somebody who means harm can try, from either side, and what must come of it: nothing that anybody else notices.

mod support;

use std::sync::mpsc::channel;

use self::support::{App, DEADLINE, Launch, TestProxy, TestTarget, cue, frames};

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[test]
fn h2c_cannot_hide_among_other_protocols() {
    let (proxy, target) = before(|app| {
        app.read_request_head();
        app.wire.send(SWITCH.replace("websocket", "h2c"));
        app.wire.read_to_end();
    });

    for protocols in ["websocket, h2c", "H2C,websocket", "h2c,", "x,\th2c"] {
        let answer = proxy.connect().ask(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocols}\r\n\r\n"
        ));

        assert_eq!(answer.status(), 502, "{protocols:?}");
        assert_eq!(target.requests().pop().unwrap().header("upgrade"), None);
    }
}

#[test]
fn an_app_that_switches_before_it_has_the_whole_body_is_not_followed() {
    let (proxy, _target) = before(|app| {
        app.read_request_head();
        app.wire.send(SWITCH);
        app.wire.read_to_end();
    });

    for body in [
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhe",
        "Content-Length: 5\r\n\r\nhe",
        "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    ] {
        let answer = proxy.connect().ask(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{body}"
        ));

        assert_eq!(answer.status(), 502, "{body:?}");
        assert_eq!(answer.header("connection").as_deref(), Some("close"));
    }
}

#[test]
fn a_switch_is_the_same_for_head() {
    let (proxy, _target) = before(|app| {
        app.read_request_head();
        app.wire.send(SWITCH);
        app.wire.read_until(b"ping");
        app.wire.send("pong");
    });
    let mut client = proxy.connect();

    client.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");

    assert_eq!(client.read_head().unwrap().status(), 101);
    client.send("ping");
    assert_eq!(client.read_exact(4), b"pong");
}

#[test]
fn an_http_2_client_that_takes_nothing_does_not_hold_the_app_for_ever() {
    let (told, ended) = channel();
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        app.read_request();
        app.wire
            .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        cue.wait();
        while app.wire.try_send(b"5\r\nhello\r\n").is_ok() {}
        told.send(()).unwrap();
    });
    let proxy = Launch::before(&target).env("HTTP_WRITE_TIMEOUT", "1").start();
    let mut client = frames::connect(&proxy);

    client.send([frames::no_window(), frames::get(1, "/1"), frames::get(3, "/2")].concat());

    for _ in 0..2 {
        frames::read_next(&mut client, frames::HEADERS);
    }
    for _ in 0..2 {
        go.send(()).unwrap();
    }
    for _ in 0..2 {
        ended.recv_timeout(DEADLINE).expect("the app is let go");
    }
    client.read_to_end();
    proxy.wait_for_logs("Request", 2);
}

/// A proxy before an app that runs `script` for each connection.
fn before(script: impl Fn(&mut App) + Send + Sync + 'static) -> (TestProxy, TestTarget) {
    let target = TestTarget::start(script);
    (Launch::before(&target).start(), target)
}
