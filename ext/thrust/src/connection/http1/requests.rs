//! Requests as [`super::serve`] reads them, without answers; for [`crate::fuzzing`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::{Next, next_head, read};
use crate::connection::link::Link;
use crate::core::Timeouts;
use crate::exchange::Request;
use crate::stream::Stream;

/// The requests of one connection.
#[derive(Debug)]
pub(crate) struct Requests(Arc<Link>);

impl Requests {
    /// Those in `received`, and then those from `stream`.
    pub(crate) fn new(stream: Stream, received: Bytes) -> Self {
        let limit = Some(Duration::from_secs(60));
        let timeouts = Timeouts {
            idle: limit,
            read: limit,
            write: limit,
        };
        Self(Arc::new(Link::new(stream, received, timeouts, Arc::default())))
    }

    /// The next one, once the body of the one before was read; `None` if there is none, or it is refused.
    pub(crate) async fn next(&self) -> Option<Box<Request>> {
        let closing = CancellationToken::new();
        let closing = std::pin::pin!(closing.cancelled());
        match next_head(&self.0, None, closing).await {
            Next::Head(head) => read(&self.0, &head).ok().map(|(_, request)| request),
            Next::Refused(_) | Next::Closed => None,
        }
    }
}
