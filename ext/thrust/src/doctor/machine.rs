//! What the machine gives us: open files, a place for control sockets, a place for what has to last.

use std::fs;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::process::{Resource, getrlimit};
use thrust_api::message::Configuration;
use thrust_api::settings::{self, Settings};

use super::Running;
use super::finding::{Finding, Level};
use crate::config::Config;
use crate::control::Directory;
use crate::room;

/// Connections that a site of some size has at once; fewer than that is worth a word.
const FEW: usize = 1000;

/// Whether there are descriptors enough: for the thrust that runs, or for one that would start here with this `config`.
pub(super) fn descriptors(config: &Config, running: Option<&Running>) -> Finding {
    let of_running = running.and_then(|running| {
        let limits = fs::read_to_string(format!("/proc/{}/limits", running.status.pid)).ok()?;
        Some((max_connections(&running.configuration), granted(&limits)?))
    });
    match of_running {
        Some((wanted, granted)) => judge(wanted, granted.descriptors),
        None => judge(config.max_connections, getrlimit(Resource::Nofile).maximum),
    }
}

fn max_connections(configuration: &Configuration) -> Option<usize> {
    let name = settings::MAX_CONNECTIONS.name;
    let mut all = configuration.settings.iter();
    let number = all.find(|setting| setting.name == name)?.value.as_u64()?;
    usize::try_from(number).ok().filter(|number| *number > 0)
}

/// What the system lets a process have at most.
#[derive(Debug, PartialEq, Eq)]
struct Granted {
    /// `None` for any number.
    descriptors: Option<u64>,
}

/// Reads `/proc/PID/limits`.
fn granted(limits: &str) -> Option<Granted> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let descriptors = match line.split_whitespace().nth(1)? {
        "unlimited" => None,
        number => Some(number.parse().ok()?),
    };
    Some(Granted { descriptors })
}

fn judge(wanted: Option<usize>, descriptors: Option<u64>) -> Finding {
    const CHECK: &str = "descriptors";
    const CHANGE: &str =
        "raise the limit: ulimit -Hn, LimitNOFILE= of the unit, --ulimit nofile of the container";
    let enough = room::enough(descriptors);
    let limit = descriptors.map_or_else(|| "any number of".to_owned(), |limit| limit.to_string());
    let what = format!("{limit} open files suffice for {enough} clients at once");
    match wanted {
        Some(wanted) if wanted > enough => Finding::new(CHECK, Level::Error, what)
            .because(format!("THRUSTER_MAX_CONNECTIONS is {wanted}"))
            .change(CHANGE),
        None if enough < FEW => Finding::new(CHECK, Level::Warning, what)
            .because("who comes when all are taken waits until somebody leaves")
            .change(CHANGE),
        _ if descriptors.is_none() => Finding::ok(CHECK, "there may be any number of open files"),
        _ => Finding::ok(CHECK, what),
    }
}

/// Whether there is a place for control sockets.
pub(super) fn control() -> Finding {
    const CHECK: &str = "control";
    match Directory::open() {
        Some(directory) => Finding::ok(
            CHECK,
            format!("control sockets would lie in {}", directory.path().display()),
        ),
        None => Finding::new(CHECK, Level::Error, "there is no directory for control sockets")
            .because("Rails could not tell its settings, and `thrust restart` would find nobody")
            .change("make /run, /tmp or /dev/shm writable, or name a directory of this user's in TMPDIR"),
    }
}

/// Whether what has to last can be kept.
pub(super) fn storage(settings: &Settings) -> Option<Finding> {
    const CHECK: &str = "storage";
    let path = Path::new(settings.text(&settings::STORAGE_PATH));
    if path.as_os_str().is_empty() {
        return None;
    }
    let existing = path
        .ancestors()
        .map(|part| match part.as_os_str().is_empty() {
            true => Path::new("."),
            false => part,
        })
        .find(|part| part.exists())?;
    let problem = match access(existing, Access::WRITE_OK | Access::EXEC_OK) {
        Err(error) => std::io::Error::from(error).to_string(),
        Ok(()) if !existing.is_dir() => "it is no directory".to_owned(),
        Ok(()) => {
            return Some(Finding::ok(
                CHECK,
                format!("certificates could be kept in {}", path.display()),
            ));
        }
    };
    let what = format!(
        "nothing can be written to {}, where THRUSTER_STORAGE_PATH lies: {problem}",
        existing.display()
    );
    Some(
        Finding::new(CHECK, Level::Warning, what)
            .because("certificates and the ACME account are to be kept there, once TLS is served")
            .change("mount a volume there that this user may write to, or name another directory"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings_of;

    #[test]
    fn too_few_open_files_are_an_error_if_more_clients_were_asked_for() {
        assert_eq!(judge(None, Some(1_048_576)).level, Level::Ok);
        assert_eq!(judge(None, None).level, Level::Ok);
        assert_eq!(judge(None, Some(1024)).level, Level::Warning);
        assert_eq!(judge(Some(100), Some(1024)).level, Level::Ok);
        let error = judge(Some(5000), Some(1024));
        assert_eq!(error.level, Level::Error);
        assert_eq!(error.why.unwrap(), "THRUSTER_MAX_CONNECTIONS is 5000");
    }

    #[test]
    fn a_process_is_granted_what_its_hard_limit_says() {
        let limits = |hard: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units     \n\
                 Max cpu time              unlimited            unlimited            seconds   \n\
                 Max open files            1024                 {hard}               files     \n"
            )
        };
        let descriptors = |hard| granted(&limits(hard)).unwrap().descriptors;

        assert_eq!(descriptors("524288"), Some(524_288));
        assert_eq!(descriptors("unlimited"), None);
        assert_eq!(granted(""), None);
    }

    #[test]
    fn a_place_that_is_not_there_yet_is_judged_by_what_it_will_be_in() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let in_place = |path: &Path| {
            let settings = settings_of(&[("STORAGE_PATH", path.to_str().unwrap())]).unwrap();
            storage(&settings).unwrap().level
        };

        assert_eq!(in_place(&directory.path().join("a/b")), Level::Ok);
        assert_eq!(in_place(&file.join("b")), Level::Warning);
    }
}
