//! `thrust completions SHELL`: the script that lets a shell complete our command line, made from its grammar.

use clap::{Arg, ArgMatches};
use clap_complete::Shell;

use super::words::{Word, without_settings};
use super::{CliError, Options, Request, grammar};

pub(super) const WORD: Word = Word::built(
    "completions",
    "\
Usage: thrust completions bash|zsh|fish

Prints a script that lets a shell complete the options and words of thrust.

  bash  thrust completions bash > ~/.local/share/bash-completion/completions/thrust
  zsh   thrust completions zsh > \"${fpath[1]}/_thrust\"
  fish  thrust completions fish > ~/.config/fish/completions/thrust.fish
",
    arguments,
    read,
);

fn arguments() -> Vec<Arg> {
    vec![
        Arg::new("shell")
            .value_name("SHELL")
            .value_parser(["bash", "zsh", "fish"])
            .help("bash, zsh or fish"),
    ]
}

fn read(matches: &ArgMatches, options: Options) -> Result<Request, CliError> {
    without_settings(WORD, &options)?;
    let shell = match matches.get_one::<String>("shell").map(String::as_str) {
        Some("zsh") => Shell::Zsh,
        Some("fish") => Shell::Fish,
        Some(_) => Shell::Bash,
        None => {
            return Err(CliError::Grammar {
                problem: "completions needs to know for which shell: bash, zsh or fish".to_owned(),
            });
        }
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut grammar::whole(), "thrust", &mut script);
    Ok(Request::Print(String::from_utf8_lossy(&script).into_owned()))
}
