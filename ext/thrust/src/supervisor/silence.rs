//! An app whose Gemfile.lock has our gem, and that has told nothing all the same: most likely Bundler was told not to
//! load it, as Rails' own template does for thruster.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

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
        let switched_off = env::var(SWITCH).is_ok_and(|text| matches!(&*text, "0" | "false" | "off"));
        let directory = self.plan.directory.clone().unwrap_or_default();
        if self.tuning.spoken().load(Ordering::Relaxed)
            || switched_off
            || !has_our_gem(&lock_file(&directory))
        {
            return;
        }
        let (spoken, service) = (self.tuning.spoken(), self.service.clone());
        tokio::spawn(async move {
            service.answered().await;
            tokio::time::sleep(GRACE).await;
            if !spoken.load(Ordering::Relaxed) {
                tracing::warn!(
                    "The app answers, but Rails has not told its settings: let the Gemfile say gem \"thruster-rs\" \
                     without require: false, as bin/rails generate thruster:install does"
                );
            }
        });
    }
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
    use super::*;

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
