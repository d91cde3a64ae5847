//! An app whose Gemfile.lock has our gem, and that has told nothing all the same: most likely Bundler was told not to
//! load it, as Rails' own template does for thruster.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thrust_api::settings::{Kind, Value};

use super::Supervisor;
use super::generation::GEMFILE;

/// The variable that switches the conversation off.
const SWITCH: &str = "THRUSTER_RAILS_ENABLED";

/// How long an app that has answered may take to tell its settings: in an unknown server it does so with the first
/// request.
const GRACE: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Says once in the log that Rails never spoke, if the app has answered and it is expected to.
    pub(super) fn expect_settings(&self) {
        let directory = self.plan.directory.clone().unwrap_or_default();
        let spoken = self.tuning.spoken();
        if spoken.load(Ordering::Relaxed)
            || env::var(SWITCH).is_ok_and(|text| is_off(&text))
            || !has_our_gem(&lock_file(&directory))
        {
            return;
        }
        let service = self.service.clone();
        tokio::spawn(async move {
            if stays_silent(service.answered(), &spoken).await {
                tracing::warn!(
                    "The app answers, but Rails has not told its settings: let the Gemfile say gem \"thruster-rs\" \
                     without require: false, as bin/rails generate thruster:install does"
                );
            }
        });
    }
}

/// Returns once the app has had its time after `answered`: whether nothing was `spoken` until then.
async fn stays_silent(answered: impl Future<Output = ()>, spoken: &AtomicBool) -> bool {
    answered.await;
    tokio::time::sleep(GRACE).await;
    !spoken.load(Ordering::Relaxed)
}

/// Whether the switch says no, in any of the words that the gem takes for it.
fn is_off(text: &str) -> bool {
    Kind::Switch.parse(text) == Ok(Value::Switch(false))
}

/// The lock file of the Gemfile that Bundler uses.
fn lock_file(directory: &Path) -> PathBuf {
    let gemfile = env::var_os(GEMFILE).map_or_else(|| directory.join("Gemfile"), PathBuf::from);
    match gemfile.file_name() {
        Some(name) if name == "gems.rb" => gemfile.with_file_name("gems.locked"),
        _ => {
            let mut path = gemfile.into_os_string();
            path.push(".lock");
            path.into()
        }
    }
}

/// Whether a lock file names our gem.
fn has_our_gem(lock_file: &Path) -> bool {
    fs::read_to_string(lock_file).is_ok_and(|text| {
        text.lines()
            .any(|line| line.trim_start().starts_with("thruster-rs ("))
    })
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_app_has_its_time_from_its_first_answer_on_before_it_is_called_silent() {
        let (spoken, began) = (AtomicBool::new(false), Instant::now());

        assert!(stays_silent(sleep(GRACE), &spoken).await);

        assert!(began.elapsed() >= 2 * GRACE, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_that_speaks_within_its_time_is_not_silent() {
        let spoken = AtomicBool::new(false);
        let speaks = async {
            sleep(GRACE / 2).await;
            spoken.store(true, Ordering::Relaxed);
        };

        let (silent, ()) = tokio::join!(stays_silent(ready(()), &spoken), speaks);

        assert!(!silent);
    }

    #[test]
    fn the_switch_is_off_in_all_words_that_the_gem_takes() {
        for text in ["0", "f", "false", "off", "OFF"] {
            assert!(is_off(text), "{text}");
        }
        for text in ["", "1", "on", "true", "no"] {
            assert!(!is_off(text), "{text}");
        }
    }

    #[test]
    fn a_lock_file_names_our_gem_with_its_version() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("Gemfile.lock");
        let has = |text: &str| {
            fs::write(&path, text).unwrap();
            has_our_gem(&path)
        };

        assert!(has("GEM\n  specs:\n    thruster-rs (0.1.0-x86_64-linux)\n"));
        assert!(!has("GEM\n  specs:\n    thruster (0.1.0)\n"));
        assert!(!has("DEPENDENCIES\n  thruster-rs\n"));
        assert!(!has_our_gem(Path::new("/nonexistent/Gemfile.lock")));
    }
}
