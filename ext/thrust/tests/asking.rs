//! `thrust status` and `thrust restart` before a thrust that the test plays: what is asked, told and returned.

mod support;

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process;
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use self::support::{Launch, Terminal};

#[test]
fn a_restart_passes_its_timeout_on_and_ends_with_what_serves() {
    let played = Played::new();
    let commands = played.answer(&[
        json!({ "version": 1, "reply": "progress", "step": "starting", "text": "Starting generation 2" }),
        json!({ "version": 1, "reply": "alive" }),
        json!({ "version": 1, "reply": "ok", "restarted": { "generation": 2, "child": 77, "took": 1.25 } }),
    ]);

    let ended = played.ask(&["restart", "--timeout", "1m30s"]).run();

    assert_eq!(ended.stdout, ["Generation 2 serves, pid 77, after 1.2 s"]);
    assert_eq!((ended.code(), ended.stderr), (Some(0), vec![]));
    assert_eq!(
        commands.join().unwrap(),
        json!({ "version": 1, "command": "restart", "timeout": 90.0 })
    );
}

#[test]
fn on_a_terminal_each_step_is_told_and_steers_nothing() {
    let played = Played::new();
    let commands = played.answer(&[
        json!({ "version": 1, "reply": "progress", "step": "trying", "text": "Trying the new binary" }),
        json!({ "version": 1, "reply": "progress", "step": "replacing", "text": "Replacing\u{1b}[2J" }),
        json!({ "version": 1, "reply": "ok", "upgraded": { "from": "1.0.0", "to": "1.1.0", "closed": 1 } }),
    ]);

    let terminal = Terminal::start(played.ask(&["restart", "--self"]));

    assert_eq!(terminal.wait_exit(), Some(0));
    support::eventually("all of the output", || {
        terminal
            .screen()
            .ends_with("1 open connection was closed\r\n")
            .then_some(())
    });
    assert_eq!(
        terminal.screen().lines().collect::<Vec<_>>(),
        [
            "Trying the new binary",
            r"Replacing\u{1b}[2J",
            "thrust 1.1.0 runs in the place of 1.0.0; 1 open connection was closed"
        ]
    );
    assert_eq!(
        commands.join().unwrap(),
        json!({ "version": 1, "command": "upgrade" })
    );
}

#[test]
fn a_failed_restart_says_why_with_status_1() {
    let played = Played::new();
    played.answer(&[json!({
        "version": 1, "reply": "error", "kind": "failed", "message": "the new app exited with status 1"
    })]);

    let ended = played.ask(&["restart"]).run();

    assert_eq!(ended.code(), Some(1));
    assert_eq!(ended.stdout, [""; 0]);
    assert_eq!(ended.stderr, ["thrust: the new app exited with status 1"]);
}

#[test]
fn a_thrust_that_goes_away_in_the_middle_is_status_3() {
    let played = Played::new();
    played.answer(&[json!({ "version": 1, "reply": "alive" })]);

    let ended = played.ask(&["restart"]).run();

    assert_eq!(ended.code(), Some(3));
    assert!(
        ended.stderr[0].contains("closed the connection before it answered"),
        "{:?}",
        ended.stderr
    );
}

#[test]
fn an_answer_of_a_later_protocol_is_told_as_one_with_status_3() {
    let played = Played::new();
    played.answer(&[json!({ "version": 2, "reply": "ok" })]);

    let ended = played.ask(&["status"]).run();

    assert_eq!(ended.code(), Some(3));
    assert!(
        ended.stderr[0].ends_with("it speaks version 2 of the control protocol, and this program version 1"),
        "{:?}",
        ended.stderr
    );
}

#[test]
fn a_lock_without_a_socket_is_status_2() {
    let played = Played::new();

    let ended = played.ask(&["status"]).run();

    assert_eq!(ended.code(), Some(2));
    assert!(
        ended.stderr[0].starts_with("thrust: could not connect to the thrust at "),
        "{:?}",
        ended.stderr
    );
}

/// What there is of a running thrust for those who look for one: a locked directory of its own.
struct Played {
    place: tempfile::TempDir,
    directory: PathBuf,
    _lock: File,
}

impl Played {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let base = place
            .path()
            .join(format!("thrust-{}", rustix::process::geteuid().as_raw()));
        let directory = base.join("played");
        for private in [&base, &directory] {
            DirBuilder::new()
                .mode(0o700)
                .create(private)
                .expect("the directory is ours");
        }
        let lock = File::open(&directory).expect("it is there");
        lock.try_lock().expect("nobody has it");
        let about = json!({ "pid": process::id(), "directory": "/played", "physical": "/played" });
        fs::write(directory.join("thrust.json"), about.to_string()).expect("the directory is ours");
        fs::set_permissions(place.path(), Permissions::from_mode(0o700)).expect("the directory is ours");
        Self {
            place,
            directory,
            _lock: lock,
        }
    }

    /// Answers one command with these lines and closes the connection. Gives the command.
    fn answer(&self, lines: &[Value]) -> JoinHandle<Value> {
        let listener = UnixListener::bind(self.directory.join("control.sock")).expect("the path is free");
        let answer: String = lines.iter().map(|line| format!("{line}\n")).collect();
        thread::spawn(move || {
            let mut stream = BufReader::new(listener.accept().expect("it listens").0);
            let mut command = String::new();
            stream.read_line(&mut command).expect("the client is there");
            stream
                .get_mut()
                .write_all(answer.as_bytes())
                .expect("the client is there");
            serde_json::from_str(&command).expect("a line of JSON")
        })
    }

    /// Runs `thrust WORDS…` as a descendant of the played thrust would: other tests have thrusts that run too.
    fn ask(&self, words: &[&str]) -> Launch {
        let above: &Path = &self.directory.join("generation-1.sock");
        Launch::bare(words)
            .env("XDG_RUNTIME_DIR", self.place.path())
            .env("THRUSTER_CONTROL_SOCKET", above)
    }
}
