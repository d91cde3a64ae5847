//! What can be wrong with what was written: faults stop the start, warnings are only told.
//!
//! Each text names the variable or option, what it says, and what helps.

use std::fmt;

/// A reason not to start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A value that its setting cannot have.
    #[error("{name} is {value:?}; {expected}")]
    Malformed {
        /// The variable or option.
        name: String,
        /// What it says.
        value: String,
        /// What it may say.
        expected: String,
    },
    /// A value that is not text.
    #[error("{name} is not valid UTF-8; write it again in plain text")]
    NotText {
        /// The variable or option.
        name: String,
    },
    /// Two places for one app.
    #[error("{target} and {port} both say where the app listens; unset one of them")]
    TargetTwice {
        /// The variable or option with the address.
        target: String,
        /// The one with the port.
        port: String,
    },
    /// What an app may not push, because it is needed before there is one.
    #[error("{name} is needed before Rails runs; set {variable} in the environment instead")]
    NotLive {
        /// What was pushed.
        name: String,
        /// The variable that gives it.
        variable: String,
    },
    /// What an app has pushed, and is none of ours.
    #[error("{}", not_a_setting(name, nearest.as_deref()))]
    Unknown {
        /// What was pushed.
        name: String,
        /// The real name that looks most like it.
        nearest: Option<String>,
    },
    /// TLS, which this version does not serve.
    #[error(
        "{name} asks for TLS, which this version does not serve yet; plain HTTP in its place would be unsafe, \
         so unset it and let a proxy in front end TLS"
    )]
    TlsNotBuilt {
        /// The variable or option.
        name: String,
    },
}

impl Fault {
    /// The variable, option or pushed name that it is about.
    pub fn name(&self) -> &str {
        match self {
            Self::Malformed { name, .. }
            | Self::NotText { name }
            | Self::NotLive { name, .. }
            | Self::Unknown { name, .. }
            | Self::TlsNotBuilt { name } => name,
            Self::TargetTwice { target, .. } => target,
        }
    }
}

/// Something odd that does not stop the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A variable without our prefix that may be meant for somebody else.
    Ignored {
        /// What is wrong with it.
        fault: Fault,
        /// The value that holds in its place.
        default: String,
    },
    /// A variable that asks for what this version does not do.
    NotBuilt {
        /// The variable.
        name: String,
    },
    /// A variable that reads like one of ours, and is none.
    Unknown {
        /// The variable; it may have any character in its name, and is shown without those that move a cursor.
        name: String,
        /// The real name that looks most like it.
        nearest: Option<String>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored { fault, default } if default.is_empty() => {
                write!(formatter, "{fault}; it is ignored")
            }
            Self::Ignored { fault, default } => write!(formatter, "{fault}; using {default}"),
            Self::NotBuilt { name } => {
                write!(
                    formatter,
                    "{name} has no effect: this version does not do what it asks for yet"
                )
            }
            Self::Unknown { name, nearest } => formatter.write_str(&not_a_setting(name, nearest.as_deref())),
        }
    }
}

fn not_a_setting(name: &str, nearest: Option<&str>) -> String {
    let name = name.escape_debug();
    match nearest {
        Some(nearest) => format!("{name} is not a setting; did you mean {nearest}?"),
        None => format!("{name} is not a setting; `thrust config` lists those there are"),
    }
}

/// Why nothing starts: every fault at once, and the warnings that stand beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// At least one.
    pub faults: Vec<Fault>,
    /// What the operator should hear about besides.
    pub warnings: Vec<Warning>,
}
