//! Where the bytes of a file come from.

use std::fs::File;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use crate::buffer::{self, Buffer};

/// Where the bytes of a file come from. An enum, because files will not always be those of this machine.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// An open file. It stays what it was when another takes its name.
    File(Arc<File>),
    /// What was in a small one.
    Memory(Bytes),
}

impl Source {
    /// Reads what is at `offset`, at most `limit` bytes; none at the end.
    ///
    /// In place, on the thread of the core: a file that is in memory is read faster than it is handed to another
    /// thread, and of one that is not, each read is short.
    pub(super) fn read_at(&self, offset: u64, limit: u64) -> io::Result<Bytes> {
        match self {
            Self::File(file) => {
                let mut buffer = Buffer::lend();
                let count = read_at(file, buffer.space(limit), offset)?;
                Ok(buffer.filled(count))
            }
            Self::Memory(bytes) => {
                let place =
                    |offset: u64| usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
                Ok(bytes.slice(place(offset)..place(offset.saturating_add(limit))))
            }
        }
    }

    /// The same in memory of just that size, which may be held for long.
    pub(super) fn copy_at(&self, offset: u64, limit: u64) -> io::Result<Bytes> {
        let bytes = self.read_at(offset, limit)?;
        Ok(match self {
            Self::File(_) if buffer::is_lent(&bytes) => Bytes::copy_from_slice(&bytes),
            Self::File(_) | Self::Memory(_) => bytes,
        })
    }

    /// What the kernel can send it from, if it can.
    #[cfg(target_os = "linux")]
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::File(file) => Some(file.as_fd()),
            Self::Memory(_) => None,
        }
    }
}

fn read_at(file: &File, space: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(space, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
