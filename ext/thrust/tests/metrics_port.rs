//! The port for metrics: what can be had there, and when; nobody who scrapes, or fails to, is felt.

mod support;

use std::net::{TcpListener, TcpStream};

use rustix::process::Signal;
use serde_json::Value;

use self::support::{Launch, Scrape, TestTarget, Wire, cue};

#[test]
fn metrics_are_off_unless_they_are_asked_for() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();

    assert_eq!(proxy.status()["metrics"], Value::Null);
    assert!(
        proxy
            .log_lines()
            .iter()
            .all(|line| line["msg"] != "Metrics are served")
    );
}

#[test]
fn only_metrics_can_be_had_there_and_only_be_read() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).with_metrics().start();
    let ask = |request: &str| Wire::connect(proxy.metrics_port()).ask(request);

    assert_eq!(ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status(), 404);
    assert_eq!(ask("GET /metrics/x HTTP/1.1\r\nHost: a\r\n\r\n").status(), 404);
    let post = ask("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(
        (post.status(), post.header("allow").as_deref()),
        (405, Some("GET, HEAD"))
    );
    assert_eq!(ask("GET /metrics HTTP/1.1\r\n\r\n").status(), 400);
    assert_eq!(ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status(), 505);
    let queried = ask("GET /metrics?collect[]=x HTTP/1.0\r\n\r\n");
    assert_eq!(
        (queried.status(), queried.header("connection").as_deref()),
        (200, Some("close"))
    );

    let mut head = Wire::connect(proxy.metrics_port());
    head.send("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = head.read_head().expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(
        answer
            .header("content-length")
            .expect("a length")
            .parse::<u64>()
            .expect("a number")
            > 1000
    );
    head.expect_end();
    assert_eq!(
        proxy.scrape().sum("thrust_requests_total"),
        0.0,
        "these are not the app's"
    );
}

#[test]
fn silent_scrapers_keep_nobody_from_scraping_or_from_being_served() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).with_metrics().start();
    let port = proxy.metrics_port();

    let mut silent: Vec<_> = (0..200).map(|_| Wire::connect(port)).collect();
    for (number, client) in silent.iter_mut().enumerate() {
        // Whoever came first has made room already.
        let _ = client.try_send(if number % 2 == 0 { "" } else { "GET /metr" });
    }

    for _ in 0..20 {
        Scrape::of(port);
        assert_eq!(proxy.connect().get("/").status(), 200);
    }
}

#[test]
fn metrics_are_answered_until_the_end() {
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        app.read_request();
        cue.wait();
        app.answer("at last");
    });
    let proxy = Launch::before(&target).with_metrics().start();
    let port = proxy.metrics_port();
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    proxy.signal(Signal::TERM);
    proxy.wait_for_log("Told to end; finishing requests first");
    let draining = Scrape::of(port);
    go.send(()).unwrap();

    assert_eq!(draining.value("thrust_child_ready"), 0.0);
    assert_eq!(draining.value("thrust_requests_in_flight"), 1.0);
    assert_eq!(client.read_message().expect("an answer").text(), "at last");
    proxy.wait_exit();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_port_that_cannot_be_had_ends_the_start_and_is_told_by_its_own_name() {
    let holder = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let taken = holder.local_addr().expect("it is bound").port().to_string();
    let port = support::free_port().to_string();
    for (settings, told) in [
        (
            vec![("THRUSTER_METRICS_BIND", "192.0.2.1")],
            "one of its own in THRUSTER_METRICS_BIND",
        ),
        (
            vec![("THRUSTER_HTTP_PORT", &*port), ("THRUSTER_METRICS_PORT", &port)],
            "is both THRUSTER_HTTP_PORT and THRUSTER_METRICS_PORT",
        ),
        (
            vec![("THRUSTER_TARGET_PORT", &port), ("THRUSTER_METRICS_PORT", &port)],
            "is both THRUSTER_TARGET_PORT and THRUSTER_METRICS_PORT",
        ),
        (vec![("THRUSTER_METRICS_PORT", &taken)], "address already in use"),
    ] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let trace = directory.path().join("ran");
        let launch = settings.iter().fold(
            Launch::new(["touch".as_ref(), trace.as_os_str()]).with_metrics(),
            |launch, (name, value)| launch.env(name, value),
        );

        let ended = launch.run();

        assert_eq!(ended.code(), Some(1), "{settings:?}: {ended:?}");
        let lines = ended.log_lines();
        let error = lines
            .iter()
            .find_map(|line| line["error"].as_str())
            .expect("an error");
        assert!(error.contains(told), "{settings:?}: {error}");
        assert!(!error.contains("set THRUSTER_HTTP_PORT"), "{error}");
        assert!(!trace.exists());
    }
}

#[test]
fn late_listeners_do_not_make_metrics_late() {
    let port = support::free_port();
    let proxy = Launch::before_port(port)
        .env("THRUSTER_BOOT_MODE", "late")
        .with_metrics()
        .spawn();

    assert_eq!(proxy.scrape().value("thrust_child_ready"), 0.0);

    let _target = TestTarget::saying(port, "here");
    proxy.scrape_until("thrust_child_ready", 1.0);
}

#[cfg(target_os = "linux")]
mod upgrade {
    use super::*;
    use crate::support::Installed;

    #[test]
    fn another_binary_answers_on_the_same_port() {
        let place = Installed::new();
        let target = TestTarget::echoing();
        let proxy = place.before(&target).with_metrics().start();
        place.ready(&proxy);
        let before = proxy.scrape();
        let mut silent = Wire::connect(proxy.metrics_port());
        assert_eq!(
            proxy.status()["metrics"],
            format!("127.0.0.1:{}", proxy.metrics_port())
        );

        let told = proxy.upgrade(&[]);

        assert_eq!((told.code(), &told.stderr), (Some(0), &vec![]));
        let served = proxy.wait_for_logs("Metrics are served", 2);
        assert_eq!(served[0]["place"], served[1]["place"]);
        let after = proxy.scrape();
        assert_eq!(after.names(), before.names());
        for same in [
            "thrust_child_start_time_seconds",
            "thrust_child_generation",
            "thrust_child_up",
        ] {
            assert_eq!(after.value(same), before.value(same), "{same}");
        }
        silent.expect_end();
    }
}
