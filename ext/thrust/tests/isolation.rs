//! One client never gets another's bytes, however connections are shared, broken and left.

mod support;

use std::thread;

use self::support::{App, Launch, Message, TestTarget};

const CLIENTS: usize = 24;
const ROUNDS: usize = 40;

#[test]
fn each_client_gets_its_own_answers_on_one_core() {
    answers_stay_apart("1");
}

#[test]
fn each_client_gets_its_own_answers_on_three_cores() {
    answers_stay_apart("3");
}

/// Many clients ask for different things at once; some leave early, some answers break, none is anybody else's.
fn answers_stay_apart(threads: &str) {
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            if !answer(app, &request) {
                return;
            }
        }
    });
    let proxy = Launch::before(&target)
        .env("THRUSTER_THREADS", threads)
        .env("THRUSTER_LOG_REQUESTS", "off")
        .start();

    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let proxy = &proxy;
            scope.spawn(move || {
                let mut wire = proxy.connect();
                for round in 0..ROUNDS {
                    let mark = format!("client-{client}-round-{round}");
                    match (client + round) % 8 {
                        // Leaves in the middle of its answer, or before it.
                        0 => {
                            wire.send(format!("GET /long?{mark} HTTP/1.1\r\nHost: a\r\n\r\n"));
                            if round % 2 == 0 {
                                wire.read_head();
                            }
                            wire = proxy.connect();
                        }
                        // The app breaks its answer off.
                        1 => {
                            wire.send(format!("GET /cut?{mark} HTTP/1.1\r\nHost: a\r\n\r\n"));
                            let seen = String::from_utf8(wire.read_to_end()).unwrap();
                            assert!(seen.ends_with(&format!("\r\n\r\n{mark}")), "{mark} got {seen:?}");
                            wire = proxy.connect();
                        }
                        2 => {
                            let head = format!(
                                "POST /echo?{mark} HTTP/1.1\r\nHost: a\r\nContent-Length: {}",
                                mark.len()
                            );
                            assert_own(&mark, &wire.ask(format!("{head}\r\n\r\n{mark}")));
                        }
                        // Two at once.
                        3 => {
                            let ask = |part| format!("GET /whole?{mark}-{part} HTTP/1.1\r\nHost: a\r\n\r\n");
                            wire.send([ask(1), ask(2)].concat());
                            for part in 1..=2 {
                                assert_own(&format!("{mark}-{part}"), &wire.read_message().unwrap());
                            }
                        }
                        4 => assert_own(&mark, &wire.get(&format!("/chunks?{mark}"))),
                        5 => assert_own(&mark, &wire.get(&format!("/too-long?{mark}"))),
                        6 => assert_own(&mark, &wire.get(&format!("/last?{mark}"))),
                        _ => assert_own(&mark, &wire.get(&format!("/whole?{mark}"))),
                    }
                }
            });
        }
    });
}

/// Answers with the mark in the request's query; `false` if the connection is over.
fn answer(app: &mut App, request: &Message) -> bool {
    let (path, mark) = request
        .target()
        .split_once('?')
        .expect("each request has its mark");
    let length = mark.len();
    let sent = match path {
        "/long" => app.wire.try_send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n{}",
            mark.repeat(300_000 / length + 1)
                .get(..300_000)
                .expect("it is longer")
        )),
        "/cut" => {
            let _ = app
                .wire
                .try_send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{mark}"));
            return false;
        }
        "/chunks" => app.wire.try_send(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{mark}\r\n0\r\n\r\n"
        )),
        "/too-long" => app.wire.try_send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{mark}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
        )),
        "/last" => app.wire.try_send(format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{mark}"
        )),
        "/echo" => app.wire.try_send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}",
            request.body.len(),
            request.text()
        )),
        _ => app.wire.try_send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{mark}"
        )),
    };
    sent.is_ok() && path != "/last"
}

fn assert_own(mark: &str, answer: &Message) {
    assert_eq!((answer.status(), answer.text()), (200, mark.to_owned()));
}
