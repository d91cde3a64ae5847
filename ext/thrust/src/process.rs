//! The wrapped process: started with what we were started with, told what we are told, and its end is ours.
//!
//! [`start`] makes the child; the supervisor decides what it is told and what its end means. Nothing else in the
//! program waits for a child: the one [`Reaper`] collects every process that ends, also the orphans that PID 1
//! inherits.

mod end;
mod error;
mod program;
mod reaper;
mod replace;
mod signals;
mod spawn;
pub(crate) mod systemd;
pub(crate) mod terminal;

use std::env;
use std::ffi::OsString;
use std::io::{self, PipeReader};
use std::path::Path;

use rustix::process::{Pid, Signal};

pub(crate) use self::end::End;
pub(crate) use self::error::StartError;
use self::error::StartFault;
pub(crate) use self::reaper::{Process, Reaper};
pub(crate) use self::replace::{Image, in_a_row};
pub(crate) use self::signals::{Signals, Stop, Told};
pub(crate) use self::spawn::{Changes, Start, admit_signals, inherited};

/// The command line of the wrapped process: the words after our own options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// The program as it was typed: a name to look up in `PATH`, or a path.
    pub(crate) program: OsString,
    /// What follows it.
    pub(crate) arguments: Vec<OsString>,
}

impl From<Vec<OsString>> for Command {
    /// Takes the first word as the program. No words make an empty one, which [`start`] refuses.
    fn from(words: Vec<OsString>) -> Self {
        let mut words = words.into_iter();
        Self {
            program: words.next().unwrap_or_default(),
            arguments: words.collect(),
        }
    }
}

/// Starts a child and has `reaper` watch it. No descriptor that we opened reaches it.
///
/// Call it on the main thread: on Linux the child gets SIGTERM when the thread that started it ends, so that it does
/// not outlive us. Make the [`Signals`] first: until they exist a signal ends us without our telling the child.
///
/// # Errors
///
/// [`StartError`] if there is no such program or directory, or the system does not run it. No child is left behind.
pub(crate) fn start(reaper: &Reaper, start: &Start<'_>) -> Result<Process, StartError> {
    start_by(reaper, start, |file| spawn::spawn(file, start))
        .inspect(|process| tracing::debug!(pid = process.pid().as_raw_pid(), "Started wrapped process"))
}

/// A child that writes to us.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) process: Process,
    /// What it writes to stdout,
    pub(crate) output: PipeReader,
    /// and to stderr.
    pub(crate) errors: PipeReader,
}

/// Like [`start`], for a child that gets nothing to read and whose words are for us.
///
/// # Errors
///
/// Those of [`start`].
pub(crate) fn start_heard(reaper: &Reaper, start: &Start<'_>) -> Result<Heard, StartError> {
    let mut pipes = None;
    let process = start_by(reaper, start, |file| {
        let (output, to_output) = io::pipe()?;
        let (errors, to_errors) = io::pipe()?;
        pipes = Some((output, errors));
        spawn::spawn_into(file, start, to_output, to_errors)
    })?;
    let (output, errors) = pipes.expect("they were made before the process was");
    Ok(Heard {
        process,
        output,
        errors,
    })
}

fn start_by(
    reaper: &Reaper,
    start: &Start<'_>,
    spawn: impl FnOnce(&Path) -> io::Result<Pid>,
) -> Result<Process, StartError> {
    let path = env::var_os("PATH");
    program::find(&start.command.program, path.as_deref(), start.directory)
        .and_then(|file| {
            reaper
                .spawn(|| spawn(&file))
                .map_err(|source| program::why_not_started(&file, start.directory, source))
        })
        .map_err(|fault| StartError {
            command: start.command.clone(),
            fault,
        })
}

impl Process {
    /// Passes on to the child what we were sent; `name` is the signal's in the log.
    pub(crate) fn relay(&self, signal: Signal, name: &str) {
        tracing::info!(signal = name, "Relaying signal to upstream process");
        if let Err(error) = self.signal(signal) {
            tracing::error!(signal = name, %error, "Failed to relay signal to upstream process");
        }
    }
}

/// Held by every unit test that has children: a reaper takes all there are, also those of other tests.
#[cfg(test)]
static CHILDREN_OF_TESTS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[cfg(test)]
mod tests {
    use rustix::process::{Resource, getrlimit};

    use super::*;

    #[test]
    fn the_first_word_is_the_program_and_the_rest_its_arguments() {
        let command = Command::from(vec!["bin/rails".into(), "server".into(), "-v".into()]);

        assert_eq!(command.program, "bin/rails");
        assert_eq!(command.arguments, ["server", "-v"]);
    }

    #[tokio::test]
    async fn a_start_that_fails_tells_which_command_and_why() {
        let _alone = CHILDREN_OF_TESTS.lock().await;
        let reaper = Reaper::start().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let gone = directory.path().join("gone");
        let refused = |command: &Command, directory| {
            let refused = Start {
                command,
                environment: Changes::default(),
                directory,
                descriptors: getrlimit(Resource::Nofile),
            };
            start(&reaper, &refused).unwrap_err()
        };
        let (none, shell) = (Command::from(Vec::new()), Command::from(vec!["sh".into()]));

        let nothing = refused(&none, None);
        let nowhere = refused(&shell, Some(&gone));

        assert_eq!(nothing.command, none);
        assert!(matches!(nothing.fault, StartFault::Empty));
        assert!(matches!(nowhere.fault, StartFault::WorkingDirectory { .. }));
    }
}
