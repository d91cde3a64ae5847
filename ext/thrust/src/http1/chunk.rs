//! Chunked bodies (RFC 9112 section 7.1), decoded from bytes in whatever pieces they arrive.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, header};

use super::fields;
use super::head::{HeadError, Scanner};

/// Longest chunk-size line, extensions included.
const MAX_LINE: usize = 256;
/// Most bytes of chunk-size lines beyond their digits in one body; more is an attack on our time.
const MAX_EXTENSIONS: usize = 16 * 1024;
/// Largest trailer section.
const MAX_TRAILERS: usize = 8 * 1024;

/// Why a chunked body was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChunkError {
    #[error("malformed chunk size")]
    Size,
    #[error("chunk extensions are too long")]
    Extensions,
    #[error("chunk is not followed by a line end")]
    End,
    #[error("malformed trailer section")]
    Trailers(#[source] HeadError),
    #[error("trailer section is larger than {MAX_TRAILERS} bytes")]
    TrailersTooLarge,
}

/// What one step of decoding gave.
#[derive(Debug)]
pub(crate) enum Decoded {
    /// Bytes of the body; never empty.
    Data(Bytes),
    /// The body is over. Its trailer fields, without those that may not stand there.
    End(HeaderMap),
}

/// Decodes one chunked body.
#[derive(Debug, Default)]
pub(crate) struct ChunkDecoder {
    state: State,
    /// Bytes of the current size line so far.
    line: usize,
    /// Bytes of extensions in the whole body so far.
    extensions: usize,
    trailers: BytesMut,
    scanner: Scanner,
}

#[derive(Debug, Default, PartialEq)]
enum State {
    /// Before the first digit of a size.
    #[default]
    Start,
    Size(u64),
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    DataEnd,
    DataEndFeed,
    Trailers,
    Done,
}

impl ChunkDecoder {
    /// Takes what it can from `input`; `None` means that it needs more.
    ///
    /// After [`Decoded::End`] the rest of `input` belongs to the next message.
    pub(crate) fn decode(&mut self, input: &mut Bytes) -> Result<Option<Decoded>, ChunkError> {
        while !input.is_empty() && self.state != State::Done {
            match self.state {
                State::Data(left) => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let data = input.split_to(length);
                    // `length` is at most `left`, and a slice's length always fits.
                    let left = left - length as u64;
                    self.state = if left == 0 {
                        State::DataEnd
                    } else {
                        State::Data(left)
                    };
                    return Ok(Some(Decoded::Data(data)));
                }
                State::Trailers => return self.read_trailers(input),
                _ => {
                    let byte = input.get_u8();
                    self.state = self.step(byte)?;
                }
            }
        }
        Ok(None)
    }

    /// The state after one byte between chunks.
    fn step(&mut self, byte: u8) -> Result<State, ChunkError> {
        match (&self.state, byte) {
            (State::DataEnd, b'\r') => return Ok(State::DataEndFeed),
            (State::DataEndFeed, b'\n') => return Ok(State::Start),
            (State::DataEnd | State::DataEndFeed, _) => return Err(ChunkError::End),
            _ => {}
        }
        self.line += 1;
        if self.line > MAX_LINE {
            return Err(ChunkError::Extensions);
        }
        let digit = char::from(byte).to_digit(16).map(u64::from);
        match (&self.state, byte, digit) {
            (State::Start, _, Some(digit)) => Ok(State::Size(digit)),
            (State::Size(size), _, Some(digit)) => {
                let size = size.checked_mul(16).ok_or(ChunkError::Size)?;
                Ok(State::Size(size + digit))
            }
            (State::Size(size), b';', _) => Ok(State::Extension(*size)),
            (State::Size(size) | State::Extension(size), b'\r', _) => Ok(State::SizeEnd(*size)),
            (State::Extension(size), b'\t' | b' '..=b'~' | 0x80.., _) => {
                self.extensions += 1;
                if self.extensions > MAX_EXTENSIONS {
                    return Err(ChunkError::Extensions);
                }
                Ok(State::Extension(*size))
            }
            (State::SizeEnd(size), b'\n', _) => {
                self.line = 0;
                Ok(if *size == 0 {
                    State::Trailers
                } else {
                    State::Data(*size)
                })
            }
            _ => Err(ChunkError::Size),
        }
    }

    fn read_trailers(&mut self, input: &mut Bytes) -> Result<Option<Decoded>, ChunkError> {
        let before = self.trailers.len();
        let room = MAX_TRAILERS + 1 - before.min(MAX_TRAILERS);
        self.trailers.extend_from_slice(&input[..input.len().min(room)]);
        match self
            .scanner
            .find_end(&self.trailers)
            .map_err(ChunkError::Trailers)?
        {
            Some(end) => {
                input.advance(end - before);
                self.trailers.truncate(end);
                self.state = State::Done;
                let fields = fields::parse(&self.trailers.split().freeze()).map_err(ChunkError::Trailers)?;
                Ok(Some(Decoded::End(allowed(fields.headers))))
            }
            None if self.trailers.len() > MAX_TRAILERS => Err(ChunkError::TrailersTooLarge),
            None => {
                input.clear();
                Ok(None)
            }
        }
    }
}

/// Trailer fields without those that frame, route, authorise or describe the content (RFC 9110 section 6.5.1).
fn allowed(mut trailers: HeaderMap) -> HeaderMap {
    const FORBIDDEN: [header::HeaderName; 17] = [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
        header::HOST,
        header::TRAILER,
        header::AUTHORIZATION,
        header::WWW_AUTHENTICATE,
        header::SET_COOKIE,
        header::COOKIE,
        header::CACHE_CONTROL,
        header::VARY,
        header::LOCATION,
        header::DATE,
        header::AGE,
        header::EXPIRES,
        header::RETRY_AFTER,
    ];
    for name in FORBIDDEN {
        trailers.remove(name);
    }
    trailers
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body and the trailers of `input` fed in pieces of `size` bytes, and what was left over.
    fn decode(input: &[u8], size: usize) -> Result<(Vec<u8>, Option<HeaderMap>, usize), ChunkError> {
        let mut decoder = ChunkDecoder::default();
        let mut body = Vec::new();
        let mut rest = 0;
        let mut trailers = None;
        for piece in input.chunks(size) {
            let mut piece = Bytes::copy_from_slice(piece);
            while let Some(decoded) = decoder.decode(&mut piece)? {
                match decoded {
                    Decoded::Data(data) => body.extend_from_slice(&data),
                    Decoded::End(fields) => trailers = Some(fields),
                }
            }
            rest += piece.len();
        }
        Ok((body, trailers, rest))
    }

    #[test]
    fn a_body_is_the_same_in_pieces_of_any_size() {
        let input = b"4;a=\"b c\"\r\nWiki\r\n0005\r\npedia\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\nContent-Length: 5\r\n\r\nGET /";

        for size in 1..=input.len() {
            let (body, trailers, rest) = decode(input, size).unwrap();

            assert_eq!(body, b"Wikipedia0123456789");
            let trailers = trailers.expect("the body ended");
            assert_eq!(trailers["x-sum"], "1");
            assert_eq!(trailers.len(), 1, "a length is no trailer");
            assert_eq!(rest, 5, "the next request is left alone");
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        let cases: [(&[u8], ChunkError); 11] = [
            (b"\r\n", ChunkError::Size),
            (b"g\r\n", ChunkError::Size),
            (b"-1\r\n", ChunkError::Size),
            (b"0x1\r\n", ChunkError::Size),
            (b" 1\r\n", ChunkError::Size),
            (b"1 \r\n", ChunkError::Size),
            (b"1\na", ChunkError::Size),
            (b"1\r\nab", ChunkError::End),
            (b"1\r\na\n", ChunkError::End),
            (b"11111111111111111\r\n", ChunkError::Size),
            (b"1;a\0\r\n", ChunkError::Size),
        ];
        for (input, error) in cases {
            assert_eq!(decode(input, 1).err(), Some(error), "{input:?}");
        }
        assert!(matches!(
            decode(b"0\r\nA: b\n\r\n", 1),
            Err(ChunkError::Trailers(_))
        ));
        assert!(matches!(
            decode(b"0\r\nA : b\r\n\r\n", 1),
            Err(ChunkError::Trailers(_))
        ));
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let line = format!("1;{}\r\n", "x".repeat(MAX_LINE));
        let many = "1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n".repeat(1000);
        let trailers = format!("0\r\nA: {}\r\n\r\n", "x".repeat(MAX_TRAILERS));

        assert_eq!(decode(line.as_bytes(), 64).err(), Some(ChunkError::Extensions));
        assert_eq!(decode(many.as_bytes(), 64).err(), Some(ChunkError::Extensions));
        assert_eq!(
            decode(trailers.as_bytes(), 64).err(),
            Some(ChunkError::TrailersTooLarge)
        );
    }
}
