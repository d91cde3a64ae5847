//! The units that settings are written in: ports, sizes, lengths of time.
//!
//! Each is read from what people write (`64MB`, `30s`, `8080`) and from the plain numbers that thruster takes
//! (bytes, seconds), and prints in a form that it reads again.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Serialize, Serializer};

/// The longest time that a setting may name. Beyond it a value is taken for a slip of the hand.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Why a text is not a value of its unit; says what would be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a port.
    #[error("a port is a number from 1 to 65535, or 0 for any free one")]
    Port,
    /// Not a size.
    #[error("a size is a number of bytes, or a number with a unit such as 64MB or 64MiB")]
    Size,
    /// Not a time limit.
    #[error(
        "a time limit is a number of seconds, or a number with a unit such as 30s or 2m, at most 365 days"
    )]
    Limit,
    /// Not a length of time.
    #[error(
        "a time is a number of seconds, or a number with a unit such as 30s or 2m, above 0 and at most 365 days"
    )]
    Duration,
    /// Not a length of time, nor none.
    #[error(
        "a time is a number of seconds, or a number with a unit such as 30s or 2m, at most 365 days; 0 for none"
    )]
    Delay,
}

/// A TCP port. 0 stands for any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Port(u16);

impl Port {
    /// The port of this number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether any free port will do.
    pub const fn is_any(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Port {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        whole(text)
            .and_then(|number| u16::try_from(number).ok())
            .map(Self)
            .ok_or(UnitError::Port)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A number of bytes. What is written below zero counts as zero, as in thruster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ByteSize(u64);

impl ByteSize {
    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if let Some(number) = whole(text) {
            return Ok(Self(u64::try_from(number).unwrap_or(0)));
        }
        let size: bytesize::ByteSize = text.parse().map_err(|_| UnitError::Size)?;
        // The library saturates, so a size past the largest that thruster takes is refused here.
        i64::try_from(size.0)
            .map(|_| Self(size.0))
            .map_err(|_| UnitError::Size)
    }
}

impl fmt::Display for ByteSize {
    /// In the largest unit that shows it exactly.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 6] = [
            (1 << 30, "GiB"),
            (1_000_000_000, "GB"),
            (1 << 20, "MiB"),
            (1_000_000, "MB"),
            (1 << 10, "KiB"),
            (1_000, "kB"),
        ];
        match UNITS
            .iter()
            .find(|(unit, _)| self.0 != 0 && self.0.is_multiple_of(*unit))
        {
            Some((unit, name)) => write!(formatter, "{}{name}", self.0 / unit),
            None => write!(formatter, "{}", self.0),
        }
    }
}

/// A time limit, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seconds {
    /// Written below zero: no limit.
    Unlimited,
    /// This long; zero is kept apart, because not every timeout gives it the same meaning.
    Of(Duration),
}

impl Seconds {
    /// The limit where zero means none, which it does everywhere but in HTTP_IDLE_TIMEOUT.
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::Unlimited | Self::Of(Duration::ZERO) => None,
            Self::Of(duration) => Some(duration),
        }
    }
}

impl FromStr for Seconds {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if whole(text).is_some_and(i64::is_negative) {
            return Ok(Self::Unlimited);
        }
        span(text).map(Self::Of).ok_or(UnitError::Limit)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => formatter.write_str("-1"),
            Self::Of(duration) => formatter.write_str(&print_duration(*duration)),
        }
    }
}

impl Serialize for Seconds {
    /// Seconds as a number; null for no limit.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unlimited => serializer.serialize_none(),
            Self::Of(duration) => serialize_duration(*duration, serializer),
        }
    }
}

/// Reads a length of time above zero.
///
/// # Errors
///
/// `Duration` for anything else.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    span(text)
        .filter(|duration| !duration.is_zero())
        .ok_or(UnitError::Duration)
}

/// Reads a length of time, which may be none.
///
/// # Errors
///
/// `Delay` for anything else.
pub(crate) fn parse_delay(text: &str) -> Result<Duration, UnitError> {
    span(text).ok_or(UnitError::Delay)
}

/// Prints a length of time as [`parse_duration`] reads it.
pub(crate) fn print_duration(duration: Duration) -> String {
    match duration.subsec_nanos() {
        0 => format!("{}s", duration.as_secs()),
        _ => humantime::format_duration(duration).to_string(),
    }
}

/// A length of time as a number of seconds, for serde's `serialize_with`.
///
/// # Errors
///
/// Only the serializer's own.
pub(crate) fn serialize_duration<S: Serializer>(
    duration: Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration.subsec_nanos() {
        0 => serializer.serialize_u64(duration.as_secs()),
        _ => serializer.serialize_f64(duration.as_secs_f64()),
    }
}

/// A number as thruster takes them: a sign, digits, nothing else.
pub(crate) fn whole(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn span(text: &str) -> Option<Duration> {
    let duration = match whole(text) {
        Some(seconds) => Duration::from_secs(u64::try_from(seconds).ok()?),
        None => humantime::parse_duration(text).ok()?,
    };
    (duration <= LONGEST).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_that_fits() {
        for (text, number) in [("0", 0), ("80", 80), ("+4000", 4000), ("65535", 65535)] {
            assert_eq!(text.parse(), Ok(Port::new(number)), "{text}");
        }
        for text in ["", " 80", "80 ", "eighty", "65536", "-1", "0x50", "8_0", "80.0"] {
            assert_eq!(text.parse::<Port>(), Err(UnitError::Port), "{text:?}");
        }
    }

    #[test]
    fn a_size_is_bytes_or_has_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("1048576", 1 << 20),
            ("-5", 0),
            ("64MB", 64_000_000),
            ("64MiB", 64 << 20),
            ("1.5kB", 1500),
            ("2GiB", 2 << 30),
        ] {
            assert_eq!(text.parse::<ByteSize>().map(ByteSize::bytes), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "big",
            "64 parsecs",
            "MB",
            "-1MB",
            "9223372036854775808",
            "99999999999999 TB",
        ] {
            assert_eq!(text.parse::<ByteSize>(), Err(UnitError::Size), "{text:?}");
        }
    }

    #[test]
    fn a_time_limit_is_seconds_or_has_a_unit_and_may_be_none() {
        for (text, expected) in [
            ("30", Seconds::Of(Duration::from_secs(30))),
            ("30s", Seconds::Of(Duration::from_secs(30))),
            ("2m", Seconds::Of(Duration::from_secs(120))),
            ("1m30s", Seconds::Of(Duration::from_secs(90))),
            ("300ms", Seconds::Of(Duration::from_millis(300))),
            ("0", Seconds::Of(Duration::ZERO)),
            ("-1", Seconds::Unlimited),
            ("365d", Seconds::Of(LONGEST)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "soon", "1.5", "-30s", "366d", "9999999999", "30 apples"] {
            assert_eq!(text.parse::<Seconds>(), Err(UnitError::Limit), "{text:?}");
        }
    }

    #[test]
    fn zero_and_less_are_no_limit() {
        assert_eq!(Seconds::Unlimited.limit(), None);
        assert_eq!(Seconds::Of(Duration::ZERO).limit(), None);
        assert_eq!(Seconds::Of(LONGEST).limit(), Some(LONGEST));
    }

    #[test]
    fn a_duration_is_more_than_nothing() {
        assert_eq!(parse_duration("5"), Ok(Duration::from_secs(5)));
        for text in ["0", "0s", "-5", "366d"] {
            assert_eq!(parse_duration(text), Err(UnitError::Duration), "{text}");
        }
    }

    #[test]
    fn a_delay_may_be_nothing() {
        assert_eq!(parse_delay("0"), Ok(Duration::ZERO));
        assert_eq!(parse_delay("1500ms"), Ok(Duration::from_millis(1500)));
        for text in ["", "-1", "soon", "366d"] {
            assert_eq!(parse_delay(text), Err(UnitError::Delay), "{text}");
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        for text in ["64MiB", "64MB", "1500", "1KiB", "0", "3GB"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        for text in ["60s", "300ms", "-1", "0s"] {
            assert_eq!(text.parse::<Seconds>().unwrap().to_string(), text);
        }
        let odd: Seconds = "1m1s500ms".parse().unwrap();
        assert_eq!(odd.to_string().parse(), Ok(odd));
    }
}
