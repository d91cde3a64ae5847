//! `thrust doctor`: what will not work, why, and what to change.

use clap::ArgMatches;
use thrust_api::message::{Command, Outcome};

use super::ask::{self, AskError, Subject};
use super::words::Word;
use super::{CliError, Options, Request};
use crate::doctor::Running;

pub(super) const WORD: Word = Word::built(
    "doctor",
    "\
Usage: thrust [OPTIONS] doctor [--json] [--pid N | --environment]

Looks for what will not work, and says what, why, and what to change.
It asks the running thrust; with OPTIONS, or where none runs, it tries out what
this environment would give: it listens for a moment, and stops again. In a Rails
app, `bin/rails thruster:doctor` does this, and looks at more.

      --json         For programs: one JSON object
      --pid N        The running thrust with this process id
      --environment  None that runs: what this environment would give

Exit status: 0  nothing is wrong; there may be warnings
             1  something is wrong
             2  no such thrust, or it is not clear which one is meant
             3  thrust did not answer, or not to the end
",
    ask::subject_arguments,
    read,
);

/// What the running thrust that is meant tells of itself. `None` if none is, or none runs.
///
/// # Errors
///
/// If there is no answer.
pub fn running(of: Subject) -> Result<Option<Running>, AskError> {
    let Some((running, configuration)) = ask::configuration(of)? else {
        return Ok(None);
    };
    match ask::ask_this(&running, &Command::Status, |_| ())? {
        Outcome::Status(status) => Ok(Some(Running {
            status: *status,
            configuration,
        })),
        _ => Err(AskError::Stray),
    }
}

fn read(matches: &ArgMatches, options: Options) -> Result<Request, CliError> {
    Ok(Request::Examine {
        json: matches.get_flag("json"),
        of: ask::subject(matches, &options),
        options,
    })
}
