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

/// What was received on `stream`, and a minute for all that it waits for.
pub(in crate::connection) fn link(stream: Stream, received: Bytes) -> Link {
    let limit = Some(Duration::from_secs(60));
    let timeouts = Timeouts {
        idle: limit,
        read: limit,
        write: limit,
    };
    Link::new(stream, received, timeouts, Arc::default())
}

/// The requests of one connection.
#[derive(Debug)]
pub(crate) struct Requests(Arc<Link>);

impl Requests {
    /// Those in `received`, and then those from `stream`.
    pub(crate) fn new(stream: Stream, received: Bytes) -> Self {
        Self(Arc::new(link(stream, received)))
    }

    /// The next one, once the body of the one before was read; `None` if there is none, or it is refused.
    pub(crate) async fn next(&self) -> Option<Box<Request>> {
        let closing = CancellationToken::new();
        let closing = std::pin::pin!(closing.cancelled());
        match next_head(&self.0, None, None, closing).await {
            Next::Head(head) => read(&self.0, &head).ok().map(|(_, request)| request),
            Next::Refused(_) | Next::Closed => None,
        }
    }
}
