//! What peers can try to use up: descriptors, time of the processor, memory, the patience of a drain.

#![cfg(target_os = "linux")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use self::support::{App, DEADLINE, Launch, TestProxy, TestTarget, Wire, eventually, frames, usage};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const UPGRADE: &str = "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
/// Longer than what any direction of a connection holds.
const LONG: usize = 64 * 1024 * 1024;

#[test]
fn connections_that_end_in_any_state_leave_no_descriptor_open() {
    let target = TestTarget::start(|app| {
        let Some(request) = app.read_request_head() else {
            return;
        };
        let (answer, is_reset) = match request.target() {
            "/close" => ("", false),
            "/reset" => ("", true),
            "/head" => ("HTTP/1.1 200 OK\r\nCont", false),
            "/body" => ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", true),
            "/chunk" => (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
                true,
            ),
            "/tunnel" => (SWITCH, false),
            "/mute" => {
                app.wire.read_to_end();
                return;
            }
            _ => (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
                false,
            ),
        };
        if is_reset {
            app.wire.reset_on_close();
        }
        // The client may have been faster.
        let _ = app.wire.try_send(answer);
    });
    let proxy = Launch::shell("echo started; exec sleep 1000")
        .env("THRUSTER_TARGET_PORT", target.port().to_string())
        .start();
    // All that it opens for itself is open by then.
    proxy.wait_for_line("started");
    let at_rest = usage::descriptors(&proxy);

    for path in [
        "/", "/close", "/reset", "/head", "/body", "/chunk", "/tunnel", "/mute",
    ] {
        let on = |head: &str| head.replacen(" / ", &format!(" {path} "), 1);
        let post = on("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
        for sent in [
            Vec::new(),
            b"GET /".to_vec(),
            on(GET).into_bytes(),
            on(GET).repeat(3).into_bytes(),
            post.clone().into_bytes(),
            (post + &"x".repeat(100_000)).into_bytes(),
            on("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe").into_bytes(),
            on(UPGRADE).replacen("/tunnel", path, 1).into_bytes(),
            frames::PREFACE.to_vec(),
            [frames::PREFACE, &frames::get(1, path)].concat(),
        ] {
            for end in [End::Fin, End::Reset, End::HalfClosed] {
                let mut client = proxy.connect();
                // The app's reset may already have come through.
                let _ = client.try_send(&sent);
                match end {
                    End::Fin => {}
                    End::Reset => client.reset_on_close(),
                    End::HalfClosed => {
                        client.finish_sending();
                        client.read_to_end();
                    }
                }
            }
        }
    }

    eventually("all descriptors are closed", || {
        (usage::descriptors(&proxy) <= at_rest).then_some(())
    });
    assert_eq!(proxy.connect().get("/").text(), "ok");
    assert!(proxy.error_lines().is_empty(), "{:?}", proxy.error_lines());
}

#[test]
fn nobody_who_waits_costs_time_of_the_processor() {
    let target = odd_app();
    let proxy = Launch::before(&target).start();
    let _waiting = odd_connections(&proxy);

    assert_idle(&proxy);
}

#[test]
fn connections_in_odd_states_do_not_delay_the_end_for_long() {
    let target = odd_app();
    let proxy = Launch::new(["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.01; done"])
        .env("THRUSTER_TARGET_PORT", target.port().to_string())
        .start();
    let _waiting = odd_connections(&proxy);

    let since = Instant::now();
    proxy.signal(Signal::TERM);

    assert_eq!(proxy.wait_exit().code(), Some(7));
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
}

#[test]
fn without_free_descriptors_it_waits_and_goes_on() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .through(["prlimit", "--nofile=64:64"])
        .env("THRUSTER_MAX_CONNECTIONS", "1000")
        .start();

    // The system accepts those that the proxy cannot.
    let clients: Vec<_> = (0..100).map(|_| proxy.connect()).collect();
    proxy.wait_for_log("Failed to accept a connection; trying again");
    assert_idle(&proxy);
    drop(clients);

    assert_eq!(proxy.connect().get("/").text(), "GET / ");
    assert!(proxy.error_lines().is_empty(), "{:?}", proxy.error_lines());
}

#[test]
fn requests_sent_ahead_of_their_answers_wait_outside() {
    let target = TestTarget::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let proxy = Launch::before(&target).env("THRUSTER_LOG_REQUESTS", "0").start();
    let client = proxy.connect();
    client.hold_little();

    // Reads no answer, so that it can never write all of it.
    let mut sending = client.stream().try_clone().unwrap();
    thread::spawn(move || sending.write_all(GET.repeat(1_000_000).as_bytes()));
    target.wait_for_requests(1);
    assert_idle(&proxy);

    assert!(usage::memory(&proxy) < 32 * 1024 * 1024);
    assert_eq!(proxy.connect().get("/").text(), "ok");
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let target = TestTarget::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let mut command = Launch::before(&target).command();
    let mut proxy = Killed(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut log = BufReader::new(proxy.0.stdout.take().unwrap());
    let port = loop {
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["msg"] == "Server started" {
            let address = line["http"].as_str().unwrap();
            break address.rsplit(':').next().unwrap().parse().unwrap();
        }
    };

    let mut client = Wire::connect(port);
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: {}\r\n\r\n",
        "x".repeat(8000)
    );

    // Far more lines than a pipe and all batches hold.
    for _ in 0..1000 {
        assert_eq!(client.ask(&request).text(), "ok");
    }
    kill_process(Pid::from_child(&proxy.0), Signal::TERM).unwrap();
    eventually("the proxy's end", || proxy.0.try_wait().unwrap());
}

#[derive(Clone, Copy)]
enum End {
    Fin,
    Reset,
    HalfClosed,
}

/// An app that goes quiet in the way that the path says.
fn odd_app() -> TestTarget {
    TestTarget::start(|app: &mut App| {
        let Some(request) = app.read_request_head() else {
            return;
        };
        match request.target() {
            "/tunnel" => app.wire.send(SWITCH),
            "/ended-tunnel" => {
                app.wire.send(SWITCH);
                app.wire.finish_sending();
            }
            "/endless" => {
                app.wire
                    .send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n"));
                let _ = app.wire.try_send(vec![b'x'; LONG]);
            }
            // Its upload is not read.
            "/upload" => {
                app.wire
                    .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
                thread::park_timeout(DEADLINE);
            }
            _ => {}
        }
        app.wire.read_to_end();
    })
}

/// Connections that wait for something in every way there is.
fn odd_connections(proxy: &TestProxy) -> Vec<Wire> {
    let long = format!("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {LONG}\r\n\r\n");
    let opened = |sent: &[u8]| {
        let mut client = proxy.connect();
        client.hold_little();
        client.send(sent);
        client
    };
    let mut upload = opened(long.as_bytes());
    upload.send_until_stuck(&[b'x'; 64 * 1024], Duration::from_millis(300));
    let mut tunnel = opened(UPGRADE.as_bytes());
    tunnel.read_head().expect("the 101");
    tunnel.finish_sending();
    let mut ended_tunnel = opened(UPGRADE.replace("/tunnel", "/ended-tunnel").as_bytes());
    ended_tunnel.read_head().expect("the 101");
    let mut stalled = opened(&[frames::PREFACE, &frames::no_window(), &frames::get(1, "/endless")].concat());
    frames::read_next(&mut stalled, frames::HEADERS);
    vec![
        upload,
        tunnel,
        ended_tunnel,
        stalled,
        opened(b""),
        opened(b"GET / HTTP"),
        opened(&frames::PREFACE[..10]),
        opened(frames::PREFACE),
        opened(GET.as_bytes()),
        opened(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n"),
        opened(b"no request\r\n\r\n"),
        opened(&[frames::PREFACE, &frames::get(1, "/mute")].concat()),
    ]
}

/// Asserts that the proxy does nothing at all once what is under way is done.
fn assert_idle(proxy: &TestProxy) {
    let mut silent = proxy.connect();
    eventually("the proxy has nothing to do", || {
        let before = usage::processor_time(proxy);
        assert!(silent.is_silent_for(Duration::from_millis(300)));
        (usage::processor_time(proxy) <= before + 1).then_some(())
    });
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
