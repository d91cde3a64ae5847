//! Cuts an input into pieces, as a network does; where, follows from the input alone.

use bytes::Bytes;

/// The input in pieces of one size.
pub(super) fn pieces(input: &[u8]) -> impl Iterator<Item = Bytes> {
    const SIZES: [usize; 6] = [1, 2, 3, 7, 61, 1021];
    let size = SIZES[sum(input) % SIZES.len()];
    input.chunks(size).map(Bytes::copy_from_slice)
}

/// The input in two halves, either of which may be empty.
pub(super) fn halves(input: &[u8]) -> (&[u8], &[u8]) {
    input.split_at(sum(input) % (input.len() + 1))
}

fn sum(input: &[u8]) -> usize {
    input.iter().map(|byte| usize::from(*byte)).sum()
}
