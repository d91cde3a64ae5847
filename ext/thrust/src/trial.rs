//! The trial start: whether another thrust would run in our place, asked before it does.
//!
//! `LAUNCHER --trial-start=FORMAT WORDS…` reads the settings as a start with these words would, tells on one line which
//! program it is, and ends. FORMAT is that of the [hand-over](crate::hand_over) which it will get. The option stands
//! first, where a program that does not know it takes it for a mistake and starts nothing.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::{env, io};

use serde::{Deserialize, Serialize};

use crate::hand_over::FORMAT;

const OPTION: &str = "--trial-start";

/// What a thrust tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Its version.
    pub(crate) thrust: String,
    /// The program itself, not what led to it.
    pub(crate) executable: PathBuf,
}

impl Answer {
    /// That of this program, as the line to print.
    ///
    /// # Errors
    ///
    /// The system does not tell where it is, or that is no text.
    pub fn line() -> io::Result<String> {
        let answer = Self {
            thrust: env!("CARGO_PKG_VERSION").to_owned(),
            executable: env::current_exe()?,
        };
        Ok(serde_json::to_string(&answer)? + "\n")
    }

    /// Reads the one line that a trial start has printed. `None` if it is something else.
    pub(crate) fn read(printed: &[u8]) -> Option<Self> {
        let answer: Self = serde_json::from_slice(printed).ok()?;
        answer.executable.is_absolute().then_some(answer)
    }
}

/// The words of a trial start in the place of these, which are those of a start but for the program's name.
pub(crate) fn words(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let option = OsString::from(format!("{OPTION}={FORMAT}"));
    [option].into_iter().chain(words).collect()
}

/// Why a hand-over would fail.
#[derive(Debug, thiserror::Error)]
#[error(
    "thrust {} cannot take over from the running one, whose hand-over is of format {format:?}, not {FORMAT}; \
     stop that one and start this one",
    env!("CARGO_PKG_VERSION")
)]
pub struct OtherFormat {
    format: String,
}

/// Takes the option out of a command line, the program's own name first. Returns whether it is a trial start.
///
/// # Errors
///
/// It is one, and this program could not read what it would get.
pub fn take_option(arguments: &mut Vec<OsString>) -> Result<bool, OtherFormat> {
    let Some(format) = arguments.get(1).and_then(|word| format(word)) else {
        return Ok(false);
    };
    arguments.remove(1);
    if format == FORMAT.to_string() {
        Ok(true)
    } else {
        Err(OtherFormat { format })
    }
}

fn format(word: &OsStr) -> Option<String> {
    let format = word.to_str()?.strip_prefix(OPTION)?.strip_prefix('=')?;
    Some(format.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_taken_where_it_is_put_and_nowhere_else() {
        let ours = ["--http-port=80", "bin/rails", "--trial-start=1"].map(OsString::from);
        let line = |words: Vec<OsString>| [vec!["thrust".into()], words].concat();

        let mut trial = line(words(ours.clone().into_iter()));
        let mut start = line(ours.to_vec());

        assert!(take_option(&mut trial).unwrap());
        assert!(!take_option(&mut start).unwrap());
        assert_eq!(trial, line(ours.to_vec()));
        assert_eq!(start, line(ours.to_vec()));
    }

    #[test]
    fn another_format_is_refused_with_what_helps() {
        let mut line = ["thrust", "--trial-start=99", "true"]
            .map(OsString::from)
            .to_vec();

        let error = take_option(&mut line).unwrap_err().to_string();

        assert!(error.contains("format \"99\", not 1; stop that one"), "{error}");
    }

    #[test]
    fn only_an_answer_with_a_path_counts() {
        let line = Answer::line().unwrap();

        assert_eq!(
            Answer::read(line.as_bytes()).unwrap().executable,
            env::current_exe().unwrap()
        );
        for other in [
            "",
            "thrust 1.0.0\n",
            "{}",
            r#"{"thrust":"1","executable":"thrust"}"#,
        ] {
            assert_eq!(Answer::read(other.as_bytes()), None, "{other}");
        }
        assert_eq!(Answer::read(line.repeat(2).as_bytes()), None);
    }
}
