//! The words about settings: what an app pushes, what came of it, and what holds.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::settings::{Entry, Pushed, Source, When};

/// What an app pushes once it has booted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// Its settings.
    #[serde(default)]
    pub settings: Pushed,
    /// What else it tells of itself.
    #[serde(default)]
    pub app: App,
}

/// What an app tells of itself; free to grow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Whether a middleware of ours believes those requests to be ours that carry the sendfile secret.
    #[serde(default)]
    pub sendfile: bool,
    /// For people and for `thrust doctor`.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
}

/// What came of a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configured {
    /// The generation that has pushed.
    pub generation: u64,
    /// The pushed settings that are other ones than before, by the names in which they are pushed.
    pub changed: Vec<String>,
    /// Those that the environment or the command line decides.
    pub overridden: Vec<Overridden>,
    /// What requests of ours carry in `X-Thruster-Secret`.
    pub sendfile_secret: String,
}

/// A pushed setting that has no effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overridden {
    /// The name in which it is pushed.
    pub setting: String,
    /// What decides in its place, such as `environment LOG_REQUESTS`.
    pub source: String,
}

/// What holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// Every setting, in the table's order.
    pub settings: Vec<SettingReport>,
    /// What the app has told of itself; null until it has.
    pub app: Option<App>,
}

/// A setting and its value, for programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingReport {
    /// Its name, such as `HTTP_PORT`.
    pub name: String,
    /// Numbers, switches and lists as such, bytes and seconds as numbers; a secret is masked.
    pub value: Value,
    /// The value as one would write it.
    pub text: String,
    /// `default`, `rails`, `environment` or `option`.
    pub source: String,
    /// The variable or option that gave the value.
    pub given_by: Option<String>,
    /// The variable that always works.
    pub variable: String,
    /// `start` or `live`.
    pub when: String,
    /// Whether this version does what it asks.
    pub built: bool,
    /// What it means.
    pub meaning: String,
}

impl From<&Entry> for SettingReport {
    fn from(entry: &Entry) -> Self {
        let source = match entry.source {
            Source::Default => "default",
            Source::Rails => "rails",
            Source::Environment(_) => "environment",
            Source::CommandLine(_) => "option",
        };
        let when = match entry.setting.when {
            When::Start => "start",
            When::Live => "live",
        };
        let shown = entry.shown();
        Self {
            name: entry.setting.name.to_owned(),
            // Values are numbers, switches, texts and lists of those: none of them fails to be JSON.
            value: serde_json::to_value(&shown).unwrap_or_default(),
            text: shown.to_string(),
            source: source.to_owned(),
            given_by: entry.source.name().map(str::to_owned),
            variable: entry.setting.variable(),
            when: when.to_owned(),
            built: entry.setting.is_built(),
            meaning: entry.setting.help.to_owned(),
        }
    }
}
