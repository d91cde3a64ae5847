//! The values that settings have: how each is printed, for people and as data.

use std::{fmt, net::IpAddr, time::Duration};

use serde::{Serialize, Serializer};

use super::choice::{
    BOOT_MODES, BootMode, LOG_FORMATS, LOG_LEVELS, LogFormat, LogLevel, SENDFILE_HEADERS, SendfileHeader,
    word,
};
use super::kind::NO_PORT;
use crate::address::{BindAddress, TargetAddress};
use crate::field::Field;
use crate::mapping::Mapping;
use crate::network::Networks;
use crate::pattern::{PathPattern, StatusPattern};
use crate::units::{self, ByteSize, Port, Seconds};

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of [`super::Kind::Port`].
    Port(Port),
    /// Of [`super::Kind::OptionalPort`].
    OptionalPort(Option<Port>),
    /// Of [`super::Kind::Size`].
    Size(ByteSize),
    /// Of [`super::Kind::Limit`].
    Limit(Seconds),
    /// Of [`super::Kind::Duration`] and [`super::Kind::Delay`].
    Duration(Duration),
    /// Of [`super::Kind::Switch`].
    Switch(bool),
    /// Of [`super::Kind::Count`].
    Count(u32),
    /// Of [`super::Kind::LogFormat`].
    LogFormat(LogFormat),
    /// Of [`super::Kind::LogLevel`].
    LogLevel(LogLevel),
    /// Of [`super::Kind::BootMode`].
    BootMode(BootMode),
    /// Of [`super::Kind::SendfileHeader`].
    SendfileHeader(SendfileHeader),
    /// Of [`super::Kind::Addresses`].
    Addresses(Vec<BindAddress>),
    /// Of [`super::Kind::Ip`].
    Ip(Option<IpAddr>),
    /// Of [`super::Kind::Networks`].
    Networks(Networks),
    /// Of [`super::Kind::PathPatterns`].
    PathPatterns(Vec<PathPattern>),
    /// Of [`super::Kind::StatusPatterns`].
    StatusPatterns(Vec<StatusPattern>),
    /// Of [`super::Kind::Fields`].
    Fields(Vec<Field>),
    /// Of [`super::Kind::Mappings`].
    Mappings(Vec<Mapping>),
    /// Of [`super::Kind::Target`].
    Target(Option<TargetAddress>),
    /// Of every other kind that is a text.
    Text(String),
    /// Of [`super::Kind::List`].
    List(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => port.fmt(formatter),
            Self::OptionalPort(Some(port)) => port.fmt(formatter),
            Self::OptionalPort(None) => formatter.write_str(NO_PORT),
            Self::Size(size) => size.fmt(formatter),
            Self::Limit(limit) => limit.fmt(formatter),
            Self::Duration(duration) => formatter.write_str(&units::print_duration(*duration)),
            Self::Switch(true) => formatter.write_str("on"),
            Self::Switch(false) => formatter.write_str("off"),
            Self::Count(number) => number.fmt(formatter),
            Self::LogFormat(format) => formatter.write_str(word(LOG_FORMATS, *format)),
            Self::LogLevel(level) => formatter.write_str(word(LOG_LEVELS, *level)),
            Self::BootMode(mode) => formatter.write_str(word(BOOT_MODES, *mode)),
            Self::SendfileHeader(header) => formatter.write_str(word(SENDFILE_HEADERS, *header)),
            Self::Addresses(addresses) => formatter.write_str(&join(addresses)),
            Self::Ip(Some(address)) => address.fmt(formatter),
            Self::Networks(networks) => networks.fmt(formatter),
            Self::PathPatterns(patterns) => formatter.write_str(&join(patterns)),
            Self::StatusPatterns(patterns) => formatter.write_str(&join(patterns)),
            Self::Fields(fields) => {
                let lines: Vec<_> = fields.iter().map(ToString::to_string).collect();
                formatter.write_str(&lines.join("\n"))
            }
            Self::Mappings(mappings) => formatter.write_str(&join(mappings)),
            Self::Target(Some(target)) => target.fmt(formatter),
            Self::Ip(None) | Self::Target(None) => Ok(()),
            Self::Text(text) => formatter.write_str(text),
            Self::List(items) => formatter.write_str(&join(items)),
        }
    }
}

impl Serialize for Value {
    /// Numbers, switches and lists as such, bytes and seconds as numbers, what there is none of as null, all else as text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Port(port) => port.serialize(serializer),
            Self::OptionalPort(port) => port.serialize(serializer),
            Self::Size(size) => size.serialize(serializer),
            Self::Limit(limit) => limit.serialize(serializer),
            Self::Duration(duration) => units::serialize_duration(*duration, serializer),
            Self::Switch(on) => serializer.serialize_bool(*on),
            Self::Count(number) => serializer.serialize_u32(*number),
            Self::LogFormat(format) => format.serialize(serializer),
            Self::LogLevel(level) => level.serialize(serializer),
            Self::BootMode(mode) => mode.serialize(serializer),
            Self::SendfileHeader(header) => header.serialize(serializer),
            Self::Addresses(addresses) => addresses.serialize(serializer),
            Self::Ip(address) => address.serialize(serializer),
            Self::Networks(networks) => networks.serialize(serializer),
            Self::PathPatterns(patterns) => patterns.serialize(serializer),
            Self::StatusPatterns(patterns) => patterns.serialize(serializer),
            Self::Fields(fields) => fields.serialize(serializer),
            Self::Mappings(mappings) => mappings.serialize(serializer),
            Self::Target(target) => target.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
        }
    }
}

fn join(items: &[impl ToString]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(",")
}

#[cfg(test)]
mod tests {
    use super::super::Kind;

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
        assert_eq!(json(Kind::OptionalPort, "off"), "null");
        assert_eq!(json(Kind::OptionalPort, "9090"), "9090");
        assert_eq!(json(Kind::Ip, "::1"), "\"::1\"");
        assert_eq!(json(Kind::Networks, "private"), r#"["private"]"#);
        assert_eq!(json(Kind::Networks, "none"), "[]");
        assert_eq!(json(Kind::PathPatterns, "/a/*"), r#"["/a/*"]"#);
        assert_eq!(json(Kind::StatusPatterns, "2xx,404"), r#"["2xx","404"]"#);
        assert_eq!(json(Kind::List, "a,b"), r#"["a","b"]"#);
        assert_eq!(json(Kind::Fields, "A: b"), r#"["A: b"]"#);
        assert_eq!(json(Kind::Mappings, "/a=/b"), r#"["/a=/b"]"#);
        assert_eq!(json(Kind::SendfileHeader, "x-sendfile"), "\"X-Sendfile\"");
    }
}
