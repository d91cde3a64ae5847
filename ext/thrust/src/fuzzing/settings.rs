//! Settings: whatever the environment, the command line and an app say is read or refused, in words that fit on one
//! line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use thrust_api::settings::{Pushed, Settings, TABLE, Written};

use crate::config::Config;

/// Lines: `NAME=VALUE` is a variable, `--name=VALUE` an option, `+name=VALUE` pushed.
pub fn settings(input: &[u8]) {
    match Settings::read(&written(input)) {
        Ok(settings) => {
            for entry in settings.entries() {
                let printed = entry.value.to_string();
                let again = entry.setting.kind.parse(&printed);
                assert_eq!(
                    again.as_ref(),
                    Ok(&entry.value),
                    "{} prints {printed:?}",
                    entry.setting.name
                );
            }
            settings
                .warnings
                .iter()
                .for_each(|warning| assert_told(&warning.to_string()));
            let _ = Config::from(&settings);
        }
        Err(rejection) => {
            assert!(!rejection.faults.is_empty(), "it is refused for a reason");
            rejection
                .faults
                .iter()
                .for_each(|fault| assert_told(&fault.to_string()));
            rejection
                .warnings
                .iter()
                .for_each(|warning| assert_told(&warning.to_string()));
        }
    }
}

fn written(input: &[u8]) -> Written {
    let mut written = Written {
        environment: BTreeMap::new(),
        options: Vec::new(),
        pushed: Pushed::new(),
        cores: input.len() % 64 + 1,
    };
    for line in input.split(|byte| *byte == b'\n') {
        let at = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
        let (name, value) = (&line[..at], line.get(at + 1..).unwrap_or_default());
        if let Some(name) = name.strip_prefix(b"+") {
            // It comes as JSON, and so as text.
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            written.pushed.insert(text(name), text(value));
            continue;
        }
        let value = OsString::from_vec(value.to_vec());
        match name.strip_prefix(b"--") {
            Some(name) => {
                let setting = TABLE.iter().find(|setting| setting.option().as_bytes() == name);
                written.options.extend(setting.map(|setting| (*setting, value)));
            }
            None => {
                written
                    .environment
                    .insert(OsString::from_vec(name.to_vec()), value);
            }
        }
    }
    written
}

/// A value may hold anything; its report must not move the cursor of the operator who reads it, or fake a line.
fn assert_told(text: &str) {
    assert!(
        !text.is_empty() && !text.chars().any(char::is_control),
        "{text:?}"
    );
}
