//! The grammar before COMMAND: clap's, with the options made from the table of settings and its texts made ours.

use std::ffi::{OsStr, OsString};

use clap::{
    Arg, ArgAction, Command, ValueHint,
    builder::OsStringValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use thrust_api::settings::{Kind, Setting, TABLE};

use super::{CliError, Options, words};

/// How to call the program.
pub const USAGE: &str = "\
Usage: thrust [OPTIONS] COMMAND [ARG]...   run COMMAND behind the proxy
       thrust -- COMMAND [ARG]...          also if COMMAND is a word of thrust's own
       thrust [OPTIONS] config [--json]    show every setting, its value and where that comes from
       thrust [OPTIONS] doctor [...]       say what will not work, why, and what to change
       thrust status [--json] [--pid N]    tell how the running thrust is
       thrust restart [--self] [...]       start the running app again without a gap
       thrust completions SHELL            print completions for bash, zsh or fish
       thrust help [WORD]                  this, or help on one word
       thrust --version

Options stand before COMMAND; what follows it is the command's. `thrust --help` lists them.";

const COMMAND: &str = "COMMAND";
const HELP: &str = "help";
const VERSION: &str = "version";

/// A command line, taken apart.
pub(super) struct Line {
    pub(super) options: Options,
    pub(super) help: bool,
    pub(super) version: bool,
    /// `--` stood before the words.
    pub(super) escaped: bool,
    /// COMMAND and everything after it.
    pub(super) words: Vec<OsString>,
}

/// Takes a command line apart, the program's own name first.
pub(super) fn read(arguments: Vec<OsString>) -> Result<Line, CliError> {
    let mut matches = command()
        .try_get_matches_from(&arguments)
        .map_err(|error| explain(&error))?;

    let words: Vec<_> = matches
        .remove_many::<OsString>(COMMAND)
        .into_iter()
        .flatten()
        .collect();
    let before_words = &arguments[arguments.len().saturating_sub(words.len() + 1)];
    if let Some((option, value)) = words.first().and_then(|word| split_switch(before_words, word)) {
        return Err(CliError::SplitSwitch { option, value });
    }
    let options = built()
        .filter_map(|setting| Some((setting, matches.remove_one::<OsString>(setting.name)?)))
        .collect();
    Ok(Line {
        options,
        help: matches.get_flag(HELP),
        version: matches.get_flag(VERSION),
        escaped: !words.is_empty() && before_words == "--",
        words,
    })
}

/// The text of `thrust --help`.
pub(super) fn help() -> String {
    format!("{}\n", command().render_help().to_string().trim_end())
}

/// The whole grammar, the words that are ours included, for what completes a command line.
pub(super) fn whole() -> Command {
    command()
        .disable_help_subcommand(true)
        .subcommands(words::commands())
}

/// A switch and the word after it, if that looks like the switch's value; it would be run as COMMAND.
fn split_switch(option: &OsStr, word: &OsStr) -> Option<(String, String)> {
    let (option, word) = (option.to_str()?, word.to_str()?);
    let is_switch = |setting: &Setting| {
        setting.kind == Kind::Switch && option.strip_prefix("--") == Some(&setting.option())
    };
    let is_split = built().any(is_switch) && Kind::Switch.parse(word).is_ok();
    is_split.then(|| (option.to_owned(), word.to_owned()))
}

/// Says in our words what clap found.
pub(super) fn explain(error: &clap::Error) -> CliError {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let Some(option) = text(ContextKind::InvalidArg) else {
        return CliError::Grammar {
            problem: first_line(error),
        };
    };
    let has_no_value = text(ContextKind::InvalidValue).is_none_or(|value| value.is_empty());
    match error.kind() {
        ErrorKind::UnknownArgument if !option.starts_with('-') => CliError::StrayWord { word: option },
        ErrorKind::UnknownArgument => CliError::UnknownOption {
            option,
            suggestion: text(ContextKind::SuggestedArg),
        },
        ErrorKind::InvalidValue if has_no_value => CliError::NoValue { option },
        ErrorKind::InvalidValue => CliError::Grammar {
            problem: match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(values)) => {
                    format!("{}; it may be {}", first_line(error), values.join(", "))
                }
                _ => first_line(error),
            },
        },
        ErrorKind::ArgumentConflict => CliError::Repeated { option },
        _ => CliError::Grammar {
            problem: first_line(error),
        },
    }
}

fn command() -> Command {
    let flag = |name, short, help| {
        Arg::new(name)
            .long(name)
            .short(short)
            .help(help)
            .action(ArgAction::SetTrue)
    };
    Command::new("thrust")
        .about("Runs a web application and stands in front of it as its HTTP proxy.")
        .override_usage(USAGE.trim_start_matches("Usage: "))
        .help_template("{about}\n\n{usage-heading} {usage}\n\nOptions:\n{options}{after-help}")
        .after_help(after_help())
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(built().map(option))
        .arg(flag(HELP, 'h', "Print this"))
        .arg(flag(VERSION, 'V', "Print the version"))
        .arg(
            Arg::new(COMMAND)
                .num_args(0..)
                .trailing_var_arg(true)
                .hide(true)
                .value_hint(ValueHint::CommandWithArguments)
                .value_parser(OsStringValueParser::new()),
        )
}

fn after_help() -> String {
    format!(
        "Each option is also a variable: --http-port is THRUSTER_HTTP_PORT. An option wins over its variable.\n\
         Times are seconds or have a unit (30s, 2m); a switch without a value is on.\n\
         \n\
         These words are thrust's own: {}.",
        words::all().join(", ")
    )
}

fn built() -> impl Iterator<Item = &'static Setting> {
    TABLE.into_iter().filter(|setting| setting.is_built())
}

fn option(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.name)
        .long(setting.option())
        .help(meaning(setting))
        .value_name(setting.kind.placeholder())
        .value_parser(OsStringValueParser::new())
        .action(ArgAction::Set);
    match setting.kind {
        // As in the host proxy's own flags: `--log-requests` and `--log-requests=off`.
        Kind::Switch => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("on"),
        Kind::Limit => arg.allow_negative_numbers(true),
        _ => arg,
    }
}

fn meaning(setting: &Setting) -> String {
    match setting.default.describe() {
        "" => setting.help.to_owned(),
        default => format!("{} [default: {default}]", setting.help),
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
