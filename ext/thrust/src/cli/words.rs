//! The words that are thrust's own in the place of COMMAND, reserved from the first release on.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, Command};

use super::{CliError, Request, grammar};

/// A reserved word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    name: &'static str,
    /// Its help; none while it is not built.
    help: Option<&'static str>,
}

const CONFIG: Word = Word {
    name: "config",
    help: Some(
        "\
Usage: thrust [OPTIONS] config [--json]

Shows every setting, its value, where the value comes from, and what it means.
This version cannot ask a running thrust: it shows what this environment and
these options would give. Secrets are masked.

      --json  For programs: one JSON object
",
    ),
};

const HELP: Word = Word {
    name: "help",
    help: Some(
        "\
Usage: thrust help [WORD]

Prints the help on thrust, or on one of its words.
",
    ),
};

const WORDS: [Word; 9] = [
    not_built("proxy"),
    not_built("restart"),
    not_built("status"),
    not_built("cache"),
    CONFIG,
    not_built("certs"),
    not_built("doctor"),
    HELP,
    not_built("completions"),
];

const fn not_built(name: &'static str) -> Word {
    Word { name, help: None }
}

/// The reserved word that this is. A path is never one.
pub(super) fn find(word: &OsStr) -> Option<Word> {
    WORDS.into_iter().find(|reserved| word == reserved.name)
}

/// The names of all reserved words.
pub(super) fn all() -> Vec<&'static str> {
    WORDS.iter().map(|word| word.name).collect()
}

/// The names of those that this version has.
pub(super) fn built() -> Vec<&'static str> {
    WORDS
        .iter()
        .filter(|word| word.help.is_some())
        .map(|word| word.name)
        .collect()
}

/// Reads what follows a reserved word.
pub(super) fn parse(word: Word, line: grammar::Line) -> Result<Request, CliError> {
    if word == CONFIG {
        parse_config(line)
    } else if word == HELP {
        parse_help(line)
    } else {
        Err(CliError::NotBuilt { word: word.name })
    }
}

/// Adds to an error how to run the program of that name, if there is one.
pub(super) fn offer_program(error: CliError, word: Word, path: Option<&OsStr>) -> CliError {
    match path.and_then(|path| program(word.name, path)) {
        Some(program) => CliError::ProgramOfThatName {
            error: Box::new(error),
            word: word.name,
            program,
        },
        None => error,
    }
}

fn parse_config(line: grammar::Line) -> Result<Request, CliError> {
    let flag = |name| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let command = Command::new(CONFIG.name)
        .disable_help_flag(true)
        .arg(flag("json"))
        .arg(flag("help").short('h'));
    let matches = command
        .try_get_matches_from(line.words)
        .map_err(|error| grammar::explain(&error))?;

    match matches.get_flag("help") {
        true => help_on(CONFIG),
        false => Ok(Request::ShowConfig {
            options: line.options,
            json: matches.get_flag("json"),
        }),
    }
}

fn parse_help(line: grammar::Line) -> Result<Request, CliError> {
    let words: Vec<OsString> = line.words.into_iter().skip(1).collect();
    match words.as_slice() {
        [] => Ok(Request::Print(grammar::help())),
        [word] if ["-h", "--help"].iter().any(|flag| word == flag) => help_on(HELP),
        [word] => match find(word) {
            Some(word) => help_on(word),
            None => Err(CliError::NoHelp {
                word: word.to_string_lossy().into_owned(),
            }),
        },
        _ => Err(CliError::Grammar {
            problem: "help takes one word".to_owned(),
        }),
    }
}

fn help_on(word: Word) -> Result<Request, CliError> {
    let help = word.help.ok_or(CliError::NotBuilt { word: word.name })?;
    Ok(Request::Print(help.to_owned()))
}

/// The first executable file of this name in the absolute directories of a PATH.
fn program(name: &str, path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
