//! What bodies are made of: bytes that follow from the id of their request, so that no other byte is right.

/// How much of a wrong body a finding shows, in bytes.
const SHOWN: usize = 60;

/// Writes the bytes of the body `id` from `offset` on.
pub(crate) fn fill(id: u64, offset: u64, piece: &mut [u8]) {
    let mut word = word_of(id, offset / 8);
    for (at, byte) in (offset..).zip(piece) {
        if at % 8 == 0 {
            word = word_of(id, at / 8);
        }
        *byte = word[(at % 8) as usize];
    }
}

/// So many bytes of the body `id`.
pub(crate) fn make(id: u64, offset: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fill(id, offset, &mut bytes);
    bytes
}

/// Compares a body with the only right one, piece by piece.
#[derive(Debug)]
pub(crate) struct Check {
    id: u64,
    /// Bytes that were right so far.
    pub(crate) seen: u64,
    expected: u64,
}

impl Check {
    /// For the body `id` of `expected` bytes.
    pub(crate) fn new(id: u64, expected: u64) -> Self {
        Self {
            id,
            seen: 0,
            expected,
        }
    }

    /// # Errors
    ///
    /// What is wrong, for a piece that is not the next one.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        if self.seen + piece.len() as u64 > self.expected {
            return Err(format!("more than its {} bytes", self.expected));
        }
        let right = make(self.id, self.seen, piece.len());
        if let Some(at) = (0..piece.len()).find(|at| piece[*at] != right[*at]) {
            let came = String::from_utf8_lossy(&piece[at..piece.len().min(at + SHOWN)]);
            let at = self.seen + at as u64;
            return Err(format!("byte {at} of {} is wrong: {came:?}", self.expected));
        }
        self.seen += piece.len() as u64;
        Ok(())
    }

    /// Whether all of it came.
    pub(crate) fn is_whole(&self) -> bool {
        self.seen == self.expected
    }
}

/// splitmix64: neighbours have nothing in common.
fn word_of(id: u64, number: u64) -> [u8; 8] {
    let mut word = id
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(number.wrapping_mul(0xbf58_476d_1ce4_e5b9));
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (word ^ (word >> 31)).to_le_bytes()
}
