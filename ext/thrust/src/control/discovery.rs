//! Which thrusts run here, and which of them is meant.
//!
//! A thrust runs if the lock of its private directory is held. Directories whose thrust has died are removed on the way.

use std::collections::HashSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};

use super::SOCKET;
use super::directory::{ABOUT, About, Directory, empty, is_alive, open_private, places};
use crate::working_directory;

/// How long a directory without a word about its owner is left alone: that thrust may just be starting.
const STARTING: Duration = Duration::from_secs(60);

/// The longest text about a thrust, in bytes.
const LONGEST_ABOUT: u64 = 64 * 1024;

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
    let seeker = Seeker::this_process();
    let above = env::var_os("THRUSTER_CONTROL_SOCKET").and_then(|socket| {
        let directory = Path::new(&socket).parent()?;
        directory.canonicalize().ok()
    });
    choose(seeker.running(), pid, above.as_deref(), &here())
}

/// Removes the directories of the dead that lie beside this one.
pub(super) fn sweep_beside(directory: &Directory) {
    let seeker = Seeker::this_process();
    if let Some(base) = directory.path().parent() {
        seeker.look_into(base, seeker.us, &mut Vec::new());
    }
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

/// Whoever looks for running thrusts.
struct Seeker {
    us: u32,
    places: Vec<PathBuf>,
}

impl Seeker {
    fn this_process() -> Self {
        let us = rustix::process::geteuid().as_raw();
        // A service's variables are not those of whoever asks, so the usual places are looked at as well.
        let mut places = places(|name| env::var_os(name), us == 0);
        for parent in ["/run", "/run/user"] {
            places.push(parent.into());
            places.extend(entries(Path::new(parent)).map(|name| Path::new(parent).join(name)));
        }
        Self { us, places }
    }

    /// All that run and that we may ask, by pid.
    fn running(&self) -> Vec<Running> {
        let mut running = Vec::new();
        let mut seen = HashSet::new();
        for place in &self.places {
            // One directory may have several names, such as /run and /var/run.
            let Ok(place) = place.canonicalize() else { continue };
            if !seen.insert(place.clone()) {
                continue;
            }
            for (base, owner) in self.bases(&place) {
                self.look_into(&base, owner, &mut running);
            }
        }
        running.sort_by_key(|thrust| thrust.pid);
        running
    }

    /// The directories in which one user's thrusts lie. Root sees everybody's.
    fn bases(&self, place: &Path) -> Vec<(PathBuf, u32)> {
        if self.us != 0 {
            return vec![(place.join(format!("thrust-{}", self.us)), self.us)];
        }
        entries(place)
            .filter_map(|name| {
                let owner = name.to_str()?.strip_prefix("thrust-")?.parse().ok()?;
                Some((place.join(name), owner))
            })
            .collect()
    }

    /// Adds one user's thrusts that run, and removes what the others have left.
    fn look_into(&self, base: &Path, owner: u32, running: &mut Vec<Running>) {
        let Ok(opened) = open_private(CWD, base, owner) else {
            return;
        };
        for name in entries_of(&opened) {
            let Ok(directory) = open_private(&opened, Path::new(&name), owner) else {
                continue;
            };
            if !is_settled(&directory) {
                continue;
            }
            if !is_alive(&directory) {
                sweep(&opened, &name, &directory);
                continue;
            }
            if let Some(about) = about(&directory)
                && (owner == self.us || is_process_of(about.pid, owner))
            {
                running.push(Running {
                    pid: about.pid,
                    directory: about.directory,
                    physical: about.physical,
                    socket: base.join(&name).join(SOCKET),
                });
            }
        }
    }
}

/// Whether its thrust had the time to lock it. One that is just starting must not find the lock taken by who looks.
fn is_settled(directory: &File) -> bool {
    let is_told = rustix::fs::statat(directory, ABOUT, AtFlags::SYMLINK_NOFOLLOW).is_ok();
    let modified = directory.metadata().and_then(|found| found.modified());
    let is_old = modified.is_ok_and(|time| {
        let age = SystemTime::now().duration_since(time);
        age.is_ok_and(|age| age > STARTING)
    });
    is_told || is_old
}

/// Removes a dead directory. By descriptors only: as root we work in a directory that somebody else may change.
fn sweep(base: &File, name: &OsStr, directory: &File) {
    let removed = empty(directory)
        .and_then(|()| rustix::fs::unlinkat(base, name, AtFlags::REMOVEDIR).map_err(io::Error::from));
    match removed {
        Ok(()) => tracing::debug!(?name, "Removed the directory of a thrust that has died"),
        Err(error) => {
            tracing::debug!(?name, %error, "Failed to remove the directory of a thrust that has died")
        }
    }
}

/// What a thrust says of itself. Its owner may have written anything there, or put anything in its place.
fn about(directory: &File) -> Option<About> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(directory, ABOUT, flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    file.take(LONGEST_ABOUT).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whether a process may be this user's. Only root has to ask: somebody could give out root's thrust for theirs, and
/// have root ask them in its place. Where the system does not tell, it may be.
fn is_process_of(pid: u32, user: u32) -> bool {
    if !Path::new("/proc/self/status").exists() {
        return true;
    }
    std::fs::read_to_string(format!("/proc/{pid}/status"))
        .is_ok_and(|text| effective_user(&text) == Some(user))
}

/// The effective user in the text of `/proc/PID/status`: `Uid: real effective saved file-system`.
fn effective_user(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The names in a directory; none if it cannot be read.
fn entries(directory: &Path) -> impl Iterator<Item = OsString> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.file_name()))
}

fn entries_of(directory: &File) -> Vec<OsString> {
    let Ok(entries) = Dir::read_from(directory) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Some(OsStr::from_bytes(entry.ok()?.file_name().to_bytes()).to_owned()))
        .filter(|name| name != "." && name != "..")
        .collect()
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
    use std::os::unix::fs::{DirBuilderExt, symlink};

    use super::*;

    fn thrust(pid: u32, directory: &str) -> Running {
        Running {
            pid,
            directory: directory.into(),
            physical: directory.into(),
            socket: format!("/run/thrust-0/{pid}-x/control.sock").into(),
        }
    }

    fn seeker(place: &Path) -> Seeker {
        Seeker {
            us: rustix::process::geteuid().as_raw(),
            places: vec![place.to_owned(), place.join(".")],
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

    #[test]
    fn a_process_is_told_by_its_effective_user() {
        let status = "Name:\tthrust\nUid:\t0\t1000\t0\t1000\nGid:\t5\t5\t5\t5\n";

        assert_eq!(effective_user(status), Some(1000));
        assert_eq!(effective_user("Name:\tthrust\n"), None);
        let us = rustix::process::geteuid().as_raw();
        assert!(is_process_of(std::process::id(), us));
        assert!(!cfg!(target_os = "linux") || !is_process_of(std::process::id(), us + 1));
    }

    #[test]
    fn the_living_are_found_once_and_the_dead_are_swept() {
        let place = tempfile::tempdir().unwrap();
        let living = Directory::open_in(&[place.path().to_owned()]).unwrap();
        let (dead, lock) = Directory::open_in(&[place.path().to_owned()])
            .unwrap()
            .into_inherited();
        fs::write(dead.join("generation-1.sock"), "").unwrap();
        drop(lock);

        let running = seeker(place.path()).running();

        assert_eq!(running.len(), 1);
        assert_eq!(running[0].pid, std::process::id());
        assert_eq!(
            running[0].socket,
            living.path().canonicalize().unwrap().join("control.sock")
        );
        assert!(!dead.exists());
    }

    #[test]
    fn one_that_has_just_been_made_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let living = Directory::open_in(&[place.path().to_owned()]).unwrap();
        let starting = living.path().with_file_name("starting");
        fs::DirBuilder::new().mode(0o700).create(&starting).unwrap();

        assert_eq!(seeker(place.path()).running().len(), 1);
        assert!(starting.exists());

        let long_ago = SystemTime::now() - 2 * STARTING;
        File::open(&starting).unwrap().set_modified(long_ago).unwrap();
        sweep_beside(&living);
        assert!(!starting.exists());
        assert!(living.path().exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_in_the_place_of_a_thrust_is_neither_followed_nor_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join(ABOUT), "precious").unwrap();
        let living = Directory::open_in(&[place.path().to_owned()]).unwrap();
        symlink(elsewhere.path(), living.path().with_file_name("link")).unwrap();
        let about = living.path().join(ABOUT);
        fs::remove_file(&about).unwrap();
        rustix::fs::mknodat(CWD, &about, rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();

        assert_eq!(seeker(place.path()).running(), []);
        assert_eq!(
            fs::read_to_string(elsewhere.path().join(ABOUT)).unwrap(),
            "precious"
        );
    }
}
