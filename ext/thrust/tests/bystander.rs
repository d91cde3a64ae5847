//! Slow and hostile clients side by side with one who means well: that one is served all the time, and memory stays
//! under a fixed bound. How long it waited at most is printed, and judged by nobody.

#![cfg(target_os = "linux")]

mod support;

use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::support::{App, Bystander, Launch, TestProxy, TestTarget, Wire, usage};

/// The most that the proxy may have had in memory at any time, its own code included; a debug build has much of that.
const PEAK: u64 = 64 * 1024 * 1024;
/// What this process needs: a descriptor for each end of each connection but the proxy's own.
const DESCRIPTORS: u64 = 4000;
/// Longer than what any direction of a connection holds.
const LONG: usize = 100_000_000;

#[test]
fn clients_that_say_nothing_hold_nobody_up() {
    beside("silent", silent);
}

#[test]
fn heads_that_come_byte_by_byte_hold_nobody_up() {
    beside("byte by byte", byte_by_byte);
}

#[test]
fn half_heads_hold_nobody_up() {
    beside("half a head", half_a_head);
}

#[test]
fn endless_heads_are_refused_and_hold_nobody_up() {
    beside("endless head", endless_head);
}

#[test]
fn bodies_that_never_come_hold_nobody_up() {
    beside("no body", no_body);
}

#[test]
fn slow_readers_of_a_long_answer_hold_nobody_up() {
    beside("slow reader", slow_reader);
}

#[test]
fn two_thousand_idle_connections_hold_nobody_up() {
    beside("2,000 idle", idle);
}

#[test]
fn ten_thousand_connects_hold_nobody_up() {
    beside("10,000 connects", connects);
}

#[test]
fn all_of_them_together_hold_nobody_up() {
    beside("all together", |proxy| {
        let kinds = [
            silent,
            byte_by_byte,
            half_a_head,
            endless_head,
            no_body,
            slow_reader,
            idle,
            connects,
        ];
        // At the same time, so that each meets all the others.
        thread::scope(|scope| {
            let running: Vec<_> = kinds.map(|kind| scope.spawn(move || kind(proxy))).into();
            let clients = running.into_iter().map(|kind| kind.join().expect("it says why"));
            clients.flatten().collect()
        })
    });
}

fn silent(proxy: &TestProxy) -> Vec<Wire> {
    (0..200).map(|_| proxy.connect()).collect()
}

fn byte_by_byte(proxy: &TestProxy) -> Vec<Wire> {
    let mut clients: Vec<_> = (0..100).map(|_| proxy.connect()).collect();
    for byte in
        b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: the slowest of all browsers\r\nAccept: */*\r\nX-Not-Yet: "
    {
        for client in &mut clients {
            client.send([*byte]);
        }
    }
    clients
}

fn half_a_head(proxy: &TestProxy) -> Vec<Wire> {
    let half = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Half: {}", "a".repeat(60_000));
    let sending = |()| {
        let mut client = proxy.connect();
        client.send(&half);
        client
    };
    std::iter::repeat_n((), 100).map(sending).collect()
}

fn endless_head(proxy: &TestProxy) -> Vec<Wire> {
    let sending = |()| {
        let mut client = proxy.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n");
        // It is refused, and then what follows is read and forgotten: it does not end by itself.
        for _ in 0..1000 {
            if client
                .try_send("X-More: and more and more\r\n".repeat(10))
                .is_err()
            {
                break;
            }
        }
        let answer = client.read_head().expect("a refusal");
        assert_eq!(answer.status(), 431);
        client
    };
    std::iter::repeat_n((), 20).map(sending).collect()
}

fn no_body(proxy: &TestProxy) -> Vec<Wire> {
    let framings = ["Content-Length: 100000", "Transfer-Encoding: chunked"];
    let sending = |framing| {
        let mut client = proxy.connect();
        client.send(format!("POST /silent HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
        client
    };
    framings.into_iter().cycle().take(100).map(sending).collect()
}

fn slow_reader(proxy: &TestProxy) -> Vec<Wire> {
    let asking = |()| {
        let mut client = proxy.connect();
        client.hold_little();
        client.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read_head().expect("an answer");
        client
    };
    let mut clients: Vec<_> = std::iter::repeat_n((), 20).map(asking).collect();
    // They do read, but not much.
    for _ in 0..50 {
        for client in &mut clients {
            client.skip(1000);
        }
    }
    clients
}

fn idle(proxy: &TestProxy) -> Vec<Wire> {
    let mut clients: Vec<_> = (0..2000).map(|_| proxy.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/idle").text(), "GET /idle");
    }
    clients
}

fn connects(proxy: &TestProxy) -> Vec<Wire> {
    for number in 0..10_000 {
        let client = proxy.connect();
        if number % 4 > 0 {
            client.reset_on_close();
        }
    }
    Vec::new()
}

/// Lets `hostile` do what it does; asserts that a bystander is served before, meanwhile and beside the clients that
/// are left.
fn beside(what: &str, hostile: impl FnOnce(&TestProxy) -> Vec<Wire>) {
    if !enough_descriptors() {
        return eprintln!("left out, for want of {DESCRIPTORS} descriptors: {what}");
    }
    let target = TestTarget::start(app);
    let proxy = Launch::before(&target).env("THRUSTER_LOG_REQUESTS", "0").start();
    let bystander = Bystander::start(proxy.port(), |answer| assert_eq!(answer.text(), "GET /bystander"));

    bystander.is_served_again();
    let clients = hostile(&proxy);
    bystander.is_served_again();

    let (peak, left) = (usage::peak_memory(&proxy), clients.len());
    let (served, longest) = bystander.ends();
    eprintln!(
        "{what}: {left} clients; the bystander was served {served} times and waited {longest:?} at most; \
         memory {} KiB, at most {} KiB",
        usage::memory(&proxy) / 1024,
        peak / 1024
    );
    assert!(peak < PEAK, "{what}: {peak} bytes");
    assert!(proxy.error_lines().is_empty(), "{:?}", proxy.error_lines());
}

fn app(app: &mut App) {
    while let Some(request) = app.read_request_head() {
        match request.target() {
            // Waits for as long as the connection lasts.
            "/silent" => {
                app.wire.wait_for_more();
                return;
            }
            "/long" => {
                app.wire
                    .send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n"));
                let piece = [b'x'; 64 * 1024];
                while app.wire.try_send(piece).is_ok() {}
                return;
            }
            target => app.answer(format!("GET {target}")),
        }
    }
}

/// Raises the limit of this process, which has everybody's connections; whether that is enough.
fn enough_descriptors() -> bool {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).is_ok() && limit.maximum.is_none_or(|most| most >= DESCRIPTORS)
}
