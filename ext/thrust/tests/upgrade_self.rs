//! `thrust restart --self`: another thrust in the same process, under the same app, and nobody notices.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, geteuid, test_kill_process};
use serde_json::{Value, json};

use self::support::{
    Installed, Manager, TestTarget, Wire, bench_app, configure, cue, eventually, process, say_as,
    write_script,
};

#[test]
fn another_binary_takes_over_in_the_same_process_under_the_same_app() {
    let place = Installed::new();
    let target = TestTarget::echoing();
    let proxy = place.before(&target).start();
    let before = place.ready(&proxy);
    let next = place.new_binary("next");
    place.launch(&next);

    let told = proxy.upgrade(&[]);

    assert_eq!((told.code(), &told.stderr), (Some(0), &vec![]));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        told.stdout,
        [format!("thrust {version} runs in the place of {version}")]
    );
    assert_eq!(process::executable(proxy.pid()), next);
    let after = proxy.status();
    for same in ["pid", "child", "generation", "target", "listening", "directory"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(
        (&after["ready"], &after["state"]),
        (&true.into(), &"ready".into())
    );
    assert!(after["uptime"].as_f64() >= before["uptime"].as_f64());
    assert_eq!(proxy.connect().get("/after").text(), "GET /after ");
}

#[test]
fn what_the_app_has_told_holds_on_with_the_secret_that_it_knows() {
    let place = Installed::new();
    let target = TestTarget::echoing();
    let proxy = place.before(&target).start();
    place.ready(&proxy);
    let mut push = configure(&[("max_request_body", "10"), ("drain_timeout", "7s")]);
    push["app"] = json!({ "sendfile": true });
    let before = say_as(1, &place.runtime(), &push);

    assert_eq!(proxy.upgrade(&[]).code(), Some(0));

    let mut client = proxy.connect();
    let upload = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world";
    assert_eq!(client.ask(upload).status(), 413);
    proxy.connect().get("/after");
    let secret = target.requests().pop().unwrap().header("x-thruster-secret");
    assert_eq!(
        before["configured"]["sendfile_secret"].as_str(),
        secret.as_deref()
    );
    // A worker that begins anew tells all of it again.
    let again = say_as(1, &place.runtime(), &push);
    assert_eq!(again["configured"]["changed"], json!([]), "{again}");
    assert_eq!(
        again["configured"]["sendfile_secret"],
        before["configured"]["sendfile_secret"]
    );
}

#[test]
fn whoever_comes_meanwhile_is_served_and_what_is_under_way_is_finished() {
    let place = Installed::new();
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        while let Some(request) = app.read_request() {
            if request.target() == "/slow" {
                cue.wait();
            }
            app.answer(request.target());
        }
    });
    let proxy = place.before(&target).env("THRUSTER_THREADS", "3").start();
    place.ready(&proxy);
    let mut slow = proxy.connect();
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    thread::scope(|scope| {
        let told = scope.spawn(|| proxy.upgrade(&[]));
        proxy.wait_for_log("Told to become another thrust; finishing requests first");
        let mut fresh = proxy.connect();
        fresh.send("GET /fresh HTTP/1.1\r\nHost: a\r\n\r\n");
        go.send(()).unwrap();

        let finished = slow.read_message().unwrap();
        assert_eq!(finished.text(), "/slow");
        assert_eq!(finished.header("connection").as_deref(), Some("close"));
        assert_eq!(fresh.read_message().unwrap().text(), "/fresh");
        assert_eq!(told.join().unwrap().code(), Some(0));
    });
}

#[test]
fn tunnels_are_closed_and_counted() {
    let place = Installed::new();
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire
            .send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
        app.wire.read_to_end();
    });
    let proxy = place.before(&target).start();
    place.ready(&proxy);
    let mut tunnels: Vec<_> = (0..2)
        .map(|_| {
            let mut tunnel = proxy.connect();
            tunnel.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
            assert_eq!(tunnel.read_head().unwrap().status(), 101);
            tunnel
        })
        .collect();

    let told = proxy.upgrade(&[]);

    assert!(
        told.stdout[0].ends_with("; 2 open connections were closed"),
        "{told:?}"
    );
    tunnels.iter_mut().for_each(Wire::expect_end);
}

#[test]
fn event_streams_that_end_by_themselves_are_finished_one_after_the_other() {
    let place = Installed::new();
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        while app.read_request().is_some() {
            app.wire.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            cue.wait();
            app.wire.send("9\r\ndata: 1\n\n\r\n0\r\n\r\n");
        }
    });
    let proxy = place.before(&target).start();
    place.ready(&proxy);
    let mut events = proxy.connect();
    events.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    let first = events.read_head().unwrap();

    thread::scope(|scope| {
        let told = scope.spawn(|| proxy.upgrade(&[]));
        proxy.wait_for_log("Told to become another thrust; finishing requests first");
        go.send(()).unwrap();
        assert_eq!(events.read_body(&first), b"data: 1\n\n");
        events.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
        let second = events.read_head().unwrap();
        go.send(()).unwrap();

        assert_eq!(events.read_body(&second), b"data: 1\n\n");
        let told = told.join().unwrap();
        assert!(told.stdout[0].ends_with(env!("CARGO_PKG_VERSION")), "{told:?}");
    });
}

#[test]
fn signals_and_the_exit_status_are_the_apps_as_before_and_nothing_is_left_behind() {
    let place = Installed::new();
    let socket = place.path().join("front.sock");
    let proxy = place
        .shell("trap 'echo reopened' USR1; trap 'kill $app; exit 7' TERM; while :; do sleep 0.05; done")
        .env("THRUSTER_BIND", format!("127.0.0.1, unix:{}", socket.display()))
        .start();
    place.ready(&proxy);

    for _ in 0..2 {
        assert_eq!(proxy.upgrade(&[]).code(), Some(0));
    }

    assert_eq!(Wire::connect_unix(&socket).get("/ready").status(), 200);
    assert_eq!(proxy.connect().get("/ready").status(), 200);
    proxy.signal(Signal::USR1);
    proxy.wait_for_line("reopened");
    proxy.signal(Signal::TERM);
    let ended = proxy.wait_exit();
    assert_eq!(ended.code(), Some(7));
    assert_eq!(
        ended.messages().last().map(String::as_str),
        Some("Server stopped")
    );
    assert!(!socket.exists());
    let thrusts = fs::read_dir(place.runtime().join(format!("thrust-{}", geteuid().as_raw()))).unwrap();
    assert_eq!(thrusts.count(), 0);
}

#[test]
fn the_app_can_be_restarted_afterwards_and_does_not_outlive_a_kill() {
    let place = Installed::new();
    let proxy = place.app().start();
    place.ready(&proxy);
    let first = proxy.child();

    assert_eq!(proxy.upgrade(&[]).code(), Some(0));
    let restarted = proxy.restart(&[]);
    let after = proxy.status();

    assert_eq!(restarted.code(), Some(0), "{restarted:?}");
    assert_eq!((&after["generation"], &after["ready"]), (&2.into(), &true.into()));
    assert_eq!(proxy.connect().get("/1k").status(), 200);
    let is_gone = |pid| test_kill_process(pid).is_err().then_some(());
    eventually("the old generation's end", || is_gone(first));
    eventually("nothing is left of it", || {
        (proxy.status()["previous"] == Value::Array(Vec::new())).then_some(())
    });
    assert_eq!(proxy.upgrade(&[]).code(), Some(0), "the second generation stays");
    assert_eq!(proxy.status()["child"], after["child"]);
    let second = proxy.child();
    proxy.signal(Signal::KILL);
    eventually("the app's end", || is_gone(second));
}

#[test]
fn signals_for_the_app_do_no_harm_whenever_they_come() {
    let place = Installed::new();
    let proxy = place
        .shell("trap 'echo reopened' HUP; trap 'kill $!; exit 7' TERM; while :; do sleep 0.05; done")
        .start();
    place.ready(&proxy);
    let (stop, stopped) = channel::<()>();

    thread::scope(|scope| {
        scope.spawn(|| {
            let stopped = stopped;
            while stopped.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
                proxy.signal(Signal::HUP);
            }
        });
        let told: Vec<_> = (0..3).map(|_| proxy.upgrade(&[]).code()).collect();
        drop(stop);
        assert_eq!(told, [Some(0); 3]);
    });

    proxy.wait_for_line("reopened");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(7));
}

#[test]
fn the_app_and_the_new_binary_see_what_they_would_at_a_start() {
    let place = Installed::new();
    let script = "ulimit -Sn; env | grep -cE '^(LISTEN_|THRUSTER_HANDOVER|THRUSTER_LAUNCHER)'; ls /proc/self/fd | wc -l";
    let app = place.path().join("app");
    write_script(
        &app,
        &format!("({script}) | tr '\\n' ' '; echo; exec {} ", bench_app().display()),
    );
    let proxy = place
        .wrap([&app])
        .env("THRUSTER_HEALTH_PATH", "/1k")
        .through(["prlimit", "--nofile=200:4096"])
        .start();
    place.ready(&proxy);
    let at_first = proxy.wait_for_line("200 0 ");

    assert_eq!(proxy.upgrade(&[]).code(), Some(0));
    assert_eq!(proxy.restart(&[]).code(), Some(0));

    let seen = |line: &&String| line.starts_with(&format!("200 0 {at_first}"));
    assert_eq!(
        proxy.lines().iter().filter(seen).count(),
        2,
        "{:?}",
        proxy.lines()
    );
    let limits = fs::read_to_string(process::path(proxy.pid(), "limits")).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    assert!(files.contains(" 4096 "), "{files}");
}

#[test]
fn the_service_manager_is_told_who_serves() {
    let place = Installed::new();
    let manager = Manager::new();
    let target = TestTarget::echoing();
    let proxy = manager.start(place.before(&target));
    let pid = place.ready(&proxy)["child"].clone();
    let serves = format!("STATUS=Generation 1 serves, pid {pid}");
    assert_eq!([manager.next(), manager.next()], ["READY=1", &serves]);

    assert_eq!(proxy.upgrade(&[]).code(), Some(0));
    assert_eq!(manager.next(), serves);
    proxy.signal(Signal::TERM);

    assert_eq!(manager.next(), "STOPPING=1");
}

#[test]
fn a_link_to_the_current_release_leads_to_the_new_one() {
    let place = Installed::new();
    let releases = ["one", "two"].map(|name| {
        let release = place.path().join(name);
        fs::create_dir_all(release.join("bin")).unwrap();
        fs::write(release.join("Gemfile"), "").unwrap();
        let binary = place.new_binary(&format!("thrust-{name}"));
        // As a binstub does, it keeps to the Gemfile that it is told.
        let script = format!(
            "case $BUNDLE_GEMFILE in {0}/*|{1}/*) exec {2} \"$@\";; esac; echo $BUNDLE_GEMFILE >&2; exit 1",
            release.display(),
            place.path().join("current").display(),
            binary.display()
        );
        write_script(&release.join("bin/thrust"), &script);
        (release, binary)
    });
    let current = place.path().join("current");
    let point_to = |release: &Path| {
        let _ = fs::remove_file(&current);
        symlink(release, &current).unwrap();
    };
    let [(one, _), (two, binary)] = &releases;
    point_to(one);
    let target = TestTarget::echoing();
    let proxy = place
        .before(&target)
        .through(["env", "-C", current.to_str().unwrap()])
        .env("PWD", &current)
        .env("BUNDLE_GEMFILE", one.join("Gemfile"))
        .env("THRUSTER_LAUNCHER", current.join("bin/thrust"))
        .start();
    place.ready(&proxy);

    point_to(two);
    let told = proxy.upgrade(&[]);
    fs::remove_dir_all(one).unwrap();

    assert_eq!(told.code(), Some(0), "{told:?}");
    assert_eq!(process::executable(proxy.pid()), *binary);
    let directory = fs::read_link(process::path(proxy.pid(), "cwd")).unwrap();
    assert_eq!(directory, *two);
    assert_eq!(
        proxy.upgrade(&[]).code(),
        Some(0),
        "the first is not needed any more"
    );
}
