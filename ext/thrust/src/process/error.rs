//! Why the wrapped process could not be started, and what helps.

use std::error::Error;
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io;
use std::path::PathBuf;

use super::Command;
use crate::error::chain;

/// The wrapped process could not be started; thrust then exits with status 1.
#[derive(Debug)]
pub(crate) struct StartError {
    /// What should have been started.
    pub(crate) command: Command,
    /// Why it was not.
    pub(crate) fault: StartFault,
}

impl StartError {
    /// Writes the line that thruster writes: `Failed to start wrapped process` with the fields `command`, `args` and
    /// `error`. `args` is the text of a JSON array, `[]` without arguments.
    pub(crate) fn log(&self) {
        tracing::error!(
            command = %self.command.program.display(),
            args = self.arguments(),
            error = %self,
            "Failed to start wrapped process"
        );
    }

    fn arguments(&self) -> String {
        let arguments = self
            .command
            .arguments
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned());
        serde_json::Value::from_iter(arguments).to_string()
    }
}

/// One line: the fault and what the system said about it.
impl Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&chain(&self.fault))
    }
}

impl Error for StartError {}

/// What is wrong with the command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartFault {
    /// The first word is empty.
    #[error("the command is empty; name the program to run, as in `thrust bin/rails server`")]
    Empty,
    /// A name without a slash that no directory of `PATH` has.
    #[error("{program:?} is in no directory of PATH={path:?}; install it, or give its path, as in bin/rails")]
    NotInPath {
        /// The name.
        program: OsString,
        /// The directories that were searched; empty if `PATH` is not set.
        path: OsString,
    },
    /// A name that only a relative directory of `PATH` has: running it would depend on where we stand.
    #[error("{program:?} is only {found:?}, by way of a relative directory in PATH; to run it give its path")]
    RelativePath {
        /// The name.
        program: OsString,
        /// The file that was found, as an absolute path.
        found: PathBuf,
    },
    /// A directory to run in that does not exist, is none, or may not be entered.
    #[error("{directory:?} is no directory to start in; create it, or correct the path")]
    WorkingDirectory {
        /// The path.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A path that leads to nothing.
    #[error("there is no file {file:?}; check the path and the working directory")]
    Missing {
        /// The path, absolute where the working directory is known.
        file: PathBuf,
    },
    /// A path that leads to a directory.
    #[error("{file:?} is a directory; name a program in it")]
    Directory {
        /// The path.
        file: PathBuf,
    },
    /// A file without the permission to run it.
    #[error("{file:?} is not executable; `chmod +x` makes it so")]
    NotExecutable {
        /// The path.
        file: PathBuf,
    },
    /// A script whose first line names a program that does not exist.
    #[error("{file:?} is a script for {interpreter:?}, which does not exist; correct its first line")]
    NoInterpreter {
        /// The script.
        file: PathBuf,
        /// The program in its first line.
        interpreter: String,
    },
    /// A path that cannot be followed.
    #[error("{file:?} cannot be reached; check the permissions of the directories above it")]
    Unreachable {
        /// The path.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused to make or run the process.
    #[error(
        "{file:?} could not be run; check that it is a program for this machine, and the system's limits"
    )]
    Refused {
        /// The program.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_logged_as_a_json_array() {
        let with = |arguments: &[&str]| StartError {
            command: Command {
                program: "x".into(),
                arguments: arguments.iter().map(OsString::from).collect(),
            },
            fault: StartFault::Empty,
        };

        assert_eq!(with(&[]).arguments(), "[]");
        assert_eq!(
            with(&["server", "-b \"x\""]).arguments(),
            r#"["server","-b \"x\""]"#
        );
    }

    #[test]
    fn the_error_is_one_line_that_ends_with_what_the_system_said() {
        let error = StartError {
            command: Command {
                program: "bin/app".into(),
                arguments: Vec::new(),
            },
            fault: StartFault::Refused {
                file: "bin/app".into(),
                source: io::Error::new(io::ErrorKind::OutOfMemory, "no memory"),
            },
        };

        let line = error.to_string();

        assert!(line.starts_with("\"bin/app\" could not be run"), "{line}");
        assert!(line.ends_with(": no memory"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}
