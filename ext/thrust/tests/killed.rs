//! Signals at the worst time, and processes that are killed: nobody is left behind, and nothing hangs.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use socket2::{Domain, Socket, Type};

use self::support::process::{is_running, pid, state_of};
use self::support::{Launch, TestTarget, eventually};

/// A server with a worker, as a Puma cluster is: the worker lives as long as its server wants it to.
const CLUSTER: &str = r#"
    sh -c 'echo "worker $$"; while :; do sleep 0.01; done' & worker=$!
    trap 'kill $worker; echo "cluster ends"; exit 0' TERM
    echo "app on $PORT"
    while :; do sleep 0.01; done"#;

#[test]
fn a_signal_in_the_first_milliseconds_leaves_no_process() {
    for (number, signal) in [Signal::TERM, Signal::INT, Signal::KILL]
        .into_iter()
        .cycle()
        .take(60)
        .enumerate()
    {
        let proxy = Launch::shell("exec sleep 1000")
            .env("THRUSTER_TARGET_PORT", "0")
            .spawn();
        // Whatever it is doing by then: the first runs meet it before main, the last when all is up.
        let due = Instant::now() + Duration::from_micros(300) * u32::try_from(number).unwrap();
        while Instant::now() < due {
            thread::yield_now();
        }

        proxy.signal(signal);

        // All that it started has its output.
        let ended = proxy.wait_exit();
        let by_signal = ended.signal() == Some(signal.as_raw());
        let by_command = ended.code() == Some(128 + signal.as_raw());
        assert!(by_signal || by_command, "{signal:?}: {ended:?}");
    }
}

#[test]
fn a_storm_of_signals_is_an_end() {
    for script in [
        "exec sleep 1000",
        "trap '' INT TERM; echo ready; while :; do sleep 0.01; done",
    ] {
        let target = TestTarget::start(|app| {
            app.read_request();
            app.wire.read_to_end();
        });
        let proxy = Launch::shell(script)
            .env("THRUSTER_TARGET_PORT", target.port().to_string())
            .env("THRUSTER_DRAIN_TIMEOUT", "1h")
            .start();
        let mut client = proxy.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        target.wait_for_requests(1);

        for signal in [Signal::INT, Signal::TERM].into_iter().cycle().take(500) {
            proxy.signal(signal);
            thread::yield_now();
        }
        // Of those that come at once the system keeps one of a kind, so there may have been only two.
        eventually("the end", || {
            proxy.signal(Signal::TERM);
            let lines = proxy.log_lines();
            lines
                .iter()
                .any(|line| line["msg"] == "Server stopped")
                .then_some(())
        });

        let code = proxy
            .wait_exit()
            .code()
            .expect("it is not ended by a signal itself");
        assert!([130, 137, 143].contains(&code), "{code}");
    }
}

#[test]
fn a_command_that_is_stopped_ends_by_the_stop_timeout_or_by_insisting() {
    for insists in [false, true] {
        let target = TestTarget::echoing();
        let proxy = Launch::shell(r#"echo "stopped as $$"; kill -STOP $$; exec sleep 1000"#)
            .env("THRUSTER_TARGET_PORT", target.port().to_string())
            .env("THRUSTER_STOP_TIMEOUT", if insists { "1h" } else { "100ms" })
            .start();
        let child = pid(&proxy.wait_for_line("stopped as "));
        eventually("it is stopped", || state_of(child).filter(|state| state == "T"));
        assert_eq!(proxy.connect().get("/").text(), "GET / ");

        proxy.signal(Signal::TERM);
        proxy.wait_for_log("Relaying signal to upstream process");
        if insists {
            proxy.signal(Signal::TERM);
            proxy.wait_for_logs("Relaying signal to upstream process", 2);
            proxy.signal(Signal::TERM);
        }

        assert_eq!(proxy.wait_exit().code(), Some(137));
    }
}

#[test]
fn an_app_that_takes_no_more_connections_is_told_to_end_all_the_same() {
    let app = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    app.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    app.listen(1).unwrap();
    let address = app.local_addr().unwrap().as_socket().unwrap();
    let proxy = Launch::before_port(address.port()).start();
    eventually("it has accepted once", || {
        (proxy.status()["ready"] == true).then_some(())
    });
    // It stands still, and its queue fills: who comes then is neither taken nor refused.
    let wait = Duration::from_millis(100);
    let queue = std::iter::from_fn(|| TcpStream::connect_timeout(&address, wait).ok());
    let _queue: Vec<_> = queue.take(100).collect();

    let since = Instant::now();
    proxy.signal(Signal::TERM);

    assert_eq!(proxy.wait_exit().code(), Some(143));
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

#[test]
fn killing_the_proxy_ends_a_cluster_and_all_generations() {
    let proxy = Launch::shell(CLUSTER).env("THRUSTER_TARGET_PORT", "0").start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    assert_eq!(proxy.connect().get("/").text(), "first");
    let restart = proxy.begin_restart(&[]);
    proxy.app_port(2);

    proxy.signal(Signal::KILL);

    assert_eq!(restart.wait_exit().code(), Some(3), "nobody knows");
    let ended = proxy.wait_exit();
    assert_eq!(ended.signal(), Some(9));
    let ends = ended.stdout.iter().filter(|line| *line == "cluster ends").count();
    assert_eq!(ends, 2, "{ended:?}");
}

#[test]
fn a_worker_that_is_killed_is_the_clusters_own_matter() {
    let proxy = Launch::shell(CLUSTER).env("THRUSTER_TARGET_PORT", "0").start();
    let _app = TestTarget::saying(proxy.app_port(1), "served");
    let worker = pid(&proxy.wait_for_line("worker "));
    assert_eq!(proxy.connect().get("/").text(), "served");

    kill_process(worker, Signal::KILL).unwrap();
    eventually("the worker is gone", || (!is_running(worker)).then_some(()));

    assert_eq!(proxy.connect().get("/").text(), "served");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(0));
}

#[test]
fn what_a_killed_proxy_leaves_does_not_keep_the_next_from_its_places() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("web.sock");
    let start = |port: u16| {
        let proxy = Launch::shell(r#"echo "app on $PORT"; exec sleep 1000"#)
            .env("RUNTIME_DIRECTORY", directory.path())
            .env(
                "THRUSTER_BIND",
                format!("127.0.0.1:{port},unix:{}", socket.display()),
            )
            .env("THRUSTER_TARGET_PORT", "0")
            .start();
        proxy.app_port(1);
        proxy
    };
    let first = start(0);
    let port = first.port();

    first.signal(Signal::KILL);
    assert_eq!(first.wait_exit().signal(), Some(9));
    let second = start(port);

    assert_eq!(second.status()["generation"], 1);
    second.signal(Signal::TERM);
    assert_eq!(second.wait_exit().code(), Some(143));
    let left: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .flatten()
        .flat_map(|base| fs::read_dir(base.path()).into_iter().flatten())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
