//! What is too much: bodies over MAX_REQUEST_BODY, heads, more connections than there may be.

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, channel};

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use tokio::time::timeout;

use self::support::{App, DEADLINE, Launch, TestProxy, TestTarget, Wire, eventually};

const CHUNKED: &str = "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const FULL: &str =
    "As many clients are connected as may be; others wait until one leaves (THRUSTER_MAX_CONNECTIONS)";
const MIB: usize = 1024 * 1024;

#[test]
fn a_body_that_is_declared_too_large_is_a_413_of_which_the_app_sees_nothing() {
    let target = TestTarget::echoing();
    let proxy = limited(&target, "10");

    for expect in ["", "Expect: 100-continue\r\n"] {
        let mut client = proxy.connect();
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{expect}Content-Length: 11\r\n\r\n"
        ));

        // The first answer: no 100 asks for what is not wanted.
        let answer = client.read_message().unwrap();

        assert_eq!(answer.status(), 413);
        assert_eq!(answer.header("connection").as_deref(), Some("close"));
        client.expect_end();
    }

    assert_eq!(target.connections(), 0);
    let lines = proxy.wait_for_logs("Request", 2);
    assert_eq!(lines[0]["status"], 413);
    assert_eq!(lines[0]["req_content_length"], 11);
    assert!(
        lines[0]["error"]
            .as_str()
            .unwrap()
            .contains("larger than 10 bytes")
    );
}

#[test]
fn a_body_of_just_the_limit_passes_however_it_is_framed() {
    let target = TestTarget::echoing();
    let proxy = limited(&target, "10");
    let mut client = proxy.connect();

    let whole = client.ask("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nten bytes!");
    let chunked = client.ask(format!("{CHUNKED}4\r\nten \r\n6\r\nbytes!\r\n0\r\n\r\n"));

    assert_eq!(whole.text(), "POST /a ten bytes!");
    assert_eq!(chunked.text(), "POST /upload ten bytes!");
    assert_eq!(client.get("/next").text(), "GET /next ");
}

#[test]
fn without_a_limit_any_body_passes() {
    let target = TestTarget::echoing();
    let proxy = limited(&target, "0");
    let mut client = proxy.connect();

    let chunked = client.ask(format!("{CHUNKED}20\r\n{}\r\n0\r\n\r\n", "x".repeat(32)));

    assert_eq!(chunked.text(), format!("POST /upload {}", "x".repeat(32)));
}

#[test]
fn a_body_that_turns_out_too_large_is_a_413_and_the_app_never_sees_its_end() {
    let (target, seen) = swallowing();
    let proxy = limited(&target, "10");
    let mut client = proxy.connect();

    client.send(format!("{CHUNKED}5\r\nfirst\r\n"));
    target.wait_for_requests(1);
    client.send("7\r\nsecond!\r\n0\r\n\r\n");
    let answer = client.read_message().unwrap();

    assert_eq!(answer.status(), 413);
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
    assert_eq!(seen.recv_timeout(DEADLINE).unwrap(), b"5\r\nfirst\r\n");
    client.expect_end();
    assert_eq!(proxy.wait_for_log("Request")["status"], 413);
}

#[test]
fn an_answer_that_has_begun_is_cut_when_its_upload_turns_out_too_large() {
    let target = TestTarget::start(|app| {
        app.read_request_head();
        app.wire
            .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n");
        app.wire.read_to_end();
    });
    let proxy = limited(&target, "10");
    let mut client = proxy.connect();

    client.send(format!("{CHUNKED}5\r\nfirst\r\n"));
    assert_eq!(client.read_head().unwrap().status(), 200);
    assert_eq!(client.read_exact(10), b"5\r\nbegun\r\n");
    client.send("7\r\nsecond!\r\n0\r\n\r\n");

    client.expect_end();
    let line = proxy.wait_for_log("Request");
    assert!(line["error"].as_str().unwrap().contains("larger than 10 bytes"));
}

#[tokio::test]
async fn over_http_2_a_body_over_the_limit_is_a_413_and_the_connection_goes_on() {
    let (target, seen) = swallowing();
    let proxy = limited(&target, "10");
    let mut client = proxy.connect_http2().await;

    assert_eq!(upload(&mut client, Some(11), &["eleven byte"]).await, 413);
    assert_eq!(target.connections(), 0, "a declared one is not asked about");
    assert_eq!(upload(&mut client, None, &["first", "second!"]).await, 413);

    let swallowed = tokio::task::spawn_blocking(move || seen.recv_timeout(DEADLINE).unwrap());
    assert!(!swallowed.await.unwrap().ends_with(b"0\r\n\r\n"));
    let target = TestTarget::echoing();
    let proxy = limited(&target, "10");
    let mut client = proxy.connect_http2().await;
    assert_eq!(upload(&mut client, None, &["eleven", "bytes"]).await, 413);
    assert_eq!(upload(&mut client, None, &["ten ", "bytes!"]).await, 200);
    assert_eq!(upload(&mut client, Some(10), &["ten bytes!"]).await, 200);
}

#[tokio::test]
async fn a_head_may_be_as_large_over_http_2_as_over_http_1() {
    let target = TestTarget::echoing();
    let proxy = limited(&target, "0");
    let long = |length| (vec![("x-a", "a".repeat(length))], "/".to_owned());
    let many = |count| (vec![("x-a", "b".to_owned()); count], "/".to_owned());
    let deep = |length| (Vec::new(), format!("/{}", "a".repeat(length)));
    let cases = [
        (200, long(60 * 1024)),
        (431, long(65 * 1024)),
        (200, many(120)),
        (431, many(128)),
        (200, deep(16 * 1024 - 1)),
        (414, deep(16 * 1024)),
    ];

    for (status, (fields, path)) in cases {
        let lines: String = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let over_http_1 = proxy
            .connect()
            .ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))
            .status();
        let mut request = Request::get(format!("http://a{path}"));
        for (name, value) in fields {
            request = request.header(name, value);
        }
        let mut client = proxy.connect_http2().await;
        let (answer, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
        let over_http_2 = timeout(DEADLINE, answer).await.unwrap().unwrap().status();

        assert_eq!(
            (over_http_1, over_http_2.as_u16()),
            (status, status),
            "{} {}",
            path.len(),
            lines.len()
        );
    }
}

#[test]
fn who_sends_all_of_a_large_upload_before_reading_still_gets_the_answer() {
    let target = TestTarget::echoing();
    let proxy = limited(&target, "1MiB");
    let mut client = proxy.connect();

    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        100 * MIB
    ));
    let piece = vec![b'x'; MIB];
    (0..100).for_each(|_| client.send(&piece));

    assert_eq!(client.read_message().unwrap().status(), 413);
    client.expect_end();
}

#[test]
fn who_goes_on_sending_for_ever_after_the_answer_is_cut_off() {
    let target = TestTarget::echoing();
    let proxy = limited(&target, "1MiB");
    let mut client = proxy.connect();
    client.send(CHUNKED);
    let piece = [
        format!("{MIB:x}\r\n").into_bytes(),
        vec![b'x'; MIB],
        b"\r\n".to_vec(),
    ]
    .concat();

    let sent = (0..1024).take_while(|_| client.try_send(&piece).is_ok()).count();

    assert!((256..1024).contains(&sent), "{sent} MiB were taken");
    assert_eq!(proxy.connect().get("/").status(), 200);
}

#[test]
fn whoever_comes_when_as_many_as_may_be_are_connected_waits_until_one_leaves() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_MAX_CONNECTIONS", "2")
        .env("THRUSTER_THREADS", "2")
        .start();
    let busy = |_| {
        let mut client = proxy.connect();
        client.send("GET / HTTP");
        client
    };
    let mut inside: Vec<_> = (0..2).map(busy).collect();
    let mut outside: Vec<_> = (0..3).map(|_| proxy.connect()).collect();
    outside.iter_mut().for_each(|client| client.send(GET));

    proxy.wait_for_log(FULL);
    assert!(outside.iter_mut().all(Wire::is_held));
    assert_eq!(
        proxy.status()["connections"],
        2,
        "the control socket is none of them"
    );
    inside[0].send("/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(inside[0].read_message().unwrap().status(), 200);

    // Once it has its answer, each is idle, and gives way to the next.
    for client in &mut outside {
        assert_eq!(client.read_message().unwrap().status(), 200);
    }
    inside[1].send("/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(inside[1].read_message().unwrap().status(), 200);
    let told = proxy
        .log_lines()
        .iter()
        .filter(|line| line["msg"] == FULL)
        .count();
    assert_eq!(told, 1);
}

#[test]
fn who_is_answered_while_others_wait_outside_is_told_that_the_connection_ends() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_MAX_CONNECTIONS", "1")
        .env("THRUSTER_THREADS", "1")
        .start();
    let mut inside = proxy.connect();
    inside.send("GET / HTTP");
    let mut outside = proxy.connect();
    outside.send(GET);
    proxy.wait_for_log(FULL);

    inside.send("/1.1\r\nHost: a\r\n\r\n");

    // A client that asked again on it would lose that request.
    let answer = inside.read_message().unwrap();
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
    inside.expect_end();
    assert_eq!(outside.read_message().unwrap().header("connection"), None);
}

#[test]
fn of_idle_connections_the_one_that_has_waited_longest_gives_way() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_MAX_CONNECTIONS", "3")
        .env("THRUSTER_THREADS", "1")
        .start();
    let mut clients: Vec<_> = (0..3).map(|_| proxy.connect()).collect();
    eventually("all are in", || {
        (proxy.status()["connections"] == 3).then_some(())
    });
    for number in [1, 0, 2] {
        assert_eq!(clients[number].get("/").status(), 200);
    }

    assert_eq!(proxy.connect().get("/").status(), 200);

    clients[1].expect_end();
    assert_eq!(clients[0].get("/").status(), 200);
    assert_eq!(clients[2].get("/").status(), 200);
}

#[cfg(target_os = "linux")]
#[test]
fn unless_told_otherwise_as_many_are_let_in_as_can_be_served() {
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.read_to_end();
    });
    let proxy = Launch::before(&target)
        .through(["prlimit", "--nofile=128:128"])
        .start();

    let crowd: Vec<_> = (0..100)
        .map(|_| {
            let mut client = proxy.connect();
            client.send(GET);
            client
        })
        .collect();

    target.wait_for_requests(32);
    proxy.wait_for_log(FULL);
    assert_eq!(proxy.status()["connections"], 32);
    assert!(proxy.error_lines().is_empty(), "{:?}", proxy.error_lines());
    drop(crowd);
}

#[test]
fn one_address_has_no_more_connections_than_it_may_and_others_are_let_in() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_MAX_CONNECTIONS_PER_ADDRESS", "2")
        .env("THRUSTER_TRUSTED_PROXIES", "none")
        .start();
    let mut clients: Vec<_> = (0..2).map(|_| proxy.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status(), 200);
    }

    for _ in 0..3 {
        proxy.connect().expect_end();
    }
    assert_eq!(
        connect_from(&proxy, Ipv4Addr::new(127, 0, 0, 2))
            .get("/")
            .status(),
        200
    );
    clients.pop();

    eventually("it may have another one", || {
        let mut client = proxy.connect();
        let answered = client.try_send(GET).is_ok() && client.wait_for_more();
        answered.then_some(())
    });
    assert_eq!(clients[0].get("/").status(), 200);
    let lines = proxy.log_lines();
    let mut told = lines.iter().filter(|line| line["address"] == "127.0.0.1");
    assert_eq!(told.next().unwrap()["refused"], 1);
    assert!(told.next().is_none(), "once is enough");
}

#[test]
fn proxies_before_us_may_have_any_number_of_connections() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_MAX_CONNECTIONS_PER_ADDRESS", "1")
        .start();

    let mut clients: Vec<_> = (0..3).map(|_| proxy.connect()).collect();

    assert!(clients.iter_mut().all(|client| client.get("/").status() == 200));
}

/// Connects to the proxy from another address of this machine.
fn connect_from(proxy: &TestProxy, address: Ipv4Addr) -> Wire {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let from = SocketAddr::from((address, 0));
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, proxy.port()));
    socket.bind(&from.into()).expect("an address of this machine");
    socket.connect(&to.into()).expect("the proxy listens");
    Wire::over(socket.into())
}

fn limited(target: &TestTarget, limit: &str) -> TestProxy {
    Launch::before(target)
        .env("THRUSTER_MAX_REQUEST_BODY", limit)
        .start()
}

/// An app that answers nothing, and what it gets behind each head until the proxy has had enough.
fn swallowing() -> (TestTarget, Receiver<Vec<u8>>) {
    let (tell, seen) = channel();
    let target = TestTarget::start(move |app: &mut App| {
        app.read_request_head();
        let _ = tell.send(app.wire.read_to_end());
    });
    (target, seen)
}

/// Sends a body in pieces; the status of its answer.
async fn upload(client: &mut SendRequest<Bytes>, length: Option<usize>, pieces: &[&'static str]) -> u16 {
    let mut request = Request::post("http://a/upload");
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    let request = request.body(()).expect("it is a request");
    let (answer, mut body) = client.send_request(request, false).expect("the connection lives");
    for (number, piece) in pieces.iter().enumerate() {
        let is_last = number + 1 == pieces.len();
        // The answer may have come, and ended the stream.
        if body
            .send_data(Bytes::from_static(piece.as_bytes()), is_last)
            .is_err()
        {
            break;
        }
        tokio::task::yield_now().await;
    }
    let answer = timeout(DEADLINE, answer).await.expect("an answer in time");
    answer
        .expect("an answer before the end of the stream")
        .status()
        .as_u16()
}
