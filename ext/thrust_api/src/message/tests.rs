//! The lines as they are on the wire, one promise a test.

use serde_json::json;

use super::*;
use crate::settings::Fault;

fn status() -> Status {
    Status {
        state: State::Ready,
        version: "1.0.0".to_owned(),
        pid: 7,
        uptime: Duration::from_millis(1500),
        directory: "/app".to_owned(),
        listening: vec!["[::]:80".to_owned()],
        metrics: Some("127.0.0.1:9394".to_owned()),
        generation: 2,
        child: Some(9),
        target: "http://localhost:3000".to_owned(),
        port: Some(3000),
        ready: true,
        connections: 3,
        in_flight: 2,
        held: 1,
        previous: vec![Previous {
            generation: 1,
            child: 8,
            in_flight: 1,
        }],
    }
}

fn written(line: &[u8]) -> Value {
    assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
    assert!(line.ends_with(b"\n"));
    serde_json::from_slice(line).unwrap()
}

fn refused(line: &str) -> FailureKind {
    Command::from_line(line.as_bytes()).unwrap_err().kind
}

#[test]
fn commands_are_one_object_a_line_with_the_version() {
    let timeout = Some(Duration::from_millis(2500));

    assert_eq!(
        written(&Command::Status.to_line()),
        json!({ "version": 1, "command": "status" })
    );
    assert_eq!(
        written(&Command::Restart { timeout }.to_line()),
        json!({ "version": 1, "command": "restart", "timeout": 2.5 })
    );
    assert_eq!(
        written(&Command::Upgrade { timeout: None }.to_line()),
        json!({ "version": 1, "command": "upgrade" })
    );
}

#[test]
fn what_is_written_is_read_again() {
    let timeout = Some(Duration::from_secs(90));
    for command in [
        Command::Status,
        Command::Metrics,
        Command::Config,
        Command::Configure(Box::default()),
        Command::Restart { timeout },
        Command::Restart { timeout: None },
        Command::Upgrade { timeout },
    ] {
        assert_eq!(Command::from_line(&command.to_line()), Ok(command));
    }
    let outcomes = [
        Outcome::Status(Box::new(status())),
        Outcome::Metrics(Snapshot::default()),
        Outcome::Restarted(Restarted {
            generation: 2,
            child: 9,
            took: Duration::from_millis(1),
        }),
        Outcome::Upgraded(Upgraded {
            from: "1.0.0".to_owned(),
            to: "1.1.0".to_owned(),
            closed: 4,
        }),
    ];
    let replies = outcomes.map(|outcome| Reply::Ok { outcome }).into_iter().chain([
        Reply::Alive,
        Reply::Progress(Progress {
            step: Step::Waiting,
            text: "line one\nline two".to_owned(),
        }),
        Reply::Error(Failure::malformed("no".to_owned())),
    ]);
    for reply in replies {
        assert_eq!(Reply::from_line(&reply.to_line()).unwrap(), reply);
    }
}

#[test]
fn a_status_is_flat_and_in_seconds() {
    let line = Reply::Ok {
        outcome: Outcome::Status(Box::new(status())),
    }
    .to_line();

    let line = written(&line);
    assert_eq!((&line["version"], &line["reply"]), (&json!(1), &json!("ok")));
    assert_eq!(
        line["status"],
        json!({
            "state": "ready", "version": "1.0.0", "pid": 7, "uptime": 1.5, "directory": "/app",
            "listening": ["[::]:80"], "metrics": "127.0.0.1:9394", "generation": 2, "child": 9, "target": "http://localhost:3000",
            "port": 3000, "ready": true, "connections": 3, "in_flight": 2, "held": 1,
            "previous": [{ "generation": 1, "child": 8, "in_flight": 1 }],
        })
    );
}

#[test]
fn every_message_in_the_documentation_is_one() {
    let page = include_str!("../../../../docs/control-protocol.md");
    // A message that is broken to be read goes on in lines that are indented once more.
    let lines = page.replace("\n     ", "");
    let messages: Vec<_> = lines
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with("{\"version\""))
        .collect();

    assert!(messages.len() > 10, "{messages:?}");
    for message in messages {
        let is_command = Command::from_line(message.as_bytes()).is_ok();
        let reply = Reply::from_line(message.as_bytes());
        assert!(is_command || reply.is_ok(), "{message}: {reply:?}");
    }
}

#[test]
fn unknown_fields_are_ignored_and_unknown_words_are_other() {
    let command = br#"{"version":1,"command":"status","colour":"red","status":{}}"#;
    let reply = br#"{"version":1,"reply":"progress","step":"dancing","text":"Dancing","since":3}"#;
    let failure = br#"{"reply":"error","version":1,"kind":"tired","message":"no","until":"noon"}"#;

    assert_eq!(Command::from_line(command), Ok(Command::Status));
    assert!(matches!(
        Reply::from_line(reply),
        Ok(Reply::Progress(Progress {
            step: Step::Other,
            ..
        }))
    ));
    assert!(matches!(
        Reply::from_line(failure),
        Ok(Reply::Error(Failure {
            kind: FailureKind::Internal,
            ..
        }))
    ));
}

#[test]
fn a_line_that_cannot_be_obeyed_is_told_why() {
    for line in [
        "",
        "status",
        "{",
        "[]",
        "7",
        r#"{"command":"status"}"#,
        r#"{"version":"1","command":"status"}"#,
        r#"{"version":1}"#,
        r#"{"version":1,"command":["status"]}"#,
        &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
    ] {
        assert_eq!(refused(line), FailureKind::Malformed, "{line:.60}");
    }
    assert_eq!(
        refused(r#"{"version":2,"command":"status"}"#),
        FailureKind::UnsupportedVersion
    );
    let unknown = Command::from_line(br#"{"version":1,"command":"stauts"}"#).unwrap_err();
    assert_eq!(unknown.kind, FailureKind::UnknownCommand);
    assert!(unknown.message.contains(r#""stauts""#), "{unknown}");
    assert!(
        unknown
            .message
            .ends_with("there is status, metrics, config, configure, restart, upgrade"),
        "{unknown}"
    );
}

#[test]
fn a_timeout_is_a_time_that_can_pass() {
    let restart = |timeout: &str| {
        Command::from_line(format!(r#"{{"version":1,"command":"restart","timeout":{timeout}}}"#).as_bytes())
    };

    assert_eq!(
        restart("30"),
        Ok(Command::Restart {
            timeout: Some(Duration::from_secs(30))
        })
    );
    assert_eq!(restart("null"), Ok(Command::Restart { timeout: None }));
    for timeout in ["0", "-1", "1e300", "\"30\"", "31536001", "true"] {
        let failure = restart(timeout).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Malformed, "{timeout}");
        assert!(failure.message.starts_with("restart is malformed: "), "{failure}");
    }
}

#[test]
fn an_answer_of_another_version_is_told_from_no_answer_at_all() {
    assert!(matches!(
        Reply::from_line(br#"{"version":2,"reply":"alive"}"#),
        Err(ReplyError::Version { version: 2 })
    ));
    for line in [
        "HTTP/1.1 400 Bad Request",
        "{}",
        r#"{"version":1,"reply":"maybe"}"#,
    ] {
        assert!(
            matches!(Reply::from_line(line.as_bytes()), Err(ReplyError::Malformed(_))),
            "{line}"
        );
    }
}

#[test]
fn a_push_has_settings_as_text_and_whatever_the_app_tells_of_itself() {
    let line = br#"{"version":1,"command":"configure","settings":{"debug":"on"},
        "app":{"sendfile":true,"framework":"Rails 7.2.2","puma":{"threads":5}}}"#;

    let Ok(Command::Configure(push)) = Command::from_line(line) else {
        panic!("it is not read");
    };

    assert_eq!(push.settings.get("debug").map(String::as_str), Some("on"));
    assert!(push.app.sendfile);
    assert_eq!(push.app.facts["puma"], json!({ "threads": 5 }));
    let again = written(&Command::Configure(push).to_line());
    assert_eq!(again["app"]["framework"], "Rails 7.2.2");

    let number = br#"{"version":1,"command":"configure","settings":{"debug":1}}"#;
    assert_eq!(
        Command::from_line(number).unwrap_err().kind,
        FailureKind::Malformed
    );
}

#[test]
fn the_faults_of_a_push_are_told_for_each_setting() {
    let faults = [Fault::Unknown {
        name: "wings".to_owned(),
        nearest: None,
    }];

    let line = written(&Reply::Error(Failure::invalid(&faults)).to_line());

    assert_eq!(line["kind"], "invalid");
    assert_eq!(
        line["faults"],
        json!([{ "setting": "wings",
            "message": "wings is not a setting; `thrust config` lists those there are" }])
    );
    let other = written(&Reply::Error(Failure::malformed("no".to_owned())).to_line());
    assert_eq!(other.get("faults"), None);
}

#[test]
fn a_push_is_bounded_so_that_what_is_told_of_it_fits_into_a_line() {
    let push = |length| {
        let facts = "x".repeat(length);
        format!(r#"{{"version":1,"command":"configure","app":{{"x":"{facts}"}}}}"#)
    };
    let faults = vec![
        Fault::Unknown {
            name: "wings".to_owned(),
            nearest: None
        };
        130
    ];

    assert!(Command::from_line(push(MAX_PUSH - 100).as_bytes()).is_ok());
    assert_eq!(refused(&push(MAX_PUSH)), FailureKind::Malformed);
    let failure = Failure::invalid(&faults);
    assert_eq!(failure.faults.len(), 100);
    assert!(failure.message.ends_with("; and 30 more"), "{failure}");
}
