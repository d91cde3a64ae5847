//! File systems without room: they cost the control sockets, and nothing else.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use self::support::{Launch, TestTarget, lets_us, make_pipe};

const NO_DIRECTORY: &str =
    "Found no directory for control sockets; `thrust status` and `thrust restart` will not find this thrust";

#[test]
fn a_full_runtime_directory_gives_way_to_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let (full, next) = (directory.path().join("full"), directory.path().join("next"));
    for place in [&full, &next] {
        fs::create_dir(place).unwrap();
    }
    let list = format!("{}:{}", full.display(), next.display());
    let Some(through) = with_mounts(&fill(&full)) else {
        return;
    };

    let proxy = Launch::generations()
        .env("RUNTIME_DIRECTORY", list)
        .through(through)
        .start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    assert_eq!(proxy.connect().get("/").text(), "first");

    // The mounts are not to be seen from here.
    assert_eq!(proxy.status()["pid"], proxy.pid().as_raw_pid());
    assert!(fs::read_dir(&next).unwrap().count() == 1);
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

#[test]
fn where_every_file_system_is_full_requests_are_served_all_the_same() {
    let places = ["/tmp", "/run", "/dev/shm"].map(|place| fill(Path::new(place)));
    let Some(through) = with_mounts(&places.join("\n")) else {
        return;
    };
    let proxy = Launch::shell(
        r#"echo "app on $PORT"; echo "socket ${THRUSTER_CONTROL_SOCKET-none}"; exec sleep 1000"#,
    )
    .env("THRUSTER_TARGET_PORT", "0")
    .through(through)
    .start();
    let _app = TestTarget::saying(proxy.app_port(1), "served");

    proxy.wait_for_log(NO_DIRECTORY);
    assert_eq!(proxy.wait_for_line("socket "), "none");
    assert_eq!(proxy.connect().get("/").text(), "served");
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(143));
}

#[test]
fn a_disk_that_fills_up_while_we_run_costs_the_sockets_of_later_generations() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().display();
    // Shared with the test, which is to reach the socket: a directory of the system's memory, bounded in files.
    let Some(through) = with_mounts(&format!(
        "mount -t tmpfs -o size=64k,nr_inodes=8 tmpfs {place} || exit 99"
    )) else {
        return;
    };
    // One of each: the mount, thrust-UID, its directory, control.sock, generation-1.sock, thrust.json. The first app
    // takes what is left, and asks for a restart itself, from within.
    let script = format!(
        r#"case ${{THRUSTER_CONTROL_SOCKET-none}} in
               *-1.sock)
                   number=0; while touch "$RUNTIME_DIRECTORY/$number"; do number=$((number + 1)); done 2>/dev/null
                   echo "app on $PORT"; read -r go <"$GO"
                   {} restart >/dev/null 2>&1; echo "restart said $?";;
               *) echo "later has ${{THRUSTER_CONTROL_SOCKET-none}}"; echo "app on $PORT";;
           esac
           exec sleep 1000"#,
        env!("CARGO_BIN_EXE_thrust")
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let go = elsewhere.path().join("go");
    make_pipe(&go);
    let proxy = Launch::shell(&script)
        .env("THRUSTER_TARGET_PORT", "0")
        .env("RUNTIME_DIRECTORY", directory.path())
        .env("GO", &go)
        .through(through)
        .start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    assert_eq!(proxy.connect().get("/").text(), "first");

    fs::write(&go, "\n").unwrap();
    let _second = TestTarget::saying(proxy.app_port(2), "second");
    proxy.wait_for_log("Restarted: requests go to the new generation");

    assert_eq!(proxy.wait_for_line("later has "), "none");
    proxy.wait_for_log("Failed to open a control socket; nobody can ask through it");
    assert_eq!(proxy.connect().get("/").text(), "second");
}

/// Shell commands that put a file system there on which no byte and no file has room.
fn fill(place: &Path) -> String {
    let place = place.display();
    format!(
        "mount -t tmpfs -o size=4k,mode=1777 tmpfs {place} || exit 99\n\
         cat /dev/zero >{place}/full 2>/dev/null"
    )
}

/// What starts a program behind mounts of its own, made by these commands; `None` where the system does not let us.
fn with_mounts(commands: &str) -> Option<[String; 6]> {
    let words = |script: &str| ["unshare", "--mount", "sh", "-c", script, "sh"].map(str::to_owned);
    // The program is opened before, because it may lie below one of the mounts.
    let through = words(&format!(
        "exec 9<\"$(command -v \"$1\")\"; shift\n{commands}\nexec /proc/self/fd/9 \"$@\""
    ));
    // Not `true`, which is a word of the shell's own, without a file.
    let tried = through.iter().map(String::as_str).chain(["env"]);
    lets_us("mount file systems for a test", tried).then_some(through)
}
