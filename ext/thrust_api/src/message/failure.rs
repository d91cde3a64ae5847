//! Why a command was not done.

use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::settings::Fault;

/// Settings of a push of which it is told what is wrong with them.
const MAX_FAULTS: usize = 100;

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// For programs.
    pub kind: FailureKind,
    /// For people: what, where, and what to do.
    pub message: String,
    /// Of [`FailureKind::Invalid`]: what is wrong with each setting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<SettingFault>,
}

/// What is wrong with a setting that was pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingFault {
    /// Its name, as it was pushed.
    pub setting: String,
    /// For people: what it says, and what it may say.
    pub message: String,
}

impl Failure {
    /// One of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            faults: Vec::new(),
        }
    }

    /// The failure of a line that cannot be read.
    pub fn malformed(message: String) -> Self {
        Self::new(FailureKind::Malformed, message)
    }

    /// The failure of a push, with everything that is wrong with it; of more than a hundred faults, how many more there
    /// are.
    pub fn invalid(faults: &[Fault]) -> Self {
        let told: Vec<_> = faults
            .iter()
            .take(MAX_FAULTS)
            .map(|fault| SettingFault {
                setting: fault.name().to_owned(),
                message: fault.to_string(),
            })
            .collect();
        let mut texts: Vec<_> = told.iter().map(|fault| fault.message.clone()).collect();
        if faults.len() > told.len() {
            texts.push(format!("and {} more", faults.len() - told.len()));
        }
        Self {
            kind: FailureKind::Invalid,
            faults: told,
            message: texts.join("; "),
        }
    }

    pub(super) fn unsupported(version: u64) -> Self {
        let message = format!(
            "thrust {} speaks version {VERSION} of the control protocol, not {version}",
            env!("CARGO_PKG_VERSION")
        );
        Self::new(FailureKind::UnsupportedVersion, message)
    }
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The line is too long, no JSON, or not of the protocol.
    Malformed,
    /// The line is of a version that this thrust does not speak.
    UnsupportedVersion,
    /// A command that this thrust does not have.
    UnknownCommand,
    /// Whoever asks has no right to.
    Forbidden,
    /// Something else is under way that excludes it.
    Busy,
    /// Not in the present state, or not in this way of running.
    Unavailable,
    /// It was tried and failed. What ran before runs on.
    Failed,
    /// It was tried and not done in time. What ran before runs on.
    TimedOut,
    /// Settings that were pushed cannot be taken; see [`Failure::faults`].
    Invalid,
    /// Whoever asks is not the current generation of the app any more.
    Superseded,
    /// A fault of thrust's own; also a kind of a later version.
    #[serde(other)]
    Internal,
}
