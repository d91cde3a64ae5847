//! The kinds of values that settings have: how each is read, and described to whoever got it wrong.

use std::{fmt, str::FromStr};

use super::Value;
use super::choice::{BOOT_MODES, LOG_FORMATS, LOG_LEVELS, SENDFILE_HEADERS, SWITCHES, one_of, pick};
use crate::address::{BindAddress, parse_host_field};
use crate::field::Field;
use crate::mapping::Mapping;
use crate::path;
use crate::pattern::PatternError;
use crate::units::{self, UnitError};

/// The word for a port that is not wanted.
pub(super) const NO_PORT: &str = "off";

/// What a setting's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A TCP port; 0 for any free one.
    Port,
    /// A TCP port, or none.
    OptionalPort,
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
    /// A whole number within these bounds.
    Count {
        /// The smallest one.
        least: u32,
        /// The greatest one.
        most: u32,
    },
    /// One of [`LogFormat`].
    LogFormat,
    /// One of [`LogLevel`].
    LogLevel,
    /// One of [`BootMode`].
    BootMode,
    /// One of [`SendfileHeader`], whatever its case.
    SendfileHeader,
    /// Addresses to listen on, separated by commas; may be empty.
    Addresses,
    /// An IP address to listen on; may be empty.
    Ip,
    /// Networks separated by commas; may be empty.
    Networks,
    /// The address of the app; may be empty.
    Target,
    /// The path of a request; may be empty.
    RequestPath,
    /// The path of a request, with a query or without; may be empty.
    RequestTarget,
    /// Patterns of paths separated by commas; may be empty.
    PathPatterns,
    /// Patterns of statuses separated by commas; may be empty.
    StatusPatterns,
    /// Fields of an answer, one on each line; may be empty.
    Fields,
    /// Mappings of paths to directories, separated by commas; may be empty.
    Mappings,
    /// What stands in a request's `Host`.
    Host,
    /// A file or directory; may be empty.
    Path,
    /// Any text; may be empty.
    Text,
    /// Texts separated by commas; may be empty.
    List,
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
            Self::OptionalPort if text == NO_PORT => Ok(Value::OptionalPort(None)),
            Self::OptionalPort => text
                .parse()
                .map(|port| Value::OptionalPort(Some(port)))
                .map_err(|error: UnitError| format!("{error}; {NO_PORT} for none")),
            Self::Size => text.parse().map(Value::Size).map_err(describe),
            Self::Limit => text.parse().map(Value::Limit).map_err(describe),
            Self::Duration => units::parse_duration(text).map(Value::Duration).map_err(describe),
            Self::Delay => units::parse_delay(text).map(Value::Duration).map_err(describe),
            Self::Switch => pick(SWITCHES, &text.to_ascii_lowercase())
                .map(Value::Switch)
                .ok_or_else(|| "a switch is on or off (also true or false, 1 or 0)".to_owned()),
            Self::Count { least, most } => units::whole(text)
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| (least..=most).contains(number))
                .map(Value::Count)
                .ok_or_else(|| format!("it is a number from {least} to {most}")),
            Self::LogFormat => pick(LOG_FORMATS, text)
                .map(Value::LogFormat)
                .ok_or_else(|| one_of(LOG_FORMATS)),
            Self::LogLevel => pick(LOG_LEVELS, text)
                .map(Value::LogLevel)
                .ok_or_else(|| one_of(LOG_LEVELS)),
            Self::BootMode => pick(BOOT_MODES, text)
                .map(Value::BootMode)
                .ok_or_else(|| one_of(BOOT_MODES)),
            Self::SendfileHeader => SENDFILE_HEADERS
                .iter()
                .find(|(word, _)| word.eq_ignore_ascii_case(text))
                .map(|(_, header)| Value::SendfileHeader(*header))
                .ok_or_else(|| one_of(SENDFILE_HEADERS)),
            Self::Addresses => addresses(text).map(Value::Addresses),
            Self::Ip if text.is_empty() => Ok(Value::Ip(None)),
            Self::Ip => text
                .parse()
                .map(|address| Value::Ip(Some(address)))
                .map_err(|_| "an address is an IP address such as 127.0.0.1 or ::1".to_owned()),
            Self::Networks => text.parse().map(Value::Networks).map_err(describe),
            Self::PathPatterns => patterns(text).map(Value::PathPatterns),
            Self::StatusPatterns => patterns(text).map(Value::StatusPatterns),
            Self::Fields => fields(text).map(Value::Fields),
            Self::Mappings => mappings(text).map(Value::Mappings),
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
                | Self::Ip
                | Self::Networks
                | Self::PathPatterns
                | Self::StatusPatterns
                | Self::Fields
                | Self::Mappings
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
            Self::OptionalPort => "PORT|off",
            Self::Size => "SIZE",
            Self::Limit | Self::Duration | Self::Delay => "TIME",
            Self::Switch => "on|off",
            Self::Count { .. } => "NUMBER",
            Self::LogFormat => "auto|text|json|logfmt|combined",
            Self::LogLevel => "debug|info|warn|error",
            Self::BootMode => "hold|late",
            Self::Addresses => "ADDRESSES",
            Self::Ip => "ADDRESS",
            Self::Networks => "NETWORKS",
            Self::PathPatterns => "PATHS",
            Self::StatusPatterns => "STATUSES",
            Self::SendfileHeader => "X-Sendfile|X-Accel-Redirect",
            Self::Fields => "FIELDS",
            Self::Mappings => "MAPPINGS",
            Self::Target => "http://HOST:PORT|unix:PATH",
            Self::Host => "HOST",
            Self::RequestPath | Self::RequestTarget | Self::Path => "PATH",
            Self::Text => "TEXT",
            Self::List => "LIST",
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

fn patterns<P: FromStr<Err = PatternError>>(text: &str) -> Result<Vec<P>, String> {
    let pattern = |item: String| item.parse().map_err(|error| format!("{item:?} is none: {error}"));
    items(text).into_iter().map(pattern).collect()
}

fn fields(text: &str) -> Result<Vec<Field>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let field = |line: &str| line.parse().map_err(|error| format!("{line:?} is none: {error}"));
    lines.map(field).collect()
}

fn mappings(text: &str) -> Result<Vec<Mapping>, String> {
    let mapping = |item: String| item.parse().map_err(|error| format!("{item:?} is none: {error}"));
    items(text).into_iter().map(mapping).collect()
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
    use std::net::Ipv6Addr;

    use super::super::LogLevel;
    use super::*;
    use crate::units::Port;

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
        const EIGHT: Kind = Kind::Count { least: 1, most: 8 };

        assert_eq!(EIGHT.parse("8"), Ok(Value::Count(8)));
        for text in ["0", "9", "-1", "two", ""] {
            assert_eq!(
                EIGHT.parse(text),
                Err("it is a number from 1 to 8".to_owned()),
                "{text}"
            );
        }
        assert_eq!(Kind::Count { least: 0, most: 8 }.parse("0"), Ok(Value::Count(0)));
    }

    #[test]
    fn a_port_may_be_switched_off() {
        assert_eq!(Kind::OptionalPort.parse("off"), Ok(Value::OptionalPort(None)));
        assert_eq!(
            Kind::OptionalPort.parse("0"),
            Ok(Value::OptionalPort(Some(Port::new(0))))
        );
        assert_eq!(
            Kind::OptionalPort.parse("none").unwrap_err(),
            "a port is a number from 1 to 65535, or 0 for any free one; off for none"
        );
    }

    #[test]
    fn an_address_alone_has_no_port() {
        assert_eq!(Kind::Ip.parse(""), Ok(Value::Ip(None)));
        assert_eq!(
            Kind::Ip.parse("::1"),
            Ok(Value::Ip(Some(Ipv6Addr::LOCALHOST.into())))
        );
        for text in ["127.0.0.1:80", "[::1]", "localhost"] {
            assert!(Kind::Ip.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn patterns_are_a_list_whose_wrong_item_is_named() {
        let parse = |kind: Kind, text| kind.parse(text).map(|value| value.to_string());

        assert_eq!(
            parse(Kind::PathPatterns, " /up, /assets/*,").as_deref(),
            Ok("/up,/assets/*")
        );
        assert_eq!(parse(Kind::StatusPatterns, "2xx,404").as_deref(), Ok("2xx,404"));
        assert_eq!(parse(Kind::StatusPatterns, ""), Ok(String::new()));
        assert_eq!(
            parse(Kind::StatusPatterns, "2xx,ok").unwrap_err(),
            "\"ok\" is none: a status is a number from 100 to 599, or a class such as 2xx"
        );
        assert!(
            parse(Kind::PathPatterns, "/up,assets")
                .unwrap_err()
                .starts_with("\"assets\" is none: a path begins with /")
        );
    }

    #[test]
    fn fields_are_a_list_of_lines_and_mappings_one_of_commas() {
        let parse = |kind: Kind, text| kind.parse(text).map(|value| value.to_string());

        assert_eq!(
            parse(Kind::Fields, "A: b, c\n\n  \nD: e\n").as_deref(),
            Ok("A: b, c\nD: e")
        );
        assert!(
            parse(Kind::Fields, "A: b\nC")
                .unwrap_err()
                .starts_with("\"C\" is none: a field is")
        );
        assert_eq!(
            parse(Kind::Mappings, "/a=/b, /c=/d").as_deref(),
            Ok("/a=/b,/c=/d")
        );
        assert!(
            parse(Kind::Mappings, "/a")
                .unwrap_err()
                .starts_with("\"/a\" is none: a mapping is")
        );
        assert_eq!(
            parse(Kind::SendfileHeader, "x-accel-redirect").as_deref(),
            Ok("X-Accel-Redirect")
        );
    }

    #[test]
    fn a_choice_names_what_there_is_to_choose() {
        assert_eq!(Kind::LogLevel.parse("warn"), Ok(Value::LogLevel(LogLevel::Warn)));
        assert_eq!(
            Kind::LogFormat.parse("xml"),
            Err("it is one of auto, text, json, logfmt, combined".to_owned())
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
}
