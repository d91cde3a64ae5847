//! Opens files whose name is where they really are, so that nobody has to ask where that is.
//!
//! An absolute name of plain parts is the real one if no symbolic link is on the way. The kernel refuses those itself,
//! while it opens the file: between its look and ours nothing can be moved.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, retry_on_intr};

/// Whether the system has said that it cannot: before Linux 5.6, and in some sandboxes.
static IMPOSSIBLE: AtomicBool = AtomicBool::new(false);

/// The file that has this name as its real one; `None` if the name has to be taken as any other.
pub(super) fn open(path: &Path, flags: OFlags) -> Option<Result<OwnedFd, Errno>> {
    if !is_plain(path) || IMPOSSIBLE.load(Ordering::Relaxed) {
        return None;
    }
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match retry_on_intr(|| rustix::fs::openat2(CWD, path, flags, Mode::empty(), resolve)) {
        // A link is on the way; or the name is none, which the other way finds as well.
        Err(Errno::LOOP | Errno::INVAL) => None,
        Err(Errno::NOSYS | Errno::PERM) => {
            IMPOSSIBLE.store(true, Ordering::Relaxed);
            None
        }
        opened => Some(opened),
    }
}

/// Whether it begins at the root and leads downwards only, each step written in one way.
fn is_plain(path: &Path) -> bool {
    let Some(names) = path.as_os_str().as_bytes().strip_prefix(b"/") else {
        return false;
    };
    names
        .split(|byte| *byte == b'/')
        .all(|name| !matches!(name, b"" | b"." | b".."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_plain_name_is_absolute_and_has_nothing_but_names() {
        for path in ["/a", "/a/b.c", "/..a/...", "/.a/b."] {
            assert!(is_plain(Path::new(path)), "{path}");
        }
        for path in [
            "", "a", "a/b", "/", "//", "//a", "/a/", "/a//b", "/.", "/./a", "/a/.", "/..", "/a/../b", "/a/..",
        ] {
            assert!(!is_plain(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn what_is_opened_is_where_its_name_says_and_links_are_left_to_others() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        std::fs::create_dir(place.join("directory")).unwrap();
        std::fs::write(place.join("directory/file"), "hello").unwrap();
        symlink("directory", place.join("way")).unwrap();
        symlink("directory/file", place.join("link")).unwrap();
        symlink("loop", place.join("loop")).unwrap();
        let open = |path: &str| open(&place.join(path), OFlags::RDONLY | OFlags::CLOEXEC);

        assert!(matches!(open("directory/file"), Some(Ok(_))));
        assert!(matches!(open("directory/nothing"), Some(Err(Errno::NOENT))));
        for path in [
            "way/file",
            "link",
            "loop",
            "directory/../directory/file",
            "/proc/self/exe",
            "/proc/self/cwd/Cargo.toml",
        ] {
            assert!(open(path).is_none(), "{path}");
        }
    }
}
