//! `thrust restart --self`: another thrust in the same process, under the same app, and nobody notices.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

use rustix::process::{Pid, Signal, test_kill_process};
use serde_json::Value;

use self::support::{DEADLINE, Ended, Launch, TestProxy, TestTarget, Wire, eventually};

const THRUST: &str = env!("CARGO_BIN_EXE_thrust");

#[test]
fn another_binary_takes_over_in_the_same_process_under_the_same_app() {
    let place = Place::new();
    let target = TestTarget::echoing();
    let proxy = place.before(&target).start();
    let before = place.ready(&proxy);
    let next = place.new_binary("next");
    place.launch(&next);

    let told = place.upgrade(&proxy, &[]);

    assert_eq!((told.code(), &told.stderr), (Some(0), &vec![]));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        told.stdout,
        [format!("thrust {version} runs in the place of {version}")]
    );
    assert_eq!(executable(&proxy), next);
    let after = place.status(&proxy);
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
fn whoever_comes_meanwhile_is_served_and_what_is_under_way_is_finished() {
    let place = Place::new();
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let target = TestTarget::start(move |app| {
        while let Some(request) = app.read_request() {
            if request.target() == "/slow" {
                wait.lock().unwrap().recv_timeout(DEADLINE).unwrap();
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
        let told = scope.spawn(|| place.upgrade(&proxy, &[]));
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
    let place = Place::new();
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

    let told = place.upgrade(&proxy, &[]);

    assert!(
        told.stdout[0].ends_with("; 2 open connections were closed"),
        "{told:?}"
    );
    tunnels.iter_mut().for_each(Wire::expect_end);
}

#[test]
fn event_streams_that_end_by_themselves_are_finished_one_after_the_other() {
    let place = Place::new();
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let target = TestTarget::start(move |app| {
        while app.read_request().is_some() {
            app.wire.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            wait.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            app.wire.send("9\r\ndata: 1\n\n\r\n0\r\n\r\n");
        }
    });
    let proxy = place.before(&target).start();
    place.ready(&proxy);
    let mut events = proxy.connect();
    events.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    let first = events.read_head().unwrap();

    thread::scope(|scope| {
        let told = scope.spawn(|| place.upgrade(&proxy, &[]));
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
    let place = Place::new();
    let socket = place.path().join("front.sock");
    let proxy = place
        .shell("trap 'echo reopened' USR1; trap 'kill $!; exit 7' TERM; while :; do sleep 0.05; done")
        .env("THRUSTER_BIND", format!("127.0.0.1, unix:{}", socket.display()))
        .start();
    place.ready(&proxy);

    for _ in 0..2 {
        assert_eq!(place.upgrade(&proxy, &[]).code(), Some(0));
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
    let thrusts = fs::read_dir(place.runtime().join(format!("thrust-{}", us()))).unwrap();
    assert_eq!(thrusts.count(), 0);
}

#[test]
fn the_app_can_be_restarted_afterwards_and_does_not_outlive_a_kill() {
    let place = Place::new();
    let proxy = place.app().start();
    let before = place.ready(&proxy);
    let child = |status: &Value| Pid::from_raw(status["child"].as_i64().unwrap() as i32).unwrap();

    assert_eq!(place.upgrade(&proxy, &[]).code(), Some(0));
    let restarted = place.ask(&["restart"], &proxy);
    let after = place.status(&proxy);

    assert_eq!(restarted.code(), Some(0), "{restarted:?}");
    assert_eq!((&after["generation"], &after["ready"]), (&2.into(), &true.into()));
    assert_eq!(proxy.connect().get("/1k").status(), 200);
    let is_gone = |pid| test_kill_process(pid).is_err().then_some(());
    eventually("the old generation's end", || is_gone(child(&before)));
    eventually("nothing is left of it", || {
        (place.status(&proxy)["previous"] == Value::Array(Vec::new())).then_some(())
    });
    assert_eq!(
        place.upgrade(&proxy, &[]).code(),
        Some(0),
        "the second generation stays"
    );
    assert_eq!(place.status(&proxy)["child"], after["child"]);
    proxy.signal(Signal::KILL);
    eventually("the app's end", || is_gone(child(&after)));
}

#[test]
fn the_app_and_the_new_binary_see_what_they_would_at_a_start() {
    let place = Place::new();
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

    assert_eq!(place.upgrade(&proxy, &[]).code(), Some(0));
    assert_eq!(place.ask(&["restart"], &proxy).code(), Some(0));

    let seen = |line: &&String| line.starts_with(&format!("200 0 {at_first}"));
    assert_eq!(
        proxy.lines().iter().filter(seen).count(),
        2,
        "{:?}",
        proxy.lines()
    );
    let limits = fs::read_to_string(format!("/proc/{}/limits", proxy.pid().as_raw_pid())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    assert!(files.contains(" 4096 "), "{files}");
}

#[test]
fn what_would_not_run_in_our_place_changes_nothing_and_says_why() {
    let place = Place::new();
    let target = TestTarget::echoing();
    let proxy = place.before(&target).start();
    let before = place.ready(&proxy);
    let mut kept = proxy.connect();
    assert_eq!(kept.get("/1").status(), 200);
    let refused = |script: &str, arguments: &[&str]| {
        write_script(&place.launcher(), script);
        let told = place.upgrade(&proxy, arguments);
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
    let told = place.upgrade(&proxy, &[]).stderr.join("\n");
    assert!(
        told.contains(&format!("there is no file {:?}", place.launcher())),
        "{told}"
    );

    let after = place.status(&proxy);
    assert_eq!(executable(&proxy), Path::new(THRUST));
    assert_eq!(
        (&after["child"], &after["ready"]),
        (&before["child"], &true.into())
    );
    assert_eq!(proxy.connect().get("/2").text(), "GET /2 ");
    place.launch(Path::new(THRUST));
    assert_eq!(place.upgrade(&proxy, &[]).code(), Some(0));
}

#[test]
fn a_trial_that_is_refused_does_not_even_close_a_kept_connection() {
    let place = Place::new();
    let target = TestTarget::echoing();
    let proxy = place.before(&target).start();
    place.ready(&proxy);
    let mut kept = proxy.connect();
    assert_eq!(kept.get("/1").status(), 200);
    write_script(&place.launcher(), "exit 1");

    assert_eq!(place.upgrade(&proxy, &[]).code(), Some(1));

    let answer = kept.get("/2");
    assert_eq!(
        (answer.text(), answer.header("connection")),
        ("GET /2 ".to_owned(), None)
    );
}

#[test]
fn nothing_is_replaced_while_the_app_boots() {
    let place = Place::new();
    let proxy = place.wrap(["sleep", "1000"]).start();

    let told = place.upgrade(&proxy, &[]);

    assert_eq!(told.code(), Some(1));
    assert!(told.stderr[0].contains("the app is not ready"), "{told:?}");
}

#[test]
fn nothing_is_replaced_before_an_old_generation_has_ended() {
    let place = Place::new();
    let script = format!("trap '' TERM; {}", bench_app().display());
    let proxy = place
        .wrap(["sh", "-c", &script])
        .env("THRUSTER_HEALTH_PATH", "/1k")
        .start();
    let first = place.ready(&proxy)["child"].clone();
    assert_eq!(place.ask(&["restart"], &proxy).code(), Some(0));

    let told = place.upgrade(&proxy, &[]);

    assert_eq!(told.code(), Some(1));
    let reason = format!("generation 1 of the app (pid {first}) has not ended yet");
    assert!(told.stderr[0].contains(&reason), "{told:?}");
}

#[test]
fn the_service_manager_is_told_who_serves() {
    let place = Place::new();
    let path = place.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let target = TestTarget::echoing();
    let proxy = place.before(&target).env("NOTIFY_SOCKET", &path).start();
    let pid = place.ready(&proxy)["child"].clone();
    let heard = || {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let serves = format!("STATUS=Generation 1 serves, pid {pid}");
    assert_eq!([heard(), heard()], ["READY=1", &serves]);

    assert_eq!(place.upgrade(&proxy, &[]).code(), Some(0));
    assert_eq!(heard(), serves);
    proxy.signal(Signal::TERM);

    assert_eq!(heard(), "STOPPING=1");
}

#[test]
fn a_signal_to_end_comes_before_an_upgrade() {
    let place = Place::new();
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
        let told = scope.spawn(|| place.upgrade(&proxy, &[]));
        proxy.wait_for_log("Told to become another thrust; finishing requests first");
        proxy.signal(Signal::TERM);
        assert_ne!(told.join().unwrap().code(), Some(0));
    });
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

#[test]
fn an_app_that_ends_meanwhile_ends_thrust_with_its_status() {
    let place = Place::new();
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.read_to_end();
    });
    let fifo = place.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let proxy = place
        .wrap([
            "sh",
            "-c",
            &format!("read status < {}; exit $status", fifo.display()),
        ])
        .env("THRUSTER_TARGET_PORT", target.port().to_string())
        .env("THRUSTER_DRAIN_TIMEOUT", "1")
        .start();
    place.ready(&proxy);
    let mut endless = proxy.connect();
    endless.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    target.wait_for_requests(1);

    thread::scope(|scope| {
        let told = scope.spawn(|| place.upgrade(&proxy, &[]));
        proxy.wait_for_log("Told to become another thrust; finishing requests first");
        let mut fifo = fs::File::options().write(true).open(&fifo).unwrap();
        fifo.write_all(b"9\n").unwrap();
        told.join().unwrap();
    });
    proxy.wait_for_log("Took the place of another thrust");
    assert_eq!(proxy.wait_exit().code(), Some(9));
}

#[test]
fn a_link_to_the_current_release_leads_to_the_new_one() {
    let place = Place::new();
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
    let told = place.upgrade(&proxy, &[]);
    fs::remove_dir_all(one).unwrap();

    assert_eq!(told.code(), Some(0), "{told:?}");
    assert_eq!(executable(&proxy), *binary);
    let directory = fs::read_link(format!("/proc/{}/cwd", proxy.pid().as_raw_pid())).unwrap();
    assert_eq!(directory, *two);
    assert_eq!(
        place.upgrade(&proxy, &[]).code(),
        Some(0),
        "the first is not needed any more"
    );
}

/// Where a thrust of its own runs: its runtime directory, its launcher, its binaries.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory for temporary files"));
        fs::create_dir(place.runtime()).expect("the directory is ours");
        fs::set_permissions(place.runtime(), fs::Permissions::from_mode(0o700))
            .expect("the directory is ours");
        place.launch(Path::new(THRUST));
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn runtime(&self) -> PathBuf {
        self.path().join("run")
    }

    fn launcher(&self) -> PathBuf {
        self.path().join("launcher")
    }

    /// From now on the launcher leads to this binary.
    fn launch(&self, binary: &Path) {
        write_script(&self.launcher(), &format!("exec {} \"$@\"", binary.display()));
    }

    /// The same program elsewhere.
    fn new_binary(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        if fs::hard_link(THRUST, &path).is_err() {
            fs::copy(THRUST, &path).expect("the directory is ours");
        }
        path
    }

    fn wrap<W: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Launch {
        Launch::new(words)
            .env("XDG_RUNTIME_DIR", self.runtime())
            .env("THRUSTER_LAUNCHER", self.launcher())
            .env("THRUSTER_READY_PATH", "/ready")
    }

    fn before(&self, target: &TestTarget) -> Launch {
        self.wrap(["sleep", "1000"])
            .env("THRUSTER_TARGET_PORT", target.port().to_string())
    }

    /// Wraps an app that serves and can have several generations.
    fn app(&self) -> Launch {
        self.wrap([bench_app()]).env("THRUSTER_HEALTH_PATH", "/1k")
    }

    /// Wraps a script beside an app that serves.
    fn shell(&self, script: &str) -> Launch {
        let script = format!("{} & {}", bench_app().display(), script.replace("$!", "$app"));
        self.wrap(["sh", "-c", &script.replacen("& ", "& app=$!; ", 1)])
    }

    /// Waits until the app is ready, and returns the status.
    fn ready(&self, proxy: &TestProxy) -> Value {
        eventually("the app is ready", || {
            (proxy.connect().get("/ready").status() == 200).then_some(())
        });
        self.status(proxy)
    }

    fn status(&self, proxy: &TestProxy) -> Value {
        let told = self.ask(&["status", "--json"], proxy);
        serde_json::from_str(&told.stdout.join("\n")).unwrap_or_else(|error| panic!("{error}: {told:?}"))
    }

    fn upgrade(&self, proxy: &TestProxy, arguments: &[&str]) -> Ended {
        self.ask(&[&["restart", "--self"], arguments].concat(), proxy)
    }

    fn ask(&self, words: &[&str], proxy: &TestProxy) -> Ended {
        let pid = proxy.pid().as_raw_pid().to_string();
        Launch::bare([words, &["--pid", &pid]].concat())
            .env("XDG_RUNTIME_DIR", self.runtime())
            .run()
    }
}

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn bench_app() -> PathBuf {
    Path::new(THRUST).with_file_name("examples").join("bench_app")
}

/// Writes it anew, so that one that runs is not disturbed.
fn write_script(path: &Path, script: &str) {
    let new = path.with_extension("new");
    fs::write(&new, format!("#!/bin/sh\n{script}\n")).expect("the directory is ours");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("the directory is ours");
    fs::rename(new, path).expect("the directory is ours");
}

/// The file of the program that the proxy's process is.
fn executable(proxy: &TestProxy) -> PathBuf {
    fs::read_link(format!("/proc/{}/exe", proxy.pid().as_raw_pid())).expect("it runs")
}
