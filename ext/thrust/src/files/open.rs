//! Opens what may be sent: regular files, and nothing that would block, or act when it is opened.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::{Errno, retry_on_intr};

use super::body::READ;
#[cfg(target_os = "linux")]
use super::real_name;
use super::source::Source;
use super::validators::Modified;

/// Why a file is not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("there is no such file")]
    Missing(#[source] io::Error),
    #[error("it is a directory")]
    Directory,
    #[error("it may not be read")]
    Denied(#[source] io::Error),
    #[error("it is neither a file nor a directory")]
    Special,
    #[error("it lies outside of the directories that files are sent from")]
    Outside,
    #[error("it is not below a path of THRUSTER_SENDFILE_MAPPINGS")]
    Unmapped,
    #[error("no descriptor is free")]
    Exhausted(#[source] io::Error),
    #[error("the system could not open it")]
    Broken(#[source] io::Error),
}

impl From<Errno> for FileError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::INVAL => {
                Self::Missing(errno.into())
            }
            Errno::ACCESS | Errno::PERM => Self::Denied(errno.into()),
            // A socket, or a device without a driver.
            Errno::NXIO | Errno::NODEV => Self::Special,
            Errno::MFILE | Errno::NFILE => Self::Exhausted(errno.into()),
            _ => Self::Broken(errno.into()),
        }
    }
}

/// A regular file, open for reading.
#[derive(Clone, Debug)]
pub(crate) struct OpenFile {
    pub(crate) source: Source,
    /// In bytes, when it was opened.
    pub(crate) size: u64,
    pub(crate) modified: Modified,
    /// Whether the name it was opened by is known to be where it really is.
    pub(super) has_real_name: bool,
}

impl OpenFile {
    /// Reads it if it is small, and closes it then. One that cannot be read now may be later.
    pub(super) fn into_memory_if_small(mut self) -> Self {
        if self.size <= READ
            && let Ok(bytes) = self.source.read_at(0, self.size)
            && bytes.len() as u64 == self.size
        {
            // A copy: what was read is a part of a buffer that is needed again.
            self.source = Source::Memory(Bytes::copy_from_slice(&bytes));
        }
        self
    }

    /// Whether it is as it was when it was opened, as far as its size and its time tell. What is in memory stays that.
    pub(crate) fn is_unchanged(&self) -> bool {
        match &self.source {
            Source::File(file) => rustix::fs::fstat(file)
                .is_ok_and(|stat| (size(&stat), modified(&stat)) == (self.size, self.modified)),
            Source::Memory(_) => true,
        }
    }

    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self.source, Source::Memory(_))
    }
}

/// Opens the file of this name; one that is relative is looked for in our working directory.
///
/// # Errors
///
/// There is none, it may not be read, or it is no regular file.
pub(crate) fn open(path: &Path) -> Result<OpenFile, FileError> {
    let (descriptor, has_real_name) = open_by_name(path)?;
    let stat = rustix::fs::fstat(&descriptor)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(OpenFile {
            source: Source::File(Arc::new(File::from(descriptor))),
            size: size(&stat),
            modified: modified(&stat),
            has_real_name,
        }),
        FileType::Directory => Err(FileError::Directory),
        _ => Err(FileError::Special),
    }
}

/// What has this name, and whether the name is known to be the real one.
fn open_by_name(path: &Path) -> Result<(OwnedFd, bool), Errno> {
    // A FIFO without a writer would block, a terminal would become ours.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    #[cfg(target_os = "linux")]
    if let Some(opened) = real_name::open(path, flags) {
        return opened.map(|descriptor| (descriptor, true));
    }
    let descriptor = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?;
    Ok((descriptor, false))
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

fn modified(stat: &Stat) -> Modified {
    Modified {
        seconds: stat.st_mtime,
        nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_a_regular_file_is_opened_and_nothing_blocks() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        std::fs::write(path("file"), "hello").unwrap();
        std::fs::write(path("empty"), "").unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink(path("loop"), path("loop")).unwrap();

        assert_eq!(open(&path("file")).unwrap().size, 5);
        assert_eq!(open(&path("empty")).unwrap().size, 0);
        for name in ["fifo", "socket", "/dev/null", "/dev/zero"] {
            let opened = open(&path(name));
            assert!(matches!(opened, Err(FileError::Special)), "{name} {opened:?}");
        }
        assert!(matches!(open(place.path()), Err(FileError::Directory)));
        for name in [
            "nothing",
            "file/below",
            "loop",
            &"x".repeat(300),
            &"x/".repeat(3000),
        ] {
            let opened = open(&path(name));
            assert!(matches!(opened, Err(FileError::Missing(_))), "{name} {opened:?}");
        }
    }
}
