//! The command line: what `thrust WORDS…` asks for. Parsing does nothing but parse.
//!
//! Options stand before COMMAND and are made from the table of settings; COMMAND and everything after it belong
//! to the app. A few words in the place of COMMAND are ours (`words`), unless `--` stands before them.

pub mod ask;
mod completions;
pub mod config;
pub mod doctor;
mod grammar;
pub mod restart;
pub mod status;
mod words;

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

use thrust_api::settings::Setting;

pub use grammar::USAGE;

/// The settings that were given as options.
pub type Options = Vec<(&'static Setting, OsString)>;

/// What the command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Run this command behind the proxy. The command has at least one word.
    Wrap {
        /// Settings given as options.
        options: Options,
        /// The program and its arguments.
        command: Vec<OsString>,
    },
    /// Show every setting: those of a running thrust, unless there are options.
    ShowConfig {
        /// Settings given as options.
        options: Options,
        /// As JSON, for programs.
        json: bool,
        /// What is looked at.
        of: ask::Subject,
    },
    /// Look for what will not work: in a running thrust, unless there are options.
    Examine {
        /// Settings given as options.
        options: Options,
        /// As JSON, for programs.
        json: bool,
        /// What is looked at.
        of: ask::Subject,
    },
    /// Tell how a running thrust is.
    Status {
        /// As JSON, for programs.
        json: bool,
        /// The thrust that is meant, if it was said.
        pid: Option<u32>,
    },
    /// Start a running app again, or put a new binary in the place of the running one.
    Restart {
        /// What is started again.
        what: restart::What,
        /// How long it may take; `None` leaves that to the running thrust.
        timeout: Option<Duration>,
        /// The thrust that is meant, if it was said.
        pid: Option<u32>,
    },
    /// Print this text, which was asked for.
    Print(String),
}

/// What is wrong with the command line.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Nothing to run.
    #[error("there is no COMMAND to run\n\n{USAGE}")]
    NoCommand,
    /// An option that does not exist.
    #[error("there is no option {option}; {}", instead(suggestion.as_deref()))]
    UnknownOption {
        /// As it was written.
        option: String,
        /// The real one that looks most like it.
        suggestion: Option<String>,
    },
    /// An option that stands alone and must not.
    #[error("{option} needs a value")]
    NoValue {
        /// The option and what should follow.
        option: String,
    },
    /// An option that is given twice.
    #[error("{option} is given more than once")]
    Repeated {
        /// The option.
        option: String,
    },
    /// A switch with its value as a word of its own, which is where COMMAND stands.
    #[error(
        "a switch takes its value after an equals sign: {option}={value} (to run {value}: {option} -- {value})"
    )]
    SplitSwitch {
        /// The switch.
        option: String,
        /// The word after it.
        value: String,
    },
    /// A word too many after one of ours.
    #[error("nothing is known of {word:?} in this place; `thrust help WORD` tells what a word takes")]
    StrayWord {
        /// The word.
        word: String,
    },
    /// Anything else, in the parser's own words.
    #[error("{problem}")]
    Grammar {
        /// Those words.
        problem: String,
    },
    /// A reserved word of a later version.
    #[error("`thrust {word}` is not part of this version yet")]
    NotBuilt {
        /// The word.
        word: &'static str,
    },
    /// A word that help knows nothing of.
    #[error("there is no help on {word:?}; there is on {}", words::built().join(", "))]
    NoHelp {
        /// The word.
        word: String,
    },
    /// A mistake after a reserved word that is a program too, so that this one may have been meant.
    #[error("{error}; to run {}, write `thrust -- {word}`", program.display())]
    ProgramOfThatName {
        /// The mistake.
        error: Box<CliError>,
        /// The reserved word.
        word: &'static str,
        /// The program of its name.
        program: PathBuf,
    },
}

/// Reads the command line, the program's own name first. `path` is the PATH on which programs are found.
///
/// # Errors
///
/// The first mistake in it.
pub fn parse(arguments: Vec<OsString>, path: Option<&OsStr>) -> Result<Request, CliError> {
    let line = grammar::read(arguments)?;
    if line.help {
        return Ok(Request::Print(grammar::help()));
    }
    if line.version {
        return Ok(Request::Print(format!("thrust {}\n", env!("CARGO_PKG_VERSION"))));
    }
    let Some(first) = line.words.first() else {
        return Err(CliError::NoCommand);
    };
    match words::find(first) {
        Some(word) if !line.escaped => {
            words::parse(word, line).map_err(|error| words::offer_program(error, word, path))
        }
        _ => Ok(Request::Wrap {
            options: line.options,
            command: line.words,
        }),
    }
}

fn instead(suggestion: Option<&str>) -> String {
    match suggestion {
        Some(option) => format!("did you mean {option}?"),
        None => "`thrust --help` lists those there are".to_owned(),
    }
}

#[cfg(test)]
mod tests;
