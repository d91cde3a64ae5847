//! `thrust restart`: the app again, or thrust itself, without a gap.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Arg, ArgMatches};
use thrust_api::message::{Command, Outcome};
use thrust_api::units::{Seconds, UnitError};

use super::ask::{self, AskError};
use super::words::{Word, flag, without_settings};
use super::{CliError, Options, Request};

pub(super) const WORD: Word = Word::built(
    "restart",
    "\
Usage: thrust restart [--self] [--timeout TIME] [--pid N]

Starts the running app again without a gap.
The next generation of the app starts beside the current one. When it answers,
new requests go to it; the old one finishes what it has and is told to end. If
the new one does not start, the old one stays, and the error says why. The app
has to listen on the PORT it is given.
Of several running thrusts it is the one that runs in this directory. Root may
restart those of every user, others their own.

      --self          Replace thrust itself by the installed version; the app
                      keeps running
      --timeout TIME  How long the new one may take, such as 90s or 2m
                      [default: THRUSTER_BOOT_TIMEOUT of the running thrust;
                      with --self 30s]
      --pid N         The running thrust with this process id

On a terminal each step is told on stderr.

Exit status: 0  it is done
             1  it was not done, and what ran before runs on
             2  no running thrust was found, or it is not clear which one is meant
             3  thrust did not answer; the command may still be under way
",
    arguments,
    read,
);

/// What is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The app.
    App,
    /// Thrust, under a running app.
    Thrust,
}

/// Has the running thrust with this pid, or the one that is meant, do it. What it is doing goes to `progress`. Returns
/// the text to print.
///
/// # Errors
///
/// If it was not done, or if nobody can tell.
pub fn run(
    what: What,
    timeout: Option<Duration>,
    pid: Option<u32>,
    mut progress: impl FnMut(&str),
) -> Result<String, AskError> {
    let command = match what {
        What::App => Command::Restart { timeout },
        What::Thrust => Command::Upgrade { timeout },
    };
    let outcome = ask::ask(&command, pid, |step| {
        // A text from another process may hold anything, and this goes to a terminal.
        progress(&step.text.escape_debug().to_string());
    })?;
    done(&outcome).ok_or(AskError::Stray)
}

fn done(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Restarted(done) => Some(format!(
            "Generation {} serves, pid {}, after {:.1} s\n",
            done.generation,
            done.child,
            done.took.as_secs_f64()
        )),
        Outcome::Upgraded(done) => {
            let (from, to) = (done.from.escape_debug(), done.to.escape_debug());
            let closed = match done.closed {
                0 => String::new(),
                1 => "; 1 open connection was closed".to_owned(),
                many => format!("; {many} open connections were closed"),
            };
            Some(format!("thrust {to} runs in the place of {from}{closed}\n"))
        }
        Outcome::Status(_) | Outcome::Metrics(_) | Outcome::Config(_) | Outcome::Configured(_) => None,
    }
}

fn arguments() -> Vec<Arg> {
    vec![
        flag("self", "Replace thrust itself by the installed version"),
        Arg::new("timeout")
            .long("timeout")
            .value_name("TIME")
            .value_parser(clap::builder::OsStringValueParser::new())
            .help("How long the new one may take, such as 90s or 2m"),
        ask::pid_argument(),
    ]
}

fn read(matches: &ArgMatches, options: Options) -> Result<Request, CliError> {
    without_settings(WORD, &options)?;
    let timeout = matches.get_one::<OsString>("timeout");
    Ok(Request::Restart {
        what: match matches.get_flag("self") {
            true => What::Thrust,
            false => What::App,
        },
        timeout: timeout.map(read_timeout).transpose()?,
        pid: ask::pid(matches),
    })
}

fn read_timeout(text: &OsString) -> Result<Duration, CliError> {
    let parsed = text.to_str().and_then(|text| text.parse::<Seconds>().ok());
    parsed.and_then(Seconds::limit).ok_or_else(|| CliError::Grammar {
        problem: format!("--timeout is {text:?}; {}", UnitError::Duration),
    })
}

#[cfg(test)]
mod tests {
    use thrust_api::message::{Restarted, Upgraded};

    use super::*;

    #[test]
    fn the_last_line_says_what_serves_now() {
        let restarted = Outcome::Restarted(Restarted {
            generation: 3,
            child: 77,
            took: Duration::from_millis(2345),
        });
        let upgraded = |closed| {
            Outcome::Upgraded(Upgraded {
                from: "1.0.0".to_owned(),
                to: "1.1.0".to_owned(),
                closed,
            })
        };

        assert_eq!(
            done(&restarted).unwrap(),
            "Generation 3 serves, pid 77, after 2.3 s\n"
        );
        assert_eq!(
            done(&upgraded(0)).unwrap(),
            "thrust 1.1.0 runs in the place of 1.0.0\n"
        );
        assert_eq!(
            done(&upgraded(2)).unwrap(),
            "thrust 1.1.0 runs in the place of 1.0.0; 2 open connections were closed\n"
        );
    }
}
