//! Every setting of the proxy, in one table: its name, kind, default, when it may change, and what it means.
//!
//! Reading, command-line options, help, `thrust config` and docs/configuration.md are all made from the
//! [`TABLE`]. [`Settings`] are what was written; the proxy turns them into what it works with.

mod choice;
mod kind;
mod names;
mod problem;
mod read;
mod row;
mod table;
mod value;

pub use choice::{BootMode, LogFormat, LogLevel, SendfileHeader};
pub use kind::Kind;
pub use problem::{Fault, Rejection, Warning};
pub use read::{Pushed, Written};
pub use row::{DefaultValue, Names, PREFIX, Setting, State, SwitchedOnBy, When};
pub use table::*;
pub use value::Value;

use std::{fmt, net::IpAddr, time::Duration};

use crate::address::{BindAddress, TargetAddress};
use crate::field::Field;
use crate::mapping::Mapping;
use crate::network::Networks;
use crate::pattern::{PathPattern, StatusPattern};
use crate::units::{ByteSize, Port, Seconds};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The app has pushed it, once Rails had booted.
    Rails,
    /// The environment variable of this name.
    Environment(String),
    /// The command-line option of this name, such as `--http-port`.
    CommandLine(String),
}

/// A setting with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The row it belongs to.
    pub setting: &'static Setting,
    /// Its value.
    pub value: Value,
    /// Where that comes from.
    pub source: Source,
}

/// What was written, read and found to be well-formed: one entry for each row of the table.
#[derive(Clone, Debug)]
pub struct Settings {
    entries: Vec<Entry>,
    written: Written,
    /// What the operator should hear about.
    pub warnings: Vec<Warning>,
}

impl Source {
    /// The variable or option; `None` for a default.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Environment(name) | Self::CommandLine(name) => Some(name),
            Self::Default | Self::Rails => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::Rails => formatter.write_str("Rails"),
            Self::Environment(name) => write!(formatter, "environment {name}"),
            Self::CommandLine(name) => write!(formatter, "option {name}"),
        }
    }
}

impl Entry {
    /// The value for people to see; a secret is masked.
    pub fn shown(&self) -> Value {
        match &self.value {
            Value::Text(text) if self.setting.secret && !text.is_empty() => {
                Value::Text("********".to_owned())
            }
            value => value.clone(),
        }
    }
}

/// The getters panic if the row is of another kind: that is a mistake in the program, never in a value.
impl Settings {
    /// Every setting, in the table's order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The value of one setting and its source.
    pub fn entry(&self, setting: &Setting) -> &Entry {
        self.entries
            .iter()
            .find(|entry| entry.setting.name == setting.name)
            .unwrap_or_else(|| unreachable!("{} has no entry", setting.name))
    }

    /// A port if somebody chose one, `None` if only the default is left.
    pub fn chosen_port(&self, setting: &Setting) -> Option<Port> {
        match self.entry(setting) {
            Entry {
                source: Source::Default,
                ..
            } => None,
            Entry {
                value: Value::Port(port),
                ..
            } => Some(*port),
            entry => wrong_kind(entry),
        }
    }

    /// A port that may be switched off.
    pub fn optional_port(&self, setting: &Setting) -> Option<Port> {
        match self.entry(setting) {
            Entry {
                value: Value::OptionalPort(port),
                ..
            } => *port,
            entry => wrong_kind(entry),
        }
    }

    /// A number of bytes.
    pub fn size(&self, setting: &Setting) -> ByteSize {
        match self.entry(setting) {
            Entry {
                value: Value::Size(size),
                ..
            } => *size,
            entry => wrong_kind(entry),
        }
    }

    /// A time limit.
    pub fn limit(&self, setting: &Setting) -> Seconds {
        match self.entry(setting) {
            Entry {
                value: Value::Limit(limit),
                ..
            } => *limit,
            entry => wrong_kind(entry),
        }
    }

    /// A time that is not a limit.
    pub fn duration(&self, setting: &Setting) -> Duration {
        match self.entry(setting) {
            Entry {
                value: Value::Duration(duration),
                ..
            } => *duration,
            entry => wrong_kind(entry),
        }
    }

    /// On or off.
    pub fn switch(&self, setting: &Setting) -> bool {
        match self.entry(setting) {
            Entry {
                value: Value::Switch(on),
                ..
            } => *on,
            entry => wrong_kind(entry),
        }
    }

    /// A whole number.
    pub fn count(&self, setting: &Setting) -> u32 {
        match self.entry(setting) {
            Entry {
                value: Value::Count(number),
                ..
            } => *number,
            entry => wrong_kind(entry),
        }
    }

    /// A text or path.
    pub fn text(&self, setting: &Setting) -> &str {
        match self.entry(setting) {
            Entry {
                value: Value::Text(text),
                ..
            } => text,
            entry => wrong_kind(entry),
        }
    }

    /// Addresses to listen on.
    pub fn addresses(&self, setting: &Setting) -> &[BindAddress] {
        match self.entry(setting) {
            Entry {
                value: Value::Addresses(addresses),
                ..
            } => addresses,
            entry => wrong_kind(entry),
        }
    }

    /// An IP address, if somebody gave one.
    pub fn ip(&self, setting: &Setting) -> Option<IpAddr> {
        match self.entry(setting) {
            Entry {
                value: Value::Ip(address),
                ..
            } => *address,
            entry => wrong_kind(entry),
        }
    }

    /// A list of networks.
    pub fn networks(&self, setting: &Setting) -> &Networks {
        match self.entry(setting) {
            Entry {
                value: Value::Networks(networks),
                ..
            } => networks,
            entry => wrong_kind(entry),
        }
    }

    /// Patterns of paths.
    pub fn path_patterns(&self, setting: &Setting) -> &[PathPattern] {
        match self.entry(setting) {
            Entry {
                value: Value::PathPatterns(patterns),
                ..
            } => patterns,
            entry => wrong_kind(entry),
        }
    }

    /// Patterns of statuses.
    pub fn status_patterns(&self, setting: &Setting) -> &[StatusPattern] {
        match self.entry(setting) {
            Entry {
                value: Value::StatusPatterns(patterns),
                ..
            } => patterns,
            entry => wrong_kind(entry),
        }
    }

    /// A list of texts.
    pub fn list(&self, setting: &Setting) -> &[String] {
        match self.entry(setting) {
            Entry {
                value: Value::List(items),
                ..
            } => items,
            entry => wrong_kind(entry),
        }
    }

    /// Fields of an answer.
    pub fn fields(&self, setting: &Setting) -> &[Field] {
        match self.entry(setting) {
            Entry {
                value: Value::Fields(fields),
                ..
            } => fields,
            entry => wrong_kind(entry),
        }
    }

    /// Mappings of paths.
    pub fn mappings(&self, setting: &Setting) -> &[Mapping] {
        match self.entry(setting) {
            Entry {
                value: Value::Mappings(mappings),
                ..
            } => mappings,
            entry => wrong_kind(entry),
        }
    }

    /// THRUSTER_SENDFILE_HEADER.
    pub fn sendfile_header(&self) -> SendfileHeader {
        match self.entry(&SENDFILE_HEADER) {
            Entry {
                value: Value::SendfileHeader(header),
                ..
            } => *header,
            entry => wrong_kind(entry),
        }
    }

    /// The address of the app, if somebody gave one.
    pub fn target(&self, setting: &Setting) -> Option<&TargetAddress> {
        match self.entry(setting) {
            Entry {
                value: Value::Target(target),
                ..
            } => target.as_ref(),
            entry => wrong_kind(entry),
        }
    }

    /// THRUSTER_BOOT_MODE.
    pub fn boot_mode(&self) -> BootMode {
        match self.entry(&BOOT_MODE) {
            Entry {
                value: Value::BootMode(mode),
                ..
            } => *mode,
            entry => wrong_kind(entry),
        }
    }

    /// THRUSTER_LOG_FORMAT.
    pub fn log_format(&self) -> LogFormat {
        match self.entry(&LOG_FORMAT) {
            Entry {
                value: Value::LogFormat(format),
                ..
            } => *format,
            entry => wrong_kind(entry),
        }
    }

    /// THRUSTER_LOG_LEVEL.
    pub fn log_level(&self) -> LogLevel {
        match self.entry(&LOG_LEVEL) {
            Entry {
                value: Value::LogLevel(level),
                ..
            } => *level,
            entry => wrong_kind(entry),
        }
    }
}

fn wrong_kind(entry: &Entry) -> ! {
    unreachable!(
        "{} is {:?}, not what was asked for",
        entry.setting.name, entry.value
    )
}
