//! An answer on its way to an HTTP/1 client: head, pieces, chunks, and runs of files that the kernel sends.

#[cfg(target_os = "linux")]
use std::task::ready;
use std::task::{Context, Poll};

use http::HeaderMap;

use crate::body::Body;
use crate::connection::link::Link;
use crate::error::BodyError;
#[cfg(target_os = "linux")]
use crate::files::KernelError;
use crate::http1::encode::{self, Framing};
use crate::http1::outbound::Outbound;
use crate::stream::TURN;
use crate::timer::{Stall, Timer};

/// What the kernel sends of a file in one go. It moves that in less time than we copy a turn; but what is not in memory
/// it reads from disk meanwhile.
#[cfg(target_os = "linux")]
const RUN: usize = 4 * TURN;

/// An answer on its way out.
pub(super) struct Writer<'a> {
    link: &'a Link,
    body: Body,
    framing: Framing,
    /// Whether all of the body is in `out` or was written.
    over: bool,
    /// Why there is no more of the body, to be told when what came before it was written.
    fault: Option<BodyError>,
    accepts_trailers: bool,
    out: Outbound,
    timer: Timer,
    /// The client's, when it takes nothing, and the app's, when there is nothing to take.
    stall: Stall,
}

impl<'a> Writer<'a> {
    /// Nothing of it is written yet; `head` is what comes first, and `framing` what it says of the body.
    pub(super) fn new(
        link: &'a Link,
        head: Vec<u8>,
        body: Body,
        framing: Framing,
        accepts_trailers: bool,
    ) -> Self {
        Self {
            link,
            body,
            framing,
            over: matches!(framing, Framing::None | Framing::HeadOnly),
            fault: None,
            accepts_trailers,
            out: Outbound::new(head),
            timer: Timer::default(),
            stall: Stall::new(link.timeouts.write),
        }
    }

    /// Notes why it was not sent to its end.
    pub(super) fn failed(&mut self, error: &BodyError) {
        self.body.failed(error);
    }

    /// Ready once all of it was written.
    ///
    /// # Errors
    ///
    /// Why there is no more of it, or none that the client takes; what came before was written as far as that goes.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let mut written = 0;
        loop {
            #[cfg(target_os = "linux")]
            if !self.over && self.fault.is_none() && self.body.kernel_run().is_some() {
                written += match self.poll_kernel(cx) {
                    Poll::Ready(result) => result?,
                    Poll::Pending => return self.poll_stalled(cx),
                };
                if written >= RUN && !self.over {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                continue;
            }
            // The head waits for the first piece if that is at hand: then both leave in one write.
            if !self.over && !self.out.has_body() {
                match self.poll_body(cx) {
                    Ok(Poll::Ready(())) => {}
                    Ok(Poll::Pending) if self.out.is_empty() => return self.poll_stalled(cx),
                    Ok(Poll::Pending) => {}
                    // A head that still waits leaves without it: a client that saw nothing would ask again.
                    Err(error) => {
                        self.over = true;
                        self.fault = Some(error);
                    }
                }
            }
            if self.out.is_empty() {
                if let Some(fault) = self.fault.take() {
                    return Poll::Ready(Err(fault));
                }
                if self.over {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            match self.link.stream.poll_write(cx, &self.out.slices()) {
                Poll::Ready(Ok(count)) => {
                    self.out.advance(count);
                    self.stall.over();
                    written += count;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(BodyError::ClientGone)),
                Poll::Pending => {
                    // The app may wait for more of the upload before it goes on with what we wait to write.
                    self.body.poll_upload(cx);
                    return self.poll_stalled(cx);
                }
            }
            if written >= TURN && !(self.over && self.out.is_empty()) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Writes what is in `out`, or if that is empty lets the kernel send what follows it: a run of a file.
    #[cfg(target_os = "linux")]
    fn poll_kernel(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, BodyError>> {
        let stream = &self.link.stream;
        if !self.out.is_empty() {
            let written = ready!(stream.poll_write_before_more(cx, &self.out.slices()));
            let count = written.map_err(|_| BodyError::ClientGone)?;
            self.out.advance(count);
            self.stall.over();
            return Poll::Ready(Ok(count));
        }
        let Some(file) = self.body.kernel_run() else {
            return Poll::Ready(Ok(0));
        };
        let Some((offset, length)) = file.kernel_run() else {
            return Poll::Ready(Ok(0));
        };
        let limit = usize::try_from(length).map_or(RUN, |length| length.min(RUN));
        let sent = ready!(stream.poll_send_file(cx, file.source(), offset, limit));
        let count = file.sent(sent).map_err(|error| match error {
            KernelError::File(error) => error,
            KernelError::Socket => BodyError::ClientGone,
        })?;
        self.body.sent(count);
        self.stall.over();
        self.over = self.body.is_over();
        Poll::Ready(Ok(count))
    }

    /// Takes the next piece of the body into `out`.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, BodyError> {
        match self.body.poll_next(cx) {
            Poll::Pending => return Ok(Poll::Pending),
            Poll::Ready(Some(Err(error))) => return Err(error),
            Poll::Ready(None) => self.end(&HeaderMap::new()),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) if self.framing == Framing::Chunked => self.out.chunk(data),
                Ok(data) => self.out.plain(data),
                Err(frame) => self.end(&frame.into_trailers().unwrap_or_default()),
            },
        }
        // Saves asking again for an end that is known: with a length, and for the log line.
        if self.framing != Framing::Chunked && self.body.is_over() {
            self.over = true;
        }
        Ok(Poll::Ready(()))
    }

    fn end(&mut self, trailers: &HeaderMap) {
        if self.framing == Framing::Chunked && !self.over {
            let none = HeaderMap::new();
            encode::last_chunk(
                self.out.before(),
                if self.accepts_trailers { trailers } else { &none },
            );
        }
        self.over = true;
    }

    /// Whether there is anything that the client could take.
    fn has_more(&mut self) -> bool {
        #[cfg(target_os = "linux")]
        if !self.over && self.body.kernel_run().is_some() {
            return true;
        }
        !self.out.is_empty()
    }

    /// Nothing moves; for how much longer?
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        self.stall.poll(&mut self.timer, cx).map(|limit| {
            Err(if self.has_more() {
                BodyError::Untaken(limit)
            } else {
                BodyError::Stalled(limit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use bytes::Bytes;
    use tokio::net::UnixStream;

    use super::*;
    use crate::connection::http1::requests;
    use crate::connection::link::ClientBody;
    use crate::http1::decode::BodyDecoder;

    #[tokio::test]
    async fn the_head_of_an_answer_whose_body_is_broken_at_once_reaches_the_client() {
        let (ours, client) = UnixStream::pair().unwrap();
        let link = requests::link(ours.into(), Bytes::new());
        // A body that ends before its end: its sender has left.
        let (broken, _) = UnixStream::pair().unwrap();
        let broken = Arc::new(requests::link(broken.into(), Bytes::new()));
        let body = ClientBody::new(broken, BodyDecoder::length(5)).into();
        let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        let mut writer = Writer::new(&link, head, body, Framing::Length(5), false);

        let sent = poll_fn(|cx| writer.poll(cx)).await;

        assert!(matches!(sent, Err(BodyError::ClientGone)), "{sent:?}");
        let mut received = [0; 64];
        client.readable().await.unwrap();
        let length = client.try_read(&mut received).unwrap();
        assert_eq!(&received[..length], b"HTTP/1.1 200 OK\r\n\r\n");
    }
}
