//! What an HTTP/2 client can do to keep us busy or full, and what becomes of it: its connection ends, or what it did
//! was harmless. Whoever else is served by the same core is served meanwhile, and memory stays within a bound.

#![cfg(target_os = "linux")]

mod support;

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;

use self::support::{
    Attacker, Bystander, DEADLINE, Launch, TestProxy, TestTarget, eventually, frames, usage,
};

/// The most that the proxy may have in memory at any time, its own code included.
const MEMORY: u64 = 64 * 1024 * 1024;
/// The longest that a bystander may have to wait for one answer; long, because the machine may be busy.
const WAIT: Duration = Duration::from_secs(10);

const PROTOCOL_ERROR: u32 = 1;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

#[test]
fn frames_that_lead_to_nothing_end_their_connection() {
    let floods: [(&str, Vec<u8>); 10] = [
        ("PING", frames::frame(frames::PING, 0, 0, &[1; 8])),
        ("PING ack", frames::frame(frames::PING, frames::ACK, 0, &[1; 8])),
        ("SETTINGS", frames::no_window()),
        (
            "PRIORITY",
            frames::frame(frames::PRIORITY, 0, 9, &[0, 0, 0, 0, 1]),
        ),
        ("WINDOW_UPDATE", frames::window_update(0, 1)),
        (
            "WINDOW_UPDATE of a stream that is over",
            frames::window_update(1, 1),
        ),
        ("RST_STREAM of a stream that is over", frames::reset(1)),
        ("unknown", frames::frame(200, 0, 0, b"")),
        ("PRIORITY_UPDATE", frames::frame(16, 0, 0, &[0, 0, 0, 1, b'u'])),
        ("empty DATA", frames::frame(frames::DATA, 0, 3, b"")),
    ];
    for (name, frame) in floods {
        let (proxy, _target) = proxy();
        let mut attacker = Attacker::connect(&proxy);

        beside(name, &proxy, || {
            attacker.send(&frames::get(1, "/first"));
            attacker.send(&frames::request(3, 0, "POST", "/second"));
            attacker.flood(&frame.repeat(1000), 100);
            assert_eq!(attacker.code(), Some(ENHANCE_YOUR_CALM), "{name}");
        });

        let line = eventually("a line of its own", || {
            proxy
                .log_lines()
                .into_iter()
                .find(|line| line["path"] == "" && line["error"] != "")
        });
        assert_eq!(line["status"], 429, "{line}");
        let warnings = proxy
            .log_lines()
            .iter()
            .filter(|line| line["level"] == "WARN")
            .count();
        assert!(warnings <= 1, "{name}: the log is flooded with {warnings}");
    }
}

#[test]
fn a_flood_that_comes_with_the_preface_is_no_different() {
    let (proxy, _target) = proxy();
    let mut client = proxy.connect();

    client.send([frames::PREFACE, &frames::no_window().repeat(1100)].concat());

    let goaway = frames::read_next(&mut client, frames::GOAWAY);
    assert_eq!(goaway[4..8], ENHANCE_YOUR_CALM.to_be_bytes());
    assert_eq!(proxy.wait_for_log("Request")["status"], 429);
}

#[test]
fn requests_taken_back_at_once_end_their_connection_before_the_app_has_seen_many() {
    let (proxy, target) = proxy();
    let mut attacker = Attacker::connect(&proxy);

    beside("rapid reset", &proxy, || {
        for first in (1..200_000).step_by(200) {
            let pairs: Vec<u8> = (first..first + 200)
                .step_by(2)
                .flat_map(|stream| [frames::get(stream, "/reset"), frames::reset(stream)].concat())
                .collect();
            if !attacker.try_send(&pairs) {
                break;
            }
        }
        assert_eq!(attacker.code(), Some(ENHANCE_YOUR_CALM));
    });

    let seen = requests(&target, "/reset");
    eprintln!("the app saw {seen} requests that were taken back");
    assert!(seen < 2000, "{seen}");
}

#[test]
fn requests_that_the_client_makes_us_reset_end_their_connection() {
    let half_closed = |stream| {
        [
            frames::get(stream, "/x"),
            frames::frame(frames::DATA, 0, stream, b"x"),
        ]
        .concat()
    };
    let overflow = |stream| {
        let head = frames::get(stream, "/x");
        [head, frames::window_update(stream, i32::MAX as u32)].concat()
    };
    let on_itself = |stream: u32| {
        let mut dependency = stream.to_be_bytes().to_vec();
        dependency.push(1);
        let priority = frames::frame(frames::PRIORITY, 0, stream, &dependency);
        [frames::get(stream, "/x"), priority].concat()
    };
    let trailers = |stream| {
        let head = frames::request(stream, 0, "POST", "/x");
        let trailers = frames::frame(frames::HEADERS, frames::END_HEADERS, stream, b"");
        [head, trailers].concat()
    };
    let no_room = |stream| [frames::get(stream, "/x"), frames::window_update(stream, 0)].concat();
    type Makes = Box<dyn Fn(u32) -> Vec<u8>>;
    let ways: [(&str, Makes); 5] = [
        ("DATA behind the end", Box::new(half_closed)),
        ("too large a window", Box::new(overflow)),
        ("a stream that depends on itself", Box::new(on_itself)),
        ("trailers that end nothing", Box::new(trailers)),
        ("a window of nothing", Box::new(no_room)),
    ];
    for (name, makes) in ways {
        let (proxy, target) = proxy();
        let mut attacker = Attacker::connect(&proxy);

        beside(name, &proxy, || {
            for first in (1..40_000).step_by(200) {
                let some: Vec<u8> = (first..first + 200).step_by(2).flat_map(&makes).collect();
                if !attacker.try_send(&some) {
                    break;
                }
            }
            let code = attacker.code();
            assert!(
                matches!(code, Some(PROTOCOL_ERROR | ENHANCE_YOUR_CALM)),
                "{name}: {code:?}"
            );
        });

        let seen = requests(&target, "/x");
        assert!(seen < 2000, "{name}: {seen}");
    }
}

#[test]
fn streams_beyond_those_allowed_are_refused_and_all_others_answered() {
    let (go, cue) = support::cue();
    let target = TestTarget::start(move |app| {
        let Some(request) = app.read_request() else { return };
        if request.target() == "/held" {
            cue.wait();
        }
        app.answer("here");
        while app.read_request().is_some() {
            app.answer("here");
        }
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    let mut attacker = Attacker::connect(&proxy);

    beside("many streams", &proxy, || {
        let many: Vec<u8> = (0..300)
            .flat_map(|number| frames::get(number * 2 + 1, "/held"))
            .collect();
        attacker.send(&many);
        target.wait_for_requests(250);
        for _ in 0..250 {
            go.send(()).unwrap();
        }
        attacker.wait_for(frames::HEADERS, 250);
        attacker.wait_for(frames::RST_STREAM, 50);
    });

    let frames = attacker.end();
    assert_eq!(
        frames.iter().filter(|frame| frame.is(frames::HEADERS)).count(),
        250
    );
    let resets: Vec<_> = frames
        .iter()
        .filter(|frame| frame.is(frames::RST_STREAM))
        .collect();
    assert_eq!(resets.len(), 50);
    assert!(resets.iter().all(|frame| frame.code(0) == REFUSED_STREAM));
}

#[test]
fn a_header_block_without_end_ends_its_connection() {
    for piece in [0, 1, 16 * 1024] {
        let (proxy, _target) = proxy();
        let mut attacker = Attacker::connect(&proxy);

        beside("CONTINUATION", &proxy, || {
            // An unfinished field, so that nothing can be decoded.
            attacker.send(&frames::frame(frames::HEADERS, 0, 1, &[0, 1]));
            let next = frames::frame(frames::CONTINUATION, 0, 1, &vec![b'x'; piece]);
            attacker.flood(&next, 10_000);
            assert!(attacker.code().is_some(), "{piece}");
        });
    }
}

#[test]
fn header_blocks_that_unpack_to_much_more_cost_their_client_its_requests() {
    let (proxy, target) = proxy();
    let mut attacker = Attacker::connect(&proxy);
    let large = "x".repeat(3900);
    // Into the compression table: a large field, and a small one.
    let mut first = frames::block(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/"),
    ]);
    for (name, value) in [("large", large.as_str()), ("s", "")] {
        let mut field = frames::block(&[(name, value)]);
        field[0] = 0x40;
        first.extend(field);
    }
    let start = frames::block(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/bomb"),
    ]);

    beside("HPACK", &proxy, || {
        attacker.send(&frames::in_frames(1, &first));
        attacker.wait_for(frames::HEADERS, 1);
        let bombs = |attacker: &mut Attacker, first: u32, references: &[u8], count: usize| {
            let block = [&start, &references.repeat(count)[..]].concat();
            for number in 0..50 {
                let request = frames::in_frames(first + number * 2, &block);
                if !attacker.try_send(&request) {
                    break;
                }
            }
        };
        // Small fields, and few of them.
        bombs(&mut attacker, 3, &[0x80 | 62], 60);
        attacker.wait_for(frames::HEADERS, 51);
        // 200 KiB by list size, then as much in large fields, then 23 MiB.
        bombs(&mut attacker, 103, &[0x80 | 62], 6000);
        bombs(&mut attacker, 203, &[0x80 | 63], 60);
        bombs(&mut attacker, 303, &[0x80 | 63], 6000);
        assert_eq!(attacker.code(), Some(ENHANCE_YOUR_CALM));
    });

    let seen = requests(&target, "/bomb");
    assert_eq!(seen, 50, "only those that stay below the limits");
}

#[test]
fn clients_that_open_no_window_hold_a_bounded_memory_and_not_for_ever() {
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            let size = if request.target() == "/large" {
                1024 * 1024
            } else {
                10
            };
            let body = vec![b'x'; size];
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
            if app.wire.try_send([head.as_bytes(), &body].concat()).is_err() {
                return;
            }
        }
    });
    for window in [0, 1] {
        let proxy = Launch::before(&target)
            .env("THRUSTER_THREADS", "1")
            .env("HTTP_WRITE_TIMEOUT", "3")
            .start();
        let mut attacker = Attacker::connect(&proxy);

        beside("no window", &proxy, || {
            attacker.send(&frames::frame(frames::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, window]));
            for number in 0..250 {
                attacker.send(&frames::get(number * 2 + 1, "/large"));
            }
            attacker.wait_for(frames::HEADERS, 250);
            // All are reset, or cut with the connection, and each app's connection let go.
            proxy.wait_for_logs("Request", 250);
        });

        attacker.end();
    }
}

#[test]
fn a_client_that_takes_its_answers_byte_by_byte_as_fast_as_it_can_is_sent_away() {
    let target = TestTarget::answering(large_answer(1024 * 1024));
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    let mut attacker = Attacker::connect(&proxy);

    beside("byte by byte", &proxy, || {
        attacker.send(&frames::frame(frames::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
        attacker.send(&frames::get(1, "/large"));
        attacker.wait_for(frames::HEADERS, 1);
        attacker.flood(&frames::window_update(1, 1).repeat(100), 10_000);
        assert_eq!(attacker.code(), Some(ENHANCE_YOUR_CALM));
    });
}

#[test]
fn a_client_that_makes_room_for_each_small_frame_of_many_answers_gets_them_whole() {
    const STREAMS: usize = 50;
    const SIZE: usize = 64 * 1024;
    const WINDOW: u8 = 128;
    let target = TestTarget::answering(large_answer(SIZE));
    let proxy = Launch::before(&target).start();
    let mut client = frames::connect(&proxy);
    client.send(frames::frame(frames::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, WINDOW]));
    (0..STREAMS).for_each(|number| client.send(frames::get(number as u32 * 2 + 1, "/large")));

    let mut taken = 0;
    while taken < STREAMS * SIZE {
        let frame = frames::read_frame(&mut client);
        assert!(!frame.is(frames::GOAWAY), "after {taken} bytes");
        let length = frame.payload.len();
        if frame.is(frames::DATA) && length > 0 {
            taken += length;
            let room = length as u32;
            let updates = [0, frame.stream].map(|stream| frames::window_update(stream, room));
            client.send(updates.concat());
        }
    }
}

#[test]
fn a_stream_that_its_client_does_not_read_is_reset_while_others_of_the_connection_go_on() {
    let (told, ended) = channel();
    let (go, cue) = support::cue();
    let target = TestTarget::start(move |app| {
        let Some(request) = app.read_request() else { return };
        if request.target() == "/stuck" {
            app.wire.send(large_answer(1024 * 1024));
            app.wire.read_to_end();
            told.send(()).unwrap();
            return;
        }
        app.wire
            .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut open = true;
        while open {
            cue.wait();
            open = app.wire.try_send("5\r\nhello\r\n").is_ok();
        }
    });
    let proxy = Launch::before(&target)
        .env("THRUSTER_THREADS", "1")
        .env("HTTP_WRITE_TIMEOUT", "1")
        .start();
    let mut client = frames::connect(&proxy);

    client.send([frames::get(1, "/stuck"), frames::get(3, "/moving")].concat());
    client.send(frames::window_update(0, 1024 * 1024));
    let mut read = 0;
    while read < 64 * 1024 - 1 {
        let frame = frames::read_frame(&mut client);
        if frame.is(frames::DATA) {
            assert_eq!(frame.stream, 1, "nothing was said on the other yet");
            read += frame.payload.len();
        }
    }
    let reset = loop {
        go.send(()).unwrap();
        let frame = frames::read_frame(&mut client);
        if frame.is(frames::RST_STREAM) {
            break frame;
        }
        assert_eq!(frame.stream, 3, "{frame:?}");
        client.is_silent_for(Duration::from_millis(100));
    };

    assert_eq!(reset.stream, 1);
    ended.recv_timeout(DEADLINE).expect("the app is let go");
    go.send(()).unwrap();
    while frames::read_frame(&mut client).stream != 3 {}
    let line = proxy.wait_for_log("Request");
    assert_eq!(line["path"], "/stuck");
    assert_eq!(
        line["error"], "the client took nothing more of its answer for 1s",
        "{line}"
    );
}

#[test]
fn a_head_that_is_not_whole_in_time_ends_its_connection() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("HTTP_READ_TIMEOUT", "1").start();
    let mut half = Attacker::connect(&proxy);
    let mut begun = Attacker::connect(&proxy);

    half.send(&frames::frame(frames::HEADERS, frames::END_STREAM, 1, &[0, 9]));
    begun.send(&frames::get(1, "/")[..12]);

    for attacker in [&mut half, &mut begun] {
        assert_eq!(attacker.code(), Some(ENHANCE_YOUR_CALM));
    }
    for line in proxy.wait_for_logs("Request", 2) {
        assert_eq!(line["status"], 408, "{line}");
    }
}

#[test]
fn a_connection_that_only_pings_is_idle_nevertheless() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("HTTP_IDLE_TIMEOUT", "1").start();
    let mut client = Attacker::connect(&proxy);

    let since = Instant::now();
    while client.try_send(&frames::frame(frames::PING, 0, 0, &[1; 8])) && since.elapsed() < DEADLINE {
        // The pace of one that keeps its connection alive; faster would be a flood.
        thread::sleep(Duration::from_millis(50));
    }

    assert_eq!(client.code(), Some(0));
}

#[tokio::test]
async fn a_head_that_is_far_too_large_costs_its_client_that_request_only() {
    let (proxy, target) = proxy();
    let mut client = proxy.connect_http2().await;
    let mut ask = async |length| {
        client = client.clone().ready().await.unwrap();
        let request = http::Request::get("http://a/").header("x-field", "x".repeat(length));
        let (answer, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
        tokio::time::timeout(DEADLINE, answer).await.unwrap().unwrap()
    };

    let ours = ask(200 * 1024).await;
    // Beyond 256 KiB h2 answers itself, and knows of no page.
    let its_own = ask(300 * 1024).await;

    assert_eq!(
        (ours.status(), its_own.status()),
        (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        )
    );
    assert!(ours.headers().contains_key("x-request-id") && !its_own.headers().contains_key("x-request-id"));
    assert_eq!(ask(10).await.status(), StatusCode::OK);
    assert_eq!(target.requests().len(), 1);
    let lines = proxy.wait_for_logs("Request", 2);
    assert_eq!(
        (&lines[0]["status"], &lines[1]["status"]),
        (&json!(431), &json!(200))
    );
}

#[test]
fn resets_behind_their_answers_harm_nobody() {
    let (proxy, _target) = proxy();
    let mut client = Attacker::connect(&proxy);

    for round in 0..20 {
        let first = round * 200 + 1;
        let requests: Vec<u8> = (0..100)
            .flat_map(|number| frames::get(first + number * 2, "/"))
            .collect();
        client.send(&requests);
        client.wait_for(frames::DATA, (round as usize + 1) * 100);
        let resets: Vec<u8> = (0..100)
            .flat_map(|number| frames::reset(first + number * 2))
            .collect();
        client.send(&resets);
    }

    // The connection is still there.
    client.send(&frames::get(5001, "/"));
    client.wait_for(frames::DATA, 2001);
}

/// A proxy with one core before an app that answers everything but a POST.
fn proxy() -> (TestProxy, TestTarget) {
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request_head() {
            if request.method() == "POST" {
                app.wire.read_to_end();
                return;
            }
            app.answer("here");
        }
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    (proxy, target)
}

/// How many requests for `path` the app has seen.
fn requests(target: &TestTarget, path: &str) -> usize {
    let requests = target.requests();
    requests.iter().filter(|request| request.target() == path).count()
}

fn large_answer(length: usize) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + length, b'x');
    answer
}

/// Lets `attack` happen beside a bystander of the same core, who is served before, meanwhile and afterwards.
fn beside(name: &str, proxy: &TestProxy, attack: impl FnOnce()) {
    let bystander = Bystander::start(proxy.port(), |answer| assert_eq!(answer.status(), 200));

    bystander.is_served_again();
    attack();
    bystander.is_served_again();

    let (served, longest) = bystander.ends();
    let peak = usage::peak_memory(proxy);
    eprintln!(
        "{name}: a bystander was served {served} times, and waited {longest:?} at most; memory at most {} KiB",
        peak / 1024
    );
    assert!(longest < WAIT, "{name}: {longest:?}");
    assert!(peak < MEMORY, "{name}: {peak} bytes");
}
