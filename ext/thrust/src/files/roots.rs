//! From which directories files may be sent.

use std::borrow::Cow;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::open::{FileError, OpenFile};
use super::source::Source;

/// What nobody means to send: files of the system, which only look like some.
const SYSTEM: [&str; 3] = ["/proc", "/sys", "/dev"];

/// From which directories files may be sent.
///
/// Asked about files that are open already, by where they really are: between the answer and the first byte nobody can
/// put another in their place.
#[derive(Debug)]
pub(crate) struct Roots {
    /// As they were named; empty if files may be anywhere.
    directories: Box<[PathBuf]>,
    /// Where those that exist really are. A deploy may move a symbolic link meanwhile.
    resolved: ArcSwap<Vec<PathBuf>>,
    /// Ours, from which nothing is sent.
    private: Box<[PathBuf]>,
}

impl Roots {
    /// `directories` may be symbolic links, and need not exist yet. If there are none, a file may be anywhere but in
    /// the system's directories. From `private`, where no symbolic link may be on the way, nothing is sent.
    pub(crate) fn new(
        directories: impl IntoIterator<Item = PathBuf>,
        private: impl IntoIterator<Item = PathBuf>,
    ) -> Self {
        let directories: Box<[_]> = directories.into_iter().collect();
        Self {
            resolved: ArcSwap::from_pointee(resolve(&directories)),
            directories,
            private: private.into_iter().collect(),
        }
    }

    /// Lets `file` pass, which was opened by the name `path`.
    ///
    /// # Errors
    ///
    /// [`FileError::Outside`], also if it cannot be told where it is.
    pub(crate) fn admit(&self, file: OpenFile, path: &Path) -> Result<OpenFile, FileError> {
        let place = if file.has_real_name {
            Cow::Borrowed(path)
        } else {
            Cow::Owned(place(&file, path).map_err(|_| FileError::Outside)?)
        };
        if self.contain(&place) {
            Ok(file)
        } else {
            Err(FileError::Outside)
        }
    }

    fn contain(&self, place: &Path) -> bool {
        if !place.is_absolute() || self.private.iter().any(|private| is_below(place, private)) {
            return false;
        }
        let system = SYSTEM.iter().find(|system| is_below(place, Path::new(system)));
        if self.directories.is_empty() {
            return system.is_none();
        }
        // A root that is above the system's directories does not mean those.
        let means = |root: &Path| system.is_none_or(|system| root.starts_with(system));
        let is_inside = |roots: &[PathBuf]| roots.iter().any(|root| is_below(place, root) && means(root));
        if is_inside(&self.resolved.load()) {
            return true;
        }
        let now = Arc::new(resolve(&self.directories));
        let is_inside = is_inside(&now);
        self.resolved.store(now);
        is_inside
    }
}

/// Whether `place` is `directory` or below it. Both are real paths, so that their bytes tell: `Path::starts_with` takes
/// each apart, several times for each file.
fn is_below(place: &Path, directory: &Path) -> bool {
    let directory = directory.as_os_str().as_bytes();
    match place.as_os_str().as_bytes().strip_prefix(directory) {
        Some(rest) => rest.is_empty() || rest[0] == b'/' || directory == b"/",
        None => false,
    }
}

fn resolve(directories: &[PathBuf]) -> Vec<PathBuf> {
    directories
        .iter()
        .filter_map(|path| path.canonicalize().ok())
        .collect()
}

/// Where an open file is, without symbolic links.
#[cfg(target_os = "linux")]
fn place(file: &OpenFile, path: &Path) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStringExt;

    let Source::File(descriptor) = &file.source else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let link = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    match rustix::fs::readlink(link, Vec::with_capacity(256)) {
        Ok(place) => Ok(std::ffi::OsString::from_vec(place.into_bytes()).into()),
        // Where /proc is not mounted.
        Err(_) => place_by_name(file, path),
    }
}

#[cfg(not(target_os = "linux"))]
use place_by_name as place;

/// The real path by which the very file is reached that is open.
fn place_by_name(file: &OpenFile, path: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::MetadataExt;

    let place = path.canonicalize()?;
    let Source::File(descriptor) = &file.source else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let (named, open) = (place.symlink_metadata()?, descriptor.metadata()?);
    if (named.dev(), named.ino()) == (open.dev(), open.ino()) {
        Ok(place)
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::super::open::open;
    use super::*;

    fn admits(roots: &Roots, path: &Path) -> bool {
        let mut file = open(path).unwrap();
        let admitted = roots.admit(file.clone(), path).is_ok();
        file.has_real_name = false;
        assert_eq!(
            roots.admit(file, path).is_ok(),
            admitted,
            "{path:?} by its descriptor"
        );
        admitted
    }

    #[test]
    fn what_is_below_a_directory_is_told_by_whole_names() {
        let below = |place: &str, directory: &str| is_below(Path::new(place), Path::new(directory));

        assert!(below("/srv/a", "/srv") && below("/srv", "/srv") && below("/srv", "/"));
        assert!(!below("/srv2/a", "/srv") && !below("/sr", "/srv") && !below("/", "/srv"));
    }

    #[test]
    fn without_roots_a_file_may_be_anywhere_but_where_the_system_and_we_have_ours() {
        let place = tempfile::tempdir().unwrap();
        let private = place.path().join("private");
        fs::create_dir(&private).unwrap();
        for name in ["file", "private/secret"] {
            fs::write(place.path().join(name), "x").unwrap();
        }
        symlink("/proc/self/environ", place.path().join("link")).unwrap();
        symlink(&private, place.path().join("way")).unwrap();
        let roots = Roots::new([], [private.canonicalize().unwrap()]);

        assert!(admits(&roots, &place.path().join("file")));
        for name in ["private/secret", "way/secret"] {
            assert!(!admits(&roots, &place.path().join(name)), "{name}");
        }
        if cfg!(target_os = "linux") {
            assert!(!admits(&roots, Path::new("/proc/self/environ")));
            assert!(!admits(&roots, &place.path().join("link")));
        }
    }

    #[test]
    fn with_roots_a_file_is_really_inside_of_one() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for name in ["one/deep", "one-more", "other"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        for name in ["one/deep/file", "one-more/file", "other/file", "file"] {
            fs::write(path(name), "x").unwrap();
        }
        symlink(path("other/file"), path("one/out")).unwrap();
        symlink(path("one/deep/file"), path("other/in")).unwrap();
        symlink(path("one"), path("current")).unwrap();
        let roots = Roots::new([path("current"), path("missing")], []);

        for name in [
            "one/deep/file",
            "current/deep/file",
            "other/in",
            "one/deep/../deep/file",
        ] {
            assert!(admits(&roots, &path(name)), "{name}");
        }
        for name in ["one-more/file", "other/file", "file", "one/out", "one/../file"] {
            assert!(!admits(&roots, &path(name)), "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_root_means_the_directories_of_the_system_only_if_it_is_in_one() {
        let admitted = |root: &str, path: &str| admits(&Roots::new([root.into()], []), Path::new(path));

        assert!(admitted("/", "/etc/passwd"));
        assert!(!admitted("/", "/proc/self/status"));
        assert!(admitted("/proc", "/proc/self/status"));
    }

    #[test]
    fn a_root_that_a_deploy_moves_is_followed() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for name in ["1", "2"] {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("file"), name).unwrap();
        }
        symlink(path("1"), path("current")).unwrap();
        let roots = Roots::new([path("current")], []);

        fs::remove_file(path("current")).unwrap();
        symlink(path("2"), path("current")).unwrap();

        assert!(admits(&roots, &path("current/file")));
        assert!(!admits(&roots, &path("1/file")), "it has moved");
    }

    #[test]
    fn the_name_of_another_file_is_no_place() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for name in ["one", "other"] {
            fs::write(path(name), name).unwrap();
        }
        let file = open(&path("one")).unwrap();

        let place = path("one").canonicalize().unwrap();
        assert_eq!(place_by_name(&file, &path("one")).unwrap(), place);
        assert!(place_by_name(&file, &path("other")).is_err());
    }
}
