//! Looks for running thrusts, and removes what dead ones have left.
//!
//! A thrust runs if the lock of its private directory is held.

use std::collections::HashSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};

use super::super::SOCKET;
use super::super::directory::{ABOUT, About, Directory, empty, is_alive, open_private, places};
use super::Running;

/// How long a directory without a word about its owner is left alone: that thrust may just be starting.
const STARTING: Duration = Duration::from_secs(60);

/// The longest text about a thrust, in bytes.
const LONGEST_ABOUT: u64 = 64 * 1024;

/// Whoever looks for running thrusts.
pub(super) struct Seeker {
    us: u32,
    places: Vec<PathBuf>,
}

impl Seeker {
    /// This user, who looks wherever a thrust may have its directory.
    pub(super) fn this_process() -> Self {
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
    pub(super) fn running(&self) -> Vec<Running> {
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

/// Removes the directories of the dead that lie beside this one.
pub(in crate::control) fn sweep_beside(directory: &Directory) {
    let seeker = Seeker::this_process();
    if let Some(base) = directory.path().parent() {
        seeker.look_into(base, seeker.us, &mut Vec::new());
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{DirBuilderExt, symlink};

    use super::*;

    fn seeker(place: &Path) -> Seeker {
        Seeker {
            us: rustix::process::geteuid().as_raw(),
            places: vec![place.to_owned(), place.join(".")],
        }
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
