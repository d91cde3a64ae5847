//! What a row of the table says: everything about a setting but its value.

use super::{Kind, Settings, Source, Value};

/// What stands before a setting's name in the environment.
pub const PREFIX: &str = "THRUSTER_";

/// One row of the table.
#[derive(Debug)]
pub struct Setting {
    /// The name without prefix, such as `HTTP_PORT`.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Its value when nobody says anything.
    pub default: DefaultValue,
    /// When it may change.
    pub when: When,
    /// Which variables it is read from.
    pub names: Names,
    /// The name that one widespread guide to thruster gives it.
    pub dialect: Option<&'static str>,
    /// Whether this version does what it asks.
    pub state: State,
    /// Whether its value must not be shown.
    pub secret: bool,
    /// What it means, in one line.
    pub help: &'static str,
}

/// Where a default comes from.
#[derive(Clone, Copy, Debug)]
pub enum DefaultValue {
    /// Always this text, read as any other value.
    Fixed(&'static str),
    /// From settings further up in the table, and the number of cores.
    Derived {
        /// How, in words.
        meaning: &'static str,
        /// The value, and where it really comes from.
        value: fn(&Settings, cores: usize) -> (Value, Source),
    },
}

/// When a setting may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Needed before Rails runs, and fixed from then on.
    Start,
    /// May change while the proxy runs.
    Live,
}

/// Which variables a setting is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// One of thruster's: with and without the prefix.
    Thruster,
    /// One of ours: only with the prefix, because the bare name may belong to another program.
    Ours,
}

/// Whether this version does what a setting asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Built,
    /// It does not, and warns whoever asks for it.
    NotBuilt(SwitchedOnBy),
    /// It does not, and does not start for whoever asks for it: going on without would be dangerous.
    Refused(SwitchedOnBy),
}

/// Which values ask for something that the defaults do not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchedOnBy {
    /// None: the setting only shapes what another one switches on.
    Nothing,
    /// On.
    On,
    /// A size above zero.
    MoreThanZero,
    /// A list with something in it.
    NotEmpty,
}

impl Setting {
    /// One of thruster's own settings.
    pub(super) const fn thruster(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        when: When,
        help: &'static str,
    ) -> Self {
        let default = DefaultValue::Fixed(default);
        Self {
            name,
            kind,
            default,
            when,
            names: Names::Thruster,
            dialect: None,
            state: State::Built,
            secret: false,
            help,
        }
    }

    /// One that thruster does not have.
    pub(super) const fn ours(
        name: &'static str,
        kind: Kind,
        default: DefaultValue,
        when: When,
        help: &'static str,
    ) -> Self {
        Self {
            default,
            names: Names::Ours,
            ..Self::thruster(name, kind, "", when, help)
        }
    }

    pub(super) const fn dialect(self, name: &'static str) -> Self {
        Self {
            dialect: Some(name),
            ..self
        }
    }

    pub(super) const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    pub(super) const fn not_built(self, asked_by: SwitchedOnBy) -> Self {
        Self {
            state: State::NotBuilt(asked_by),
            ..self
        }
    }

    pub(super) const fn refused(self, asked_by: SwitchedOnBy) -> Self {
        Self {
            state: State::Refused(asked_by),
            ..self
        }
    }

    /// The variable that always works: `THRUSTER_HTTP_PORT`.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    /// The option's name without dashes: `http-port`.
    pub fn option(&self) -> String {
        self.name.to_ascii_lowercase().replace('_', "-")
    }

    /// The name under which an app pushes it: `http_port`.
    pub fn pushed_name(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// Whether this version does what it asks.
    pub fn is_built(&self) -> bool {
        self.state == State::Built
    }
}

impl SwitchedOnBy {
    pub(super) fn holds_for(self, value: &Value) -> bool {
        match (self, value) {
            (Self::On, Value::Switch(on)) => *on,
            (Self::MoreThanZero, Value::Size(size)) => size.bytes() > 0,
            (Self::NotEmpty, Value::List(items)) => !items.is_empty(),
            _ => false,
        }
    }
}

impl DefaultValue {
    /// The default in words, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Fixed(text) => text,
            Self::Derived { meaning, .. } => meaning,
        }
    }
}
