//! The words of the control socket: what a running thrust may be asked, and what it answers.
//!
//! One JSON object a line, each with the version of the protocol. A command gets any number of [`Reply::Progress`] and
//! [`Reply::Alive`] lines, then one [`Reply::Ok`] or [`Reply::Error`]; then the connection may carry the next command.
//! Fields that a reader does not know are ignored, so that a version may grow. `docs/control-protocol.md` shows each
//! message.

mod failure;
mod settings;

use std::time::Duration;

pub use self::failure::{Failure, FailureKind, SettingFault};
pub use self::settings::{App, Configuration, Configured, Overridden, Push, SettingReport};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::snapshot::Snapshot;

/// The version of the protocol. Another one means that a message has changed its meaning; new fields, commands and
/// words do not change it.
pub const VERSION: u64 = 1;

/// The longest line, its newline included, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// The longest [`Command::Configure`], its newline included, in bytes: what is told of it again, as by
/// [`Command::Config`], must be no longer than [`MAX_LINE`].
pub const MAX_PUSH: usize = 64 << 10;

/// How often at least a running command is heard of, by [`Reply::Alive`] if by nothing else.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// The longest time that a command may name. Beyond it a number is taken for a slip of the hand.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a running thrust is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Tell how it is: [`Outcome::Status`].
    Status,
    /// Tell what it has counted: [`Outcome::Metrics`].
    Metrics,
    /// Tell every setting: [`Outcome::Config`].
    Config,
    /// Take the settings of the app: [`Outcome::Configured`]. Only an app may ask, through the socket of its
    /// generation.
    Configure(Box<Push>),
    /// Start the app again without a gap: [`Outcome::Restarted`].
    Restart {
        /// How long the new app may take to answer; `None` leaves that to the running thrust.
        #[serde(default, with = "timeout", skip_serializing_if = "Option::is_none")]
        timeout: Option<Duration>,
    },
    /// Put the installed binary in the place of the running one, in the same process: [`Outcome::Upgraded`].
    Upgrade {
        /// How long the trial start of the new binary may take; `None` leaves that to the running thrust.
        #[serde(default, with = "timeout", skip_serializing_if = "Option::is_none")]
        timeout: Option<Duration>,
    },
}

impl Command {
    const WORDS: [&str; 6] = ["status", "metrics", "config", "configure", "restart", "upgrade"];

    /// The line that asks for this, with its newline.
    pub fn to_line(&self) -> Vec<u8> {
        line(self)
    }

    /// Reads a line, with or without its newline.
    ///
    /// # Errors
    ///
    /// What to answer: [`FailureKind::Malformed`], [`FailureKind::UnsupportedVersion`] or
    /// [`FailureKind::UnknownCommand`].
    pub fn from_line(line: &[u8]) -> Result<Self, Failure> {
        let message: Value = serde_json::from_slice(line)
            .map_err(|error| Failure::malformed(format!("this is not a line of JSON: {error}")))?;
        match message.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(version) => return Err(Failure::unsupported(version)),
            None => {
                return Err(Failure::malformed(format!(
                    "a message is an object with a \"version\", which is {VERSION}"
                )));
            }
        }
        match message.get("command").and_then(Value::as_str) {
            Some("configure") if line.len() > MAX_PUSH => Err(Failure::malformed(format!(
                "configure is {} bytes long, and may have {MAX_PUSH}",
                line.len()
            ))),
            Some(word) if Self::WORDS.contains(&word) => {
                let word = word.to_owned();
                serde_json::from_value(message)
                    .map_err(|error| Failure::malformed(format!("{word} is malformed: {error}")))
            }
            Some(word) => Err(Failure::new(
                FailureKind::UnknownCommand,
                format!(
                    "there is no command {word:?} in thrust {}; there is {}",
                    env!("CARGO_PKG_VERSION"),
                    Self::WORDS.join(", ")
                ),
            )),
            None => Err(Failure::malformed(
                "the message has no \"command\", or it is not a text".to_owned(),
            )),
        }
    }
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// What is being done now.
    Progress(Progress),
    /// It goes on; nothing new. Clients pass over it.
    Alive,
    /// The command is done. The last line of its answer.
    Ok {
        /// What came of it.
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// The command was not done. The last line of its answer.
    Error(Failure),
}

impl Reply {
    /// The line that says this, with its newline.
    pub fn to_line(&self) -> Vec<u8> {
        line(self)
    }

    /// Reads a line, with or without its newline.
    ///
    /// # Errors
    ///
    /// [`ReplyError`] for a line of another version, and for one that is none of ours.
    pub fn from_line(line: &[u8]) -> Result<Self, ReplyError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }

        match serde_json::from_slice(line)? {
            Versioned { version: VERSION } => Ok(serde_json::from_slice(line)?),
            Versioned { version } => Err(ReplyError::Version { version }),
        }
    }
}

/// Why a line is not an answer.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// Of another version.
    #[error("it speaks version {version} of the control protocol, and this program version {VERSION}")]
    Version {
        /// Its version.
        version: u64,
    },
    /// Not of this protocol.
    #[error("it does not speak the control protocol of thrust")]
    Malformed(#[from] serde_json::Error),
}

/// What a command is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// For programs.
    pub step: Step,
    /// For people: a sentence without a full stop.
    pub text: String,
}

/// The steps of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The next generation's process is started.
    Starting,
    /// The next generation runs and does not answer yet.
    Waiting,
    /// New requests go to the next generation from here on.
    Switching,
    /// Requests under way are finished: those of the old generation, or all before an upgrade.
    Draining,
    /// The old generation was told to end.
    Stopping,
    /// The new binary is tried beside the running one.
    Trying,
    /// The new binary takes the place of the running one.
    Replacing,
    /// A step of a later version.
    #[serde(other)]
    Other,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Of [`Command::Status`].
    Status(Box<Status>),
    /// Of [`Command::Metrics`].
    Metrics(Snapshot),
    /// Of [`Command::Config`].
    Config(Configuration),
    /// Of [`Command::Configure`].
    Configured(Configured),
    /// Of [`Command::Restart`].
    Restarted(Restarted),
    /// Of [`Command::Upgrade`].
    Upgraded(Upgraded),
}

/// How a running thrust is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// What it is busy with.
    pub state: State,
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// How long it has been running, in seconds on the wire.
    #[serde(with = "seconds")]
    pub uptime: Duration,
    /// Its working directory; what is not UTF-8 in it is replaced.
    pub directory: String,
    /// The addresses that it listens on.
    pub listening: Vec<String>,
    /// Where it serves its metrics; null if it does not.
    #[serde(default)]
    pub metrics: Option<String>,
    /// The generation that gets the requests, counted from 1.
    pub generation: u64,
    /// The process of that generation; null while there is none.
    pub child: Option<u32>,
    /// Where that generation is asked.
    pub target: String,
    /// The port in `target`; null for a Unix socket.
    pub port: Option<u16>,
    /// Whether requests would be answered now.
    pub ready: bool,
    /// Open connections of clients.
    pub connections: u64,
    /// Requests under way, held ones included.
    pub in_flight: u64,
    /// Requests that wait for the app.
    pub held: u64,
    /// Older generations that have not ended yet, the oldest first.
    pub previous: Vec<Previous>,
}

/// What a running thrust is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The app does not answer yet.
    Booting,
    /// Requests are served.
    Ready,
    /// The next generation boots; the current one serves.
    Restarting,
    /// The end has begun: requests under way are finished.
    Draining,
    /// The app has been told to end.
    Stopping,
    /// A state of a later version.
    #[serde(other)]
    Other,
}

/// An older generation that has not ended yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its number.
    pub generation: u64,
    /// Its process.
    pub child: u32,
    /// Requests that it still answers.
    pub in_flight: u64,
}

/// A restart that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarted {
    /// The generation that gets the requests now.
    pub generation: u64,
    /// Its process.
    pub child: u32,
    /// From the command to the switch, in seconds on the wire.
    #[serde(with = "seconds")]
    pub took: Duration,
}

/// An upgrade that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgraded {
    /// The version before.
    pub from: String,
    /// The version that runs now.
    pub to: String,
    /// Connections that were closed for it in the middle of something: WebSockets, event streams, what did not end in
    /// time.
    pub closed: u64,
}

fn line(message: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Versioned<'a, T> {
        version: u64,
        #[serde(flatten)]
        message: &'a T,
    }

    let message = Versioned {
        version: VERSION,
        message,
    };
    let mut line = serde_json::to_vec(&message).expect("messages are maps with text for keys");
    line.push(b'\n');
    line
}

/// A length of time as a number of seconds, to the millisecond.
mod seconds {
    use super::*;

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_millis() as f64 / 1000.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A time limit as a number of seconds, or none.
mod timeout {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        timeout: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match timeout {
            Some(duration) => serializer.serialize_some(&duration.as_secs_f64()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let Some(seconds) = Option::<f64>::deserialize(deserializer)? else {
            return Ok(None);
        };
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|duration| !duration.is_zero() && *duration <= LONGEST)
            .map(Some)
            .ok_or_else(|| de::Error::custom("a timeout is a number of seconds above 0 and at most 365 days"))
    }
}

#[cfg(test)]
mod tests;
