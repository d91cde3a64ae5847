//! Which directory stands behind a path in `X-Accel-Redirect`.

use std::path::PathBuf;
use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::path::is_request_path;

/// A path that only the app can name, and the directory behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The first part of such a path, from `/` on.
    pub prefix: String,
    /// What stands in its place.
    pub directory: PathBuf,
}

/// Why a text is no mapping; says what would be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mapping is a path and an absolute directory, as in /private=/srv/files")]
pub struct MappingError;

impl FromStr for Mapping {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let (prefix, directory) = text.split_once('=').ok_or(MappingError)?;
        if !is_request_path(prefix) || !directory.starts_with('/') || directory.contains('\0') {
            return Err(MappingError);
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            directory: directory.into(),
        })
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.prefix, self.directory.display())
    }
}

impl Serialize for Mapping {
    /// As text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_read_and_printed() {
        let mapping: Mapping = "/private=/srv/files".parse().unwrap();

        assert_eq!(mapping.prefix, "/private");
        assert_eq!(mapping.directory, PathBuf::from("/srv/files"));
        assert_eq!(mapping.to_string(), "/private=/srv/files");
    }

    #[test]
    fn a_mapping_has_both_its_sides() {
        for text in [
            "",
            "/private",
            "private=/srv",
            "/private=srv",
            "=/srv",
            "/a b=/srv",
        ] {
            assert_eq!(text.parse::<Mapping>(), Err(MappingError), "{text:?}");
        }
    }
}
