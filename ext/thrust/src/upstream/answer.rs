//! The app's answer: what its head means for its body and its connection, the body itself, and the tunnel after a 101.

use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use http_body::Frame;

use super::Upstream;
use super::asked::Question;
use super::connection::Connection;
use super::pool::Slot;
use super::upload::Upload;
use crate::body::Body;
use crate::error::{BodyError, ProxyError};
use crate::exchange::{self, Response};
use crate::http1::chunk::Decoded;
use crate::http1::decode::BodyDecoder;
use crate::http1::fields::{Fields, tokens};
use crate::http1::response::ResponseHead;
use crate::stream::Stream;

/// How much is read of an answer that nobody gets, in bytes, and for how long.
const DISCARDED: u64 = 64 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(1);

impl Upstream {
    /// Makes our answer from the app's head (RFC 9112 section 6.3).
    pub(super) fn respond(
        &self,
        mut connection: Box<Connection>,
        mut slot: Slot,
        head: ResponseHead,
        upload: Box<Upload>,
        question: &Question,
    ) -> Result<Response, ProxyError> {
        let ResponseHead {
            status,
            version,
            fields,
        } = head;
        let Fields {
            mut headers,
            content_length,
            chunked,
            connection: options,
            upgrade,
            ..
        } = fields;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            if !is_asked_for(question.upgrade.as_deref(), upgrade.as_ref()) {
                return Err(ProxyError::UnaskedUpgrade {
                    target: self.target.clone(),
                });
            }
            // What is left of the body would reach the app without its framing.
            if !upload.is_sent() {
                return Err(ProxyError::EarlyUpgrade {
                    target: self.target.clone(),
                });
            }
            return Ok(response(
                status,
                headers,
                Box::new(Tunnel::new(connection, upgrade)).into(),
            ));
        }

        if exchange::is_event_stream(headers.get(header::CONTENT_TYPE)) {
            slot.lasts();
        }
        let decoder = match content_length {
            _ if question.is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => {
                BodyDecoder::Over
            }
            _ if chunked => BodyDecoder::chunked(),
            Some(length) => BodyDecoder::length(length),
            None => BodyDecoder::UntilClose,
        };
        if status == StatusCode::NO_CONTENT {
            headers.remove(header::CONTENT_LENGTH);
        }
        let keep = match version {
            Version::HTTP_10 => options.keep_alive && !options.close,
            _ => !options.close,
        } && !matches!(decoder, BodyDecoder::UntilClose);
        // A body that must not be there may still come, and would be taken for the next answer.
        let keep = keep && !(status == StatusCode::NO_CONTENT && (chunked || content_length > Some(0)));

        // The whole of a short answer came with its head: the connection is free before the client is answered.
        if upload.is_sent()
            && let Some(whole) = take_whole(&decoder, connection.inbound.unread())
        {
            if keep && connection.inbound.is_empty() {
                slot.give_back(connection);
            }
            return Ok(response(status, headers, whole.into()));
        }
        let mut body = AnswerBody::new(connection, slot, decoder, upload, keep);
        body.begin().map_err(|source| match source {
            BodyError::TargetCut | BodyError::TargetMalformed(_) | BodyError::TargetBroke(_) => {
                ProxyError::BrokenAnswer {
                    target: self.target.clone(),
                    source,
                }
            }
            source => ProxyError::RequestBody(source),
        })?;
        Ok(response(status, headers, Box::new(body).into()))
    }
}

fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = exchange::response(status, body);
    *response.headers_mut() = headers;
    response
}

/// The body, if all of it is there already.
fn take_whole(decoder: &BodyDecoder, unread: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(decoder.left()?).ok()?;
    (unread.len() >= length).then(|| unread.split_to(length))
}

/// Whether the app changes to one of the protocols that the client named.
fn is_asked_for(asked: Option<&HeaderValue>, given: Option<&HeaderValue>) -> bool {
    let (Some(asked), Some(given)) = (asked, given) else {
        return false;
    };
    tokens(asked).any(|protocol| protocol.eq_ignore_ascii_case(given.as_bytes().trim_ascii()))
}

/// The app's answer, read when it is asked for; it also drives the rest of the upload that it answers.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    /// `None` once the end was reached.
    asking: Option<Asking>,
    decoder: BodyDecoder,
    /// What came with the head.
    first: Option<Frame<Bytes>>,
}

#[derive(Debug)]
struct Asking {
    connection: Box<Connection>,
    /// Held until the answer is over, or given up.
    slot: Slot,
    upload: Box<Upload>,
    /// Whether the app keeps the connection.
    keep: bool,
    /// The client's fault in the upload, to be told when the answer is asked for.
    fault: Option<BodyError>,
}

impl AnswerBody {
    pub(super) fn new(
        connection: Box<Connection>,
        slot: Slot,
        decoder: BodyDecoder,
        upload: Box<Upload>,
        keep: bool,
    ) -> Self {
        let mut body = Self {
            asking: Some(Asking {
                connection,
                slot,
                upload,
                keep,
                fault: None,
            }),
            decoder,
            first: None,
        };
        if body.decoder.is_over() {
            body.end();
        }
        body
    }

    /// Looks at what is at hand of the body. The client was told nothing yet, so a fault in it can still be a 502.
    fn begin(&mut self) -> Result<(), BodyError> {
        // Nobody waits here: whoever sends the answer asks again, with a waker.
        if let Poll::Ready(Some(first)) = self.poll_next(&mut Context::from_waker(Waker::noop())) {
            self.first = Some(first?);
        }
        Ok(())
    }

    /// The next part of the body, or `None` after the last.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.poll_upload(cx);
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
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
        let left = self.decoder.left()?;
        match &self.first {
            // A slice's length always fits. Trailers need chunks, however little is in them.
            Some(first) => Some(left + first.data_ref()?.len() as u64),
            None => Some(left),
        }
    }

    /// Whether all of it was read.
    pub(crate) fn is_over(&self) -> bool {
        self.asking.is_none() && self.first.is_none()
    }

    /// Reads what is left of an answer that nobody gets, so that its connection can be kept, if that is little.
    pub(crate) fn discard(mut self: Box<Self>) {
        let Some(asking) = &self.asking else { return };
        // Whoever answers the client reads the rest of its request, and there is to be one who does.
        if !asking.upload.is_sent() || self.length().is_some_and(|length| length > DISCARDED) {
            return;
        }
        tokio::spawn(async move {
            let mut left = DISCARDED;
            let read = std::future::poll_fn(|cx| {
                while let Some(Ok(frame)) = ready!(self.poll_next(cx)) {
                    let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                    let Some(less) = left.checked_sub(length) else {
                        break;
                    };
                    left = less;
                }
                Poll::Ready(())
            });
            // In vain, it is dropped, and closed.
            let _ = tokio::time::timeout(DISCARD_TIME, read).await;
        });
    }

    /// The answer is complete: the connection goes back if nothing is under way on it in either direction.
    fn end(&mut self) {
        if let Some(Asking {
            connection,
            slot,
            upload,
            keep: true,
            ..
        }) = self.asking.take()
            && upload.is_sent()
            && connection.inbound.is_empty()
        {
            slot.give_back(connection);
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
