//! Sockets that systemd opens and passes to us, as its own tool passes them.

#![cfg(target_os = "linux")]

mod support;

use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::thread;

use rustix::process::Signal;

use self::support::{Launch, TestTarget, Wire, eventually, free_port, lets_us, socket_path};

/// From Debian's package systemd. It opens sockets and becomes the program at the first connection.
const TOOL: &str = "systemd-socket-activate";

#[test]
fn several_sockets_are_taken_over_and_replace_what_was_to_be_bound() {
    if is_missing() {
        return;
    }
    let (_directory, path) = socket_path();
    let target = TestTarget::echoing();
    let port = free_port();
    let tcp = format!("127.0.0.1:{port}");

    let launch = Launch::before(&target).through(activating(
        &["--listen", &tcp, "--listen", path.to_str().unwrap()],
        &[
            ("THRUSTER_TARGET_PORT", &target.port().to_string()),
            ("THRUSTER_LOG_FORMAT", "json"),
            ("THRUSTER_HTTP_PORT", "1"),
            ("THRUSTER_BIND", "127.0.0.1:2"),
        ],
    ));
    let first = first_connection(&path);
    let proxy = launch.start();

    assert_eq!(proxy.port(), port);
    assert_eq!(Wire::connect_unix(&path).get("/unix").text(), "GET /unix ");
    assert_eq!(Wire::connect(port).get("/tcp").text(), "GET /tcp ");
    let warning =
        proxy.wait_for_log("Listening on the sockets of LISTEN_FDS; HTTP_PORT and THRUSTER_BIND are ignored");
    assert_eq!(warning["level"], "WARN");
    assert_eq!(
        proxy.wait_for_log("Server started")["bind"],
        format!("{tcp},unix:{}", path.display())
    );
    drop(first.join());
    proxy.signal(Signal::TERM);
    proxy.wait_exit();
    assert!(path.exists(), "systemd's to remove, not ours");
}

#[test]
fn the_app_learns_nothing_of_the_sockets() {
    if is_missing() {
        return;
    }
    let (_directory, path) = socket_path();
    let script = "echo fds=$LISTEN_FDS pid=$LISTEN_PID.; exec sleep 1000";

    let launch = Launch::shell(script).through(activating(
        &["--listen", path.to_str().unwrap()],
        &[("THRUSTER_LOG_FORMAT", "json")],
    ));
    let _first = first_connection(&path);

    assert_eq!(launch.start().wait_for_line("fds="), " pid=.");
}

#[test]
fn a_socket_of_another_kind_is_refused_by_its_number() {
    if is_missing() {
        return;
    }
    let (_directory, path) = socket_path();
    let launch = Launch::shell("echo ran").through(activating(
        &["--datagram", "--listen", path.to_str().unwrap()],
        &[("THRUSTER_LOG_FORMAT", "json")],
    ));
    let waking = thread::spawn({
        let path = path.clone();
        move || {
            let socket = UnixDatagram::unbound().unwrap();
            eventually("the socket", || socket.send_to(b"x", &path).ok());
        }
    });

    let ended = launch.run();

    waking.join().unwrap();
    assert_eq!(ended.code(), Some(1));
    let error = ended.log_lines()[0]["error"].as_str().unwrap().to_owned();
    assert!(
        error.contains("number 1 of the sockets in LISTEN_FDS: it is no stream socket"),
        "{error}"
    );
    assert!(!ended.stdout.contains(&"ran".to_owned()));
}

fn is_missing() -> bool {
    !lets_us(
        "run systemd-socket-activate, of the package systemd",
        [TOOL, "--version"],
    )
}

/// The tool with its options; it passes no variable on that it is not told to.
fn activating(options: &[&str], environment: &[(&str, &str)]) -> Vec<String> {
    let mut words = vec![TOOL.to_owned()];
    words.extend(options.iter().map(|&option| option.to_owned()));
    for (name, value) in environment {
        words.push(format!("--setenv={name}={value}"));
    }
    words
}

/// Makes the first connection as soon as the socket is there.
fn first_connection(path: &Path) -> thread::JoinHandle<UnixStream> {
    let path = path.to_owned();
    thread::spawn(move || eventually("the socket", || UnixStream::connect(&path).ok()))
}

#[test]
fn a_number_of_sockets_that_cannot_be_meant_stops_the_start() {
    for (name, value) in [
        ("LISTEN_FDS", "99999999999999999999"),
        ("LISTEN_FDS", "4000000000"),
        ("LISTEN_FDS_FIRST_FD", "2147483647"),
    ] {
        let ended = Launch::shell("echo ran")
            .env("LISTEN_FDS", "1")
            .env(name, value)
            .run();

        assert_eq!(ended.code(), Some(1), "{name}={value}: {ended:?}");
        assert!(
            ended.stderr[0].contains(&format!("{name} is {value}")),
            "{ended:?}"
        );
        assert!(!ended.stdout.contains(&"ran".to_owned()));
    }
}
