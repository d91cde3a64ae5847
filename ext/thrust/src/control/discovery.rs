//! Which of the running thrusts is meant.

mod seeker;

use std::env;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use self::seeker::Seeker;
pub(super) use self::seeker::sweep_beside;
use crate::working_directory;

/// A running thrust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Its working directory, as it was called at the start.
    pub directory: PathBuf,
    /// The socket on which it is asked.
    pub socket: PathBuf,
    physical: PathBuf,
}

/// Why it is not clear which thrust is meant.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// There is none.
    #[error(
        "no running thrust was found; ask as the user that it runs as, or as root, on the same machine or in the same container"
    )]
    NoneRunning,
    /// None has the pid that was asked for.
    #[error("no running thrust has pid {pid}{}", list(running))]
    NoSuchPid {
        /// The pid.
        pid: u32,
        /// Those there are.
        running: Vec<Running>,
    },
    /// Several could be meant.
    #[error("several thrusts run, and {} this directory; choose one with --pid{}", which(*here), list(running))]
    Ambiguous {
        /// How many of them run in the working directory.
        here: usize,
        /// Those there are.
        running: Vec<Running>,
    },
}

/// Finds the thrust that is meant: that with this pid; else the one above us, if the app it runs asks; else the only
/// one; else the one that runs in our working directory.
///
/// # Errors
///
/// If there is none or more than one.
pub fn find(pid: Option<u32>) -> Result<Running, DiscoveryError> {
    let above = env::var_os("THRUSTER_CONTROL_SOCKET").and_then(|socket| {
        let directory = Path::new(&socket).parent()?;
        directory.canonicalize().ok()
    });
    choose(Seeker::this_process().running(), pid, above.as_deref(), &here())
}

/// `above` is the private directory of the thrust whose app asks, `here` the names of our working directory.
fn choose(
    running: Vec<Running>,
    pid: Option<u32>,
    above: Option<&Path>,
    here: &[PathBuf],
) -> Result<Running, DiscoveryError> {
    if let Some(pid) = pid {
        let found = running.iter().find(|thrust| thrust.pid == pid).cloned();
        return found.ok_or(DiscoveryError::NoSuchPid { pid, running });
    }
    let is_above = |thrust: &&Running| above.is_some() && above == thrust.socket.parent();
    if let Some(thrust) = running.iter().find(is_above) {
        return Ok(thrust.clone());
    }
    match running.as_slice() {
        [] => return Err(DiscoveryError::NoneRunning),
        [only] => return Ok(only.clone()),
        _ => {}
    }
    let local: Vec<_> = running.iter().filter(|thrust| thrust.runs_in(here)).collect();
    match local.as_slice() {
        [one] => Ok((*one).clone()),
        several => Err(DiscoveryError::Ambiguous {
            here: several.len(),
            running: running.clone(),
        }),
    }
}

/// The names of our working directory.
fn here() -> Vec<PathBuf> {
    let Ok(physical) = env::current_dir() else {
        return Vec::new();
    };
    working_directory::as_called()
        .into_iter()
        .chain([physical])
        .collect()
}

impl Running {
    /// Whether its working directory has one of these names. A name may have come to mean another directory since, as
    /// that of a release that is a link.
    fn runs_in(&self, names: &[PathBuf]) -> bool {
        let now = self.directory.canonicalize().ok();
        [Some(&self.directory), Some(&self.physical), now.as_ref()]
            .into_iter()
            .flatten()
            .any(|name| names.contains(name))
    }
}

fn which(here: usize) -> impl fmt::Display {
    match here {
        0 => "none of them in",
        _ => "more than one of them in",
    }
}

fn list(running: &[Running]) -> String {
    let mut list = String::new();
    for thrust in running {
        // A name may hold anything, and this goes to a terminal.
        let directory = thrust.directory.to_string_lossy();
        write!(list, "\n  --pid {:<8} {}", thrust.pid, directory.escape_debug())
            .expect("a String takes everything");
    }
    list
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn thrust(pid: u32, directory: &str) -> Running {
        Running {
            pid,
            directory: directory.into(),
            physical: directory.into(),
            socket: format!("/run/thrust-0/{pid}-x/control.sock").into(),
        }
    }

    fn chosen(running: &[Running], pid: Option<u32>, above: Option<&str>, here: &str) -> Option<u32> {
        let here = [PathBuf::from(here)];
        choose(running.to_vec(), pid, above.map(Path::new), &here)
            .ok()
            .map(|thrust| thrust.pid)
    }

    #[test]
    fn a_pid_goes_before_the_one_above_us_then_the_only_one_then_the_one_here() {
        let both = [thrust(1, "/shop"), thrust(2, "/blog")];
        let above = Some("/run/thrust-0/2-x");

        assert_eq!(chosen(&both, Some(1), above, "/blog"), Some(1));
        assert_eq!(chosen(&both, None, above, "/shop"), Some(2));
        assert_eq!(chosen(&both[..1], None, None, "/elsewhere"), Some(1));
        assert_eq!(chosen(&both, None, None, "/blog"), Some(2));
        assert_eq!(chosen(&both, None, Some("/run/thrust-0/gone"), "/shop"), Some(1));
    }

    #[test]
    fn none_or_several_are_told_with_what_there_is() {
        let both = [thrust(1, "/shop"), thrust(22, "/blog\u{1b}[2J")];
        let fault = |running: &[Running], pid, here: &str| {
            choose(running.to_vec(), pid, None, &[here.into()])
                .unwrap_err()
                .to_string()
        };

        assert!(fault(&[], None, "/").starts_with("no running thrust was found"));
        assert_eq!(
            fault(&both, None, "/"),
            "several thrusts run, and none of them in this directory; choose one with --pid\
             \n  --pid 1        /shop\n  --pid 22       /blog\\u{1b}[2J"
        );
        assert_eq!(
            fault(&both[..1], Some(3), "/"),
            "no running thrust has pid 3\n  --pid 1        /shop"
        );
        let twins = [thrust(1, "/shop"), thrust(2, "/shop")];
        assert!(fault(&twins, None, "/shop").contains("more than one of them in this directory"));
    }

    #[test]
    fn a_release_that_is_a_link_is_found_by_either_name_and_after_it_moved() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let (old, new, current) = (root.join("1"), root.join("2"), root.join("current"));
        fs::create_dir(&old).unwrap();
        fs::create_dir(&new).unwrap();
        symlink(&old, &current).unwrap();
        let thrust = Running {
            directory: current.clone(),
            physical: old.clone(),
            ..thrust(1, "")
        };

        for name in [&old, &current] {
            assert!(thrust.runs_in(std::slice::from_ref(name)), "{}", name.display());
        }
        assert!(!thrust.runs_in(std::slice::from_ref(&new)));
        fs::remove_file(&current).unwrap();
        symlink(&new, &current).unwrap();
        assert!(thrust.runs_in(std::slice::from_ref(&new)));
    }
}
