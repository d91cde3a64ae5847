//! The private directory: where it may lie, that it is ours alone, and that it is gone when we are.
//!
//! `<runtime directory>/thrust-<uid>/<pid>-<random>/`, each of the two of mode 0700. We hold a lock (flock) on the
//! innermost one itself for as long as we live: whoever finds it unlocked may remove it, and what cleans up old files
//! leaves a locked directory alone. It is flat.

use std::env;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::FdFlags;
use serde::{Deserialize, Serialize};

use crate::working_directory;

/// Says whose directory it is. Written after the lock was taken, so that an unlocked directory with it is dead.
pub(super) const ABOUT: &str = "thrust.json";

/// The longest path of a Unix socket, in bytes, on the system that allows least.
const LONGEST_SOCKET: usize = 103;

/// Room for the name of a file in the directory, with its slash.
const LONGEST_NAME: usize = 32;

const WRITABLE_BY_OTHERS: u32 = 0o022;
const OPEN_TO_OTHERS: u32 = 0o077;
const STICKY: u32 = 0o1000;

/// The directory of a running thrust. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// The directory itself, open and locked. `None` only while it is taken apart.
    lock: Option<File>,
}

/// What is told to those who look for a running thrust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) pid: u32,
    /// The working directory as it was called: `$PWD` if that is it.
    pub(super) directory: PathBuf,
    /// The working directory without symbolic links, at the start.
    pub(super) physical: PathBuf,
}

/// Why there is no private directory at a place.
#[derive(Debug, thiserror::Error)]
pub(super) enum DirectoryError {
    #[error("{} cannot be used", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error("{} belongs to user {owner}", path.display())]
    Foreign { path: PathBuf, owner: u32 },
    #[error("{} can be written by others (mode {mode:04o})", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("a socket in {} would have too long a path", path.display())]
    TooLong { path: PathBuf },
}

impl Directory {
    /// Makes one in the first runtime directory that allows it. `None` if there is none: it is said in the log, and
    /// all but being asked works without.
    pub(crate) fn open() -> Option<Self> {
        let places = places(|name| env::var_os(name), rustix::process::geteuid().is_root());
        Self::open_in(&places)
    }

    /// Makes one in the first of these places that allows it.
    pub(super) fn open_in(places: &[PathBuf]) -> Option<Self> {
        let mut reasons = Vec::new();
        for place in places {
            match Self::make(place) {
                Ok(directory) => {
                    super::discovery::sweep_beside(&directory);
                    return Some(directory);
                }
                Err(error) => {
                    let reason = crate::error::chain(&error).to_string();
                    if let DirectoryError::Foreign { .. } | DirectoryError::Open { .. } = error {
                        tracing::warn!(reason, "Passed over an unsafe runtime directory");
                    }
                    reasons.push(reason);
                }
            }
        }
        tracing::warn!(
            reasons = reasons.join("; "),
            "Found no directory for control sockets; `thrust status` and `thrust restart` will not find this thrust"
        );
        None
    }

    /// Goes on with the directory of the process image before.
    ///
    /// # Errors
    ///
    /// The system's, if the descriptor is not a directory that can be locked.
    pub(super) fn adopt(path: PathBuf, lock: OwnedFd) -> io::Result<Self> {
        rustix::io::fcntl_setfd(&lock, FdFlags::CLOEXEC)?;
        let lock = File::from(lock);
        // Held already if it was inherited: the lock belongs to what both descriptors share.
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self {
            path,
            lock: Some(lock),
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes a file of ours, if it is there.
    pub(super) fn remove(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.path.join(name))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(name, %error, "Failed to remove a file of the private directory");
        }
    }

    /// Leaves it where it is and gives its lock away: it lives for as long as that is open.
    pub(super) fn into_inherited(mut self) -> (PathBuf, OwnedFd) {
        let lock = self
            .lock
            .take()
            .expect("only this takes the lock, and self with it");
        (std::mem::take(&mut self.path), lock.into())
    }

    fn make(place: &Path) -> Result<Self, DirectoryError> {
        let us = rustix::process::geteuid().as_raw();
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| DirectoryError::Unusable { path, source }
        };
        // A symbolic link may stand here: /tmp and /var/run are some on many systems.
        check_place(place, us)?;

        let base = place.join(format!("thrust-{us}"));
        match DirBuilder::new().mode(0o700).create(&base) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(&base)(error)),
            _ => {}
        }
        open_private(CWD, &base, us)?;

        let path = base.join(format!("{}-{:08x}", std::process::id(), rand::random::<u32>()));
        if path.as_os_str().as_bytes().len() + LONGEST_NAME > LONGEST_SOCKET {
            return Err(DirectoryError::TooLong { path });
        }
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(unusable(&path))?;
        let directory = Self {
            lock: Some(open_private(CWD, &path, us)?),
            path,
        };
        directory.settle().map_err(unusable(&directory.path))?;
        Ok(directory)
    }

    /// Locks it, and says whose it is.
    fn settle(&self) -> io::Result<()> {
        if let Some(lock) = &self.lock {
            lock.try_lock().map_err(io::Error::from)?;
        }
        let about = serde_json::to_vec(&About::this_process()?)?;
        fs::write(self.path.join(ABOUT), about)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let Some(lock) = self.lock.take() else { return };
        let removed = empty(&lock).and_then(|()| fs::remove_dir(&self.path));
        if let Err(error) = removed {
            tracing::debug!(directory = %self.path.display(), %error, "Failed to remove the private directory");
        }
    }
}

impl About {
    fn this_process() -> io::Result<Self> {
        let physical = env::current_dir()?;
        Ok(Self {
            pid: std::process::id(),
            directory: working_directory::as_called().unwrap_or_else(|| physical.clone()),
            physical,
        })
    }
}

/// The runtime directories, the best first: systemd's for the unit, the session's, the system's for root, those for
/// temporary files, and what can be written even where the file system cannot.
pub(super) fn places(variable: impl Fn(&str) -> Option<OsString>, root: bool) -> Vec<PathBuf> {
    let list = variable("RUNTIME_DIRECTORY").unwrap_or_default();
    let session = variable("XDG_RUNTIME_DIR").map(PathBuf::from);
    let system = root.then(|| PathBuf::from("/run"));
    let temporary = variable("TMPDIR").map(PathBuf::from);
    env::split_paths(&list)
        .chain(session)
        .chain(system)
        .chain(temporary)
        .chain(["/tmp".into(), "/dev/shm".into()])
        .filter(|path| path.is_absolute())
        .collect()
}

/// Where directories of this user's thrusts may be, without symbolic links.
pub(crate) fn own_places() -> impl Iterator<Item = PathBuf> {
    let user = rustix::process::geteuid();
    let places = places(|name| env::var_os(name), user.is_root()).into_iter();
    places.filter_map(move |place| {
        Some(
            place
                .canonicalize()
                .ok()?
                .join(format!("thrust-{}", user.as_raw())),
        )
    })
}

/// Opens a directory that must be `owner`'s and closed to everybody else.
pub(super) fn open_private(at: impl AsFd, path: &Path, owner: u32) -> Result<File, DirectoryError> {
    let unusable = |error: rustix::io::Errno| DirectoryError::Unusable {
        path: path.to_owned(),
        source: error.into(),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(at, path, flags, Mode::empty()).map_err(unusable)?;
    let found = rustix::fs::fstat(&directory).map_err(unusable)?;
    check_owner(path, found.st_uid, &[owner])?;
    match found.st_mode & 0o7777 {
        mode if mode & OPEN_TO_OTHERS == 0 => Ok(directory.into()),
        mode => Err(DirectoryError::Open {
            path: path.to_owned(),
            mode,
        }),
    }
}

/// Removes every file of an open directory. What is in it may be anybody's: nothing is followed.
pub(super) fn empty(directory: &File) -> io::Result<()> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if entry.file_type() != FileType::Directory {
            rustix::fs::unlinkat(directory, entry.file_name(), AtFlags::empty())?;
        }
    }
    Ok(())
}

/// Others must not be able to put something of theirs in the place of what we make here.
fn check_place(place: &Path, us: u32) -> Result<(), DirectoryError> {
    let found = rustix::fs::stat(place).map_err(|error| DirectoryError::Unusable {
        path: place.to_owned(),
        source: error.into(),
    })?;
    check_owner(place, found.st_uid, &[us, 0])?;
    match found.st_mode & 0o7777 {
        mode if mode & WRITABLE_BY_OTHERS == 0 || mode & STICKY != 0 => Ok(()),
        mode => Err(DirectoryError::Open {
            path: place.to_owned(),
            mode,
        }),
    }
}

fn check_owner(path: &Path, owner: u32, allowed: &[u32]) -> Result<(), DirectoryError> {
    match allowed.contains(&owner) {
        true => Ok(()),
        false => Err(DirectoryError::Foreign {
            path: path.to_owned(),
            owner,
        }),
    }
}

/// Whether somebody holds the lock of an open directory.
pub(super) fn is_alive(directory: &File) -> bool {
    match directory.try_lock_shared() {
        Ok(()) => false,
        // What cannot be tried is left alone.
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn us() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn place() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn it_is_ours_alone_says_whose_it_is_and_goes_with_us() {
        let place = place();

        let directory = Directory::open_in(&[place.path().to_owned()]).unwrap();
        let path = directory.path().to_owned();

        assert_eq!(
            path.parent(),
            Some(&*place.path().join(format!("thrust-{}", us())))
        );
        for private in [&path, path.parent().unwrap()] {
            assert_eq!(
                fs::metadata(private).unwrap().permissions().mode() & 0o7777,
                0o700
            );
        }
        let about: About = serde_json::from_slice(&fs::read(path.join(ABOUT)).unwrap()).unwrap();
        assert_eq!(about.pid, std::process::id());
        assert_eq!(about.physical, env::current_dir().unwrap());
        assert!(is_alive(&File::open(&path).unwrap()));

        fs::write(path.join("server.pid"), "1").unwrap();
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_given_away_lives_on_and_can_be_taken_up() {
        let place = place();
        let directory = Directory::open_in(&[place.path().to_owned()]).unwrap();

        let (path, lock) = directory.into_inherited();
        assert!(is_alive(&File::open(&path).unwrap()));

        let directory = Directory::adopt(path.clone(), lock).unwrap();
        assert_eq!(directory.path(), path);
        assert!(is_alive(&File::open(&path).unwrap()));
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn a_place_where_others_may_change_what_we_make_is_passed_over() {
        let (open, sticky) = (place(), place());
        chmod(open.path(), 0o777);
        chmod(sticky.path(), 0o1777);

        let directory = Directory::open_in(&[open.path().to_owned(), sticky.path().to_owned()]).unwrap();

        assert!(
            directory.path().starts_with(sticky.path()),
            "{}",
            directory.path().display()
        );
        assert_eq!(fs::read_dir(open.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_of_our_name_that_is_open_a_link_or_a_file_is_not_used() {
        let name = format!("thrust-{}", us());
        let (open, link, file, elsewhere) = (place(), place(), place(), place());
        fs::create_dir(open.path().join(&name)).unwrap();
        chmod(&open.path().join(&name), 0o770);
        symlink(elsewhere.path(), link.path().join(&name)).unwrap();
        fs::write(file.path().join(&name), "").unwrap();

        for place in [&open, &link, &file] {
            assert!(Directory::open_in(&[place.path().to_owned()]).is_none());
        }
        assert!(matches!(
            Directory::make(open.path()),
            Err(DirectoryError::Open { mode: 0o770, .. })
        ));
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_of_somebody_else_is_not_used() {
        if us() != 0 {
            eprintln!("only root can make a directory of somebody else");
            return;
        }
        let place = place();
        let base = place.path().join("thrust-0");
        fs::create_dir(&base).unwrap();
        chmod(&base, 0o700);
        std::os::unix::fs::chown(&base, Some(12345), None).unwrap();

        assert!(matches!(
            Directory::make(place.path()),
            Err(DirectoryError::Foreign { owner: 12345, .. })
        ));
    }

    #[test]
    fn a_place_that_is_missing_or_too_deep_is_passed_over() {
        let place = place();
        let deep = place.path().join("d".repeat(80));
        fs::create_dir(&deep).unwrap();

        assert!(Directory::open_in(&[place.path().join("missing")]).is_none());
        assert!(matches!(
            Directory::make(&deep),
            Err(DirectoryError::TooLong { .. })
        ));
        assert!(Directory::open_in(&[deep, place.path().to_owned()]).is_some());
    }

    #[test]
    fn the_places_stand_in_their_order_and_relative_ones_are_ignored() {
        let variables = |name: &str| {
            let value = match name {
                "RUNTIME_DIRECTORY" => "/run/web:/run/jobs",
                "XDG_RUNTIME_DIR" => "/run/user/7",
                "TMPDIR" => "tmp",
                _ => return None,
            };
            Some(OsString::from(value))
        };

        assert_eq!(
            places(variables, true),
            ["/run/web", "/run/jobs", "/run/user/7", "/run", "/tmp", "/dev/shm"].map(PathBuf::from)
        );
        assert_eq!(places(|_| None, false), ["/tmp", "/dev/shm"].map(PathBuf::from));
    }
}
