//! Crowds that come before the app is there: bounded in number and in memory, and served when it comes.

#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeMap;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use self::support::{Launch, TestTarget, Wire, eventually, frames, usage, without_an_app};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const MIB: u64 = 1024 * 1024;

#[test]
fn of_ten_thousand_a_thousand_wait_and_the_others_are_told_at_once() {
    let crowd = 10_000;
    if !can_open(crowd + 100) {
        eprintln!("left out: this user may not open {crowd} connections (ulimit -Hn)");
        return;
    }
    let (proxy, port) = without_an_app(|launch| {
        let most = (crowd + 100).to_string();
        launch
            .env("LOG_REQUESTS", "0")
            .env("THRUSTER_MAX_CONNECTIONS", most)
    });
    let before = usage::memory(&proxy);

    let mut clients: Vec<_> = (0..crowd)
        .map(|_| {
            let mut client = proxy.connect();
            client.send(GET);
            client
        })
        .collect();
    eventually("all others are told", || {
        (clients.iter().filter(|client| is_answered(client)).count() == crowd - 1000).then_some(())
    });
    let waiting = proxy.status();
    let grown = usage::memory(&proxy) - before;

    assert_eq!(
        (&waiting["held"], &waiting["in_flight"]),
        (&1000.into(), &1000.into())
    );
    assert!(
        grown < 200 * MIB,
        "{} KiB a connection",
        grown / 1024 / crowd as u64
    );
    let _target = TestTarget::saying(port, "at last");
    let mut statuses = BTreeMap::new();
    for client in &mut clients {
        let answer = client.read_message().expect("each is answered");
        *statuses.entry(answer.status()).or_insert(0) += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(200, 1000), (503, crowd - 1000)]));
    assert_eq!(proxy.status()["held"], 0);
}

#[test]
fn a_thousand_streams_wait_and_are_served() {
    let (proxy, port) = without_an_app(|launch| launch);
    let mut clients: Vec<_> = (0..10).map(|_| frames::connect(&proxy)).collect();
    for client in &mut clients {
        let streams: Vec<u8> = (0..100)
            .flat_map(|number| frames::get(2 * number + 1, "/"))
            .collect();
        client.send(streams);
    }
    eventually("all wait", || (proxy.status()["held"] == 1000).then_some(()));

    // One more, on a connection of either kind.
    assert_eq!(proxy.connect().ask(GET).status(), 503);
    let _target = TestTarget::saying(port, "at last");

    for client in &mut clients {
        for _ in 0..100 {
            let block = frames::read_next(client, frames::HEADERS);
            // Index 8 of the static table is `:status: 200`.
            assert_eq!(block.first(), Some(&0x88));
        }
    }
}

#[test]
fn large_heads_fill_the_queue_sooner() {
    let (proxy, _) = without_an_app(|launch| launch);
    let head = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n",
        "x".repeat(30_000)
    );
    let most = 8 * MIB as usize / head.len();
    let before = usage::memory(&proxy);

    let mut clients: Vec<_> = (0..2 * most)
        .map(|_| {
            let mut client = proxy.connect();
            client.send(&head);
            client
        })
        .collect();

    eventually("the others are told", || {
        (clients.iter().filter(|client| is_answered(client)).count() >= most).then_some(())
    });
    let held = proxy.status()["held"].as_u64().unwrap();
    // What is forwarded is a little longer than what came.
    assert!((most as u64 * 9 / 10..=most as u64).contains(&held), "{held}");
    assert!(usage::memory(&proxy) - before < 60 * MIB);
    let told = clients.iter_mut().find(|client| is_answered(client)).unwrap();
    assert_eq!(told.read_message().unwrap().status(), 503);
}

#[test]
fn clients_that_have_left_make_room_for_others() {
    let (proxy, _) = without_an_app(|launch| launch.env("THRUSTER_BOOT_QUEUE", "50"));
    for _ in 0..5 {
        let crowd: Vec<_> = (0..50)
            .map(|_| {
                let mut client = proxy.connect();
                client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegin");
                client
            })
            .collect();
        eventually("all wait", || (proxy.status()["held"] == 50).then_some(()));

        drop(crowd);

        eventually("nobody waits", || (proxy.status()["held"] == 0).then_some(()));
    }
}

#[test]
fn a_crowd_that_waits_does_not_hold_up_the_end() {
    let (proxy, _) = without_an_app(|launch| launch.env("THRUSTER_DRAIN_TIMEOUT", "1h"));
    let mut clients: Vec<_> = (0..500)
        .map(|_| {
            let mut client = proxy.connect();
            client.send(GET);
            client
        })
        .collect();
    eventually("all wait", || (proxy.status()["held"] == 500).then_some(()));

    proxy.signal(Signal::TERM);

    for client in &mut clients {
        assert_eq!(client.read_message().expect("each is told").status(), 503);
    }
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

#[test]
fn without_descriptors_to_spare_a_boot_and_a_restart_wait_for_those_who_leave() {
    let proxy = Launch::generations()
        .through(["prlimit", "--nofile=60:60"])
        .env("THRUSTER_MAX_CONNECTIONS", "1000")
        .env("THRUSTER_THREADS", "1")
        .start();
    let port = proxy.app_port(1);
    // As many as there can be, and more that wait outside.
    let mut crowd: Vec<_> = (0..80)
        .map(|_| {
            let mut client = proxy.connect();
            client.send(GET);
            client
        })
        .collect();
    proxy.wait_for_log("Failed to accept a connection; trying again");

    let _first = TestTarget::saying(port, "first");
    crowd.truncate(20);
    for client in &mut crowd {
        assert_eq!(client.read_message().unwrap().text(), "first");
    }
    crowd.extend((0..80).map(|_| proxy.connect()));
    eventually("no descriptor is left", || {
        (usage::descriptors(&proxy) >= 60).then_some(())
    });

    // It is not even heard before somebody leaves.
    let restart = proxy.begin_restart(&["--timeout", "1s"]);
    crowd.truncate(10);
    let failed = restart.wait_exit();

    assert_eq!(failed.code(), Some(1), "nobody played its app: {failed:?}");
    assert_eq!(crowd[0].get("/").text(), "first");
    let started = proxy
        .lines()
        .iter()
        .filter(|line| line.starts_with("app on "))
        .count();
    let restart = proxy.begin_restart(&[]);
    let _next = TestTarget::saying(proxy.app_port(started + 1), "next");
    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(crowd[0].get("/").text(), "next");
}

/// Whether something has come, without waiting for it.
fn is_answered(client: &Wire) -> bool {
    client.stream().set_nonblocking(true).expect("it is a socket");
    let peeked = client.stream().peek(&mut [0]);
    client.stream().set_nonblocking(false).expect("it is a socket");
    peeked.is_ok()
}

/// Whether this process, and the proxy that it starts, may have so many connections.
fn can_open(connections: usize) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.maximum.is_none_or(|most| most >= connections as u64);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    enough && setrlimit(Resource::Nofile, raised).is_ok()
}
