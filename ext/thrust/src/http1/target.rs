//! What a request is for, as its client wrote it.

use bytes::Bytes;

/// The path and query of a request, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestTarget(Bytes);

impl RequestTarget {
    /// Wraps what stood in the request line, or in `:path`.
    pub(crate) fn new(raw: Bytes) -> Self {
        Self(raw)
    }

    /// All of it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Up to the first `?`.
    pub(crate) fn path(&self) -> &[u8] {
        &self.0[..self.question_mark()]
    }

    /// After the first `?`; empty if there is none.
    pub(crate) fn query(&self) -> &[u8] {
        self.0.get(self.question_mark() + 1..).unwrap_or_default()
    }

    fn question_mark(&self) -> usize {
        memchr::memchr(b'?', &self.0).unwrap_or(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_splits_at_its_first_question_mark() {
        let parts = |raw: &'static str| {
            let target = RequestTarget::new(Bytes::from_static(raw.as_bytes()));
            (target.path().to_vec(), target.query().to_vec())
        };

        assert_eq!(parts("/a?b?c"), (b"/a".to_vec(), b"b?c".to_vec()));
        assert_eq!(parts("/a?"), (b"/a".to_vec(), b"".to_vec()));
        assert_eq!(parts("/a"), (b"/a".to_vec(), b"".to_vec()));
    }
}
