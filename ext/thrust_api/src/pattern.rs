//! Patterns that choose requests, by their path or by the status of their answer.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::path::is_request_path;

/// What stands for anything at the end of a path.
const ANYTHING: char = '*';

/// The classes that a status can have.
const CLASSES: std::ops::RangeInclusive<u16> = 1..=5;

/// Why a text is no pattern; says what would be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Not one for paths.
    #[error(
        "a path begins with /, as in /up; with * at its end it stands for all that begin so, as in /assets/*"
    )]
    Path,
    /// Not one for statuses.
    #[error("a status is a number from 100 to 599, or a class such as 2xx")]
    Status,
}

/// One path, or all that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// Without the `*`.
    path: String,
    is_prefix: bool,
}

impl PathPattern {
    /// Whether it chooses this path, which is compared byte for byte and has no query.
    pub fn matches(&self, path: &[u8]) -> bool {
        match self.is_prefix {
            true => path.starts_with(self.path.as_bytes()),
            false => path == self.path.as_bytes(),
        }
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let (path, is_prefix) = match text.strip_suffix(ANYTHING) {
            Some(path) => (path, true),
            None => (text, false),
        };
        if !is_request_path(path) || path.contains(ANYTHING) {
            return Err(PatternError::Path);
        }
        let path = path.to_owned();
        Ok(Self { path, is_prefix })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)?;
        match self.is_prefix {
            true => write!(formatter, "{ANYTHING}"),
            false => Ok(()),
        }
    }
}

impl Serialize for PathPattern {
    /// As text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One status, or all of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusPattern {
    /// This one.
    Code(u16),
    /// Those with this first digit.
    Class(u16),
}

impl StatusPattern {
    /// Whether it chooses this status.
    pub fn matches(self, status: u16) -> bool {
        match self {
            Self::Code(code) => status == code,
            Self::Class(class) => status / 100 == class,
        }
    }
}

impl FromStr for StatusPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse::<u16>().ok(),
            false => None,
        };
        let pattern = match text.strip_suffix("xx") {
            Some(class) => number(class)
                .filter(|class| CLASSES.contains(class))
                .map(Self::Class),
            None => number(text)
                .filter(|code| CLASSES.contains(&(code / 100)))
                .map(Self::Code),
        };
        pattern.ok_or(PatternError::Status)
    }
}

impl fmt::Display for StatusPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => code.fmt(formatter),
            Self::Class(class) => write!(formatter, "{class}xx"),
        }
    }
}

impl Serialize for StatusPattern {
    /// As text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_itself_and_one_with_a_star_all_that_begin_so() {
        let up: PathPattern = "/up".parse().unwrap();
        let assets: PathPattern = "/assets/*".parse().unwrap();

        assert!(up.matches(b"/up"));
        assert!(!up.matches(b"/up/") && !up.matches(b"/upload") && !up.matches(b"/UP"));
        assert!(assets.matches(b"/assets/") && assets.matches(b"/assets/a/b.css"));
        assert!(!assets.matches(b"/assets") && !assets.matches(b"/x/assets/"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "*", "up", "/a*b", "/a**", "/a b", "/up?x=1", "http://a/b"] {
            assert_eq!(text.parse::<PathPattern>(), Err(PatternError::Path), "{text:?}");
        }
    }

    #[test]
    fn a_status_is_itself_and_a_class_all_of_its_statuses() {
        let (code, class) = (StatusPattern::Code(404), StatusPattern::Class(4));

        assert_eq!("404".parse(), Ok(code));
        assert_eq!("4xx".parse(), Ok(class));
        assert!(code.matches(404) && !code.matches(403));
        assert!(class.matches(400) && class.matches(499) && !class.matches(399) && !class.matches(500));
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for text in [
            "", "xx", "6xx", "0xx", "99", "600", "4x", "4XX", "+200", "44xx", "all",
        ] {
            assert_eq!(
                text.parse::<StatusPattern>(),
                Err(PatternError::Status),
                "{text:?}"
            );
        }
    }

    #[test]
    fn patterns_print_as_they_are_written() {
        for text in ["/", "/*", "/up", "/assets/*"] {
            assert_eq!(text.parse::<PathPattern>().unwrap().to_string(), text);
        }
        for text in ["404", "2xx"] {
            assert_eq!(text.parse::<StatusPattern>().unwrap().to_string(), text);
        }
    }
}
