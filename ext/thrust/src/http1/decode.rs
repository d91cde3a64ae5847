//! Where a message body ends (RFC 9112 section 6.3), whichever way it is delimited.

use bytes::Bytes;

use super::chunk::{ChunkDecoder, ChunkError, Decoded};

/// Takes a body out of the bytes of a connection.
#[derive(Debug)]
pub(crate) enum BodyDecoder {
    /// So many bytes are still to come; never 0.
    Length(u64),
    Chunked(Box<ChunkDecoder>),
    /// Until the other end closes.
    UntilClose,
    /// The end was reached.
    Over,
}

impl BodyDecoder {
    /// For a body of `length` bytes.
    pub(crate) fn length(length: u64) -> Self {
        if length == 0 {
            Self::Over
        } else {
            Self::Length(length)
        }
    }

    /// For a chunked body.
    pub(crate) fn chunked() -> Self {
        Self::Chunked(Box::default())
    }

    /// Takes what it can from `input`; `None` means that it needs more, or that the body is over.
    ///
    /// # Errors
    ///
    /// See [`ChunkDecoder::decode`].
    pub(crate) fn decode(&mut self, input: &mut Bytes) -> Result<Option<Decoded>, ChunkError> {
        if input.is_empty() {
            return Ok(None);
        }
        match self {
            Self::Length(left) => {
                let data = input.split_to(usize::try_from(*left).unwrap_or(usize::MAX).min(input.len()));
                *self = Self::length(*left - data.len() as u64);
                Ok(Some(Decoded::Data(data)))
            }
            Self::Chunked(decoder) => {
                let decoded = decoder.decode(input)?;
                if matches!(decoded, Some(Decoded::End(_))) {
                    *self = Self::Over;
                }
                Ok(decoded)
            }
            Self::UntilClose => Ok(Some(Decoded::Data(std::mem::take(input)))),
            Self::Over => Ok(None),
        }
    }

    /// Tells it that the other end closed; whether the body was whole.
    pub(crate) fn end_of_stream(&mut self) -> bool {
        if matches!(self, Self::UntilClose) {
            *self = Self::Over;
        }
        self.is_over()
    }

    /// Whether the end was reached.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// The exact number of bytes still to come, if it is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Over => Some(0),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_known_length_leaves_what_follows_it() {
        let mut decoder = BodyDecoder::length(5);
        let mut input = Bytes::from_static(b"helloGET");

        assert!(matches!(decoder.decode(&mut input), Ok(Some(Decoded::Data(data))) if data == "hello"));
        assert!(decoder.is_over());
        assert!(matches!(decoder.decode(&mut input), Ok(None)));
        assert_eq!(input, "GET");
    }

    #[test]
    fn only_a_body_without_a_length_may_end_with_the_connection() {
        assert!(BodyDecoder::UntilClose.end_of_stream());
        assert!(!BodyDecoder::length(1).end_of_stream());
        assert!(!BodyDecoder::chunked().end_of_stream());
        assert!(BodyDecoder::length(0).end_of_stream());
    }
}
