//! `thrust restart --self` where it is refused, fails, or something comes in between: the running thrust goes on.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;

use rustix::process::Signal;

use self::support::{
    Installed, Launch, THRUST, TestTarget, bench_app, eventually, make_pipe, process, write_script,
};

#[test]
fn what_would_not_run_in_our_place_changes_nothing_and_says_why() {
    let place = Installed::new();
    let target = TestTarget::echoing();
    let proxy = place.before(&target).start();
    let before = place.ready(&proxy);
    let mut kept = proxy.connect();
    assert_eq!(kept.get("/1").status(), 200);
    let refused = |script: &str, arguments: &[&str]| {
        write_script(&place.launcher(), script);
        let told = proxy.upgrade(arguments);
        assert_eq!(told.code(), Some(1), "{script}: {told:?}");
        told.stderr.join("\n")
    };

    for (script, arguments, reason) in [
        (
            "echo 'no such gem' >&2; exit 3",
            &[][..],
            "exited with status 3; it said: no such gem",
        ),
        ("kill -SEGV $$", &[], "was killed by SIGSEGV (11)"),
        ("echo hello", &[], "it printed \"hello\\n\""),
        (
            "sleep 1000",
            &["--timeout", "100ms"],
            "did not answer within 100ms and was killed",
        ),
        (
            &format!("exec {THRUST} \"$1\" --http-port=eighty true"),
            &[],
            "--http-port is \"eighty\"",
        ),
        (
            &format!("shift; exec {THRUST} --trial-start=99 \"$@\""),
            &[],
            "hand-over is of format \"99\", not 1",
        ),
        (
            // It answers well, and is not there any more when it is needed.
            "echo '{\"thrust\":\"9.9.9\",\"executable\":\"/no/such/thrust\"}'",
            &[],
            "could not become /no/such/thrust: No such file or directory",
        ),
    ] {
        let told = refused(script, arguments);
        assert!(told.contains(reason), "{script}: {told}");
    }
    fs::remove_file(place.launcher()).unwrap();
    let told = proxy.upgrade(&[]).stderr.join("\n");
    assert!(
        told.contains(&format!("there is no file {:?}", place.launcher())),
        "{told}"
    );

    let after = proxy.status();
    assert_eq!(process::executable(proxy.pid()), Path::new(THRUST));
    assert_eq!(
        (&after["child"], &after["ready"]),
        (&before["child"], &true.into())
    );
    assert_eq!(proxy.connect().get("/2").text(), "GET /2 ");
    place.launch(Path::new(THRUST));
    assert_eq!(proxy.upgrade(&[]).code(), Some(0));
}

#[test]
fn after_an_exec_that_failed_a_broken_pipe_still_ends_nobody() {
    let place = Installed::new();
    let target = TestTarget::echoing();
    let proxy = place.before(&target).start();
    place.ready(&proxy);
    write_script(
        &place.launcher(),
        "echo '{\"thrust\":\"9.9.9\",\"executable\":\"/no/such/thrust\"}'",
    );
    assert_eq!(proxy.upgrade(&[]).code(), Some(1));

    proxy.signal(Signal::PIPE);

    assert_eq!(proxy.connect().get("/1").text(), "GET /1 ");
    proxy.signal(Signal::TERM);
    assert_eq!(
        proxy.wait_exit().messages().last().map(String::as_str),
        Some("Server stopped")
    );
}

#[test]
fn a_trial_that_is_refused_does_not_even_close_a_kept_connection() {
    let place = Installed::new();
    let target = TestTarget::echoing();
    let proxy = place.before(&target).start();
    place.ready(&proxy);
    let mut kept = proxy.connect();
    assert_eq!(kept.get("/1").status(), 200);
    write_script(&place.launcher(), "exit 1");

    assert_eq!(proxy.upgrade(&[]).code(), Some(1));

    let answer = kept.get("/2");
    assert_eq!(
        (answer.text(), answer.header("connection")),
        ("GET /2 ".to_owned(), None)
    );
}

#[test]
fn nothing_is_replaced_while_the_app_boots() {
    let place = Installed::new();
    let proxy = place.wrap(["sleep", "1000"]).start();

    let told = proxy.upgrade(&[]);

    assert_eq!(told.code(), Some(1));
    assert!(told.stderr[0].contains("the app is not ready"), "{told:?}");
}

#[test]
fn nothing_is_replaced_before_an_old_generation_has_ended() {
    let place = Installed::new();
    let script = format!("trap '' TERM; {}", bench_app().display());
    let proxy = place
        .wrap(["sh", "-c", &script])
        .env("THRUSTER_HEALTH_PATH", "/1k")
        .start();
    let first = place.ready(&proxy)["child"].clone();
    assert_eq!(proxy.restart(&[]).code(), Some(0));

    let told = proxy.upgrade(&[]);

    assert_eq!(told.code(), Some(1));
    let reason = format!("generation 1 of the app (pid {first}) has not ended yet");
    assert!(told.stderr[0].contains(&reason), "{told:?}");
}

#[test]
fn a_signal_to_end_comes_before_an_upgrade() {
    let place = Installed::new();
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.read_to_end();
    });
    let proxy = place.before(&target).start();
    place.ready(&proxy);
    let mut endless = proxy.connect();
    endless.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    thread::scope(|scope| {
        let told = scope.spawn(|| proxy.upgrade(&[]));
        proxy.wait_for_log("Told to become another thrust; finishing requests first");
        proxy.signal(Signal::TERM);
        assert_ne!(told.join().unwrap().code(), Some(0));
    });
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

#[test]
fn an_app_that_ends_meanwhile_ends_thrust_with_its_status() {
    let place = Installed::new();
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.read_to_end();
    });
    let (app, end_app) = that_ends(&place);
    let proxy = app
        .env("THRUSTER_TARGET_PORT", target.port().to_string())
        .env("THRUSTER_DRAIN_TIMEOUT", "1")
        .start();
    place.ready(&proxy);
    let mut endless = proxy.connect();
    endless.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    thread::scope(|scope| {
        let told = scope.spawn(|| proxy.upgrade(&[]));
        proxy.wait_for_log("Told to become another thrust; finishing requests first");
        end_app("9");
        told.join().unwrap();
    });
    proxy.wait_for_log("Took the place of another thrust");
    assert_eq!(proxy.wait_exit().code(), Some(9));
}

#[test]
fn whoever_waits_for_an_app_that_went_away_meanwhile_is_told_so() {
    let place = Installed::new();
    let target = TestTarget::echoing();
    let proxy = place.before(&target).env("THRUSTER_DRAIN_TIMEOUT", "1").start();
    place.ready(&proxy);
    let mut late = proxy.connect();
    late.send("GET / HTTP/1.1\r\n");

    thread::scope(|scope| {
        let told = scope.spawn(|| proxy.upgrade(&[]));
        proxy.wait_for_log("Told to become another thrust; finishing requests first");
        drop(target);
        late.send("Host: a\r\n\r\n");

        let answer = late.read_message().unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.header("retry-after").is_some());
        assert_eq!(told.join().unwrap().code(), Some(0));
    });
}

#[test]
fn nobody_waits_for_an_app_that_ended_meanwhile() {
    let place = Installed::new();
    let target = TestTarget::echoing();
    let (app, end_app) = that_ends(&place);
    let proxy = app
        .env("THRUSTER_TARGET_PORT", target.port().to_string())
        .env("THRUSTER_DRAIN_TIMEOUT", "1000")
        .start();
    place.ready(&proxy);
    let mut late = proxy.connect();
    late.send("GET / HTTP/1.1\r\n");

    thread::scope(|scope| {
        let told = scope.spawn(|| proxy.upgrade(&[]));
        proxy.wait_for_log("Told to become another thrust; finishing requests first");
        drop(target);
        late.send("Host: a\r\n\r\n");
        eventually("a request that waits", || {
            (proxy.status()["held"] == 1).then_some(())
        });
        end_app("9");

        assert_eq!(late.read_message().unwrap().status(), 503);
        told.join().unwrap();
    });
    assert_eq!(proxy.wait_exit().code(), Some(9));
}

/// A command that ends with a status when it is told one.
fn that_ends(place: &Installed) -> (Launch, impl Fn(&str)) {
    let fifo = place.path().join("fifo");
    make_pipe(&fifo);
    let script = format!("read status < {}; exit $status", fifo.display());
    let end = move |status: &str| {
        let mut fifo = fs::File::options()
            .write(true)
            .open(&fifo)
            .expect("somebody reads");
        writeln!(fifo, "{status}").expect("somebody reads");
    };
    (place.wrap(["sh", "-c", &script]), end)
}
