//! Refuses a request whose declared body is larger than the operator allows, before the app sees a byte of it.
//!
//! A body without a length is counted as it streams, in [`crate::body`].

use crate::error::{BodyError, ProxyError};
use crate::exchange::Request;

/// What a request may ask of us.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// The largest request body, in bytes; `None` for any size.
    pub(crate) max_request_body: Option<u64>,
}

impl Limits {
    /// Sees to it that no more of `request` is taken than may be.
    ///
    /// # Errors
    ///
    /// [`BodyError::TooLarge`]; from a body without a length it comes when the bytes do.
    pub(crate) fn apply(self, request: &mut Request) -> Result<(), ProxyError> {
        let Some(limit) = self.max_request_body else {
            return Ok(());
        };
        match request.body.length() {
            Some(length) if length > limit => Err(ProxyError::RequestBody(BodyError::TooLarge { limit })),
            // Whoever reads the body reads no more than its length.
            Some(_) => Ok(()),
            None => {
                request.body.limit(limit);
                Ok(())
            }
        }
    }
}
