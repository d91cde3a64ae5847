//! Bodies pass piece by piece, in both directions, as they come.

mod support;

use std::sync::mpsc::channel;
use std::time::Duration;

use self::support::{DEADLINE, Launch, TestTarget, cue};

#[test]
fn each_piece_of_an_answer_arrives_before_the_next_is_made() {
    for (framing, pieces) in [
        (
            "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked",
            ["9\r\ndata: 1\n\n\r\n", "9\r\ndata: 2\n\n\r\n"],
        ),
        ("Content-Type: text/event-stream", ["data: 1\n\n", "data: 2\n\n"]),
        ("Content-Length: 18", ["data: 1\n\n", "data: 2\n\n"]),
    ] {
        let (go, cue) = cue();
        let target = TestTarget::start(move |app| {
            app.read_request();
            let go_on = || cue.wait();
            app.wire.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
            for piece in pieces {
                go_on();
                app.wire.send(piece);
            }
            go_on();
        });
        let proxy = Launch::before(&target).start();
        let mut client = proxy.connect();

        client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");

        assert_eq!(client.read_head().unwrap().status(), 200, "{framing}");
        for number in 1..=2 {
            go.send(()).unwrap();
            let end = format!("data: {number}\n\n");
            assert!(client.read_until(end.as_bytes()).is_some(), "{framing}");
        }
        go.send(()).unwrap();
    }
}

#[test]
fn each_piece_of_an_upload_arrives_before_the_next_is_sent() {
    for (framing, pieces, end) in [
        ("Content-Length: 6", ["one", "two"], ""),
        (
            "Transfer-Encoding: chunked",
            ["3\r\none\r\n", "3\r\ntwo\r\n"],
            "0\r\n\r\n",
        ),
    ] {
        let (told, seen) = channel();
        let target = TestTarget::start(move |app| {
            app.read_request_head();
            for piece in pieces {
                told.send(app.wire.read_exact(piece.len())).unwrap();
            }
            app.wire.read_exact(end.len());
            app.answer("done");
        });
        let proxy = Launch::before(&target).start();
        let mut client = proxy.connect();

        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
        for piece in pieces {
            client.send(piece);

            assert_eq!(
                seen.recv_timeout(DEADLINE).unwrap(),
                piece.as_bytes(),
                "{framing}"
            );
        }
        client.send(end);
        assert_eq!(client.read_message().unwrap().text(), "done");
    }
}

#[test]
fn a_client_that_does_not_read_holds_up_the_app() {
    let (told, written) = channel();
    let target = TestTarget::start(move |app| {
        app.read_request();
        app.wire.hold_little();
        app.wire
            .send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        told.send(app.wire.send_until_stuck(&[b'x'; 64 * 1024], STUCK))
            .unwrap();
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();
    client.hold_little();

    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_head().unwrap();

    let written = written.recv_timeout(DEADLINE).expect("the app gets stuck");
    assert!(written < HELD, "{written} bytes are on their way");
}

#[test]
fn an_app_that_does_not_read_holds_up_the_client() {
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        app.wire.hold_little();
        app.read_request_head();
        cue.wait();
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();
    client.hold_little();

    client.send("POST /endless HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    let written = client.send_until_stuck(&[b'x'; 64 * 1024], STUCK);

    assert!(written < HELD, "{written} bytes are on their way");
    go.send(()).unwrap();
}

#[test]
fn an_answer_that_waits_for_its_upload_is_not_held_up_by_a_client_that_reads_late() {
    const PIECE: usize = 100_000;
    const COUNT: usize = 100;
    // Ten megabytes each way: more than the kernel holds, so both directions have to move at once.
    let target = TestTarget::start(|app| {
        app.read_request_head();
        app.wire.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            PIECE * COUNT
        ));
        for _ in 0..COUNT {
            let piece = app.wire.read_exact(PIECE);
            app.wire.send(piece);
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();
    client.send(format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        PIECE * COUNT
    ));
    let mut sending = support::Wire::over(client.stream().try_clone().unwrap());

    let sender = std::thread::spawn(move || {
        for _ in 0..COUNT {
            sending.send([b'x'; PIECE]);
        }
    });

    assert_eq!(client.read_message().unwrap().body.len(), PIECE * COUNT);
    sender.join().unwrap();
}

/// A connection that takes nothing for so long takes nothing any more.
const STUCK: Duration = Duration::from_millis(300);
/// What two sockets' buffers and we ourselves may hold, with much to spare; nobody's memory if it is all there is.
const HELD: usize = 32 * 1024 * 1024;
