//! Where the bytes of a file come from.

use std::fs::File;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

/// Where the bytes of a file come from. An enum, because files will not always be those of this machine.
#[derive(Debug)]
pub(crate) enum Source {
    /// An open file. It stays what it was when another takes its name.
    File(File),
}

impl Source {
    /// Reads what is at `offset`; 0 bytes at the end.
    ///
    /// In place, on the thread of the core: a file that is in memory is read faster than it is handed to another thread,
    /// and of one that is not, each read is short.
    pub(super) fn read_at(&self, space: &mut [u8], offset: u64) -> io::Result<usize> {
        let Self::File(file) = self;
        loop {
            match file.read_at(space, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// What the kernel can send it from.
    #[cfg(target_os = "linux")]
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        let Self::File(file) = self;
        file.as_fd()
    }
}
