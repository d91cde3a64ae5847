//! What becomes of answers that come at an odd time: early, interim, unasked, or not at all.
//!
//! Answers that are odd in themselves are in `vectors_answers.rs` and `vectors_relayed.rs`.

mod support;

use std::sync::mpsc;

use self::support::{Launch, TestTarget};

#[test]
fn a_cut_that_a_1_0_client_could_take_for_the_end_is_a_reset() {
    for answer in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello",
    ] {
        let target = TestTarget::start(move |app| {
            if app.read_request().is_some() {
                app.wire.send(answer);
                app.wire.reset_on_close();
            }
        });
        let proxy = Launch::before(&target).start();
        let mut client = proxy.connect();

        client.send("GET / HTTP/1.0\r\n\r\n");

        assert!(client.is_reset_in_the_end(), "{answer:?}");
    }
}

#[test]
fn a_reset_of_an_answer_that_ends_with_its_connection_leaves_out_the_last_chunk() {
    let target = TestTarget::start(|app| {
        if app.read_request_head().is_some() {
            app.wire.send("HTTP/1.1 200 OK\r\n\r\nhello");
            app.wire.reset_on_close();
            // The proxy has it all before the reset throws it away.
            app.wire.read_exact(5);
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    client.read_head().unwrap();
    let first = client.read_exact(10);
    client.send("go on");

    assert_eq!(first, b"5\r\nhello\r\n");
    client.expect_end();
}

#[test]
fn what_the_app_says_unasked_reaches_nobody() {
    let (told, say) = mpsc::sync_channel::<()>(0);
    let say = std::sync::Mutex::new(say);
    let target = TestTarget::start(move |app| {
        while app.read_request().is_some() {
            app.answer("right");
            if app.number == 0 {
                say.lock().unwrap().recv().unwrap();
                app.wire
                    .send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 5\r\n\r\nwrong");
                say.lock().unwrap().recv().unwrap();
            }
        }
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    let mut client = proxy.connect();

    assert_eq!(client.get("/").text(), "right");
    told.send(()).unwrap();
    // Both sides are on this machine: what was sent before the second message is there.
    told.send(()).unwrap();

    assert_eq!(client.get("/").text(), "right");
}

#[test]
fn a_connection_that_the_app_breaks_before_its_answer_is_a_502() {
    let target = TestTarget::start(|app| match app.number {
        // Closed with the request unread: a reset.
        0 => {}
        1 => drop(app.read_request()),
        2 => {
            app.read_request();
            app.wire.reset_on_close();
        }
        3 => {
            app.read_request();
            app.wire.send("HTTP/1.1 200 OK\r\nContent-Le");
        }
        4 => {
            app.read_request();
            app.wire.send("HTTP/1.1 103 Early Hints\r\n\r\n");
        }
        _ => {
            app.read_request();
            app.answer("right");
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    for _ in 0..4 {
        assert_eq!(client.get("/").status(), 502);
    }
    assert_eq!(client.get("/").status(), 103);
    assert_eq!(client.read_message().unwrap().status(), 502);
    assert_eq!(client.get("/").text(), "right");
    assert_eq!(
        target.connections(),
        6,
        "a fresh connection that breaks is not tried again"
    );
}

#[test]
fn a_103_reaches_a_1_1_client_at_once_and_a_1_0_client_never() {
    let target = TestTarget::start(|app| {
        while app.read_request_head().is_some() {
            app.wire
                .send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n");
            // The answer follows once the client has seen the hint: it sends its body only then.
            app.wire.read_exact(2);
            app.wire
                .send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
            app.answer("done");
        }
    });
    let proxy = Launch::before(&target).start();

    let mut new = proxy.connect();
    new.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
    let hint = new.read_head().unwrap();
    new.send("go");
    let processing = new.read_head().unwrap();
    let answer = new.read_message().unwrap();
    let old = proxy
        .connect()
        .ask("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\ngo");

    assert_eq!(hint.first_line(), "HTTP/1.1 103 Early Hints");
    assert_eq!(hint.header("link").as_deref(), Some("</a.css>; rel=preload"));
    assert_eq!(hint.header("x-hop"), None);
    assert_eq!(
        processing.status(),
        102,
        "a 100 that nobody waits for is left out"
    );
    assert_eq!((answer.status(), answer.header("link")), (200, None));
    assert_eq!((old.status(), old.text()), (200, "done".to_owned()));
}

#[test]
fn an_answer_before_the_end_of_the_upload_is_read_whole_and_ends_the_connection() {
    let page = "too large".repeat(10_000);
    let answer = page.clone();
    let target = TestTarget::start(move |app| {
        if app.read_request_head().is_some() {
            app.wire.read_exact(5);
            app.wire.send(format!(
                "HTTP/1.1 413 Content Too Large\r\nContent-Length: {}\r\n\r\n{answer}",
                answer.len()
            ));
            // Goes with most of the upload unread, as an app does that refuses it.
        }
    });
    let proxy = Launch::before(&target).start();

    for framing in ["Content-Length: 100000000", "Transfer-Encoding: chunked"] {
        let mut client = proxy.connect();
        client.send(format!(
            "POST /upload HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n5\r\nhello\r\n"
        ));
        let seen = client.read_message().unwrap();

        assert_eq!(seen.status(), 413, "{framing}");
        assert_eq!(seen.text(), page, "{framing}");
        assert_eq!(seen.header("connection").as_deref(), Some("close"), "{framing}");
        client.expect_end();
    }
    assert_eq!(target.requests().len(), 2);
}

#[test]
fn a_client_that_goes_on_sending_still_reads_its_early_answer() {
    let target = TestTarget::start(|app| {
        if app.read_request_head().is_some() {
            app.wire
                .send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large");
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");

    // Unread, these would make the proxy's close a reset, which throws away what the client has not read yet.
    for _ in 0..40 {
        client.send([b'x'; 100_000]);
    }

    let answer = client.read_message().expect("the answer is still there");
    assert_eq!((answer.status(), answer.text()), (413, "too large".to_owned()));
}

#[test]
fn an_app_may_answer_while_it_reads() {
    let target = TestTarget::start(|app| {
        if app.read_request_head().is_some() {
            app.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
            for _ in 0..3 {
                let piece = app.wire.read_exact(3);
                app.wire.send(piece);
            }
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    assert_eq!(client.read_head().unwrap().status(), 200);
    for piece in ["one", "two", "end"] {
        client.send(piece);

        assert_eq!(client.read_exact(3), piece.as_bytes());
    }
}
