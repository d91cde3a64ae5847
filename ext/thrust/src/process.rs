//! The wrapped process: started with what we were started with, told what we are told, and its end is ours.
//!
//! [`start`] makes the child, [`Process::supervise`] relays signals to it and waits for its end. Nothing else in the
//! program waits for a child: one reaper collects every process that ends, also the orphans that PID 1 inherits.

mod error;
mod program;
mod reaper;
mod signals;
mod spawn;

use std::env;
use std::ffi::OsString;

use rustix::process::{Pid, Rlimit, kill_process};

use self::error::{StartError, StartFault};
pub(crate) use self::signals::Signals;
use self::signals::{Event, Relayed};

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

/// Starts `command` with our stdin, stdout, stderr, working directory, process group and environment, in which `PORT`
/// is set to `port`. No descriptor that we opened reaches it.
///
/// Call it on the main thread: on Linux the child gets SIGTERM when the thread that started it ends, so that it does
/// not outlive us. Make the [`Signals`] first: until they exist a signal ends us without our telling the child.
///
/// `descriptors` is the limit on open files that the child gets: the one we were started with, not one that we raised
/// for ourselves.
///
/// # Errors
///
/// [`StartError`] if there is no such program or the system does not run it. No child is left behind.
pub(crate) fn start(command: &Command, port: u16, descriptors: Rlimit) -> Result<Process, StartError> {
    program::find(&command.program, env::var_os("PATH").as_deref())
        .and_then(|file| {
            spawn::spawn(&file, command, port, descriptors)
                .map_err(|source| program::why_not_started(&file, source))
        })
        .map(|pid| Process { pid })
        .map_err(|fault| StartError {
            command: command.clone(),
            fault,
        })
}

/// The running child. Dropping it leaves the child alone.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
}

impl Process {
    /// Relays SIGINT and SIGTERM, each one received, to the child until it ends. Returns the status to exit with: the
    /// child's own, or 128 + n when signal n ended it.
    ///
    /// May be dropped and called again; no signal and no end is lost in between.
    pub(crate) async fn supervise(&self, signals: &mut Signals) -> u8 {
        loop {
            match signals.next().await {
                Event::Ended(pid, end) if pid == self.pid => return end.status(),
                Event::Ended(pid, _) => tracing::debug!(pid = pid.as_raw_pid(), "Reaped orphaned process"),
                Event::Relay(signal) => self.relay(signal),
            }
        }
    }

    /// The pid is the child's for as long as it has not been reaped, and that is the end of supervision.
    fn relay(&self, relayed: Relayed) {
        tracing::info!(signal = relayed.name(), "Relaying signal to upstream process");
        if let Err(error) = kill_process(self.pid, relayed.signal()) {
            tracing::error!(signal = relayed.name(), %error, "Failed to relay signal to upstream process");
        }
    }
}

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

    #[test]
    fn a_start_that_fails_tells_which_command_and_why() {
        let command = Command::from(Vec::new());

        let error = start(&command, 3000, getrlimit(Resource::Nofile)).unwrap_err();

        assert_eq!(error.command, command);
        assert!(matches!(error.fault, StartFault::Empty));
    }
}
