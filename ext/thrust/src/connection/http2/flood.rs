//! Tells a client that talks from one that keeps us busy, by the heads of the frames it sends.
//!
//! h2 bounds what costs memory: streams, header blocks, CONTINUATIONs, small and empty DATA frames, resets that were
//! its own. It reads without end what costs only time: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, unknown types, empty
//! frames, and frames of streams that are over. So each frame takes from an **allowance**, and what comes of frames
//! gives back: requests, their bodies, answers that are taken. Time gives back as well.
//!
//! What clients send without our seeing a use of it is a small multiple of what we see: a few PRIORITY and
//! WINDOW_UPDATE frames a request (Firefox, nghttp2), two WINDOW_UPDATEs for each DATA frame of an answer (Python's
//! h2), a PING for each of them (gRPC). The amounts leave room for more than twice that, and the allowance for the rest.

use std::time::Duration;

use tokio::time::Instant;

use crate::connection::PREFACE;

/// What frames may take before anything came of them, a few milliseconds of our time. It is nghttp2's default for what
/// clients get wrong.
const FRAMES: Rate = Rate {
    most: 10_000,
    per_second: 330,
};
/// Answers that a client may make us begin in vain: twice what it may have open at once, so that it can leave two pages
/// in a row. Each answer that is finished gives one back.
const ABANDONED: Rate = Rate {
    most: 500,
    per_second: 33,
};

/// What one request gives back: its HEADERS, and what may surround them.
pub(super) const PER_REQUEST: u64 = 10;
/// What a piece of an answer gives back, and
pub(super) const PER_PIECE: u64 = 4;
/// one more for so many bytes that have left. Where many answers share one window, h2 cuts them into frames of a few
/// hundred bytes, and a client may send two WINDOW_UPDATEs for each. One that takes its answers byte by
/// byte costs more than it gives back.
pub(super) const BYTES: u64 = 64;

/// A DATA frame of this length pays for itself. It is h2's bound for small ones.
const SUBSTANTIAL: usize = 256;
/// SETTINGS are answered, and change every open stream.
const SETTINGS_COST: u32 = 10;

const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// Why a client is sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Abuse {
    #[error("the client sent too many HTTP/2 frames for nothing")]
    Frames,
    #[error("the client abandoned too many of its HTTP/2 requests")]
    Abandoned,
    #[error("the client did not finish the head of an HTTP/2 request within {0:?}")]
    SlowHead(Duration),
}

/// Finds the heads of frames in the bytes of a connection, however these are cut.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes that belong to no head: the preface, then payloads.
    skip: usize,
    /// The first bytes of a head that is not whole.
    head: [u8; HEAD],
    have: usize,
    /// The kind and flags of the latest frame.
    latest: (u8, u8),
    /// Header blocks that have begun.
    blocks: u64,
    /// The highest stream that was opened.
    last_stream: u32,
}

impl Frames {
    /// At the start of a connection, before the preface.
    pub(super) fn new() -> Self {
        Self {
            skip: PREFACE.len(),
            head: [0; HEAD],
            have: 0,
            latest: (SETTINGS, 0),
            blocks: 0,
            last_stream: 0,
        }
    }

    /// What the frames that begin in `bytes` take from the allowance.
    pub(super) fn cost(&mut self, mut bytes: &[u8]) -> u32 {
        let mut cost = 0;
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let missing = (HEAD - self.have).min(bytes.len());
            self.head[self.have..self.have + missing].copy_from_slice(&bytes[..missing]);
            self.have += missing;
            bytes = &bytes[missing..];
            if self.have < HEAD {
                return cost;
            }
            self.have = 0;
            cost += self.enter();
        }
    }

    /// Takes note of the frame whose head is whole.
    fn enter(&mut self) -> u32 {
        let [a, b, c, kind, flags, id @ ..] = self.head;
        self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
        self.latest = (kind, flags);
        match kind {
            DATA if self.skip >= SUBSTANTIAL => return 0,
            SETTINGS if flags & ACK == 0 => return SETTINGS_COST,
            HEADERS => {
                self.blocks += 1;
                let id = u32::from_be_bytes(id) & 0x7fff_ffff;
                self.last_stream = self.last_stream.max(id);
            }
            _ => {}
        }
        1
    }

    /// The number of the header block that has begun and not ended, if there is one.
    pub(super) fn open_block(&self) -> Option<u64> {
        let (kind, flags) = self.latest;
        let is_open = matches!(kind, HEADERS | CONTINUATION) && (self.skip > 0 || flags & END_HEADERS == 0);
        is_open.then_some(self.blocks)
    }

    /// The highest stream that the client has opened.
    pub(super) fn last_stream(&self) -> u32 {
        self.last_stream
    }
}

/// How much may be taken at once, and how fast it comes back.
#[derive(Clone, Copy, Debug)]
struct Rate {
    most: u32,
    per_second: u32,
}

/// How much a client may still do for nothing.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    rate: Rate,
    /// Until when time was counted.
    counted: Instant,
}

impl Allowance {
    /// For frames.
    pub(super) fn of_frames() -> Self {
        Self::new(FRAMES)
    }

    /// For requests that the client abandons.
    pub(super) fn of_abandoned() -> Self {
        Self::new(ABANDONED)
    }

    fn new(rate: Rate) -> Self {
        Self {
            left: rate.most,
            rate,
            counted: Instant::now(),
        }
    }

    /// Takes so much; whether there was enough. `earned` is only asked for when there is not.
    pub(super) fn take(&mut self, cost: u32, earned: impl FnOnce() -> u64) -> bool {
        if self.left < cost {
            // Late, because a look at the clock costs more than many frames.
            let passed = self.counted.elapsed();
            let regained = passed.as_millis().saturating_mul(self.rate.per_second.into()) / 1000;
            if regained > 0 {
                self.counted += passed;
            }
            self.give(u64::try_from(regained).unwrap_or(u64::MAX));
            self.give(earned());
        }
        let left = self.left.checked_sub(cost);
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    /// Gives back so much.
    pub(super) fn give(&mut self, count: u64) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(count).min(self.rate.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, length: usize) -> Vec<u8> {
        let [a, b] = u16::try_from(length).unwrap().to_be_bytes();
        let mut frame = vec![0, a, b, kind, flags, 0, 0, 0, stream];
        frame.resize(HEAD + length, b'x');
        frame
    }

    fn costs(bytes: &[u8], size: usize) -> (u32, Frames) {
        let mut frames = Frames::new();
        let cost = bytes.chunks(size).map(|piece| frames.cost(piece)).sum();
        (cost, frames)
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        const PING: u8 = 6;
        let bytes = [
            PREFACE.to_vec(),
            frame(SETTINGS, 0, 0, 18),
            frame(SETTINGS, ACK, 0, 0),
            frame(HEADERS, END_HEADERS, 5, 40),
            frame(DATA, 0, 5, 10_000),
            frame(DATA, 1, 5, 0),
            frame(PING, 0, 0, 8),
            frame(HEADERS, END_HEADERS, 3, 0),
            frame(200, 0, 0, 0),
        ]
        .concat();

        for size in 1..bytes.len() {
            let (cost, frames) = costs(&bytes, size);

            assert_eq!(cost, SETTINGS_COST + 6, "pieces of {size}");
            assert_eq!(frames.last_stream(), 5);
            assert_eq!(frames.open_block(), None);
        }
    }

    #[test]
    fn a_header_block_is_open_until_its_last_byte() {
        let open = [
            PREFACE.to_vec(),
            frame(HEADERS, 0, 1, 4),
            frame(CONTINUATION, 0, 1, 0),
        ]
        .concat();
        let (_, mut frames) = costs(&open, open.len());
        assert_eq!(frames.open_block(), Some(1));

        let end = frame(CONTINUATION, END_HEADERS, 1, 4);
        frames.cost(&end[..HEAD + 3]);
        assert_eq!(frames.open_block(), Some(1));
        frames.cost(&end[HEAD + 3..]);
        assert_eq!(frames.open_block(), None);

        frames.cost(&frame(HEADERS, 0, 3, 0));
        assert_eq!(frames.open_block(), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_allowance_comes_back_with_time_and_with_what_was_earned_but_never_grows() {
        let mut allowance = Allowance::new(Rate {
            most: 100,
            per_second: 10,
        });

        assert!(allowance.take(100, || 0));
        assert!(!allowance.take(1, || 0));
        tokio::time::advance(Duration::from_millis(550)).await;
        assert!(allowance.take(5, || 0));
        assert!(!allowance.take(1, || 0));
        assert!(allowance.take(7, || 7));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(allowance.take(100, || u64::MAX));
        assert!(!allowance.take(1, || 0));
    }
}
