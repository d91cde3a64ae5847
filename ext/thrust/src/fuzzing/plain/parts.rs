//! What messages are made of: lines, fields, tokens, numbers.

use super::{Fault, Field, Reading};

/// The value of every field of this name.
pub(in crate::fuzzing) fn values<'a>(fields: &'a [Field], name: &str) -> Vec<&'a [u8]> {
    let named = fields.iter().filter(|(other, _)| other == name);
    named.map(|(_, value)| &value[..]).collect()
}

/// The members of a list (RFC 9110 section 5.6.1), in lower case.
pub(in crate::fuzzing) fn members(values: &[&[u8]]) -> Vec<String> {
    let members = values.iter().flat_map(|value| value.split(|byte| *byte == b','));
    members
        .map(|member| String::from_utf8_lossy(trimmed(member)).to_ascii_lowercase())
        .filter(|member| !member.is_empty())
        .collect()
}

pub(super) fn malformed<T>(why: &'static str) -> Reading<T> {
    Err(Fault::Malformed(why))
}

/// Up to the first CRLF, and what follows it; a CR or LF alone is none.
pub(super) fn line(bytes: &[u8]) -> Reading<(&[u8], &[u8])> {
    let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return Err(Fault::Short);
    };
    match &bytes[at..] {
        [b'\r', b'\n', rest @ ..] => Ok((&bytes[..at], rest)),
        [b'\r'] => Err(Fault::Short),
        _ => malformed("a line ends with CRLF"),
    }
}

/// Field lines up to the empty line (section 5).
pub(super) fn fields(mut bytes: &[u8]) -> Reading<(Vec<Field>, &[u8])> {
    let mut fields = Vec::new();
    loop {
        let (field, rest) = line(bytes)?;
        bytes = rest;
        if field.is_empty() {
            return Ok((fields, bytes));
        }
        let Some(colon) = field.iter().position(|byte| *byte == b':') else {
            return malformed("a field has a colon");
        };
        let (name, value) = (&field[..colon], trimmed(&field[colon + 1..]));
        if !is_token(name) {
            return malformed("a field name is a token");
        }
        if !value.iter().all(is_text) {
            return malformed("a field value is text");
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        fields.push((name, value.to_vec()));
    }
}

/// One or more digits, and nothing else, of a number that fits.
pub(super) fn number(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = char::from(*byte).to_digit(radix)?;
        number
            .checked_mul(u64::from(radix))?
            .checked_add(u64::from(digit))
    })
}

pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

pub(super) fn is_text(byte: &u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
