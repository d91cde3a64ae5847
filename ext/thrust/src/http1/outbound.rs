//! Bytes on their way out: what we wrote ourselves, then a piece of a body as it came, then what follows it.
//!
//! The three leave in one `writev`, so a body is never copied to stand behind its head.

use std::io::IoSlice;

use bytes::{Buf, Bytes};

use super::encode::chunk_size;
use crate::spares::Spares;

/// What most heads have room in, in bytes.
const USUAL_HEAD: usize = 768;
/// Room that has grown larger is not kept.
const LARGEST: usize = 4 * 1024;

thread_local! {
    static FREE: Spares<Vec<u8>> = const { Spares::new() };
}

/// Room for a head; [`Outbound`] keeps it for the next.
pub(crate) fn room() -> Vec<u8> {
    FREE.with(Spares::take)
        .unwrap_or_else(|| Vec::with_capacity(USUAL_HEAD))
}

/// What one direction of a connection has yet to write.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    before: Vec<u8>,
    written: usize,
    body: Bytes,
    after: &'static [u8],
}

impl Outbound {
    /// Begins with `head`.
    pub(crate) fn new(head: Vec<u8>) -> Self {
        Self {
            before: head,
            written: 0,
            body: Bytes::new(),
            after: b"",
        }
    }

    /// Where heads and chunk sizes are written to. Empty `body` first: it leaves after what is added here.
    pub(crate) fn before(&mut self) -> &mut Vec<u8> {
        debug_assert!(self.body.is_empty() && self.after.is_empty());
        if self.written == self.before.len() {
            self.before.clear();
            self.written = 0;
        }
        &mut self.before
    }

    /// Adds a piece of a body with a known length.
    pub(crate) fn plain(&mut self, data: Bytes) {
        debug_assert!(self.body.is_empty());
        self.body = data;
    }

    /// Adds a piece of a body as a chunk of its own.
    pub(crate) fn chunk(&mut self, data: Bytes) {
        if !data.is_empty() {
            chunk_size(self.before(), data.len());
            self.body = data;
            self.after = b"\r\n";
        }
    }

    /// Has what [`Self::before`] was given last written once more.
    pub(crate) fn rewind(&mut self) {
        self.written = 0;
    }

    /// Whether all of it was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.before.len() && self.body.is_empty() && self.after.is_empty()
    }

    /// Whether a piece of a body still waits, so that nothing can be added before it.
    pub(crate) fn has_body(&self) -> bool {
        !self.body.is_empty() || !self.after.is_empty()
    }

    /// What is left to write, in order.
    pub(crate) fn slices(&self) -> [IoSlice<'_>; 3] {
        [&self.before[self.written..], &self.body, self.after].map(IoSlice::new)
    }

    /// Notes that the first `count` bytes of [`Self::slices`] were written.
    pub(crate) fn advance(&mut self, count: usize) {
        let head = count.min(self.before.len() - self.written);
        self.written += head;
        let body = (count - head).min(self.body.len());
        self.body.advance(body);
        self.after = &self.after[count - head - body..];
        if self.body.is_empty() {
            // Lets go of the buffer that it was a slice of.
            self.body = Bytes::new();
        }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        let mut room = std::mem::take(&mut self.before);
        if (USUAL_HEAD..=LARGEST).contains(&room.capacity()) {
            room.clear();
            // It may be dropped while the thread ends, when the list is gone.
            let _ = FREE.try_with(|free| free.keep(room));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_right_after_a_write_of_any_length() {
        let whole = b"aaa\r\n5\r\nhello\r\n";
        for first in 0..=whole.len() {
            let mut out = Outbound::default();
            out.before().extend_from_slice(b"aaa\r\n");
            out.chunk(Bytes::from_static(b"hello"));

            out.advance(first);

            assert_eq!(out.slices().map(|slice| slice.to_vec()).concat(), whole[first..]);
            assert_eq!(out.is_empty(), first == whole.len());
        }
    }

    #[test]
    fn the_room_of_a_head_is_used_again_unless_it_is_unusual() {
        for (capacity, is_kept) in [(0, false), (USUAL_HEAD, true), (LARGEST + 1, false)] {
            let mut head = Vec::with_capacity(capacity);
            head.extend_from_slice(&b"head"[..capacity.min(4)]);

            drop(Outbound::new(head));

            let kept = FREE.with(Spares::take);
            assert_eq!(kept.is_some_and(|room| room.is_empty()), is_kept, "{capacity}");
        }
    }

    #[test]
    fn a_head_can_be_sent_again_until_something_else_is() {
        let mut out = Outbound::new(b"head".to_vec());
        out.advance(4);
        assert!(out.is_empty());

        out.rewind();
        assert_eq!(out.slices().map(|slice| slice.to_vec()).concat(), b"head");

        out.advance(4);
        out.before().extend_from_slice(b"next");
        assert_eq!(out.slices().map(|slice| slice.to_vec()).concat(), b"next");
    }
}
