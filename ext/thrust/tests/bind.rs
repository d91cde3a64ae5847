//! Where thrust listens, and where its app is, from outside.

mod support;

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use rustix::process::Signal;

use self::support::{Launch, TestTarget, Wire, eventually, free_port, socket_path};

#[test]
fn several_addresses_are_served_side_by_side() {
    let (directory, path) = socket_path();
    let target = TestTarget::echoing();
    let bind = format!("127.0.0.1,127.0.0.2,unix:{}", path.display());

    let proxy = Launch::before(&target).env("THRUSTER_BIND", &bind).start();

    let port = proxy.port();
    for mut client in [
        proxy.connect(),
        Wire::connect_to((Ipv4Addr::new(127, 0, 0, 2), port)),
        Wire::connect_unix(&path),
    ] {
        assert_eq!(client.get("/here").text(), "GET /here ");
    }
    assert_eq!(
        proxy.wait_for_log("Server started")["bind"],
        format!("127.0.0.1:{port},127.0.0.2:{port},unix:{}", path.display())
    );
    drop(directory);
}

#[test]
fn ipv6_has_a_place_beside_ipv4() {
    if let Err(error) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        eprintln!("not tested, this machine has no IPv6: {error}");
        return;
    }
    let target = TestTarget::echoing();

    for bind in ["0.0.0.0,::", "::", "127.0.0.1,[::1]"] {
        let proxy = Launch::before(&target).env("THRUSTER_BIND", bind).start();

        for address in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
            let mut client = Wire::connect_to(SocketAddr::new(address, proxy.port()));
            assert_eq!(client.get("/").status(), 200, "{bind}: {address}");
        }
        proxy.signal(Signal::TERM);
        proxy.wait_exit();
    }
}

#[test]
fn a_port_of_its_own_wins_over_http_port() {
    let target = TestTarget::echoing();
    let port = free_port();

    let proxy = Launch::before(&target)
        .env("THRUSTER_BIND", format!("127.0.0.1:{port}"))
        .start();

    assert_eq!(proxy.port(), port);
}

#[test]
fn one_address_that_cannot_be_had_stops_the_start() {
    let (_directory, path) = socket_path();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();

    let ended = Launch::shell("echo ran")
        .env("THRUSTER_BIND", format!("unix:{},{address}", path.display()))
        .run();

    assert_eq!(ended.code(), Some(1));
    let error = ended.log_lines()[0]["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with(&format!("could not listen on {address}: address already in use")),
        "{error}"
    );
    assert!(!ended.stdout.contains(&"ran".to_owned()) && !path.exists());
}

#[test]
fn who_comes_through_a_unix_socket_has_no_address_and_is_believed() {
    let (_directory, path) = socket_path();
    let target = TestTarget::echoing();
    let proxy = on_socket(&target, &path).start();
    let mut client = Wire::connect_unix(&path);

    client.get("/plain");
    client.ask("GET /named HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 8.8.4.4, 10.0.0.1\r\n\r\n");

    let logged = proxy.wait_for_logs("Request", 2);
    assert_eq!(logged[0]["remote_addr"], "unix");
    assert_eq!(logged[1]["remote_addr"], "8.8.4.4");
    let requests = target.requests();
    assert_eq!(requests[0].header("x-forwarded-for"), None);
    assert_eq!(
        requests[1].header("x-forwarded-for").as_deref(),
        Some("8.8.4.4, 10.0.0.1")
    );
    assert_eq!(proxy.port(), 0);
}

#[test]
fn who_leaves_a_unix_socket_takes_the_request_along() {
    let (_directory, path) = socket_path();
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.read_to_end();
    });
    let proxy = on_socket(&target, &path).start();
    let mut client = Wire::connect_unix(&path);
    client.send("GET /report HTTP/1.1\r\nHost: a\r\n\r\nunread");
    target.wait_for_requests(1);

    drop(client);

    assert_eq!(proxy.wait_for_log("Request")["status"], 499);
}

#[test]
fn large_bodies_pass_a_unix_socket_whole() {
    const SIZE: usize = 3_000_000;
    let (_directory, path) = socket_path();
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            app.answer(request.body);
        }
    });
    let _proxy = on_socket(&target, &path).start();
    let mut client = Wire::connect_unix(&path);
    let body: Vec<u8> = (0..SIZE).map(|index| (index % 251) as u8).collect();

    client.send(format!(
        "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n"
    ));
    client.send(&body);
    let answer = client.read_message().unwrap();

    assert!(answer.body == body, "{} bytes came back", answer.body.len());
}

#[test]
fn the_sockets_file_goes_with_us_and_a_stale_one_is_replaced() {
    let (_directory, path) = socket_path();
    let target = TestTarget::echoing();
    let killed = on_socket(&target, &path).start();
    killed.signal(Signal::KILL);
    killed.wait_exit();
    assert!(path.exists(), "nobody was left to remove it");

    let proxy = on_socket(&target, &path).start();

    assert_eq!(Wire::connect_unix(&path).get("/").status(), 200);
    proxy.signal(Signal::TERM);
    proxy.wait_exit();
    assert!(!path.exists());
}

#[test]
fn a_path_that_somebody_else_has_is_left_to_them() {
    let (directory, path) = socket_path();
    let _theirs = UnixListener::bind(&path).unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "precious").unwrap();

    for (path, says) in [(&path, "address already in use"), (&file, "is no socket")] {
        let ended = Launch::shell("echo ran")
            .env("THRUSTER_BIND", format!("unix:{}", path.display()))
            .run();

        let error = ended.log_lines()[0]["error"].as_str().unwrap().to_owned();
        assert_eq!(ended.code(), Some(1));
        assert!(
            error.contains(says) && error.contains(&path.display().to_string()),
            "{error}"
        );
        assert!(!ended.stdout.contains(&"ran".to_owned()));
    }

    assert!(UnixStream::connect(&path).is_ok());
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn the_app_gets_the_port_of_its_address_as_port() {
    let target = TestTarget::echoing();
    let address = format!("http://127.0.0.1:{}", target.port());

    let proxy = Launch::shell("echo PORT=$PORT; exec sleep 1000")
        .env("PORT", "9")
        .env("THRUSTER_TARGET", address)
        .start();

    assert_eq!(proxy.wait_for_line("PORT="), target.port().to_string());
    assert_eq!(proxy.connect().get("/").status(), 200);
}

#[test]
fn two_that_start_at_once_with_the_default_port_each_serve_their_own_app() {
    let start = || Launch::shell("echo PORT=$PORT; exec sleep 1000").start();
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(start);
        let other = scope.spawn(start);
        (one.join().unwrap(), other.join().unwrap())
    });
    let ports = [&one, &other].map(|proxy| proxy.wait_for_line("PORT="));
    assert_ne!(ports[0], ports[1]);

    for (proxy, port) in [(&one, &ports[0]), (&other, &ports[1])] {
        let app = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse().unwrap())).unwrap();
        let mut client = proxy.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

        answer_first(
            &app,
            &format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{port:>5}"),
        );

        assert_eq!(client.read_message().unwrap().text().trim(), port);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_port_that_another_thrust_keeps_for_its_app_is_not_shared() {
    let target = TestTarget::echoing();
    let first = Launch::before(&target).start();

    let second = Launch::before(&target).run();

    assert_eq!(second.code(), Some(1));
    let error = second.log_lines()[0]["error"].as_str().unwrap().to_owned();
    let pid = format!("(pid {})", first.pid().as_raw_pid());
    assert!(
        error.contains(&target.port().to_string()) && error.contains(&pid),
        "{error}"
    );
    // The port is free again as soon as the first one is gone.
    first.signal(Signal::TERM);
    first.wait_exit();
    let third = Launch::before(&target).start();
    assert_eq!(third.connect().get("/").status(), 200);
}

#[test]
fn whoever_still_finds_the_sockets_file_at_our_end_is_not_refused() {
    let (_directory, path) = socket_path();
    let target = TestTarget::echoing();
    let proxy = on_socket(&target, &path).start();

    proxy.signal(Signal::TERM);

    assert_eq!(refused_until_gone(&path), 0);
    proxy.wait_exit();
}

/// Answers the first connection that carries anything; the proxy also looks whether somebody is there at all.
fn answer_first(app: &TcpListener, answer: &str) {
    let asked = app
        .incoming()
        .map(|stream| Wire::over(stream.expect("a connection")));
    let mut asked = asked.skip_while(|wire| !matches!(wire.stream().peek(&mut [0]), Ok(1)));
    asked.next().expect("an endless list").send(answer);
}

/// Connects again and again until there is no file any more; how often the file was there and nobody behind it.
fn refused_until_gone(path: &Path) -> usize {
    let mut refused = 0;
    eventually("the end of the file", || match UnixStream::connect(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(()),
        Err(_) => {
            refused += 1;
            None
        }
        Ok(_) => None,
    });
    refused
}

fn on_socket(target: &TestTarget, path: &Path) -> Launch {
    Launch::before(target).env("THRUSTER_BIND", format!("unix:{}", path.display()))
}
