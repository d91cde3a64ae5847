//! Settings that the app pushes: each one's effect as clients and operators see it, and whose settings hold.

mod support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use self::support::frames::PREFACE;
use self::support::{Launch, Pushed, Swamped, TestTarget, configure, cue};

const SLOW: &str = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";

/// What `thrust config` says of a setting.
fn of<'a>(config: &'a Value, name: &str) -> &'a Value {
    let settings = config["config"]["settings"].as_array().expect("a list");
    settings
        .iter()
        .find(|setting| setting["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {config}"))
}

/// An app that answers `/slow` never, and everything else at once.
fn slow_at_times() -> TestTarget {
    TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            if request.target() == "/slow" {
                // Until the proxy has had enough.
                let _ = app.read_request();
                return;
            }
            app.answer(request.target());
        }
    })
}

#[test]
fn a_push_holds_before_the_default_and_behind_the_environment_and_is_shown_with_its_source() {
    let target = TestTarget::echoing();
    let running = Pushed::start(
        Launch::before(&target)
            .env("LOG_SKIP_PATHS", "/x")
            .env("DEBUG", "off"),
    );

    let reply = running.push(&[
        ("max_request_body", "10"),
        ("debug", "on"),
        ("log_level", "error"),
    ]);

    let configured = &reply["configured"];
    assert_eq!(configured["generation"], 1);
    assert_eq!(
        configured["changed"],
        json!(["debug", "log_level", "max_request_body"])
    );
    assert_eq!(
        configured["overridden"],
        json!([{ "setting": "debug", "source": "environment DEBUG" }])
    );
    let config = running.ask(&json!({ "version": 1, "command": "config" }));
    let limit = of(&config, "MAX_REQUEST_BODY");
    assert_eq!((&limit["source"], &limit["value"]), (&json!("rails"), &json!(10)));
    assert_eq!(of(&config, "DEBUG")["given_by"], "DEBUG");
    assert_eq!(of(&config, "HTTP_IDLE_TIMEOUT")["source"], "default");
    let mut client = running.proxy.connect();
    let answer = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world");
    assert_eq!(answer.status(), 413);
}

#[test]
fn a_push_with_faults_names_them_all_and_changes_nothing() {
    let target = TestTarget::echoing();
    let running = Pushed::before(&target, &[("max_request_body", "10")]);

    let reply = running.push(&[("max_request_body", "lots"), ("http_port", "80"), ("wings", "2")]);

    assert_eq!(
        (&reply["reply"], &reply["kind"]),
        (&json!("error"), &json!("invalid"))
    );
    let faults: Vec<_> = reply["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| &fault["setting"])
        .collect();
    assert_eq!(faults, ["http_port", "wings", "max_request_body"]);
    let config = running.ask(&json!({ "version": 1, "command": "config" }));
    assert_eq!(of(&config, "MAX_REQUEST_BODY")["value"], 10);
}

#[test]
fn a_push_of_any_size_is_answered_at_once_and_in_one_line() {
    let target = TestTarget::echoing();
    let running = Pushed::start(Launch::before(&target));
    let many: Vec<_> = (0..4000).map(|number| format!("n{number}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    let (long, quotes) = ("x".repeat(1 << 20), "\"".repeat(30_000));

    for (settings, kind, faults) in [
        (&many[..], "invalid", 100),
        (&[("log_level", quotes.as_str())], "invalid", 1),
        (&[(&long[..60_000], "x")], "invalid", 1),
        (&[(&long[..1_048_000], "x")], "malformed", 0),
        (&[("filter_parameters", &long[..100_000])], "malformed", 0),
    ] {
        let began = Instant::now();
        let reply = running.push(settings);

        assert_eq!(reply["kind"], kind);
        assert_eq!(reply["faults"].as_array().map_or(0, Vec::len), faults);
        assert!(reply.to_string().len() < 1 << 20);
        // Requests wait meanwhile.
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    assert_eq!(running.proxy.connect().get("/").status(), 200);
}

#[test]
fn the_same_push_again_changes_nothing_and_an_empty_one_takes_all_back() {
    let target = TestTarget::echoing();
    let running = Pushed::before(&target, &[("max_request_body", "10")]);

    let again = running.push(&[("max_request_body", "10")]);
    assert_eq!(again["configured"]["changed"], json!([]));
    let nothing = running.push(&[]);
    assert_eq!(nothing["configured"]["changed"], json!(["max_request_body"]));

    let mut client = running.proxy.connect();
    let answer = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world");
    assert_eq!(answer.status(), 200);
    assert_eq!(
        running
            .proxy
            .wait_for_logs("The app has told its settings", 2)
            .len(),
        2
    );
}

#[test]
fn a_generation_that_boots_pushes_for_the_time_from_the_switch_on_and_then_the_old_one_is_not_heard() {
    let running = Pushed::start(Launch::generations().env("THRUSTER_DRAIN_TIMEOUT", "1h"));
    let proxy = &running.proxy;
    let (go, cued) = cue();
    let old = TestTarget::start_on(proxy.app_port(1), move |app| {
        while app.read_request().is_some() {
            cued.wait();
            app.answer("old");
        }
    });
    let limit = || {
        of(
            &running.ask(&json!({ "version": 1, "command": "config" })),
            "MAX_REQUEST_BODY",
        )
        .clone()
    };
    running.push(&[("max_request_body", "10")]);
    let mut slow = proxy.connect();
    slow.send(SLOW);
    old.wait_for_requests(1);

    let restart = proxy.begin_restart(&[]);
    let port = proxy.app_port(2);
    let booting = running.say(2, &configure(&[("max_request_body", "20")]));
    assert_eq!(
        (
            &booting["configured"]["generation"],
            &booting["configured"]["changed"]
        ),
        (&json!(2), &json!(["max_request_body"]))
    );
    assert_eq!(limit()["value"], 10);
    running.push(&[("max_request_body", "11")]);
    assert_eq!(limit()["value"], 11, "the current one is still heard");
    let _new = TestTarget::saying(port, "new");
    proxy.wait_for_log("Restarted: requests go to the new generation");

    assert_eq!(limit()["value"], 20);
    let late = running.push(&[("max_request_body", "12")]);
    assert_eq!(
        (&late["reply"], &late["kind"]),
        (&json!("error"), &json!("superseded"))
    );
    assert_eq!(limit()["value"], 20);
    go.send(()).unwrap();
    assert_eq!(slow.read_message().unwrap().text(), "old");
    assert_eq!(restart.wait_exit().code(), Some(0));
}

#[test]
fn a_generation_that_fails_leaves_what_held() {
    let running = Pushed::start(Launch::generations());
    let proxy = &running.proxy;
    let target = TestTarget::saying(proxy.app_port(1), "old");
    running.push(&[("max_request_body", "10")]);

    let restart = proxy.begin_restart(&["--timeout", "1s"]);
    running.say(2, &configure(&[("max_request_body", "20")]));

    assert_eq!(restart.wait_exit().code(), Some(1));
    let config = running.ask(&json!({ "version": 1, "command": "config" }));
    assert_eq!(of(&config, "MAX_REQUEST_BODY")["value"], 10);
    drop(target);
}

#[test]
fn nobody_pushes_through_the_socket_of_the_command_line() {
    let target = TestTarget::echoing();
    let running = Pushed::start(Launch::before(&target));

    let reply = running.ask(&configure(&[("debug", "on")]));

    assert_eq!(reply["kind"], "unavailable");
}

#[test]
fn whom_the_app_is_told_of_follows_a_push() {
    const FORWARDED: &str = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n";
    let told = |settings: &[(&str, &str)]| {
        let target = TestTarget::echoing();
        let running = Pushed::before(&target, settings);
        running.proxy.connect().ask(FORWARDED);
        let line = running.proxy.wait_for_log("Request");
        let request = &target.wait_for_requests(1)[0];
        (
            request.header("x-forwarded-for").unwrap(),
            line["remote_addr"].clone(),
        )
    };

    assert_eq!(told(&[]).0, "9.9.9.9, 127.0.0.1");
    assert_eq!(told(&[("forward_headers", "off")]).0, "127.0.0.1");
    let (seen, logged) = told(&[("trusted_proxies", "none")]);
    assert_eq!(seen, "127.0.0.1");
    assert!(logged.as_str().unwrap().starts_with("127.0.0.1:"), "{logged}");
    assert_eq!(told(&[("trusted_proxies", "127.0.0.0/8")]).1, "9.9.9.9");
}

#[test]
fn what_is_logged_follows_a_push() {
    let target = TestTarget::echoing();
    let running = Pushed::before(
        &target,
        &[
            ("log_skip_paths", "/up"),
            ("log_skip_statuses", "4xx"),
            ("filter_parameters", "plan"),
            ("max_request_body", "1"),
        ],
    );
    let mut client = running.proxy.connect();

    client.get("/up");
    client.get("/a?floorplan=secret&token=shown");
    client.ask("POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nno");
    running.push(&[("log_requests", "off")]);
    running.proxy.connect().get("/silent");
    running.push(&[("debug", "on")]);
    running.proxy.connect().get("/last");

    let lines = running.proxy.wait_for_logs("Request", 2);
    let paths: Vec<_> = lines.iter().map(|line| &line["path"]).collect();
    assert_eq!(paths, ["/a", "/last"]);
    assert_eq!(lines[0]["query"], "floorplan=[FILTERED]&token=shown");
    running.push(&[("log_level", "error")]);
    running.push(&[("log_level", "debug")]);
    let debug = running.proxy.wait_for_log("Asked");
    assert_eq!(debug["level"], "DEBUG");
}

#[test]
fn how_long_clients_may_take_follows_a_push() {
    let target = slow_at_times();
    let running = Pushed::before(
        &target,
        &[
            ("http_idle_timeout", "200ms"),
            ("http_read_timeout", "300ms"),
            ("target_timeout", "250ms"),
        ],
    );

    let mut idle = running.proxy.connect();
    idle.get("/");
    idle.expect_end();
    let mut slow = running.proxy.connect();
    slow.send("GET / HTTP/1.1\r\n");
    assert_eq!(slow.read_message().unwrap().status(), 408);
    assert_eq!(running.proxy.connect().ask(SLOW).status(), 504);
}

#[test]
fn how_long_clients_may_take_follows_a_push_on_connections_that_are_open() {
    let target = slow_at_times();
    let running = Pushed::before(&target, &[]);
    let [mut idle, mut slow] = [(); 2].map(|()| running.proxy.connect());
    for client in [&mut idle, &mut slow] {
        assert_eq!(client.get("/").status(), 200);
    }

    running.push(&[("http_idle_timeout", "200ms"), ("http_read_timeout", "300ms")]);

    idle.get("/");
    idle.expect_end();
    slow.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    assert_eq!(slow.read_message().unwrap().status(), 408);
}

#[test]
fn how_long_an_answer_may_stand_still_follows_a_push() {
    let target = TestTarget::start(|app| {
        while app.read_request().is_some() {
            app.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
            let _ = app.read_request();
        }
    });
    let running = Pushed::before(&target, &[("http_write_timeout", "200ms")]);
    let mut client = running.proxy.connect();

    client.send(SLOW);

    let received = client.read_to_end();
    assert!(
        received.ends_with(b"half"),
        "{}",
        String::from_utf8_lossy(&received)
    );
    assert_eq!(running.proxy.wait_for_log("Request")["status"], 200);
}

#[test]
fn http2_without_tls_follows_a_push() {
    let target = TestTarget::echoing();
    let running = Pushed::before(&target, &[("h2c_enabled", "off")]);
    let mut client = running.proxy.connect();

    client.send(PREFACE);

    assert_eq!(client.read_message().unwrap().status(), 505);
}

#[test]
fn how_many_may_come_from_one_address_follows_a_push() {
    let target = TestTarget::echoing();
    let running = Pushed::before(
        &target,
        &[("max_connections_per_address", "1"), ("trusted_proxies", "none")],
    );
    let mut first = running.proxy.connect();
    assert_eq!(first.get("/").status(), 200);

    running.proxy.connect().expect_end();
    running.push(&[("max_connections_per_address", "2"), ("trusted_proxies", "none")]);

    assert_eq!(running.proxy.connect().get("/").status(), 200);
}

#[test]
fn how_many_requests_the_app_has_follows_a_push_also_for_those_that_wait() {
    let (go, cued) = cue();
    let target = TestTarget::start(move |app| {
        while let Some(request) = app.read_request() {
            cued.wait();
            app.answer(request.target());
        }
    });
    let limits = |at_once| {
        [
            ("target_max_requests", at_once),
            ("target_queue", "1"),
            ("target_queue_timeout", "10s"),
        ]
    };
    let running = Pushed::before(&target, &limits("1"));
    let mut clients: Vec<_> = (0..2)
        .map(|_| {
            let mut client = running.proxy.connect();
            client.send(SLOW);
            client
        })
        .collect();
    target.wait_for_requests(1);
    support::eventually("a request that waits", || {
        (running.proxy.status()["held"] == 1).then_some(())
    });
    assert_eq!(running.proxy.connect().ask(SLOW).status(), 503);

    running.push(&limits("2"));

    assert_eq!(target.wait_for_requests(2).len(), 2, "it waits no more");
    (0..2).for_each(|_| go.send(()).unwrap());
    for client in &mut clients {
        assert_eq!(client.read_message().unwrap().status(), 200);
    }
}

#[test]
fn requests_that_the_app_has_count_when_a_push_gives_it_more_or_fewer() {
    let target = slow_at_times();
    let limits = |at_once| [("target_max_requests", at_once), ("target_queue", "0")];
    let running = Pushed::before(&target, &limits("1"));
    let asks_slow = |seen| {
        let mut client = running.proxy.connect();
        client.send(SLOW);
        target.wait_for_requests(seen);
        client
    };

    let first = asks_slow(1);
    running.push(&limits("2"));
    let second = asks_slow(2);
    assert_eq!(running.proxy.connect().get("/").status(), 503);
    running.push(&limits("1"));
    drop(second);
    support::eventually("one is over", || {
        (running.proxy.status()["in_flight"] == 1).then_some(())
    });

    assert_eq!(running.proxy.connect().get("/").status(), 503);
    drop(first);
    support::eventually("the other is over", || {
        (running.proxy.status()["in_flight"] == 0).then_some(())
    });
    assert_eq!(running.proxy.connect().get("/").status(), 200);
}

#[test]
fn how_long_a_request_waits_for_its_turn_follows_a_push() {
    let target = slow_at_times();
    let running = Pushed::before(
        &target,
        &[("target_max_requests", "1"), ("target_queue_timeout", "100ms")],
    );
    let mut first = running.proxy.connect();
    first.send(SLOW);
    target.wait_for_requests(1);

    assert_eq!(running.proxy.connect().get("/").status(), 503);
}

#[test]
fn how_long_a_booting_app_is_awaited_follows_a_push() {
    let running = Pushed::start(Launch::before_port(support::free_port()).env("BAD_GATEWAY_PAGE", ""));
    running.push(&[("boot_timeout", "100ms")]);

    assert_eq!(running.proxy.connect().get("/").status(), 503);
}

#[test]
fn how_long_connecting_to_the_app_may_take_follows_a_push() {
    let target = Swamped::start();
    let running = Pushed::start(Launch::before_port(target.port()));
    running.push(&[("target_connect_timeout", "300ms")]);

    assert_eq!(running.proxy.connect().get("/").status(), 504);

    let error = running.proxy.wait_for_log("Request")["error"].to_string();
    assert!(error.contains("within 300ms"), "{error}");
}

#[test]
fn how_the_end_is_awaited_follows_a_push() {
    let target = slow_at_times();
    let launch = Launch::shell("trap '' TERM; while :; do sleep 1; done")
        .env("TARGET_PORT", target.port().to_string());
    let running = Pushed::start(launch);
    running.push(&[("drain_timeout", "200ms"), ("stop_timeout", "100ms")]);
    running.proxy.connect().get("/");
    let mut client = running.proxy.connect();
    client.send(SLOW);
    target.wait_for_requests(2);
    let began = Instant::now();

    running.proxy.signal(Signal::TERM);

    let Pushed { proxy, .. } = running;
    let ended = proxy.wait_exit();
    assert!(
        ended
            .messages()
            .iter()
            .any(|message| message.contains("did not end within 100ms; killing it")),
        "{ended:?}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "not the default of the drain"
    );
}

#[test]
fn how_long_requests_are_taken_after_a_signal_follows_a_push() {
    let target = TestTarget::echoing();
    let running = Pushed::before(&target, &[("shutdown_delay", "1s")]);
    running.proxy.connect().get("/");

    running.proxy.signal(Signal::TERM);
    running
        .proxy
        .wait_for_log("Told to end; finishing requests first");

    assert_eq!(running.proxy.connect().get("/late").text(), "GET /late ");
    let Pushed { proxy, .. } = running;
    assert_eq!(proxy.wait_exit().code(), Some(143));
}
