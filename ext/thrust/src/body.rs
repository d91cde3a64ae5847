//! The one body type: whatever a request or an answer carries, wherever it comes from.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;

use crate::connection::{ClientBody, StreamBody};
use crate::error::BodyError;
use crate::files::FileBody;
use crate::stages::access_log::Entry;
use crate::upstream::{AnswerBody, Tunnel};

/// What a message carries.
///
/// It streams: nothing is read before it is asked for. The log line of an answer travels with it and is written when
/// the body is dropped, so that it knows how much was sent and whether that was all.
#[derive(Debug, Default)]
pub(crate) struct Body {
    kind: Kind,
    entry: Option<Box<Entry>>,
}

#[derive(Debug, Default)]
enum Kind {
    #[default]
    Empty,
    Bytes(Bytes),
    /// From an HTTP/1 client.
    Client(ClientBody),
    /// From an HTTP/2 client. Boxed, like what follows: it is rare, and each body would be as large as this.
    Stream(Box<StreamBody>),
    /// From either, and no more of it than may come.
    Limited(Box<Limited>),
    /// From the app.
    Answer(Box<AnswerBody>),
    /// From a file.
    File(Box<FileBody>),
    /// No body: the connection to the app after a 101.
    Tunnel(Box<Tunnel>),
}

impl Body {
    /// No bytes at all.
    pub(crate) fn empty() -> Self {
        Self::default()
    }

    /// The next part of the body, or `None` after the last.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let next = self.kind.poll_next(cx);
        if let (Some(entry), Poll::Ready(Some(next))) = (&mut self.entry, &next) {
            match next {
                Ok(frame) => entry.count(frame.data_ref().map_or(0, Bytes::len)),
                Err(error) => entry.failed(error),
            }
        }
        next
    }

    /// Keeps what is read of a file in one go at most so long, in bytes; see [`FileBody::read_at_most`].
    pub(crate) fn read_at_most(&mut self, limit: Option<u64>) {
        if let Kind::File(body) = &mut self.kind {
            body.read_at_most(limit);
        }
    }

    /// Goes on with what has to happen while nobody wants the next part: the rest of the upload that this answers.
    pub(crate) fn poll_upload(&mut self, cx: &mut Context<'_>) {
        if let Kind::Answer(body) = &mut self.kind {
            body.poll_upload(cx);
        }
    }

    /// The exact number of bytes still to come, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.kind.length()
    }

    /// Lets it fail once more than `limit` bytes have come.
    pub(crate) fn limit(&mut self, limit: u64) {
        let kind = std::mem::take(&mut self.kind);
        self.kind = Kind::Limited(Box::new(Limited {
            kind,
            limit,
            left: limit,
        }));
    }

    /// Whether all of it was given out.
    pub(crate) fn is_over(&self) -> bool {
        self.kind.is_over()
    }

    /// Hands the log line of the answer to its body.
    pub(crate) fn carry(&mut self, entry: Box<Entry>) {
        self.entry = Some(entry);
    }

    /// Whether it is an answer that lasts as long as either side likes.
    pub(crate) fn is_endless(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.is_endless())
    }

    /// Notes why the answer could not be sent to its end.
    pub(crate) fn failed(&mut self, error: &BodyError) {
        if let Some(entry) = &mut self.entry {
            entry.failed(error);
        }
    }

    /// The file, if the kernel can send what comes next without our reading it.
    #[cfg(target_os = "linux")]
    pub(crate) fn kernel_run(&mut self) -> Option<&mut FileBody> {
        match &mut self.kind {
            Kind::File(body) if body.kernel_run().is_some() => Some(body),
            _ => None,
        }
    }

    /// Counts bytes of it that the kernel has sent.
    #[cfg(target_os = "linux")]
    pub(crate) fn sent(&mut self, count: usize) {
        if let Some(entry) = &mut self.entry {
            entry.count(count);
        }
    }

    /// Drops a body that is not passed on, in a way that keeps the connection to the app if little of it is left.
    pub(crate) fn discard(self) {
        let mut this = self;
        if let Kind::Answer(body) = std::mem::take(&mut this.kind) {
            body.discard();
        }
    }

    /// The connection to the app and the log line, if this is the answer that changed the protocol.
    pub(crate) fn into_tunnel(mut self) -> Option<(Box<Tunnel>, Option<Box<Entry>>)> {
        match std::mem::take(&mut self.kind) {
            Kind::Tunnel(tunnel) => Some((tunnel, self.entry.take())),
            _ => None,
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(entry) = &mut self.entry
            && self.kind.is_over()
        {
            entry.complete();
        }
    }
}

/// A body and what may still come of it.
#[derive(Debug)]
struct Limited {
    kind: Kind,
    /// In bytes, as is what is left of it.
    limit: u64,
    left: u64,
}

impl Limited {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let next = ready!(self.kind.poll_next(cx));
        if let Some(Ok(frame)) = &next {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            if length > self.left {
                // Whoever asks again gets no more either.
                self.left = 0;
                return Poll::Ready(Some(Err(BodyError::TooLarge { limit: self.limit })));
            }
            self.left -= length;
        }
        Poll::Ready(next)
    }
}

impl Kind {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Empty | Self::Tunnel(_) => Poll::Ready(None),
            Self::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Client(body) => body
                .poll_next(cx)
                .map(|next| next.map(|result| result.map(Frame::data))),
            Self::Stream(body) => body.poll_next(cx),
            Self::Limited(body) => body.poll_next(cx),
            Self::Answer(body) => body.poll_next(cx),
            Self::File(body) => Poll::Ready(body.next().map(|next| next.map(Frame::data))),
        }
    }

    fn length(&self) -> Option<u64> {
        match self {
            Self::Empty | Self::Tunnel(_) => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Client(body) => body.length(),
            Self::Stream(body) => body.length(),
            Self::Limited(body) => body.kind.length(),
            Self::Answer(body) => body.length(),
            Self::File(body) => Some(body.length()),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Bytes(_) | Self::Tunnel(_) => false,
            Self::Client(body) => body.is_over(),
            Self::Stream(body) => body.is_over(),
            Self::Limited(body) => body.kind.is_over(),
            Self::Answer(body) => body.is_over(),
            Self::File(body) => body.length() == 0,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let kind = if bytes.is_empty() {
            Kind::Empty
        } else {
            Kind::Bytes(bytes)
        };
        Self { kind, entry: None }
    }
}

impl From<ClientBody> for Body {
    fn from(body: ClientBody) -> Self {
        Self {
            kind: Kind::Client(body),
            entry: None,
        }
    }
}

impl From<StreamBody> for Body {
    fn from(body: StreamBody) -> Self {
        Self {
            kind: Kind::Stream(Box::new(body)),
            entry: None,
        }
    }
}

impl From<Box<AnswerBody>> for Body {
    fn from(body: Box<AnswerBody>) -> Self {
        Self {
            kind: Kind::Answer(body),
            entry: None,
        }
    }
}

impl From<FileBody> for Body {
    fn from(body: FileBody) -> Self {
        Self {
            kind: Kind::File(Box::new(body)),
            entry: None,
        }
    }
}

impl From<Box<Tunnel>> for Body {
    fn from(tunnel: Box<Tunnel>) -> Self {
        Self {
            kind: Kind::Tunnel(tunnel),
            entry: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_body_of_just_the_limit_passes_and_one_more_byte_fails_it() {
        let mut exact = Body::from(Bytes::from_static(b"ten bytes!"));
        let mut longer = Body::from(Bytes::from_static(b"ten bytes, and more"));
        exact.limit(10);
        longer.limit(10);

        let whole = poll_fn(|cx| exact.poll_next(cx)).await.unwrap().unwrap();
        let failed = poll_fn(|cx| longer.poll_next(cx)).await.unwrap();

        assert_eq!(whole.into_data().unwrap(), "ten bytes!");
        assert!(poll_fn(|cx| exact.poll_next(cx)).await.is_none() && exact.is_over());
        assert!(matches!(failed, Err(BodyError::TooLarge { limit: 10 })));
    }
}
