//! Read buffers, lent for as long as their bytes are needed.
//!
//! An idle connection holds none: it borrows one when bytes are there to be read. A thread keeps a few for reuse, so
//! that a body passes through without an allocation per read, and a page of a few KiB without one that takes long.

use bytes::Bytes;

use crate::spares::Spares;

/// What one read takes at most; larger ones no longer pay, smaller ones cost system calls.
const SIZE: usize = 64 * 1024;
/// Up to this many bytes are copied out, so that a trickle does not pin a whole buffer: to a smaller one if one is free,
const COPIED: usize = 4 * 1024;
/// and up to this many always to memory of their own size, of which glibc has some at hand up to 1,032 bytes.
const OWN: usize = 1000;

thread_local! {
    static FREE: Spares<Box<[u8]>> = const { Spares::new() };
    static FREE_SMALL: Spares<Box<[u8]>> = const { Spares::new() };
}

/// A buffer of [`SIZE`] bytes, or one of [`COPIED`]; dropping it makes it available again.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    filled: usize,
}

impl Buffer {
    /// Takes a buffer that is free on this thread, or a new one.
    pub(crate) fn lend() -> Self {
        let bytes = FREE
            .with(Spares::take)
            .unwrap_or_else(|| vec![0; SIZE].into_boxed_slice());
        Self { bytes, filled: 0 }
    }

    /// A small buffer with these bytes, if it pays and there is one.
    fn small(content: &[u8]) -> Option<Self> {
        if content.len() <= OWN {
            return None;
        }
        let make = || vec![0; COPIED].into_boxed_slice();
        let mut bytes = FREE_SMALL.with(|free| free.take_or_make(make))?;
        bytes[..content.len()].copy_from_slice(content);
        Some(Self {
            bytes,
            filled: content.len(),
        })
    }

    /// Where to read to: at most `limit` bytes.
    pub(crate) fn space(&mut self, limit: u64) -> &mut [u8] {
        let length = usize::try_from(limit).unwrap_or(usize::MAX).min(SIZE);
        &mut self.bytes[..length]
    }

    /// The first `count` bytes. The buffer comes back when the last slice of them is dropped.
    pub(crate) fn filled(mut self, count: usize) -> Bytes {
        if count <= COPIED {
            let bytes = &self.bytes[..count];
            return match Self::small(bytes) {
                Some(small) => Bytes::from_owner(small),
                None => Bytes::copy_from_slice(bytes),
            };
        }
        self.filled = count;
        Bytes::from_owner(self)
    }
}

/// Whether these bytes, as one read gave them, are in a buffer that is needed again.
pub(crate) fn is_lent(read: &Bytes) -> bool {
    read.len() > COPIED
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let free = if bytes.len() == SIZE { &FREE } else { &FREE_SMALL };
        // The last slice may be dropped while the thread ends, when the list is gone.
        let _ = free.try_with(|free| free.keep(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_its_last_slice_is_gone() {
        let mut buffer = Buffer::lend();
        buffer.space(u64::MAX)[..5000].fill(b'x');
        let address = buffer.bytes.as_ptr();

        let slice = buffer.filled(5000).slice(4999..);
        assert_ne!(Buffer::lend().bytes.as_ptr(), address);
        drop(slice);

        let addresses: Vec<_> = [Buffer::lend(), Buffer::lend()]
            .iter()
            .map(|buffer| buffer.bytes.as_ptr())
            .collect();
        assert!(addresses.contains(&address));
    }

    #[test]
    fn a_few_bytes_do_not_pin_a_buffer() {
        let buffer = Buffer::lend();
        let address = buffer.bytes.as_ptr();

        let (bytes, more) = (buffer.filled(10), Buffer::lend().filled(COPIED));

        assert_eq!(Buffer::lend().bytes.as_ptr(), address);
        assert_eq!((bytes.len(), more.len()), (10, COPIED));
    }

    #[test]
    fn a_small_buffer_is_used_again_and_holds_what_was_read() {
        let read = |byte| {
            let mut buffer = Buffer::lend();
            buffer.space(u64::MAX)[..2000].fill(byte);
            buffer.filled(2000)
        };
        let first = read(b'a');
        let address = first.as_ptr();
        assert_ne!(read(b'b').as_ptr(), address);
        drop(first);

        let pieces = [read(b'c'), read(b'd')];

        assert!(pieces.iter().any(|piece| piece.as_ptr() == address));
        assert!(pieces[0].iter().all(|byte| *byte == b'c') && pieces[1].iter().all(|byte| *byte == b'd'));
        assert_eq!(pieces[0].len(), 2000);
    }

    #[test]
    fn a_read_never_takes_more_than_it_may() {
        assert_eq!(Buffer::lend().space(3).len(), 3);
        assert_eq!(Buffer::lend().space(u64::MAX).len(), SIZE);
    }
}
