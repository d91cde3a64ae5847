//! Asking a running thrust: which one, and what the exit status says of its answer.

use std::time::Duration;

use clap::{Arg, ArgMatches, value_parser};
use thrust_api::client::{Client, ClientError};
use thrust_api::message::{Command, Configuration, Failure, HEARTBEAT, Outcome, Progress};

use super::Options;
use super::words::flag;

use crate::control::discovery::{self, DiscoveryError, Running};

/// How long a running thrust may be silent. A busy machine may swallow a sign of life or two.
const PATIENCE: Duration = Duration::from_secs(6 * HEARTBEAT.as_secs());

const PID: &str = "pid";
const ENVIRONMENT: &str = "environment";

/// Why a running thrust did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It is not clear which one is meant.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// Nor is it whether one is, where that is left open.
    #[error("{0}\n  --environment  none of them: what this environment would give")]
    Unclear(DiscoveryError),
    /// It did not answer, or answered that it did not.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It answered something else.
    #[error("the running thrust answers another command than the one it was given")]
    Stray,
}

impl AskError {
    /// What to tell, causes included.
    pub fn told(&self) -> String {
        crate::error::chain(self)
    }

    /// The status to exit with.
    pub fn status(&self) -> u8 {
        match self {
            Self::Client(ClientError::Failed(Failure { .. })) => 1,
            Self::Discovery(_) | Self::Unclear(_) | Self::Client(ClientError::Connect { .. }) => 2,
            Self::Client(
                ClientError::Broken { .. }
                | ClientError::Closed { .. }
                | ClientError::Silent { .. }
                | ClientError::Unreadable { .. }
                | ClientError::TooLong { .. },
            )
            | Self::Stray => 3,
        }
    }
}

/// Gives a command to the running thrust that is meant, and waits for its end.
pub(super) fn ask(
    command: &Command,
    pid: Option<u32>,
    progress: impl FnMut(Progress),
) -> Result<Outcome, AskError> {
    ask_this(&discovery::find(pid)?, command, progress)
}

/// The same to this one.
pub(super) fn ask_this(
    running: &Running,
    command: &Command,
    progress: impl FnMut(Progress),
) -> Result<Outcome, AskError> {
    Ok(Client::connect(&running.socket, PATIENCE)?.ask(command, progress)?)
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The running thrust with this pid, or the one that is meant; the environment if none runs.
    Running(Option<u32>),
    /// What this environment would give.
    Environment,
}

/// The running thrust that is meant, and its settings. `None` if none is, or none runs.
pub(super) fn configuration(of: Subject) -> Result<Option<(Running, Configuration)>, AskError> {
    let Subject::Running(pid) = of else {
        return Ok(None);
    };
    let running = match discovery::find(pid) {
        Ok(running) => running,
        Err(DiscoveryError::NoneRunning) => return Ok(None),
        Err(several @ DiscoveryError::Ambiguous { .. }) => return Err(AskError::Unclear(several)),
        Err(error) => return Err(error.into()),
    };
    match ask_this(&running, &Command::Config, |_| ())? {
        Outcome::Config(configuration) => Ok(Some((running, configuration))),
        _ => Err(AskError::Stray),
    }
}

/// The options of words that look at a running thrust, or at what the environment would give.
pub(super) fn subject_arguments() -> Vec<Arg> {
    vec![
        flag("json", "For programs: one JSON object"),
        pid_argument(),
        flag(ENVIRONMENT, "None that runs: what this environment would give").conflicts_with(PID),
    ]
}

/// What the options say. Settings given as options are asked about because they are not set yet.
pub(super) fn subject(matches: &ArgMatches, options: &Options) -> Subject {
    match pid(matches) {
        None if matches.get_flag(ENVIRONMENT) || !options.is_empty() => Subject::Environment,
        pid => Subject::Running(pid),
    }
}

/// The option that says which thrust is meant.
pub(super) fn pid_argument() -> Arg {
    Arg::new(PID)
        .long(PID)
        .value_name("N")
        .value_parser(value_parser!(u32).range(1..))
        .help("The running thrust with this process id")
}

/// What the option says.
pub(super) fn pid(matches: &ArgMatches) -> Option<u32> {
    matches.get_one(PID).copied()
}

#[cfg(test)]
mod tests {
    use thrust_api::message::FailureKind;

    use super::*;
    use crate::cli::tests::printed;

    #[test]
    fn the_help_of_each_word_that_asks_tells_the_exit_statuses() {
        for word in ["status", "restart"] {
            let help = printed(&["help", word]);
            let (_, statuses) = help.split_once("\nExit status: ").expect(word);

            for (status, line) in ["0", "1", "2", "3"].into_iter().zip(statuses.lines()) {
                assert!(line.trim().starts_with(status), "{word}: {line}");
            }
            assert_eq!(statuses.lines().count(), 4, "{word}");
        }
    }

    #[test]
    fn the_exit_status_tells_not_done_from_not_found_and_not_known() {
        let failed = Failure::new(FailureKind::TimedOut, "the new app did not answer");
        let closed = ClientError::Closed { socket: "x".into() };

        assert_eq!(AskError::from(ClientError::from(failed)).status(), 1);
        assert_eq!(AskError::from(DiscoveryError::NoneRunning).status(), 2);
        assert_eq!(AskError::Unclear(DiscoveryError::NoneRunning).status(), 2);
        assert_eq!(AskError::from(closed).status(), 3);
        assert_eq!(AskError::Stray.status(), 3);
    }
}
