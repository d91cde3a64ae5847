//! Chunked bodies: the same in any pieces, as by the plain reader, and again when we write them.

use bytes::Bytes;
use http::HeaderMap;

use super::pieces::pieces;
use super::plain;
use crate::http1::chunk::{ChunkDecoder, ChunkError, Decoded};
use crate::http1::encode;
use crate::http1::outbound::Outbound;

#[derive(Debug, Default, PartialEq)]
struct Outcome {
    body: Vec<u8>,
    /// `None` unless the end was reached.
    trailers: Option<HeaderMap>,
    /// Bytes that belong to what follows.
    left: usize,
    error: Option<ChunkError>,
}

/// A chunked body, perhaps with something behind it.
pub fn chunks(input: &[u8]) {
    let ours = decode([Bytes::copy_from_slice(input)].into_iter());
    assert_eq!(ours, decode(pieces(input)), "in pieces it is another");
    let Some(trailers) = &ours.trailers else { return };

    let (theirs, rest) = plain::chunks(input).expect("what we accept, a strict reader accepts");
    assert_eq!(theirs.body, ours.body);
    assert_eq!(
        rest.len(),
        ours.left,
        "what follows begins where a strict reader says"
    );
    for (name, value) in trailers {
        let found = theirs
            .trailers
            .iter()
            .any(|(other, text)| *name == **other && value == &text[..]);
        assert!(found, "{name:?} was not among the trailers");
    }

    let written = encode(pieces(&ours.body), trailers);
    let (again, rest) = plain::chunks(&written).expect("what we write, a strict reader accepts");
    assert_eq!(again.body, ours.body);
    assert_eq!(again.trailers.len(), trailers.len());
    assert!(rest.is_empty() && !again.extended, "what we write is plain");
}

fn decode(reads: impl Iterator<Item = Bytes>) -> Outcome {
    let mut decoder = ChunkDecoder::default();
    let mut outcome = Outcome::default();
    for mut read in reads {
        while outcome.error.is_none() {
            match decoder.decode(&mut read) {
                Ok(Some(Decoded::Data(data))) => {
                    assert!(
                        !data.is_empty(),
                        "an empty piece would end a body that is sent in chunks"
                    );
                    outcome.body.extend_from_slice(&data);
                }
                Ok(Some(Decoded::End(trailers))) => outcome.trailers = Some(trailers),
                Ok(None) => break,
                Err(error) => outcome.error = Some(error),
            }
        }
        if outcome.error.is_some() {
            break;
        }
        assert!(
            read.is_empty() || outcome.trailers.is_some(),
            "bytes were left before the end"
        );
        outcome.left += read.len();
    }
    outcome
}

fn encode(body: impl Iterator<Item = Bytes>, trailers: &HeaderMap) -> Vec<u8> {
    let mut written = Vec::new();
    for piece in body {
        let mut out = Outbound::default();
        out.chunk(piece);
        written.extend(out.slices().iter().flat_map(|slice| slice.to_vec()));
    }
    encode::last_chunk(&mut written, trailers);
    written
}
