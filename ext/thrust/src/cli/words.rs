//! The words that are thrust's own in the place of COMMAND, reserved from the first release on.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{CliError, Options, Request, completions, config, doctor, grammar, restart, status};

/// A reserved word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) name: &'static str,
    /// None while it is not built.
    built: Option<Built>,
}

/// What there is to a word that is built.
#[derive(Clone, Copy, Debug)]
struct Built {
    help: &'static str,
    /// What may follow it.
    arguments: fn() -> Vec<Arg>,
    /// Makes of what followed, and of the settings before the word, what is asked for.
    read: fn(&ArgMatches, Options) -> Result<Request, CliError>,
}

const HELP: Word = Word::built(
    "help",
    "\
Usage: thrust help [WORD]

Prints the help on thrust, or on one of its words.
",
    help_arguments,
    read_help,
);

/// The flag that every word has.
const HELP_FLAG: &str = "help";

const WORDS: [Word; 9] = [
    Word::later("proxy"),
    restart::WORD,
    status::WORD,
    Word::later("cache"),
    config::WORD,
    Word::later("certs"),
    doctor::WORD,
    HELP,
    completions::WORD,
];

impl Word {
    /// A word that this version has.
    pub(super) const fn built(
        name: &'static str,
        help: &'static str,
        arguments: fn() -> Vec<Arg>,
        read: fn(&ArgMatches, Options) -> Result<Request, CliError>,
    ) -> Self {
        let built = Some(Built {
            help,
            arguments,
            read,
        });
        Self { name, built }
    }

    const fn later(name: &'static str) -> Self {
        Self { name, built: None }
    }

    /// Its grammar.
    fn command(self, built: Built) -> Command {
        let about = built.help.lines().nth(2).unwrap_or_default();
        Command::new(self.name)
            .about(about)
            .disable_help_flag(true)
            .args((built.arguments)())
            .arg(flag(HELP_FLAG, "Print what it does").short('h'))
    }
}

/// An option that stands alone.
pub(super) fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
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
        .filter(|word| word.built.is_some())
        .map(|word| word.name)
        .collect()
}

/// The grammars of those that this version has.
pub(super) fn commands() -> impl Iterator<Item = Command> {
    WORDS
        .into_iter()
        .filter_map(|word| Some(word.command(word.built?)))
}

/// Settings say how a thrust is started. A word that starts none has no use for them.
pub(super) fn without_settings(word: Word, options: &Options) -> Result<(), CliError> {
    match options.first() {
        None => Ok(()),
        Some((setting, _)) => Err(CliError::Grammar {
            problem: format!(
                "`thrust {}` takes no settings, and --{} is one",
                word.name,
                setting.option()
            ),
        }),
    }
}

/// Reads what follows a reserved word.
pub(super) fn parse(word: Word, line: grammar::Line) -> Result<Request, CliError> {
    let built = word.built.ok_or(CliError::NotBuilt { word: word.name })?;
    let matches = word
        .command(built)
        .try_get_matches_from(line.words)
        .map_err(|error| grammar::explain(&error))?;

    match matches.get_flag(HELP_FLAG) {
        true => Ok(Request::Print(built.help.to_owned())),
        false => (built.read)(&matches, line.options),
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

fn help_arguments() -> Vec<Arg> {
    vec![Arg::new("word").value_name("WORD").help("One of thrust's words")]
}

fn read_help(matches: &ArgMatches, _: Options) -> Result<Request, CliError> {
    let Some(name) = matches.get_one::<String>("word") else {
        return Ok(Request::Print(grammar::help()));
    };
    let word = find(name.as_ref()).ok_or_else(|| CliError::NoHelp { word: name.clone() })?;
    match word.built {
        Some(built) => Ok(Request::Print(built.help.to_owned())),
        None => Err(CliError::NotBuilt { word: word.name }),
    }
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
