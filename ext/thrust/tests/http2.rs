//! HTTP/2 by prior knowledge on the clear port; the app is asked in HTTP/1.1.

mod support;

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::{HeaderMap, Method, Request, Response};
use rustix::process::Signal;
use tokio::time::timeout;

use self::support::{DEADLINE, Launch, Message, TestTarget, cue, frames};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

#[tokio::test]
async fn a_request_arrives_as_http_1_1_and_its_answer_as_http_2() {
    let target = TestTarget::answering(
        "HTTP/1.1 201 Created\r\nX-Answer: a\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 5\r\n\r\nhello",
    );
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect_http2().await;

    let request = Request::get("http://example.com:81/a%2Fb?q=%zz;x")
        .header("te", "trailers")
        .header("x-forwarded-for", "203.0.113.7")
        .body(())
        .unwrap();
    let (answer, body, _) = ask(&mut client, request).await.unwrap();

    assert_eq!((answer.status().as_u16(), body.as_slice()), (201, &b"hello"[..]));
    assert_eq!(answer.headers()["x-answer"], "a");
    assert_eq!(answer.headers()["content-length"], "5");
    assert!(answer.headers().contains_key("x-request-id"));
    for name in ["x-hop", "connection", "transfer-encoding"] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
    let seen = &target.requests()[0];
    assert_eq!(seen.first_line(), "GET /a%2Fb?q=%zz;x HTTP/1.1");
    assert_eq!(seen.header("host").as_deref(), Some("example.com:81"));
    assert_eq!(seen.header("x-forwarded-host").as_deref(), Some("example.com:81"));
    assert_eq!(
        seen.header("x-forwarded-for").as_deref(),
        Some("203.0.113.7, 127.0.0.1")
    );
    assert_eq!(seen.header("te").as_deref(), Some("trailers"));
    assert_eq!(seen.header("content-length"), None);
    let line = proxy.wait_for_log("Request");
    assert_eq!(
        (
            &line["proto"],
            &line["host"],
            &line["status"],
            &line["remote_addr"]
        ),
        (
            &"HTTP/2.0".into(),
            &"example.com:81".into(),
            &201.into(),
            &"203.0.113.7".into()
        )
    );
}

#[tokio::test]
async fn an_upload_streams_with_its_length_or_in_chunks() {
    for (length, framing) in [(Some("6"), "content-length"), (None, "transfer-encoding")] {
        let (told, seen) = channel();
        let target = TestTarget::start(move |app| {
            let head = app.read_request_head().unwrap();
            app.wire.read_until(b"one").unwrap();
            told.send(head).unwrap();
            app.wire.read_until(b"two").unwrap();
            app.answer("done");
        });
        let proxy = Launch::before(&target).start();
        let mut client = proxy.connect_http2().await;

        let mut request = Request::post("http://a/upload");
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        let (answer, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
        body.send_data("one".into(), false).unwrap();
        let head: Message = tokio::task::spawn_blocking(move || seen.recv_timeout(DEADLINE).unwrap())
            .await
            .unwrap();
        body.send_data("two".into(), true).unwrap();
        let (answer, text, _) = read(answer).await.unwrap();

        assert_eq!((answer.status().as_u16(), text.as_slice()), (200, &b"done"[..]));
        let value = if length.is_some() { "6" } else { "chunked" };
        assert_eq!(head.header(framing).as_deref(), Some(value));
    }
}

#[tokio::test]
async fn streams_of_one_connection_stay_apart() {
    let target = TestTarget::echoing();
    for threads in ["1", "3"] {
        let proxy = Launch::before(&target).env("THRUSTER_THREADS", threads).start();
        let mut client = proxy.connect_http2().await;

        let mut answers = Vec::new();
        for number in 0..100 {
            let request = Request::post(format!("http://a/{number}")).body(()).unwrap();
            client = timeout(DEADLINE, client.ready()).await.unwrap().unwrap();
            let (answer, mut body) = client.send_request(request, false).unwrap();
            body.send_data(format!("body {number}").into(), true).unwrap();
            answers.push(answer);
        }

        for (number, answer) in answers.into_iter().enumerate() {
            let (_, body, _) = read(answer).await.unwrap();
            assert_eq!(
                String::from_utf8(body).unwrap(),
                format!("POST /{number} body {number}")
            );
        }
    }
}

#[tokio::test]
async fn a_103_reaches_its_client_at_once_and_its_fields_stay_out_of_the_answer() {
    let target = TestTarget::start(|app| {
        app.read_request_head();
        app.wire.send(
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 3\r\n\r\n",
        );
        // The answer follows once the client has seen the hint: it sends its body only then.
        app.wire.read_exact(2);
        app.wire
            .send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
        app.answer("done");
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect_http2().await;

    let request = Request::post("http://a/").header("content-length", "2");
    let (mut answer, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
    let hint = interim(&mut answer).await.expect("a hint");
    body.send_data("go".into(), true).unwrap();
    let processing = interim(&mut answer).await.expect("a second one");
    let (answer, text, _) = read(answer).await.unwrap();

    assert_eq!(hint.status(), 103);
    assert_eq!(hint.headers()["link"], "</a.css>; rel=preload");
    assert_eq!(hint.headers().len(), 1, "{hint:?}");
    assert_eq!(
        processing.status(),
        102,
        "a 100 that nobody waits for is left out"
    );
    assert_eq!((answer.status().as_u16(), text.as_slice()), (200, &b"done"[..]));
    assert!(!answer.headers().contains_key("link"));
}

#[tokio::test]
async fn the_apps_100_lets_the_body_come() {
    let (told, seen) = channel();
    let target = TestTarget::start(move |app| {
        told.send(app.read_request_head()).unwrap();
        app.wire.send("HTTP/1.1 100 Continue\r\n\r\n");
        let body = app.wire.read_exact(5);
        app.answer(body);
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect_http2().await;

    let request = Request::post("http://a/")
        .header("content-length", "5")
        .header("expect", "100-continue");
    let (mut answer, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
    let first = interim(&mut answer).await.expect("a 100");
    body.send_data("hello".into(), true).unwrap();
    let (answer, text, _) = read(answer).await.unwrap();

    assert_eq!((first.status().as_u16(), first.headers().len()), (100, 0));
    assert_eq!((answer.status().as_u16(), text.as_slice()), (200, &b"hello"[..]));
    let head = seen.try_recv().unwrap().unwrap();
    assert_eq!(head.header("expect").as_deref(), Some("100-continue"));
}

#[tokio::test]
async fn trailers_of_an_answer_pass() {
    let target = TestTarget::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n",
    );
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect_http2().await;

    let (answer, body, trailers) = ask(&mut client, get("")).await.unwrap();

    assert_eq!(answer.status(), 200);
    assert_eq!(body, b"hello");
    let trailers = trailers.expect("trailers");
    assert_eq!(trailers["x-sum"], "1");
    assert_eq!(trailers.len(), 1);
}

#[tokio::test]
async fn head_204_and_304_have_no_body() {
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            app.wire.send(match request.target() {
                "/204" => "HTTP/1.1 204 No Content\r\n\r\n",
                "/304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 11\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n",
            });
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect_http2().await;

    for (method, path, status, length) in [
        (Method::HEAD, "", 200, Some("11")),
        (Method::GET, "204", 204, None),
        (Method::GET, "304", 304, Some("11")),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://a/{path}"))
            .body(())
            .unwrap();
        let (answer, body, _) = ask(&mut client, request).await.unwrap();

        assert_eq!((answer.status().as_u16(), body.len()), (status, 0), "{path}");
        let given = answer
            .headers()
            .get("content-length")
            .map(|length| length.to_str().unwrap());
        assert_eq!(given, length, "{path}");
    }
}

#[tokio::test]
async fn a_stream_that_its_client_resets_cancels_the_request_to_the_app() {
    let (told, steps) = channel();
    let steps = std::sync::Arc::new(Mutex::new(steps));
    let wait = move || {
        let steps = steps.clone();
        tokio::task::spawn_blocking(move || steps.lock().unwrap().recv_timeout(DEADLINE).unwrap())
    };
    let target = TestTarget::start(move |app| {
        app.read_request();
        told.send(()).unwrap();
        app.wire.read_to_end();
        told.send(()).unwrap();
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect_http2().await;

    let (answer, mut stream) = client.send_request(get("report"), true).unwrap();
    wait().await.unwrap();
    stream.send_reset(Reason::CANCEL);

    wait().await.unwrap();
    assert_eq!(proxy.wait_for_log("Request")["status"], 499);
    drop(answer);
}

#[tokio::test]
async fn an_answer_that_its_client_made_no_room_for_does_not_count_as_sent() {
    let target = TestTarget::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let proxy = Launch::before(&target).start();
    let mut client = proxy
        .connect_http2_with(Builder::new().initial_window_size(0))
        .await;

    let (answer, mut request) = client.send_request(get("report"), true).unwrap();
    let answer = timeout(DEADLINE, answer).await.unwrap().unwrap();
    request.send_reset(Reason::CANCEL);
    // Whose answer needs no room, and comes after the reset.
    let head = Request::head("http://a/").body(()).unwrap();
    ask(&mut client, head).await.unwrap();

    assert_eq!(answer.status(), 200);
    assert_eq!(proxy.wait_for_log("Request")["status"], 499);
}

#[tokio::test]
async fn an_answer_whose_end_its_client_makes_no_room_for_is_given_up() {
    let target = TestTarget::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let proxy = Launch::before(&target).env("HTTP_WRITE_TIMEOUT", "1").start();
    let mut client = proxy
        .connect_http2_with(Builder::new().initial_window_size(3))
        .await;

    let (answer, _) = client.send_request(get("report"), true).unwrap();
    let mut body = timeout(DEADLINE, answer).await.unwrap().unwrap().into_body();
    let room = timeout(DEADLINE, body.data()).await.unwrap().unwrap().unwrap();
    let end = timeout(DEADLINE, body.data())
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();

    assert_eq!(room, "hel");
    assert_eq!(end.reason(), Some(Reason::CANCEL));
    let line = proxy.wait_for_log("Request");
    assert_eq!(
        line["error"], "the client took nothing more of its answer for 1s",
        "{line}"
    );
}

#[tokio::test]
async fn an_answer_that_waits_for_its_upload_is_not_held_up_by_a_client_that_reads_late() {
    // More than the client's window and what we hold; more than our window.
    const ANSWER: usize = 256 * 1024;
    const UPLOAD: usize = 4 * 1024 * 1024;
    let (told, seen) = channel();
    let target = TestTarget::start(move |app| {
        app.read_request_head();
        app.wire
            .send(format!("HTTP/1.1 200 OK\r\nContent-Length: {ANSWER}\r\n\r\n"));
        app.wire.send(vec![b'x'; ANSWER - 1]);
        told.send(app.wire.read_exact(UPLOAD).len()).unwrap();
        app.wire.send("x");
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect_http2().await;

    let request = Request::post("http://a/").header("content-length", UPLOAD);
    let (answer, mut upload) = client.send_request(request.body(()).unwrap(), false).unwrap();
    upload.send_data(vec![b'x'; UPLOAD].into(), true).unwrap();
    let seen = tokio::task::spawn_blocking(move || seen.recv_timeout(DEADLINE));
    let seen = seen.await.unwrap().expect("the app gets all of the upload");
    let (_, body, _) = read(answer).await.unwrap();

    assert_eq!((seen, body.len()), (UPLOAD, ANSWER));
}

#[test]
fn a_client_that_takes_its_answers_slowly_gets_them_whole_however_long_its_streams_are_over() {
    // Together more than any socket holds, each so short that h2 takes it at once.
    const STREAMS: usize = 250;
    const SIZE: usize = 60_000;
    let target = TestTarget::answering(
        [
            format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").into_bytes(),
            vec![b'x'; SIZE],
        ]
        .concat(),
    );
    let proxy = Launch::before(&target).env("HTTP_IDLE_TIMEOUT", "1").start();
    let mut client = proxy.connect();
    client.send(frames::PREFACE);
    client.send(frames::frame(
        frames::SETTINGS,
        0,
        0,
        &[0, 4, 0x7f, 0xff, 0xff, 0xff],
    ));
    client.send(frames::window_update(0, 0x7fff_0000));
    (0..STREAMS).for_each(|number| client.send(frames::get(number as u32 * 2 + 1, "/")));
    proxy.wait_for_logs("Request", STREAMS);

    // Longer than a connection may be idle, and may then take to say farewell.
    for _ in 0..4 {
        let mut other = proxy.connect();
        other.get("/");
        other.expect_end();
    }

    let (mut ended, mut taken) = (0, 0);
    while ended < STREAMS {
        let frame = frames::read_frame(&mut client);
        if frame.is(frames::DATA) {
            taken += frame.payload.len();
            ended += usize::from(frame.flags & frames::END_STREAM);
        }
    }
    assert_eq!(taken, STREAMS * SIZE);
}

#[tokio::test]
async fn an_upload_that_its_client_resets_never_looks_whole_to_the_app_whatever_the_code() {
    for code in [Reason::NO_ERROR, Reason::CANCEL] {
        let (told, seen) = channel();
        let target = TestTarget::start(move |app| {
            app.read_request_head();
            told.send(app.wire.read_until(b"half\r\n")).unwrap();
            told.send(Some(app.wire.read_to_end())).unwrap();
        });
        let proxy = Launch::before(&target).start();
        let mut client = proxy.connect_http2().await;

        let request = Request::post("http://a/upload").body(()).unwrap();
        let (answer, mut body) = client.send_request(request, false).unwrap();
        body.send_data("half".into(), false).unwrap();
        let seen = tokio::task::spawn_blocking(move || {
            seen.recv_timeout(DEADLINE).unwrap().unwrap();
            seen
        });
        let seen = seen.await.unwrap();
        body.send_reset(code);

        let rest = tokio::task::spawn_blocking(move || seen.recv_timeout(DEADLINE).unwrap());
        assert_eq!(rest.await.unwrap().unwrap(), b"", "{code:?}");
        drop(answer);
    }
}

#[test]
fn the_preface_is_known_however_its_bytes_arrive() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();

    for size in [1, 5, 1000] {
        let mut client = proxy.connect();
        client.send_in_pieces([PREFACE, SETTINGS].concat(), size);

        let frame = client.read_exact(9);
        assert_eq!(frame[3], 4, "the answer begins with SETTINGS: {frame:?}");
    }
    // What only begins like it is HTTP/1.
    let mut client = proxy.connect();
    client.send("P");
    client.send("RI /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.read_message().unwrap().text(), "PRI /x ");
}

#[test]
fn a_connection_without_streams_ends_after_the_idle_timeout_even_if_its_client_is_dead() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("HTTP_IDLE_TIMEOUT", "1").start();
    let mut client = proxy.connect();

    // Acknowledges nothing and asks for nothing.
    client.send([PREFACE, SETTINGS].concat());

    client.read_to_end();
}

#[tokio::test]
async fn an_answer_that_is_late_in_a_drain_still_arrives_whole() {
    let (told, steps) = channel();
    let (go, cue) = cue();
    let body = "x".repeat(100_000);
    let target = TestTarget::start({
        let body = body.clone();
        move |app| {
            app.read_request();
            told.send(()).unwrap();
            cue.wait();
            // Longer than a client may take to acknowledge that the connection ends.
            assert!(app.wire.is_silent_for(Duration::from_millis(2500)));
            app.answer(&body);
        }
    });
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect_http2().await;

    let (answer, _) = client.send_request(get("report"), true).unwrap();
    tokio::task::spawn_blocking(move || steps.recv_timeout(DEADLINE).unwrap())
        .await
        .unwrap();
    proxy.signal(Signal::TERM);
    proxy.wait_for_log("Told to end; finishing requests first");
    go.send(()).unwrap();

    let (_, received, _) = read(answer).await.unwrap();
    assert_eq!(received.len(), body.len());
}

#[test]
fn with_h2c_off_the_preface_is_refused_and_never_reaches_the_app() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("H2C_ENABLED", "0").start();
    let mut client = proxy.connect();

    client.send([PREFACE, SETTINGS].concat());

    assert_eq!(client.read_message().unwrap().status(), 505);
    client.expect_end();
    assert_eq!(target.connections(), 0);
    assert_eq!(proxy.connect().get("/").text(), "GET / ");
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("http://a/{path}"))
        .body(())
        .expect("a path makes a target")
}

type Answer = (Response<()>, Vec<u8>, Option<HeaderMap>);

/// Sends a request without a body; the whole answer, or why its stream ended.
async fn ask(client: &mut SendRequest<Bytes>, request: Request<()>) -> Result<Answer, h2::Error> {
    let (answer, _) = client.send_request(request, true)?;
    read(answer).await
}

/// The next interim answer, or `None` if the final one came first.
async fn interim(answer: &mut ResponseFuture) -> Option<Response<()>> {
    let told = std::future::poll_fn(|cx| answer.poll_informational(cx));
    let told = timeout(DEADLINE, told).await.expect("an answer in time");
    told.transpose().expect("the stream stays open")
}

async fn read(answer: ResponseFuture) -> Result<Answer, h2::Error> {
    let reading = async {
        let (parts, mut stream) = answer.await?.into_parts();
        let mut body = Vec::new();
        while let Some(piece) = stream.data().await {
            let piece = piece?;
            stream.flow_control().release_capacity(piece.len())?;
            body.extend_from_slice(&piece);
        }
        let trailers = stream.trailers().await?;
        Ok((Response::from_parts(parts, ()), body, trailers))
    };
    timeout(DEADLINE, reading).await.expect("an answer in time")
}
