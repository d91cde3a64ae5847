//! How a line of the log looks. Whatever a client sends, it stays one line.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::text;

/// The shape of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Go's slog shape, as thruster writes it: `time`, `level`, `msg`, then the fields, all flat.
    Json,
    /// `time LEVEL message key=value …`
    Text,
    /// `time=… level=… msg=… key=value …`, as many programs read it.
    Logfmt,
    /// Requests as other servers log them; everything else like [`Format::Text`].
    Combined,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// The date and time of the current second, formatted once.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    second: u64,
    text: String,
}

impl Clock {
    /// RFC 3339 in UTC with nanoseconds, trailing zeros cut.
    fn write(&mut self, out: &mut Vec<u8>, time: SystemTime) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != since.as_secs() || self.text.is_empty() {
            let at = time::OffsetDateTime::from(UNIX_EPOCH + std::time::Duration::from_secs(since.as_secs()));
            self.second = since.as_secs();
            self.text.clear();
            let (date, time) = (at.date(), at.time());
            // Writing to a String cannot fail.
            let _ = write!(
                self.text,
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                date.year(),
                u8::from(date.month()),
                date.day(),
                time.hour(),
                time.minute(),
                time.second(),
            );
        }
        out.extend_from_slice(self.text.as_bytes());
        let mut fraction = *b".000000000";
        let mut left = since.subsec_nanos();
        for digit in fraction[1..].iter_mut().rev() {
            *digit += (left % 10) as u8;
            left /= 10;
        }
        if let Some(last) = fraction.iter().rposition(|byte| matches!(byte, b'1'..=b'9')) {
            out.extend_from_slice(&fraction[..=last]);
        }
        out.push(b'Z');
    }
}

/// One line being written.
pub(crate) struct Line<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
}

impl<'a> Line<'a> {
    /// Begins a line at the end of `out`.
    pub(crate) fn begin(
        out: &'a mut Vec<u8>,
        format: Format,
        clock: &mut Clock,
        time: SystemTime,
        level: Level,
        message: &str,
    ) -> Self {
        match format {
            Format::Json => {
                out.extend_from_slice(b"{\"time\":\"");
                clock.write(out, time);
                out.extend_from_slice(b"\",\"level\":\"");
                out.extend_from_slice(level.name().as_bytes());
                out.extend_from_slice(b"\",\"msg\":");
                json_string(out, message);
            }
            Format::Text | Format::Combined => {
                clock.write(out, time);
                let _ = write!(out, " {:<5} ", level.name());
                plain(out, message);
            }
            Format::Logfmt => {
                out.extend_from_slice(b"time=");
                clock.write(out, time);
                out.extend_from_slice(b" level=");
                out.extend_from_slice(level.name().as_bytes());
                out.extend_from_slice(b" msg=");
                word(out, message);
            }
        }
        Self { out, format }
    }

    /// Adds a text.
    #[inline]
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        match self.format {
            Format::Json => json_string(self.out, value),
            Format::Text | Format::Logfmt | Format::Combined => word(self.out, value),
        }
    }

    /// Adds a text; what is no UTF-8 shows as U+FFFD.
    #[inline]
    pub(crate) fn bytes(&mut self, name: &str, value: &[u8]) {
        if self.format == Format::Json && is_plain(value) {
            self.written(name, |out| out.extend_from_slice(value));
        } else {
            self.text(name, &String::from_utf8_lossy(value));
        }
    }

    /// Adds what `write` appends, in which nothing needs quoting.
    #[inline]
    pub(crate) fn written(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.name(name);
        let quote: &[u8] = if self.format == Format::Json { b"\"" } else { b"" };
        self.out.extend_from_slice(quote);
        write(self.out);
        self.out.extend_from_slice(quote);
    }

    /// Adds a number.
    #[inline]
    pub(crate) fn number(&mut self, name: &str, value: impl itoa::Integer) {
        self.name(name);
        text::number(self.out, value);
    }

    /// Adds a list, given as JSON.
    pub(crate) fn list(&mut self, name: &str, json: &str) {
        self.name(name);
        match self.format {
            // Brackets and spaces would end the value.
            Format::Logfmt => word(self.out, json),
            Format::Json | Format::Text | Format::Combined => self.out.extend_from_slice(json.as_bytes()),
        }
    }

    /// Ends the line.
    pub(crate) fn end(self) {
        self.out.extend_from_slice(if self.format == Format::Json {
            b"}\n"
        } else {
            b"\n"
        });
    }

    // Inlined, so that it is made for each name: their lengths are known then.
    #[inline(always)]
    fn name(&mut self, name: &str) {
        match self.format {
            Format::Json => {
                self.out.extend_from_slice(b",\"");
                self.out.extend_from_slice(name.as_bytes());
                self.out.extend_from_slice(b"\":");
            }
            Format::Text | Format::Logfmt | Format::Combined => {
                self.out.push(b' ');
                self.out.extend_from_slice(name.as_bytes());
                self.out.push(b'=');
            }
        }
    }
}

/// Whether it may stand between the quotes of a JSON string, and is nothing but visible ASCII.
fn is_plain(text: &[u8]) -> bool {
    // In pieces of one length and without an early end, so that the compiler looks at many bytes at once.
    let (whole, rest) = text.as_chunks::<16>();
    let mut last = [b' '; 16];
    last[..rest.len()].copy_from_slice(rest);
    whole.iter().chain([&last]).all(|piece| {
        piece.iter().fold(true, |plain, byte| {
            plain & matches!(byte, b' '..=b'~') & (*byte != b'"') & (*byte != b'\\')
        })
    })
}

fn json_string(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        let start = out.len();
        // Cannot fail: a str is valid and a Vec takes everything.
        let _ = serde_json::to_writer(&mut *out, text);
        if text.chars().any(is_invisible) {
            // JSON allows more in a string than a terminal should see.
            let written = String::from_utf8_lossy(&out.split_off(start)).into_owned();
            for character in written.chars() {
                let _ = if is_invisible(character) {
                    write!(out, "\\u{:04x}", u32::from(character))
                } else {
                    write!(out, "{character}")
                };
            }
        }
    }
}

/// `text` as the value of a field, in quotes if it needs them.
fn word(out: &mut Vec<u8>, text: &str) {
    if is_plain_word(text) {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.push(b'"');
        quoted(out, text);
        out.push(b'"');
    }
}

fn is_plain_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'='))
}

/// `text` on one line, without quotes around it.
fn plain(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        write_visible(out, character);
    }
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                let _ = write!(out, "\\{character}");
            }
            _ => write_visible(out, character),
        }
    }
}

/// Control characters, which could forge lines or steer a terminal, are shown and not sent.
fn write_visible(out: &mut Vec<u8>, character: char) {
    let _ = if is_invisible(character) {
        write!(out, "{}", character.escape_default())
    } else {
        write!(out, "{character}")
    };
}

/// Whether it ends a line, steers a terminal or turns the direction of text; none is above U+FFFF.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn line(format: Format, value: &str) -> String {
        let mut out = Vec::new();
        let time = UNIX_EPOCH + Duration::new(1_700_000_000, 120_000_000);
        let mut line = Line::begin(
            &mut out,
            format,
            &mut Clock::default(),
            time,
            Level::Info,
            "Request",
        );
        line.text("path", value);
        line.number("status", 200);
        line.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_has_the_shape_of_thrusters_lines() {
        assert_eq!(
            line(Format::Json, "/a\"<b>&"),
            "{\"time\":\"2023-11-14T22:13:20.12Z\",\"level\":\"INFO\",\"msg\":\"Request\",\"path\":\"/a\\\"<b>&\",\"status\":200}\n"
        );
    }

    #[test]
    fn bytes_are_escaped_wherever_they_need_it_and_shown_if_they_are_no_text() {
        let json = |value: &[u8]| {
            let mut out = Vec::new();
            let mut line = Line {
                out: &mut out,
                format: Format::Json,
            };
            line.bytes("a", value);
            String::from_utf8(out).unwrap()
        };

        for length in 0..40 {
            let plain = "x".repeat(length);
            assert_eq!(json(plain.as_bytes()), format!(",\"a\":\"{plain}\""));
            assert_eq!(
                json(format!("{plain}\"{plain}").as_bytes()),
                format!(",\"a\":\"{plain}\\\"{plain}\"")
            );
        }
        assert_eq!(json(b"a\xffb"), ",\"a\":\"a\u{fffd}b\"");
    }

    #[test]
    fn a_time_has_as_many_digits_as_it_needs() {
        for (nanoseconds, expected) in [
            (0, "2023-11-14T22:13:20Z"),
            (500_000_000, "2023-11-14T22:13:20.5Z"),
            (1_020_000, "2023-11-14T22:13:20.00102Z"),
            (999_999_999, "2023-11-14T22:13:20.999999999Z"),
        ] {
            let mut out = Vec::new();

            Clock::default().write(&mut out, UNIX_EPOCH + Duration::new(1_700_000_000, nanoseconds));

            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn logfmt_is_nothing_but_fields() {
        assert_eq!(
            line(Format::Logfmt, "/a b"),
            "time=2023-11-14T22:13:20.12Z level=INFO msg=Request path=\"/a b\" status=200\n"
        );
    }

    #[test]
    fn text_quotes_what_is_not_a_word() {
        assert_eq!(
            line(Format::Text, "/a"),
            "2023-11-14T22:13:20.12Z INFO  Request path=/a status=200\n"
        );
        assert!(line(Format::Text, "a b=\"c\"").contains("path=\"a b=\\\"c\\\"\" status"));
        assert!(line(Format::Text, "").contains("path=\"\" status"));
    }

    #[test]
    fn control_characters_cannot_forge_a_line_or_steer_a_terminal() {
        for format in [Format::Json, Format::Text, Format::Logfmt] {
            let line = line(format, "a\r\nb\u{1b}[2Jc\u{2028}\u{9b}d\u{202e}");

            assert_eq!(line.matches('\n').count(), 1, "{line:?}");
            assert!(!line.contains('\u{1b}') && !line.contains('\r'), "{line:?}");
        }
        assert!(!line(Format::Text, "\u{9b}\u{2028}\u{202e}").contains(['\u{9b}', '\u{2028}', '\u{202e}']));
    }
}
