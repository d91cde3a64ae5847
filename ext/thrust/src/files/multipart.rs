//! Several parts of a file in one answer (RFC 9110 section 14.6).

use std::ops::Range;

use bytes::Bytes;
use http::HeaderValue;

/// What stands around the parts of a `multipart/byteranges` answer.
pub(super) struct Multipart {
    boundary: String,
}

impl Multipart {
    /// One with a boundary that no file was written to contain.
    pub(super) fn new() -> Self {
        Self {
            boundary: format!("{:032x}", rand::random::<u128>()),
        }
    }

    /// The value of `Content-Type`.
    pub(super) fn content_type(&self) -> HeaderValue {
        let text = format!("multipart/byteranges; boundary={}", self.boundary);
        HeaderValue::from_str(&text).expect("digits are a header value")
    }

    /// What stands before a part of a file of `size` bytes.
    pub(super) fn before(
        &self,
        part: &Range<u64>,
        size: u64,
        content_type: Option<&HeaderValue>,
        is_first: bool,
    ) -> Bytes {
        let mut out = Vec::with_capacity(192);
        if !is_first {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"--");
        out.extend_from_slice(self.boundary.as_bytes());
        if let Some(content_type) = content_type {
            out.extend_from_slice(b"\r\nContent-Type: ");
            out.extend_from_slice(content_type.as_bytes());
        }
        out.extend_from_slice(b"\r\nContent-Range: ");
        out.extend_from_slice(content_range(part, size).as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        out.into()
    }

    /// What stands behind the last one.
    pub(super) fn end(&self) -> Bytes {
        format!("\r\n--{}--\r\n", self.boundary).into()
    }
}

/// The value of `Content-Range` for a part of a file of `size` bytes.
pub(super) fn content_range(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end - 1)
}
