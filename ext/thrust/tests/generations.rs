//! The generations of an app: when one is ready, how an old one ends, and what is left of it.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use self::support::{Launch, Signpost, Terminal, TestTarget, Wire, eventually, free_port, usage};

const OLD_ENDED: &str = "Old generation ended";

#[test]
fn restarts_leave_nothing_of_the_old_generations() {
    let place = tempfile::tempdir().unwrap();
    let script = r#"echo "app on $PORT"; test -z "$PIDFILE" || echo $$ >"$PIDFILE"; exec sleep 1000"#;
    let proxy = Launch::shell(script)
        .env("THRUSTER_TARGET_PORT", "0")
        .env("RUNTIME_DIRECTORY", place.path())
        .start();
    let mut served = TestTarget::saying(proxy.app_port(1), "served");
    let mut before = None;

    for generation in 2..=5 {
        let restart = proxy.begin_restart(&[]);
        let next = TestTarget::saying(proxy.app_port(generation), "served");
        assert_eq!(restart.wait_exit().code(), Some(0));
        served = next;
        assert_eq!(proxy.connect().get("/").text(), "served");

        let expected = [
            "control.sock".to_owned(),
            format!("generation-{generation}.pid"),
            format!("generation-{generation}.sock"),
            "thrust.json".to_owned(),
        ];
        eventually("the files of the current generation", || {
            (private_files(place.path()) == expected).then_some(())
        });
        let descriptors = usage::descriptors(&proxy);
        let before = *before.get_or_insert(descriptors);
        eventually("no more descriptors than before", || {
            (usage::descriptors(&proxy) <= before).then_some(())
        });
    }
    drop(served);
}

#[test]
fn an_app_that_does_not_come_up_can_be_replaced_and_who_waits_for_it_is_served() {
    let proxy = Launch::generations().env("THRUSTER_READY_PATH", "/ready").start();
    proxy.app_port(1);
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it waits", || (proxy.status()["held"] == 1).then_some(()));

    let restart = proxy.begin_restart(&[]);
    let _second = TestTarget::saying(proxy.app_port(2), "second");

    assert_eq!(client.read_message().unwrap().text(), "second");
    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(proxy.connect().get("/ready").status(), 200);
    assert_eq!(proxy.wait_for_log(OLD_ENDED)["generation"], 1);
}

#[test]
fn in_late_mode_a_replacement_lets_clients_in() {
    let port = free_port();
    let proxy = Launch::generations()
        .env("THRUSTER_BOOT_MODE", "late")
        .env("THRUSTER_HTTP_PORT", port.to_string())
        .spawn();
    proxy.app_port(1);

    let restart = proxy.begin_restart(&[]);
    let _second = TestTarget::saying(proxy.app_port(2), "second");

    assert_eq!(restart.wait_exit().code(), Some(0));
    proxy.wait_for_log("Server started");
    assert_eq!(Wire::connect(port).get("/").text(), "second");
}

#[test]
fn a_generation_is_ready_when_it_answers_the_health_path_well() {
    let proxy = Launch::generations()
        .env("THRUSTER_HEALTH_PATH", "/health?deep")
        .env("THRUSTER_HEALTH_HOST", "shop.example")
        .start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    proxy.connect().get("/");

    let restart = proxy.begin_restart(&[]);
    // It answers as force_ssl does, unless it is told that the request came by TLS.
    let second = TestTarget::start_on(proxy.app_port(2), |app| {
        let number = app.number;
        while let Some(request) = app.read_request() {
            let status = match (request.header("x-forwarded-proto").as_deref(), number) {
                (Some("https"), 0) => "500 Broken",
                (Some("https"), 1) => "503 Not Yet",
                (Some("https"), _) => "404 Not Found",
                _ => "301 Moved Permanently",
            };
            app.wire
                .send(format!("HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\nsecond"));
        }
    });

    assert_eq!(restart.wait_exit().code(), Some(0));
    let probes = second.wait_for_requests(3);
    assert_eq!(probes.len(), 3, "{probes:?}");
    for probe in &probes {
        assert_eq!(probe.first_line(), "GET /health?deep HTTP/1.1");
        assert_eq!(probe.header("host").as_deref(), Some("shop.example"));
    }
    assert_eq!(second.connections(), 3, "each on a connection of its own");
}

#[test]
fn without_a_health_path_any_answer_shows_that_a_generation_works() {
    let proxy = Launch::generations().start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");

    let restart = proxy.begin_restart(&[]);
    let second = TestTarget::start_on(proxy.app_port(2), |app| {
        while app.read_request().is_some() {
            app.wire.send("HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n");
        }
    });

    assert_eq!(restart.wait_exit().code(), Some(0));
    let probes = second.requests();
    assert_eq!((probes.len(), probes[0].first_line()), (1, "HEAD /up HTTP/1.1"));
    assert_eq!(probes[0].header("host").as_deref(), Some("localhost"));
}

#[test]
fn the_exit_status_is_that_of_the_current_generation() {
    let proxy = Launch::shell(
        r#"number=${THRUSTER_CONTROL_SOCKET##*-}; number=${number%.sock}
           trap 'exit $((10 + number))' TERM
           echo "app on $PORT"; echo "socket $THRUSTER_CONTROL_SOCKET"
           while :; do sleep 0.01; done"#,
    )
    .env("THRUSTER_TARGET_PORT", "0")
    .start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    let restart = proxy.begin_restart(&[]);
    let _second = TestTarget::saying(proxy.app_port(2), "second");
    assert_eq!(restart.wait_exit().code(), Some(0));

    let end = proxy.wait_for_log(OLD_ENDED);
    proxy.signal(Signal::TERM);
    let ended = proxy.wait_exit();

    assert_eq!(
        (&end["generation"], &end["how"]),
        (&1.into(), &"exited with status 11".into())
    );
    assert_eq!(ended.code(), Some(12));
    let mut sockets: Vec<_> = ended
        .stdout
        .iter()
        .filter_map(|line| line.strip_prefix("socket "))
        .collect();
    sockets.dedup();
    assert_eq!(sockets.len(), 2, "each generation has its own");
}

#[test]
fn our_end_waits_for_an_old_generation_that_is_on_its_way_to_its_own() {
    let leave = Signpost::new();
    let proxy = Launch::shell(
        r#"case $THRUSTER_CONTROL_SOCKET in
               *-1.sock) trap 'echo told; until test -e "$LEAVE"; do sleep 0.01; done; exit 7' TERM;;
               *) trap 'exit 0' TERM;;
           esac
           echo "app on $PORT"; while :; do sleep 0.01; done"#,
    )
    .env("THRUSTER_TARGET_PORT", "0")
    .env("LEAVE", leave.path())
    .start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    let restart = proxy.begin_restart(&[]);
    let _second = TestTarget::saying(proxy.app_port(2), "second");
    assert_eq!(restart.wait_exit().code(), Some(0));
    proxy.wait_for_line("told");

    proxy.signal(Signal::TERM);
    proxy.wait_for_log("Server stopping");
    leave.set();

    let ended = proxy.wait_exit();
    assert_eq!(ended.code(), Some(0), "that of the current one");
    let lines = ended.log_lines();
    let end = lines
        .iter()
        .find(|line| line["msg"] == OLD_ENDED)
        .expect("it is waited for");
    assert_eq!(end["how"], "exited with status 7");
}

#[test]
fn an_old_generation_that_does_not_end_is_killed_after_the_stop_timeout() {
    let proxy = Launch::shell(
        r#"case $THRUSTER_CONTROL_SOCKET in *-1.sock) trap '' TERM;; esac
           echo "app on $PORT"; while :; do sleep 0.01; done"#,
    )
    .env("THRUSTER_TARGET_PORT", "0")
    .env("THRUSTER_STOP_TIMEOUT", "100ms")
    .start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");

    let restart = proxy.begin_restart(&[]);
    let _second = TestTarget::saying(proxy.app_port(2), "second");

    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(proxy.wait_for_log(OLD_ENDED)["how"], "was killed by SIGKILL (9)");
    assert_eq!(proxy.status()["previous"], serde_json::json!([]));
}

#[test]
fn on_a_terminal_each_step_is_told() {
    let proxy = Launch::generations().start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    let pid = proxy.pid().as_raw_pid().to_string();

    let terminal = Terminal::start(Launch::bare(["restart", "--pid", &pid]));
    let _second = TestTarget::saying(proxy.app_port(2), "second");

    assert_eq!(terminal.wait_exit(), Some(0));
    let steps = [
        "starting generation 2",
        "waiting until it answers",
        "requests go to generation 2",
        "generation 1 finishes",
        "generation 1 is told to end",
        "Generation 2 serves, pid ",
    ];
    let screen = eventually("the last line", || {
        let screen = terminal.screen();
        screen.contains(steps[5]).then_some(screen)
    });
    let found: Vec<_> = steps.iter().map(|step| screen.find(step)).collect();
    assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{screen}");
}

/// The names of what is in the private directory of the only thrust here.
fn private_files(place: &Path) -> Vec<String> {
    let inside = |path: &Path| -> Vec<_> { fs::read_dir(path).expect("a directory").flatten().collect() };
    let base = inside(place).remove(0).path();
    let mut names: Vec<_> = inside(&inside(&base).remove(0).path())
        .iter()
        .map(|file| file.file_name().into_string().expect("names of ours"))
        .collect();
    names.sort();
    names
}
