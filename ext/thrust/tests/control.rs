//! The control socket of a running thrust, and `thrust status`: found by whoever may, and gone when it is.

mod support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::Value;

use self::support::{Ended, Launch, TestProxy, eventually, lets_us};

const NOBODY: u32 = 65534;

#[test]
fn a_status_tells_how_a_running_thrust_is() {
    let place = Place::new();
    let proxy = place.shell("echo ready $$; exec sleep 1000").start();
    let child = proxy.wait_for_line("ready ");

    place.only_directory();
    let people = place.status(&proxy, &[]).run();
    let programs = place.status(&proxy, &["--json"]).run();

    assert_eq!((people.code(), &people.stderr), (Some(0), &vec![]));
    let line = |name: &str| {
        let found = people.stdout.iter().find(|line| line.starts_with(name));
        found.unwrap_or_else(|| panic!("no {name} in {people:?}"))
    };
    let version = env!("CARGO_PKG_VERSION");
    let pid = proxy.pid().as_raw_pid();
    assert!(line("state ").contains("booting"));
    assert!(line("thrust ").contains(&format!("{version}, pid {pid}, up ")));
    assert!(line("app ").contains(&format!("generation 1, pid {child}, ")));
    assert!(line("listening ").ends_with(&format!(":{}", proxy.port())));

    let status: Value = serde_json::from_str(&programs.stdout.join("\n")).unwrap();
    assert_eq!(status["state"], "booting");
    assert_eq!(status["version"], version);
    assert_eq!(status["pid"], pid);
    assert_eq!(status["child"].to_string(), child);
    assert_eq!(
        (&status["generation"], &status["ready"]),
        (&1.into(), &false.into())
    );
    assert_eq!(status["previous"], Value::Array(vec![]));
}

#[test]
fn of_several_it_is_the_one_that_runs_here_else_all_are_listed() {
    let (shop, blog, neither) = (Place::new(), Place::new(), Place::new());
    let first = shop.shell("exec sleep 1000").start();
    let second = blog.shell("exec sleep 1000").start();
    shop.only_directory();
    blog.only_directory();
    // One environment sees only one XDG_RUNTIME_DIR, but may see a RUNTIME_DIRECTORY besides.
    let ask = |here: &Place| {
        Launch::bare(["status", "--json"])
            .env("XDG_RUNTIME_DIR", shop.path())
            .env("RUNTIME_DIRECTORY", blog.path())
            .through([OsStr::new("env"), OsStr::new("-C"), here.path().as_os_str()])
            .run()
    };

    for (place, proxy) in [(&shop, &first), (&blog, &second)] {
        let status: Value = serde_json::from_str(&ask(place).stdout.join("\n")).unwrap();
        assert_eq!(status["pid"], proxy.pid().as_raw_pid());
        assert_eq!(status["directory"], place.path().to_str().unwrap());
    }
    let lost = ask(&neither);
    assert_eq!((lost.code(), &lost.stdout), (Some(2), &vec![]));
    assert!(
        lost.stderr[0].ends_with("none of them in this directory; choose one with --pid"),
        "{lost:?}"
    );
    for (place, proxy) in [(&shop, &first), (&blog, &second)] {
        let listed = |line: &String| {
            line.contains(&format!("--pid {} ", proxy.pid().as_raw_pid()))
                && line.ends_with(place.path().to_str().unwrap())
        };
        assert!(lost.stderr[1..].iter().any(listed), "{lost:?}");
    }
}

#[test]
fn the_app_itself_finds_the_thrust_above_it() {
    let (place, other) = (Place::new(), Place::new());
    let _other = other.shell("exec sleep 1000").start();
    let script = format!(
        "echo socket $THRUSTER_CONTROL_SOCKET; cd / && {} status --json | tr -d '\\n '; echo; exec sleep 1000",
        env!("CARGO_BIN_EXE_thrust")
    );
    let proxy = place
        .shell(&script)
        .env("RUNTIME_DIRECTORY", other.path())
        .start();

    let socket = PathBuf::from(proxy.wait_for_line("socket "));
    let status = proxy.wait_for_line_with("\"uptime\"");

    assert_eq!(socket.file_name().unwrap(), "generation-1.sock");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["pid"], proxy.pid().as_raw_pid());
}

#[test]
fn the_directory_is_private_and_gone_with_its_thrust() {
    let place = Place::new();
    let proxy = place.shell("exec sleep 1000").start();
    let directory = place.only_directory();

    for path in [&directory, directory.parent().unwrap()] {
        let found = fs::metadata(path).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o700, "{}", path.display());
    }
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(143));
    assert!(!directory.exists());
}

#[test]
fn what_a_killed_thrust_leaves_is_swept_by_whoever_looks_and_by_the_next_one() {
    let place = Place::new();
    let proxy = place.shell("exec sleep 1000").start();
    let left = place.only_directory();
    proxy.signal(Signal::KILL);

    let expected = format!("no running thrust has pid {}", proxy.pid().as_raw_pid());
    // Its socket goes before its lock: in between it is found and does not listen.
    let ended = eventually("the dead thrust is not found", || {
        let ended = place.status(&proxy, &[]).run();
        let is_unknown = ended.stderr.iter().any(|line| line.contains(&expected));
        is_unknown.then_some(ended)
    });
    assert_eq!(ended.code(), Some(2));
    assert!(!left.exists());

    let proxy = place.shell("exec sleep 1000").start();
    let left = place.only_directory();
    proxy.signal(Signal::KILL);
    drop(proxy);
    let _next = place.shell("exec sleep 1000").start();
    eventually("what was left is gone", || (!left.exists()).then_some(()));
    assert_ne!(place.only_directory(), left);
}

#[test]
fn where_nothing_can_be_written_only_the_sockets_are_missing() {
    // The runtime directories of this machine, read-only for these processes alone.
    let script = "for place in /tmp /run /dev/shm; do \
                    mount --bind $place $place && mount -o remount,bind,ro $place || exit 99; \
                  done; exec \"$@\"";
    let through = ["unshare", "--mount", "sh", "-c", script, "sh"];
    if !lets_us("make file systems read-only", through.into_iter().chain(["true"])) {
        return;
    }

    let proxy = Launch::shell("echo \"socket '$THRUSTER_CONTROL_SOCKET'\"; exec sleep 1000")
        .through(through)
        .start();

    let warning = proxy.wait_for_log("Found no directory for control sockets; `thrust status` and `thrust restart` will not find this thrust");
    assert!(
        warning["reasons"].as_str().unwrap().contains("/dev/shm"),
        "{warning}"
    );
    assert_eq!(proxy.wait_for_line("socket "), "''");
    assert_eq!(proxy.wait_for_logs("Server started", 1).len(), 1);
}

#[test]
fn root_finds_the_thrust_of_somebody_else_and_somebody_else_not_that_of_root() {
    let place = Place::new();
    let as_nobody = ["setpriv", "--reuid=65534", "--clear-groups"];
    fs::set_permissions(place.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    let tried = [env!("CARGO_BIN_EXE_thrust"), "--version"];
    if !lets_us("run thrust as another user", as_nobody.into_iter().chain(tried)) {
        return;
    }
    let theirs = place.shell("exec sleep 1000").through(as_nobody).start();
    let ours = place.shell("exec sleep 1000").start();

    eventually("root finds it", || {
        (place.status(&theirs, &[]).run().code() == Some(0)).then_some(())
    });
    place.only_directory();
    let refused: Ended = place.status(&ours, &[]).through(as_nobody).run();
    assert_eq!(refused.code(), Some(2));
    assert!(
        refused.stderr[0].contains("no running thrust has pid"),
        "{refused:?}"
    );
    let base = place.path().join(format!("thrust-{NOBODY}"));
    assert_eq!(fs::metadata(base).unwrap().uid(), NOBODY);
}

#[test]
fn a_directory_that_somebody_could_have_prepared_is_passed_over_with_a_warning() {
    let (bad, good) = (Place::new(), Place::new());
    let base = bad.base();
    fs::DirBuilder::new().mode(0o700).create(&base).unwrap();
    fs::set_permissions(&base, PermissionsExt::from_mode(0o770)).unwrap();

    let proxy = bad.shell("exec sleep 1000").env("TMPDIR", good.path());
    // As root, /run comes before TMPDIR, and a place before either.
    let proxy = proxy.env("RUNTIME_DIRECTORY", bad.path()).start();

    let warning = proxy.wait_for_log("Passed over an unsafe runtime directory");
    assert!(
        warning["reason"]
            .as_str()
            .unwrap()
            .contains("can be written by others"),
        "{warning}"
    );
    eventually("it is found elsewhere", || {
        let status = bad.status(&proxy, &[]).env("TMPDIR", good.path()).run();
        (status.code() == Some(0)).then_some(())
    });
    assert_eq!(fs::read_dir(base).unwrap().count(), 0);
}

/// A runtime directory of one test's own, in which its thrust also works.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        fs::set_permissions(place.path(), PermissionsExt::from_mode(0o700)).expect("the directory is ours");
        Self(place)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn base(&self) -> PathBuf {
        let us = rustix::process::geteuid().as_raw();
        self.path().join(format!("thrust-{us}"))
    }

    /// A thrust around a shell, with its private directory here.
    fn shell(&self, script: &str) -> Launch {
        Launch::shell(script)
            .env("XDG_RUNTIME_DIR", self.path())
            .through([OsStr::new("env"), OsStr::new("-C"), self.path().as_os_str()])
    }

    /// `thrust status` of one thrust: other tests have some that run too.
    fn status(&self, proxy: &TestProxy, words: &[&str]) -> Launch {
        let pid = proxy.pid().as_raw_pid().to_string();
        let words = ["status", "--pid", &pid].into_iter().chain(words.iter().copied());
        Launch::bare(words).env("XDG_RUNTIME_DIR", self.path())
    }

    /// The private directory of the only thrust here, once it listens and is the only one.
    fn only_directory(&self) -> PathBuf {
        eventually("one private directory with its socket", || {
            let entries: Vec<_> = fs::read_dir(self.base()).ok()?.flatten().collect();
            match entries.as_slice() {
                [only] if only.path().join("control.sock").exists() => Some(only.path()),
                _ => None,
            }
        })
    }
}
