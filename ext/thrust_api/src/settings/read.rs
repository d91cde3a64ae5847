//! Reads the settings from options and environment: which source wins, what is a fault, what only a warning.
//!
//! For each setting the first of these that exists decides, even if it is malformed: the option, `THRUSTER_NAME`,
//! the dialect's name, and for thruster's own settings `NAME`. A malformed bare variable may be meant for another
//! program, so it is a warning; all else that is malformed was meant for us, and is a fault. Where nobody has said
//! anything, what the app has pushed holds before the default.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
};

use super::{
    DefaultValue, Entry, Fault, HTTP_PORT, Kind, Names, Rejection, Setting, Settings, Source, State, TABLE,
    TARGET, TARGET_PORT, Value, Warning, When, names,
};

/// What the app has pushed: settings by their names in lower case, each written as in the environment.
pub type Pushed = BTreeMap<String, String>;

/// All that settings are read from.
#[derive(Clone)]
pub struct Written {
    /// The environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// The options of the command line.
    pub options: Vec<(&'static Setting, OsString)>,
    /// What the app has pushed; empty until it has.
    pub pushed: Pushed,
    /// How many cores this machine lets us use.
    pub cores: usize,
}

impl fmt::Debug for Written {
    /// Without the environment, which holds other programs' secrets, and without values, which may be ours.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Written")
            .field("pushed", &self.pushed.keys())
            .field("cores", &self.cores)
            .finish_non_exhaustive()
    }
}

/// A value as it was found.
struct Found<'a> {
    source: Source,
    text: &'a OsStr,
    /// Certainly meant for us.
    ours: bool,
}

impl Settings {
    /// Reads every setting.
    ///
    /// # Errors
    ///
    /// All the faults there are, if there are any.
    pub fn read(written: &Written) -> Result<Self, Rejection> {
        let mut settings = Self {
            entries: Vec::with_capacity(TABLE.len()),
            written: written.clone(),
            warnings: Vec::new(),
        };
        let mut faults: Vec<_> = written
            .pushed
            .keys()
            .filter_map(|name| unpushable(name))
            .collect();

        for setting in TABLE {
            // What was pushed is looked at in any case: who has made a mistake should hear of it.
            let pushed = written
                .find_pushed(setting)
                .and_then(|found| settings.accept(setting, &found, &mut faults));
            let entry = match written.find(setting) {
                Some(found) => settings.accept(setting, &found, &mut faults),
                None => None,
            };
            let entry = entry.or(pushed);
            let entry = entry.unwrap_or_else(|| settings.default_of(setting, written.cores));
            settings.entries.push(entry);
        }
        faults.extend(settings.target_twice());
        settings.heed_dialect(written, &mut faults);
        settings.warnings.extend(
            written
                .environment
                .keys()
                .filter_map(|name| names::check(name.to_str()?)),
        );

        match faults.is_empty() {
            true => Ok(settings),
            false => Err(Rejection {
                faults,
                warnings: settings.warnings,
            }),
        }
    }

    /// The same with what the app has pushed now, in the place of what it pushed before.
    ///
    /// # Errors
    ///
    /// All the faults there are in what was pushed.
    pub fn with_pushed(&self, pushed: Pushed) -> Result<Self, Rejection> {
        Self::read(&Written {
            pushed,
            ..self.written.clone()
        })
    }

    /// What the app has pushed.
    pub fn pushed(&self) -> &Pushed {
        &self.written.pushed
    }

    /// Takes a value over, or says what is wrong with it and leaves the default.
    fn accept(
        &mut self,
        setting: &'static Setting,
        found: &Found<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<Entry> {
        let name = match found.source {
            Source::Rails => setting.pushed_name(),
            ref source => source.name().unwrap_or_default().to_owned(),
        };
        let is_option = matches!(found.source, Source::CommandLine(_));
        if found.text.is_empty() && !setting.kind.takes_empty() && !is_option {
            return None;
        }

        match parse(setting.kind, &name, found.text) {
            Ok(value) => {
                match setting.state {
                    State::Refused(asked_by) if asked_by.holds_for(&value) => {
                        faults.push(Fault::TlsNotBuilt { name });
                    }
                    State::NotBuilt(asked_by) if asked_by.holds_for(&value) => {
                        self.warnings.push(Warning::NotBuilt { name });
                    }
                    _ => {}
                }
                Some(Entry {
                    setting,
                    value,
                    source: found.source.clone(),
                })
            }
            Err(fault) if found.ours => {
                faults.push(fault);
                None
            }
            Err(fault) => {
                let default = setting.default.describe().to_owned();
                self.warnings.push(Warning::Ignored { fault, default });
                None
            }
        }
    }

    fn default_of(&self, setting: &'static Setting, cores: usize) -> Entry {
        let (value, source) = match setting.default {
            DefaultValue::Fixed(text) => (
                setting
                    .kind
                    .parse(text)
                    .unwrap_or_else(|error| unreachable!("the default of {}: {error}", setting.name)),
                Source::Default,
            ),
            DefaultValue::Derived { value, .. } => value(self, cores),
        };
        Entry {
            setting,
            value,
            source,
        }
    }

    /// Both an address and a port of the app, each chosen by somebody.
    fn target_twice(&self) -> Option<Fault> {
        self.target(&TARGET)?;
        self.chosen_port(&TARGET_PORT)?;
        Some(Fault::TargetTwice {
            target: self.entry(&TARGET).source.name()?.to_owned(),
            port: self.entry(&TARGET_PORT).source.name()?.to_owned(),
        })
    }

    /// The dialect's words that are not another name for a setting.
    fn heed_dialect(&mut self, written: &Written, faults: &mut Vec<Fault>) {
        let is_set = |name: &str| written.variable(name).is_some_and(|text| !text.is_empty());

        if let Some(text) = written
            .variable(names::DIALECT_HTTP2)
            .filter(|text| !text.is_empty())
        {
            match parse(Kind::Switch, names::DIALECT_HTTP2, text) {
                Ok(Value::Switch(true)) if is_set("SSL_CERT_PATH") && is_set("SSL_KEY_PATH") => {
                    let name = "SSL_CERT_PATH and SSL_KEY_PATH with THRUST_HTTP2".to_owned();
                    faults.push(Fault::TlsNotBuilt { name });
                }
                Ok(_) => {}
                Err(fault) => faults.push(fault),
            }
        }
    }
}

impl Written {
    fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    fn find(&self, setting: &Setting) -> Option<Found<'_>> {
        let by_option = || {
            let (_, text) = self
                .options
                .iter()
                .find(|(option, _)| option.name == setting.name)?;
            let source = Source::CommandLine(format!("--{}", setting.option()));
            Some(Found {
                source,
                text,
                ours: true,
            })
        };
        let by_variable = |name: &str, ours| {
            let text = self.variable(name)?;
            Some(Found {
                source: Source::Environment(name.to_owned()),
                text,
                ours,
            })
        };

        by_option()
            .or_else(|| by_variable(&setting.variable(), true))
            .or_else(|| by_variable(setting.dialect?, true))
            .or_else(|| by_variable((setting.names == Names::Thruster).then_some(setting.name)?, false))
            .or_else(|| by_variable(self.port_of_the_platform(setting)?, false))
    }

    fn find_pushed(&self, setting: &Setting) -> Option<Found<'_>> {
        let text = self.pushed.get(&setting.pushed_name())?;
        (setting.when == When::Live).then_some(Found {
            source: Source::Rails,
            text: OsStr::new(text),
            ours: true,
        })
    }

    /// In the dialect the app's port has a name of its own, so an inherited PORT is the one to listen on.
    fn port_of_the_platform(&self, setting: &Setting) -> Option<&'static str> {
        let dialect = self.variable(TARGET_PORT.dialect?)?;
        (setting.name == HTTP_PORT.name && !dialect.is_empty()).then_some("PORT")
    }
}

/// Why an app may not push what has this name.
fn unpushable(name: &str) -> Option<Fault> {
    let name = name.to_owned();
    match TABLE.iter().find(|setting| setting.pushed_name() == name) {
        Some(setting) if setting.when == When::Start => Some(Fault::NotLive {
            name,
            variable: setting.variable(),
        }),
        Some(_) => None,
        None => {
            let nearest = names::nearest(&name).map(Setting::pushed_name);
            Some(Fault::Unknown { name, nearest })
        }
    }
}

fn parse(kind: Kind, name: &str, text: &OsStr) -> Result<Value, Fault> {
    let text = text.to_str().ok_or_else(|| Fault::NotText {
        name: name.to_owned(),
    })?;
    kind.parse(text).map_err(|expected| Fault::Malformed {
        name: name.to_owned(),
        value: text.to_owned(),
        expected,
    })
}

#[cfg(test)]
mod tests;
