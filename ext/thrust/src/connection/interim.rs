//! The way of 1xx answers to a client, while its final answer is awaited (RFC 9110 section 15.2).

use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};

use super::http2::Flow;
use super::link::Link;
use crate::error::BodyError;
use crate::http1::encode;
use crate::http1::outbound::Outbound;

/// Sends 1xx answers to the client of one request.
#[derive(Clone, Debug)]
pub(crate) struct Interim(Way);

#[derive(Clone, Debug)]
enum Way {
    /// At once, over HTTP/1.1.
    Http1(Arc<Link>),
    /// By the exchange on a stream of HTTP/2.
    Http2(Arc<Flow>),
}

impl Interim {
    /// To an HTTP/1.1 client.
    pub(super) fn http1(link: Arc<Link>) -> Self {
        Self(Way::Http1(link))
    }

    /// To an HTTP/2 client.
    pub(super) fn http2(flow: Arc<Flow>) -> Self {
        Self(Way::Http2(flow))
    }

    /// Sends one.
    ///
    /// # Errors
    ///
    /// The client left, or does not read.
    pub(crate) async fn send(self, status: StatusCode, mut headers: HeaderMap) -> Result<(), BodyError> {
        match self.0 {
            Way::Http1(link) => {
                let mut out = Outbound::default();
                *out.before() = encode::interim(status, &headers);
                link.write(out).await
            }
            Way::Http2(flow) => {
                // There is no content (RFC 9110 section 8.6).
                headers.remove(header::CONTENT_LENGTH);
                flow.tell(status, headers);
                Ok(())
            }
        }
    }
}
