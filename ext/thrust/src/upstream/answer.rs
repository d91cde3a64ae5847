//! The body of the app's answer, and what is left of a connection after a 101.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use http_body::Frame;

use super::connection::Connection;
use super::pool::Pool;
use super::upload::Upload;
use crate::error::BodyError;
use crate::http1::chunk::Decoded;
use crate::http1::decode::BodyDecoder;
use crate::stream::Stream;

/// The app's answer, read when it is asked for; it also drives the rest of the upload that it answers.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    /// `None` once the end was reached.
    asking: Option<Asking>,
    decoder: BodyDecoder,
}

#[derive(Debug)]
struct Asking {
    connection: Box<Connection>,
    upload: Box<Upload>,
    /// Where the connection goes afterwards, if the app keeps it.
    home: Option<Arc<Pool>>,
    /// The client's fault in the upload, to be told when the answer is asked for.
    fault: Option<BodyError>,
}

impl AnswerBody {
    pub(super) fn new(
        connection: Box<Connection>,
        decoder: BodyDecoder,
        upload: Box<Upload>,
        home: Option<Arc<Pool>>,
    ) -> Self {
        let mut body = Self {
            asking: Some(Asking {
                connection,
                upload,
                home,
                fault: None,
            }),
            decoder,
        };
        if body.decoder.is_over() {
            body.end();
        }
        body
    }

    /// The next part of the body, or `None` after the last.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.poll_upload(cx);
        let Some(asking) = &mut self.asking else {
            return Poll::Ready(None);
        };
        if let Some(fault) = asking.fault.take() {
            return Poll::Ready(Some(Err(fault)));
        }
        let inbound = &mut asking.connection.inbound;
        loop {
            match self
                .decoder
                .decode(inbound.unread())
                .map_err(BodyError::TargetMalformed)?
            {
                Some(Decoded::Data(data)) => {
                    if self.decoder.is_over() {
                        self.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Decoded::End(trailers)) => {
                    self.end();
                    let trailers = (!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers)));
                    return Poll::Ready(trailers);
                }
                None => {}
            }
            match asking
                .connection
                .stream
                .poll_read(cx, self.decoder.left().unwrap_or(u64::MAX))
            {
                Poll::Ready(Ok(piece)) if !piece.is_empty() => inbound.push(piece),
                Poll::Ready(Ok(_)) if self.decoder.end_of_stream() => {
                    self.end();
                    return Poll::Ready(None);
                }
                Poll::Ready(Ok(_)) => return Poll::Ready(Some(Err(BodyError::TargetCut))),
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(BodyError::TargetBroke(error)))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Goes on with the upload.
    pub(crate) fn poll_upload(&mut self, cx: &mut Context<'_>) {
        if let Some(asking) = &mut self.asking
            && !asking.upload.is_sent()
            && asking.fault.is_none()
            && let Poll::Ready(Err(error)) = asking.upload.poll(&asking.connection.stream, cx)
        {
            asking.fault = Some(error);
        }
    }

    /// The exact number of bytes still to come, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.decoder.left()
    }

    /// Whether all of it was read.
    pub(crate) fn is_over(&self) -> bool {
        self.asking.is_none()
    }

    /// The answer is complete: the connection goes back if nothing is under way on it in either direction.
    fn end(&mut self) {
        if let Some(Asking {
            connection,
            upload,
            home: Some(home),
            ..
        }) = self.asking.take()
            && upload.is_sent()
            && connection.inbound.is_empty()
        {
            home.give_back(connection);
        }
    }
}

/// A connection that has changed its protocol.
#[derive(Debug)]
pub(crate) struct Tunnel {
    connection: Box<Connection>,
    /// The protocol it has changed to, as the app named it.
    pub(crate) protocol: Option<HeaderValue>,
}

impl Tunnel {
    pub(super) fn new(connection: Box<Connection>, protocol: Option<HeaderValue>) -> Self {
        Self { connection, protocol }
    }

    /// The socket, and what the app sent behind its 101.
    pub(crate) fn into_parts(mut self) -> (Stream, Bytes) {
        let received = std::mem::take(self.connection.inbound.unread());
        (self.connection.stream, received)
    }
}
