//! What a client meets while the app is not there yet, or not any more: it waits, within bounds.

mod support;

use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use self::support::{Launch, TestTarget, Wire, eventually, free_port, without_an_app};

#[test]
fn requests_wait_for_the_app_and_go_on_in_order() {
    let (proxy, port) = without_an_app(|launch| launch.env("THRUSTER_THREADS", "1"));
    let mut clients: Vec<_> = (0..20)
        .map(|number| {
            let mut client = proxy.connect();
            client.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert!(client.is_held());
            client
        })
        .collect();

    let served = serve(port, 20);

    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read_message().unwrap().text(), format!("/{number}"));
    }
    let order: Vec<_> = (0..20).map(|number| format!("/{number}")).collect();
    assert_eq!(served.join().unwrap(), order);
}

#[test]
fn whoever_has_waited_for_too_long_is_told_when_to_try_again() {
    let (proxy, port) = without_an_app(|launch| launch.env("THRUSTER_BOOT_TIMEOUT", "200ms"));
    let mut client = proxy.connect();

    for request in [
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    ] {
        let answer = proxy.connect().ask(request);

        assert_eq!(answer.status(), 503);
        assert!(answer.header("retry-after").is_some());
        assert!(
            answer.text().starts_with("503 Service Unavailable: "),
            "{}",
            answer.text()
        );
    }
    let line = &proxy.wait_for_logs("Request", 2)[0];
    let error = line["error"].as_str().unwrap_or_default();
    assert!(
        error.contains(&format!("localhost:{port} accepted no connection within 200ms")),
        "{line}"
    );
    let served = serve(port, 1);
    eventually("the app", || (client.get("/c").status() == 200).then_some(()));
    served.join().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_wait_in_vain_is_told_with_what_the_apps_processes_listen_on() {
    // It ignores PORT, and listens in a child of its own: a thrust, for want of another server.
    let script = format!(
        "THRUSTER_HTTP_PORT={} THRUSTER_TARGET_PORT=0 {} sleep 1000; exit 1",
        free_port(),
        env!("CARGO_BIN_EXE_thrust")
    );
    let proxy = Launch::shell(&script)
        .env("THRUSTER_TARGET_PORT", "0")
        .env("THRUSTER_BOOT_TIMEOUT", "200ms")
        .env("BAD_GATEWAY_PAGE", "")
        .start();
    let inner = proxy.wait_for_logs("Server started", 2);
    let ports = inner.iter().map(|line| line["http"].as_str().unwrap());
    let elsewhere = ports
        .map(str::to_owned)
        .find(|port| *port != format!(":{}", proxy.port()));

    assert_eq!(proxy.connect().get("/").status(), 503);

    let line = proxy.wait_for_log("Requests have waited for the app in vain; it is to listen on PORT, and its processes listen elsewhere or not yet");
    let listening = line["listening"].as_str().unwrap();
    assert!(listening.contains(&elsewhere.unwrap()), "{line}");
    assert_eq!(line["pid"], proxy.child().as_raw_pid());
    // Once is enough.
    assert_eq!(proxy.connect().get("/").status(), 503);
    assert_eq!(proxy.wait_for_logs("Request", 2).len(), 2);
    let told = proxy
        .log_lines()
        .into_iter()
        .filter(|other| other["msg"] == line["msg"]);
    assert_eq!(told.count(), 1);
}

#[test]
fn whoever_has_waited_for_too_long_sees_the_operators_page() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("502.html");
    std::fs::write(&page, "<h1>Back at nine</h1>").unwrap();
    let (proxy, _) = without_an_app(|launch| {
        launch
            .env("THRUSTER_BOOT_TIMEOUT", "100ms")
            .env("BAD_GATEWAY_PAGE", &page)
    });

    let answer = proxy.connect().get("/");

    assert_eq!(
        (answer.status(), answer.text().as_str()),
        (503, "<h1>Back at nine</h1>")
    );
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn more_than_may_wait_are_answered_at_once() {
    let (proxy, port) = without_an_app(|launch| launch.env("THRUSTER_BOOT_QUEUE", "2"));
    let mut waiting: Vec<_> = (0..2)
        .map(|_| {
            let mut client = proxy.connect();
            client.send("GET /waits HTTP/1.1\r\nHost: a\r\n\r\n");
            assert!(client.is_held());
            client
        })
        .collect();

    assert_eq!(proxy.connect().get("/too-many").status(), 503);
    drop(waiting.pop());
    // The place of the one that left.
    let mut next = eventually("a place", || {
        let mut next = proxy.connect();
        next.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        next.is_held().then_some(next)
    });
    let served = serve(port, 2);

    assert_eq!(next.read_message().unwrap().text(), "/next");
    assert_eq!(waiting[0].read_message().unwrap().text(), "/waits");
    served.join().unwrap();
}

#[test]
fn a_post_whose_client_left_while_it_waited_never_reaches_the_app() {
    let (proxy, port) = without_an_app(|launch| launch);
    let mut leaves = proxy.connect();
    leaves.send("POST /leaves HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegin");
    let mut stays = proxy.connect();
    stays.send("POST /stays HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    assert!(stays.is_held());

    drop(leaves);
    let line = proxy.wait_for_log("Request");
    let served = serve(port, 1);

    assert_eq!((&line["path"], &line["status"]), (&"/leaves".into(), &499.into()));
    assert_eq!(stays.read_message().unwrap().text(), "/stays");
    assert_eq!(served.join().unwrap(), ["/stays"]);
}

#[test]
fn a_client_that_waits_for_a_100_gets_none_from_an_app_that_is_not_there() {
    let (proxy, port) = without_an_app(|launch| launch);
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert!(client.is_held());

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut app = accept_request(&listener);
    app.read_head();
    app.send("HTTP/1.1 100 Continue\r\n\r\n");

    assert_eq!(client.read_head().unwrap().status(), 100);
}

#[test]
fn an_app_that_goes_away_is_waited_for_again() {
    let (proxy, port) = without_an_app(|launch| launch);
    let served = serve(port, 1);
    let mut client = proxy.connect();
    assert_eq!(client.get("/before").text(), "/before");
    served.join().unwrap();

    client.send("POST /meanwhile HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    assert!(client.is_held());
    let served = serve(port, 1);

    assert_eq!(client.read_message().unwrap().text(), "/meanwhile");
    served.join().unwrap();
}

#[test]
fn an_app_that_accepts_and_has_never_answered_is_booting_not_slow() {
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.read_to_end();
    });
    let proxy = Launch::before(&target)
        .env("THRUSTER_BOOT_TIMEOUT", "300ms")
        .env("THRUSTER_TARGET_TIMEOUT", "10ms")
        .start();

    let answer = proxy.connect().get("/");

    assert_eq!(answer.status(), 503);
    assert!(answer.header("retry-after").is_some());
    let line = proxy.wait_for_log("Request");
    assert!(
        line["error"]
            .as_str()
            .unwrap()
            .contains("has not answered anything yet"),
        "{line}"
    );
}

#[test]
fn an_app_on_another_machine_that_refuses_is_a_bad_gateway_at_once() {
    let port = free_port();
    let proxy = Launch::new(["sleep", "1000"])
        // A name, which may be anywhere.
        .env("THRUSTER_TARGET", format!("http://ip6-localhost:{port}"))
        .env("BAD_GATEWAY_PAGE", "")
        .start();

    assert_eq!(proxy.connect().get("/").status(), 502);
}

#[test]
fn in_late_mode_nobody_is_let_in_before_the_app_is_there() {
    let port = free_port();
    let listen = free_port();
    let proxy = Launch::shell("echo ready; exec sleep 1000")
        .env("THRUSTER_HTTP_PORT", listen.to_string())
        .env("THRUSTER_TARGET_PORT", port.to_string())
        .env("THRUSTER_BOOT_MODE", "late")
        .spawn();
    proxy.wait_for_line("ready");
    assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, listen)).is_err());

    let served = serve(port, 1);
    proxy.wait_for_log("Server started");

    assert_eq!(Wire::connect(listen).get("/").text(), "/");
    served.join().unwrap();
}

/// An app that comes up now: answers so many requests, each with its own path and the last on its connection, and
/// returns the paths in their order.
fn serve(port: u16, requests: usize) -> thread::JoinHandle<Vec<String>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is the app's");
    thread::spawn(move || {
        let answer = |_| {
            let mut wire = accept_request(&listener);
            let request = wire.read_message().expect("a request");
            let path = request.target().to_owned();
            wire.send(format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{path}",
                path.len()
            ));
            path
        };
        (0..requests).map(answer).collect()
    })
}

/// The next connection that carries anything: that somebody listens is found out by connecting.
fn accept_request(listener: &TcpListener) -> Wire {
    eventually("a request", || {
        let (stream, _) = listener.accept().expect("it listens");
        matches!(stream.peek(&mut [0]), Ok(1)).then(|| Wire::over(stream))
    })
}
