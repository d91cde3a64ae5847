//! The kinds of values that settings have: how each is read, printed, and described to whoever got it wrong.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

use super::choice::{
    BOOT_MODES, BootMode, LOG_FORMATS, LOG_LEVELS, LogFormat, LogLevel, SWITCHES, one_of, pick, word,
};
use crate::address::{BindAddress, TargetAddress, parse_host_field};
use crate::path;
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
    /// A time; 0 for none.
    Delay,
    /// On or off.
    Switch,
    /// A whole number from 1 to this.
    Count(u32),
    /// One of [`LogFormat`].
    LogFormat,
    /// One of [`LogLevel`].
    LogLevel,
    /// One of [`BootMode`].
    BootMode,
    /// Addresses to listen on, separated by commas; may be empty.
    Addresses,
    /// The address of the app; may be empty.
    Target,
    /// The path of a request; may be empty.
    RequestPath,
    /// The path of a request, with a query or without; may be empty.
    RequestTarget,
    /// What stands in a request's `Host`.
    Host,
    /// A file or directory; may be empty.
    Path,
    /// Any text; may be empty.
    Text,
    /// Texts separated by commas; may be empty.
    List,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of [`Kind::Port`].
    Port(Port),
    /// Of [`Kind::Size`].
    Size(ByteSize),
    /// Of [`Kind::Limit`].
    Limit(Seconds),
    /// Of [`Kind::Duration`] and [`Kind::Delay`].
    Duration(Duration),
    /// Of [`Kind::Switch`].
    Switch(bool),
    /// Of [`Kind::Count`].
    Count(u32),
    /// Of [`Kind::LogFormat`].
    LogFormat(LogFormat),
    /// Of [`Kind::LogLevel`].
    LogLevel(LogLevel),
    /// Of [`Kind::BootMode`].
    BootMode(BootMode),
    /// Of [`Kind::Addresses`].
    Addresses(Vec<BindAddress>),
    /// Of [`Kind::Target`].
    Target(Option<TargetAddress>),
    /// Of every other kind that is a text.
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
            Self::Delay => units::parse_delay(text).map(Value::Duration).map_err(describe),
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
            Self::BootMode => pick(BOOT_MODES, text)
                .map(Value::BootMode)
                .ok_or_else(|| one_of(BOOT_MODES)),
            Self::Addresses => addresses(text).map(Value::Addresses),
            Self::Target if text.is_empty() => Ok(Value::Target(None)),
            Self::Target => text
                .parse()
                .map(|target| Value::Target(Some(target)))
                .map_err(describe),
            Self::RequestPath if text.is_empty() || path::is_request_path(text) => {
                Ok(Value::Text(text.to_owned()))
            }
            Self::RequestPath => Err(
                "a path begins with / and has neither spaces nor ? nor # in it, such as /ready".to_owned(),
            ),
            Self::RequestTarget if text.is_empty() || path::is_request_target(text) => {
                Ok(Value::Text(text.to_owned()))
            }
            Self::RequestTarget => {
                Err("a path begins with / and has neither spaces nor # in it, such as /up".to_owned())
            }
            Self::Host => parse_host_field(text).map(Value::Text).map_err(describe),
            Self::Path | Self::Text => Ok(Value::Text(text.to_owned())),
            Self::List => Ok(Value::List(items(text))),
        }
    }

    /// Whether an empty text is a value of this kind, and not a missing one.
    pub(super) fn takes_empty(self) -> bool {
        matches!(
            self,
            Self::Addresses
                | Self::Target
                | Self::RequestPath
                | Self::RequestTarget
                | Self::Path
                | Self::Text
                | Self::List
        )
    }

    /// The word that stands for a value in usage texts.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Port => "PORT",
            Self::Size => "SIZE",
            Self::Limit | Self::Duration | Self::Delay => "TIME",
            Self::Switch => "on|off",
            Self::Count(_) => "NUMBER",
            Self::LogFormat => "auto|text|json",
            Self::LogLevel => "debug|info|warn|error",
            Self::BootMode => "hold|late",
            Self::Addresses => "ADDRESSES",
            Self::Target => "http://HOST:PORT|unix:PATH",
            Self::Host => "HOST",
            Self::RequestPath | Self::RequestTarget | Self::Path => "PATH",
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
            Self::BootMode(mode) => formatter.write_str(word(BOOT_MODES, *mode)),
            Self::Addresses(addresses) => {
                let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                formatter.write_str(&addresses.join(","))
            }
            Self::Target(Some(target)) => target.fmt(formatter),
            Self::Target(None) => Ok(()),
            Self::Text(text) => formatter.write_str(text),
            Self::List(items) => formatter.write_str(&items.join(",")),
        }
    }
}

impl Serialize for Value {
    /// Numbers, switches and lists as such, bytes and seconds as numbers, no target as null, all else as text.
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
            Self::BootMode(mode) => mode.serialize(serializer),
            Self::Addresses(addresses) => addresses.serialize(serializer),
            Self::Target(target) => target.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
        }
    }
}

fn describe(error: impl fmt::Display) -> String {
    error.to_string()
}

fn addresses(text: &str) -> Result<Vec<BindAddress>, String> {
    let mut addresses: Vec<BindAddress> = Vec::new();
    for item in items(text) {
        let address = item
            .parse()
            .map_err(|error| format!("{item:?} is none of its addresses: {error}"))?;
        if addresses.contains(&address) && !is_any_port(&address) {
            return Err(format!("it names {item:?} twice; one is enough"));
        }
        addresses.push(address);
    }
    Ok(addresses)
}

/// Each port that may be any is another one.
fn is_any_port(address: &BindAddress) -> bool {
    matches!(address, BindAddress::Tcp { port: Some(port), .. } if port.is_any())
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
    fn addresses_are_a_list_that_names_each_once() {
        let parse = |text| Kind::Addresses.parse(text).map(|value| value.to_string());

        assert_eq!(parse(""), Ok(String::new()));
        assert_eq!(
            parse("[::1]:80, 127.0.0.1,unix:a.sock").as_deref(),
            Ok("[::1]:80,127.0.0.1,unix:a.sock")
        );
        assert!(parse("127.0.0.1:0,127.0.0.1:0").is_ok());
        assert_eq!(
            parse("::1,[::1]").unwrap_err(),
            "it names \"[::1]\" twice; one is enough"
        );
        assert!(
            parse("127.0.0.1,eth0")
                .unwrap_err()
                .starts_with("\"eth0\" is none of its addresses: an address is")
        );
    }

    #[test]
    fn paths_and_targets_may_be_none() {
        for kind in [Kind::RequestPath, Kind::RequestTarget] {
            assert_eq!(kind.parse(""), Ok(Value::Text(String::new())));
            assert!(kind.parse("up").is_err());
        }
        assert_eq!(Kind::Target.parse(""), Ok(Value::Target(None)));
        assert!(Kind::RequestPath.parse("/ready?now").is_err());
        assert!(Kind::RequestTarget.parse("/up?now").is_ok());
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
        assert_eq!(json(Kind::BootMode, "late"), "\"late\"");
        assert_eq!(json(Kind::Addresses, "::1, unix:x"), r#"["::1","unix:x"]"#);
        assert_eq!(json(Kind::Target, ""), "null");
        assert_eq!(json(Kind::Target, "http://a:1"), "\"http://a:1\"");
        assert_eq!(json(Kind::List, "a,b"), r#"["a","b"]"#);
    }
}
