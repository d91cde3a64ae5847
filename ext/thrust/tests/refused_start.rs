//! What happens when the command cannot be started: one clear line, and status 1.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use self::support::{Ended, Launch};

#[test]
fn without_a_command_usage_is_on_stderr_and_the_status_is_1() {
    let ended = Launch::new([] as [&str; 0]).run();

    assert_eq!(ended.code(), Some(1));
    assert!(ended.stdout.is_empty(), "{ended:?}");
    assert!(ended.stderr.join("\n").contains("COMMAND"), "{ended:?}");
}

#[test]
fn a_command_that_does_not_exist_is_one_clear_line_and_status_1() {
    let ended = Launch::new(["nosuchcmd", "a", "b c"]).run();

    assert_not_started(&ended, "nosuchcmd", "PATH");
    let line = failure_line(&ended);
    let arguments = line["args"]
        .as_array()
        .cloned()
        .or_else(|| serde_json::from_str(line["args"].as_str()?).ok());
    assert_eq!(arguments, Some(vec!["a".into(), "b c".into()]), "{line}");
}

#[test]
fn a_path_that_does_not_exist_is_named_in_full() {
    let ended = Launch::new(["./nope"]).run();

    let tried = std::env::current_dir()
        .expect("tests have a directory")
        .join("nope");
    assert_not_started(&ended, "./nope", &format!("{tried:?}"));
}

#[test]
fn what_cannot_be_run_says_what_helps() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let script = |name: &str, text: &str, mode: u32| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("the directory is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the file is ours");
        path.display().to_string()
    };
    let plain = script("plain", "#!/bin/sh\n", 0o644);
    let orphan = script("orphan", "#!/no/such/ruby\n", 0o755);
    let here = directory.path().display().to_string();

    for (program, help) in [
        (&plain, "chmod +x"),
        (&orphan, "/no/such/ruby"),
        (&here, "directory"),
    ] {
        assert_not_started(&Launch::new([program]).run(), program, help);
    }
    assert_not_started(&Launch::new(["--", ""]).run(), "", "empty");
}

#[test]
fn a_program_in_a_relative_directory_of_path_is_not_run() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = directory.path().join("app");
    fs::write(&program, "#!/bin/sh\necho ran\n").expect("the directory is ours");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    let here = directory.path().display().to_string();

    let ended = Launch::new(["app"])
        .env("PATH", ".:/usr/bin:/bin")
        .through(["sh", "-c", r#"cd "$0" && exec "$@""#, &here])
        .run();

    assert_not_started(&ended, "app", "relative directory");
}

#[test]
fn a_busy_port_stops_the_start_before_the_command() {
    let holder = Launch::new(["sleep", "1000"]).start();
    let port = holder.port().to_string();

    let ended = Launch::shell("echo ran").env("THRUSTER_HTTP_PORT", port).run();

    assert_eq!(ended.code(), Some(1));
    assert!(
        ended
            .messages()
            .contains(&"Failed to start HTTP listener".to_owned()),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains(&"ran".to_owned()), "{ended:?}");
}

/// The line that says why the command was not started.
fn failure_line(ended: &Ended) -> serde_json::Value {
    let lines = ended
        .log_lines()
        .into_iter()
        .find(|line| line["msg"] == "Failed to start wrapped process");
    lines.unwrap_or_else(|| panic!("no line says so: {ended:?}"))
}

fn assert_not_started(ended: &Ended, command: &str, help: &str) {
    let line = failure_line(ended);
    let order = [
        "Server started",
        "Failed to start wrapped process",
        "Server stopping",
        "Server stopped",
    ];

    assert_eq!(ended.code(), Some(1), "{ended:?}");
    assert_eq!(
        (&line["level"], &line["command"]),
        (&"ERROR".into(), &command.into())
    );
    assert!(
        line["error"].as_str().is_some_and(|error| error.contains(help)),
        "{help} in {line}"
    );
    let mut told = ended.messages();
    told.retain(|message| order.contains(&message.as_str()));
    assert_eq!(told, order, "{ended:?}");
}
