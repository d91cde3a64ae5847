//! Bytes that were received and not yet used: heads come out whole, the rest as it came.

use bytes::{Buf, Bytes, BytesMut};

use super::head::{HeadError, Scanner};
use crate::buffer;

/// What one direction of a connection has received.
///
/// A head that arrives in one large piece is copied out of the read buffer, which is needed again; of a small piece, which
/// has memory of its own, it is a part. One that trickles in is gathered in memory of its own size, so that a slow client
/// does not hold a whole read buffer. Either way it is bounded by [`super::head::MAX_HEAD`] and one read.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    /// The beginning of a head that is not whole yet.
    partial: BytesMut,
    unread: Bytes,
    /// Whether `unread` is a part of a read buffer.
    is_lent: bool,
    scanner: Scanner,
}

impl Inbound {
    /// Starts with bytes that somebody else has read.
    pub(crate) fn new(received: Bytes) -> Self {
        Self {
            is_lent: buffer::is_lent(&received),
            unread: received,
            ..Self::default()
        }
    }

    /// Adds what a read gave.
    pub(crate) fn push(&mut self, received: Bytes) {
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(&received);
        } else if self.unread.is_empty() {
            self.is_lent = buffer::is_lent(&received);
            self.unread = received;
        } else {
            self.is_lent = false;
            self.unread = [&self.unread[..], &received].concat().into();
        }
    }

    /// Takes out the next head, its empty line included; `None` until it is whole.
    ///
    /// # Errors
    ///
    /// See [`Scanner::find_end`].
    pub(crate) fn take_head(&mut self) -> Result<Option<Bytes>, HeadError> {
        let bytes = if self.partial.is_empty() {
            &self.unread[..]
        } else {
            &self.partial[..]
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        let Some(end) = self.scanner.find_end(bytes)? else {
            if self.partial.is_empty() {
                self.partial.extend_from_slice(&self.unread);
                self.unread = Bytes::new();
            }
            return Ok(None);
        };
        self.scanner = Scanner::default();
        if self.partial.is_empty() {
            let head = if self.is_lent {
                let head = Bytes::copy_from_slice(&self.unread[..end]);
                self.unread.advance(end);
                head
            } else {
                self.unread.split_to(end)
            };
            if self.unread.is_empty() {
                self.unread = Bytes::new();
            }
            Ok(Some(head))
        } else {
            let mut gathered = std::mem::take(&mut self.partial).freeze();
            let head = gathered.split_to(end);
            self.unread = gathered;
            self.is_lent = false;
            Ok(Some(head))
        }
    }

    /// What follows the heads that were taken: the body, or the next message.
    pub(crate) fn unread(&mut self) -> &mut Bytes {
        debug_assert!(self.partial.is_empty(), "no head was left half read");
        &mut self.unread
    }

    /// Whether everything received was used.
    pub(crate) fn is_empty(&self) -> bool {
        self.partial.is_empty() && self.unread.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_come_out_whole_whatever_the_reads_were() {
        let wire = b"GET /1 HTTP/1.1\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\n\r\nbody";
        for size in 1..=wire.len() {
            let mut inbound = Inbound::default();
            let mut heads = Vec::new();
            for piece in wire.chunks(size) {
                inbound.push(Bytes::copy_from_slice(piece));
                while heads.len() < 2
                    && let Some(head) = inbound.take_head().unwrap()
                {
                    heads.push(head);
                }
            }

            assert_eq!(
                heads,
                ["GET /1 HTTP/1.1\r\nA: b\r\n\r\n", "GET /2 HTTP/1.1\r\n\r\n"]
            );
            assert_eq!(*inbound.unread(), "body");
        }
    }

    #[test]
    fn nothing_is_held_once_everything_was_used() {
        let mut inbound = Inbound::new(Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"));

        assert!(inbound.take_head().unwrap().is_some());

        assert!(inbound.is_empty());
    }
}
