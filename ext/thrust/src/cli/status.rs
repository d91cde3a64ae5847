//! `thrust status`: how a running thrust is, for people and for programs.

use std::fmt::Write;
use std::time::Duration;

use clap::{Arg, ArgMatches};
use thrust_api::message::{Command, Outcome, State, Status};

use super::ask::{self, AskError};
use super::words::{Word, flag, without_settings};
use super::{CliError, Options, Request};

pub(super) const WORD: Word = Word::built(
    "status",
    "\
Usage: thrust status [--json] [--pid N]

Tells how the running thrust is.
Of several it is the one that runs in this directory. Root sees those of every
user, others their own.

      --json   For programs: one JSON object
      --pid N  The running thrust with this process id

Exit status: 0  it has told
             1  it has refused
             2  no running thrust was found, or it is not clear which one is meant
             3  it did not answer
",
    arguments,
    read,
);

/// Asks the running thrust with this pid, or the one that is meant, how it is. Returns the text to print.
///
/// # Errors
///
/// If there is no answer.
pub fn run(json: bool, pid: Option<u32>) -> Result<String, AskError> {
    match ask::ask(&Command::Status, pid, |_| ())? {
        Outcome::Status(status) if json => Ok(for_programs(&status)),
        Outcome::Status(status) => Ok(for_people(&status)),
        Outcome::Metrics(_)
        | Outcome::Config(_)
        | Outcome::Configured(_)
        | Outcome::Restarted(_)
        | Outcome::Upgraded(_) => Err(AskError::Stray),
    }
}

fn arguments() -> Vec<Arg> {
    vec![flag("json", "For programs: one JSON object"), ask::pid_argument()]
}

fn read(matches: &ArgMatches, options: Options) -> Result<Request, CliError> {
    without_settings(WORD, &options)?;
    Ok(Request::Status {
        json: matches.get_flag("json"),
        pid: ask::pid(matches),
    })
}

fn for_programs(status: &Status) -> String {
    let text = serde_json::to_string_pretty(status).expect("a status is a map with text for keys");
    text + "\n"
}

fn for_people(status: &Status) -> String {
    let child = match status.child {
        Some(pid) => format!("pid {pid}"),
        None => "not running".to_owned(),
    };
    let mut rows = vec![
        ("state", state(status)),
        (
            "thrust",
            format!(
                "{}, pid {}, up {}",
                shown(&status.version),
                status.pid,
                up(status.uptime)
            ),
        ),
        ("directory", shown(&status.directory)),
        ("listening", shown(&status.listening.join(", "))),
        (
            "app",
            format!(
                "generation {}, {child}, {}",
                status.generation,
                shown(&status.target)
            ),
        ),
        ("connections", status.connections.to_string()),
        (
            "requests",
            format!("{} under way, {} of them held", status.in_flight, status.held),
        ),
    ];
    rows.extend(
        status
            .metrics
            .as_deref()
            .map(|place| ("metrics", format!("{}, at /metrics", shown(place)))),
    );
    rows.extend(status.previous.iter().map(|old| {
        let text = format!(
            "generation {}, pid {}, {} under way",
            old.generation, old.child, old.in_flight
        );
        ("ending", text)
    }));

    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in rows {
        writeln!(text, "{name:width$}  {value}").expect("a String takes everything");
    }
    text
}

fn state(status: &Status) -> String {
    let word = match status.state {
        State::Booting => "booting: the app does not answer yet",
        State::Ready if !status.ready => "not ready: the app does not answer",
        State::Ready => "ready",
        State::Restarting => "restarting: the next generation boots, the current one serves",
        State::Draining => "draining: requests under way are finished before the end",
        State::Stopping => "stopping: the app was told to end",
        State::Other => "in a state that this version does not know",
    };
    word.to_owned()
}

/// The two largest units: more is noise.
fn up(uptime: Duration) -> String {
    let text = humantime::format_duration(Duration::from_secs(uptime.as_secs())).to_string();
    let parts: Vec<_> = text.split(' ').take(2).collect();
    parts.join(" ")
}

/// A text from another process may hold anything, and this goes to a terminal.
fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use thrust_api::message::Previous;

    use super::*;

    fn status() -> Status {
        Status {
            state: State::Ready,
            version: "1.0.0".to_owned(),
            pid: 7,
            uptime: Duration::from_millis(7_384_900),
            directory: "/app".to_owned(),
            listening: vec!["[::]:80".to_owned(), "unix:/run/web.sock".to_owned()],
            metrics: Some("127.0.0.1:9394".to_owned()),
            generation: 2,
            child: Some(9),
            target: "http://localhost:3000".to_owned(),
            port: Some(3000),
            ready: true,
            connections: 3,
            in_flight: 2,
            held: 1,
            previous: Vec::new(),
        }
    }

    #[test]
    fn people_get_a_line_for_each_thing_with_the_values_aligned() {
        assert_eq!(
            for_people(&status()),
            "\
state        ready
thrust       1.0.0, pid 7, up 2h 3m
directory    /app
listening    [::]:80, unix:/run/web.sock
app          generation 2, pid 9, http://localhost:3000
connections  3
requests     2 under way, 1 of them held
metrics      127.0.0.1:9394, at /metrics
"
        );
    }

    #[test]
    fn old_generations_and_a_missing_child_are_told() {
        let mut status = status();
        status.state = State::Booting;
        status.child = None;
        status.previous = vec![Previous {
            generation: 1,
            child: 8,
            in_flight: 4,
        }];

        let text = for_people(&status);

        assert!(text.starts_with("state        booting: "), "{text}");
        assert!(
            text.contains("app          generation 2, not running, http"),
            "{text}"
        );
        assert!(
            text.ends_with("ending       generation 1, pid 8, 4 under way\n"),
            "{text}"
        );
    }

    #[test]
    fn what_another_process_says_cannot_write_to_the_terminal() {
        let mut status = status();
        status.directory = "/\u{1b}[2J\nstate  ready".to_owned();

        let text = for_people(&status);

        assert!(text.contains(r"/\u{1b}[2J\nstate  ready"), "{text}");
    }

    #[test]
    fn programs_get_the_message_itself() {
        let parsed: Status = serde_json::from_str(&for_programs(&status())).unwrap();

        assert_eq!(parsed, status());
    }
}
