//! Header fields that an operator writes down, one on each line.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// One field of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// A token (RFC 9110 section 5.1), as it was written.
    pub name: String,
    /// Visible characters with spaces between them (RFC 9110 section 5.5); may be empty.
    pub value: String,
}

/// Why a line is no field; says what would be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a field is a name, a colon and a value, as in Cache-Control: public")]
pub struct FieldError;

impl FromStr for Field {
    type Err = FieldError;

    fn from_str(line: &str) -> Result<Self, FieldError> {
        let (name, value) = line.split_once(':').ok_or(FieldError)?;
        let value = value.trim();
        let is_value = |byte: u8| byte == b' ' || byte == b'\t' || byte.is_ascii_graphic();
        if name.is_empty() || !name.bytes().all(is_token) || !value.bytes().all(is_value) {
            return Err(FieldError);
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.name, self.value)
    }
}

impl Serialize for Field {
    /// As text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether a byte may stand in a field's name.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_and_printed() {
        let field: Field = "Cache-Control:public, max-age=60 ".parse().unwrap();

        assert_eq!(
            (&*field.name, &*field.value),
            ("Cache-Control", "public, max-age=60")
        );
        assert_eq!(field.to_string(), "Cache-Control: public, max-age=60");
    }

    #[test]
    fn what_could_end_a_head_or_a_name_is_no_field() {
        for line in [
            "",
            "Cache-Control",
            ": public",
            "A b: c",
            "A : b",
            "A: b\rC: d",
            "A: \u{e9}",
        ] {
            assert_eq!(line.parse::<Field>(), Err(FieldError), "{line:?}");
        }
    }
}
