//! Values that are one word of a few, and what each word means.

use serde::Serialize;

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
    /// `name=value` pairs.
    Logfmt,
    /// A request as Apache and nginx log it, in their "combined" format.
    Combined,
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

/// What happens to connections that come before the app accepts any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BootMode {
    /// They are accepted, and their requests wait.
    Hold,
    /// They are refused: nothing listens until the app does.
    Late,
}

/// The field of an answer that names a file to send in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SendfileHeader {
    /// A path in the file system.
    #[serde(rename = "X-Sendfile")]
    XSendfile,
    /// A path that is mapped to one, as nginx does.
    #[serde(rename = "X-Accel-Redirect")]
    XAccelRedirect,
}

pub(super) const SENDFILE_HEADERS: &[(&str, SendfileHeader)] = &[
    ("X-Sendfile", SendfileHeader::XSendfile),
    ("X-Accel-Redirect", SendfileHeader::XAccelRedirect),
];

pub(super) const LOG_FORMATS: &[(&str, LogFormat)] = &[
    ("auto", LogFormat::Auto),
    ("text", LogFormat::Text),
    ("json", LogFormat::Json),
    ("logfmt", LogFormat::Logfmt),
    ("combined", LogFormat::Combined),
];

pub(super) const LOG_LEVELS: &[(&str, LogLevel)] = &[
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
];

pub(super) const BOOT_MODES: &[(&str, BootMode)] = &[("hold", BootMode::Hold), ("late", BootMode::Late)];

pub(super) const SWITCHES: &[(&str, bool)] = &[
    ("on", true),
    ("off", false),
    ("true", true),
    ("false", false),
    ("1", true),
    ("0", false),
    ("t", true),
    ("f", false),
];

/// What this word means.
pub(super) fn pick<T: Copy>(choices: &[(&str, T)], text: &str) -> Option<T> {
    choices
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value)
}

/// The word for this value.
pub(super) fn word<T: PartialEq>(choices: &[(&'static str, T)], value: T) -> &'static str {
    choices
        .iter()
        .find(|(_, choice)| *choice == value)
        .map_or("", |(name, _)| name)
}

/// All words, for whoever wrote another.
pub(super) fn one_of<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    format!("it is one of {}", names.join(", "))
}
