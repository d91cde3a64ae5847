//! The kinds of values that settings have: how each is read, printed, and described to whoever got it wrong.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

use crate::units::{self, ByteSize, Port, Seconds};

/// What a setting's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A TCP port; 0 for any free one.
    Port,
    /// Bytes.
    Size,
    /// A time limit; 0 or less for none.
    Limit,
    /// A time above zero.
    Duration,
    /// On or off.
    Switch,
    /// A whole number from 1 to this.
    Count(u32),
    /// One of [`LogFormat`].
    LogFormat,
    /// One of [`LogLevel`].
    LogLevel,
    /// A file or directory; may be empty.
    Path,
    /// Any text; may be empty.
    Text,
    /// Texts separated by commas; may be empty.
    List,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line, as thruster writes them.
    Json,
}

/// The least important log lines that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens, requests included.
    Info,
    /// What is odd.
    Warn,
    /// What failed.
    Error,
}

const LOG_FORMATS: &[(&str, LogFormat)] = &[
    ("auto", LogFormat::Auto),
    ("text", LogFormat::Text),
    ("json", LogFormat::Json),
];

const LOG_LEVELS: &[(&str, LogLevel)] = &[
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
];

const SWITCHES: &[(&str, bool)] = &[
    ("on", true),
    ("off", false),
    ("true", true),
    ("false", false),
    ("1", true),
    ("0", false),
    ("t", true),
    ("f", false),
];

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of [`Kind::Port`].
    Port(Port),
    /// Of [`Kind::Size`].
    Size(ByteSize),
    /// Of [`Kind::Limit`].
    Limit(Seconds),
    /// Of [`Kind::Duration`].
    Duration(Duration),
    /// Of [`Kind::Switch`].
    Switch(bool),
    /// Of [`Kind::Count`].
    Count(u32),
    /// Of [`Kind::LogFormat`].
    LogFormat(LogFormat),
    /// Of [`Kind::LogLevel`].
    LogLevel(LogLevel),
    /// Of [`Kind::Path`] and [`Kind::Text`].
    Text(String),
    /// Of [`Kind::List`].
    List(Vec<String>),
}

impl Kind {
    /// Reads a value of this kind.
    ///
    /// # Errors
    ///
    /// What a value of this kind looks like, for a text that is none.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Port => text.parse().map(Value::Port).map_err(describe),
            Self::Size => text.parse().map(Value::Size).map_err(describe),
            Self::Limit => text.parse().map(Value::Limit).map_err(describe),
            Self::Duration => units::parse_duration(text).map(Value::Duration).map_err(describe),
            Self::Switch => pick(SWITCHES, &text.to_ascii_lowercase())
                .map(Value::Switch)
                .ok_or_else(|| "a switch is on or off (also true or false, 1 or 0)".to_owned()),
            Self::Count(most) => units::whole(text)
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| (1..=most).contains(number))
                .map(Value::Count)
                .ok_or_else(|| format!("it is a number from 1 to {most}")),
            Self::LogFormat => pick(LOG_FORMATS, text)
                .map(Value::LogFormat)
                .ok_or_else(|| one_of(LOG_FORMATS)),
            Self::LogLevel => pick(LOG_LEVELS, text)
                .map(Value::LogLevel)
                .ok_or_else(|| one_of(LOG_LEVELS)),
            Self::Path | Self::Text => Ok(Value::Text(text.to_owned())),
            Self::List => Ok(Value::List(items(text))),
        }
    }

    /// Whether an empty text is a value of this kind, and not a missing one.
    pub(super) fn takes_empty(self) -> bool {
        matches!(self, Self::Path | Self::Text | Self::List)
    }

    /// The word that stands for a value in usage texts.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Port => "PORT",
            Self::Size => "SIZE",
            Self::Limit | Self::Duration => "TIME",
            Self::Switch => "on|off",
            Self::Count(_) => "NUMBER",
            Self::LogFormat => "auto|text|json",
            Self::LogLevel => "debug|info|warn|error",
            Self::Path => "PATH",
            Self::Text => "TEXT",
            Self::List => "LIST",
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => port.fmt(formatter),
            Self::Size(size) => size.fmt(formatter),
            Self::Limit(limit) => limit.fmt(formatter),
            Self::Duration(duration) => formatter.write_str(&units::print_duration(*duration)),
            Self::Switch(true) => formatter.write_str("on"),
            Self::Switch(false) => formatter.write_str("off"),
            Self::Count(number) => number.fmt(formatter),
            Self::LogFormat(format) => formatter.write_str(word(LOG_FORMATS, *format)),
            Self::LogLevel(level) => formatter.write_str(word(LOG_LEVELS, *level)),
            Self::Text(text) => formatter.write_str(text),
            Self::List(items) => formatter.write_str(&items.join(",")),
        }
    }
}

impl Serialize for Value {
    /// Numbers, switches and lists as such, bytes and seconds as numbers, everything else as text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Port(port) => port.serialize(serializer),
            Self::Size(size) => size.serialize(serializer),
            Self::Limit(limit) => limit.serialize(serializer),
            Self::Duration(duration) => units::serialize_duration(*duration, serializer),
            Self::Switch(on) => serializer.serialize_bool(*on),
            Self::Count(number) => serializer.serialize_u32(*number),
            Self::LogFormat(format) => format.serialize(serializer),
            Self::LogLevel(level) => level.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
        }
    }
}

fn describe(error: units::UnitError) -> String {
    error.to_string()
}

fn pick<T: Copy>(choices: &[(&str, T)], text: &str) -> Option<T> {
    choices
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value)
}

fn word<T: PartialEq>(choices: &[(&'static str, T)], value: T) -> &'static str {
    choices
        .iter()
        .find(|(_, choice)| *choice == value)
        .map_or("", |(name, _)| name)
}

fn one_of<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    format!("it is one of {}", names.join(", "))
}

fn items(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_takes_thrusters_words_and_on_and_off() {
        for text in ["1", "t", "T", "TRUE", "true", "True", "on", "ON"] {
            assert_eq!(Kind::Switch.parse(text), Ok(Value::Switch(true)), "{text}");
        }
        for text in ["0", "f", "F", "FALSE", "false", "False", "off", "Off"] {
            assert_eq!(Kind::Switch.parse(text), Ok(Value::Switch(false)), "{text}");
        }
        for text in ["", "2", "maybe", " on"] {
            assert!(Kind::Switch.parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_list_is_split_at_commas_trimmed_and_without_empty_items() {
        for (text, expected) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("a, b", &["a", "b"]),
            ("  ,  a, b,", &["a", "b"]),
        ] {
            let expected = expected.iter().map(|item| (*item).to_owned()).collect();
            assert_eq!(Kind::List.parse(text), Ok(Value::List(expected)), "{text:?}");
        }
    }

    #[test]
    fn a_count_stays_within_its_bounds() {
        assert_eq!(Kind::Count(8).parse("8"), Ok(Value::Count(8)));
        for text in ["0", "9", "-1", "two", ""] {
            assert_eq!(
                Kind::Count(8).parse(text),
                Err("it is a number from 1 to 8".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_choice_names_what_there_is_to_choose() {
        assert_eq!(Kind::LogLevel.parse("warn"), Ok(Value::LogLevel(LogLevel::Warn)));
        assert_eq!(
            Kind::LogFormat.parse("xml"),
            Err("it is one of auto, text, json".to_owned())
        );
    }

    #[test]
    fn values_are_data_in_json() {
        let json = |kind: Kind, text: &str| serde_json::to_string(&kind.parse(text).unwrap()).unwrap();

        assert_eq!(json(Kind::Port, "80"), "80");
        assert_eq!(json(Kind::Size, "1kB"), "1000");
        assert_eq!(json(Kind::Limit, "2m"), "120");
        assert_eq!(json(Kind::Limit, "-1"), "null");
        assert_eq!(json(Kind::Duration, "500ms"), "0.5");
        assert_eq!(json(Kind::Switch, "off"), "false");
        assert_eq!(json(Kind::LogFormat, "json"), "\"json\"");
        assert_eq!(json(Kind::List, "a,b"), r#"["a","b"]"#);
    }
}
