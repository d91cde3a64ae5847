//! Serves HTTP/1 clients: one request after the other, each answered before the next is looked at.

#[cfg(any(test, fuzzing))]
pub(super) mod requests;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Version};
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFuture;

use super::answer::{self, Facts};
use super::interim::Interim;
use super::link::{ClientBody, Link};
use super::upgrade;
use crate::body::Body;
use crate::core::{Carries, Core, Counted, Timeouts};
use crate::error::ProxyError;
use crate::exchange::{Client, Request, Response};
use crate::http1::decode::BodyDecoder;
use crate::http1::fields::tokens;
use crate::http1::head::{HeadError, MAX_EMPTY_LINES};
use crate::http1::request::{self, RequestHead};
use crate::stream::{Stream, TURN};

/// How long the next request of a client that was just answered may be on its way: a connection that gives way sooner
/// would lose it. What is busy gives way with an answer.
const ON_ITS_WAY: Duration = Duration::from_secs(1);
/// How long a client may keep sending after an answer that closes the connection.
const LINGER: Duration = Duration::from_secs(30);
/// How long it may be silent meanwhile.
const LINGER_SILENCE: Duration = Duration::from_secs(2);
/// How much it may send meanwhile, in bytes: enough for one that sends all of a large upload before it reads.
const LINGER_BYTES: usize = 256 * 1024 * 1024;

/// What to do with the connection once a request was answered.
pub(super) enum After {
    /// Wait for the next request.
    Keep,
    /// Close it: the client knows, or is gone.
    Close,
    /// Close it, but the client may still be sending: a close now would reset it and take the answer away.
    Linger,
    /// Speak another protocol on it from now on.
    Upgrade(Response),
}

/// Serves until the client leaves, is idle for too long, or an answer closes the connection. The first request's first
/// byte may come until `due`.
pub(super) async fn serve(
    stream: Stream,
    received: Bytes,
    client: Client,
    core: Arc<Core>,
    mut counted: Counted,
    timeouts: Timeouts,
    mut due: Option<Instant>,
) {
    let mut link = Arc::new(Link::new(stream, received, timeouts, core.metrics.clone()));
    let closing = core.closing.clone();
    let mut closing = std::pin::pin!(closing.cancelled());
    let mut kept = None;
    loop {
        // Both are boxed, so that a connection that waits keeps only the small part of this future.
        let after = match next_head(&link, due, kept, closing.as_mut()).await {
            Next::Head(head) => Box::pin(exchange(&mut link, &head, &client, &core, &mut counted)).await,
            Next::Refused(error) => Box::pin(answer::refuse(&link, &error, client, &core)).await,
            Next::Closed => return,
        };
        match after {
            After::Keep => {
                due = link.timeouts.idle.map(|limit| Instant::now() + limit);
                kept = Some(&*core);
            }
            After::Close => return,
            After::Linger => return linger(&link).await,
            After::Upgrade(response) => {
                counted.set(Carries::Tunnel);
                return Box::pin(upgrade::serve(&link, response)).await;
            }
        }
    }
}

/// What came where a request head was expected.
enum Next {
    Head(Bytes),
    Refused(ProxyError),
    Closed,
}

/// Waits for the next head: until `due` for its first byte, then for the read timeout. `kept` is the core of a
/// connection that has had a request.
async fn next_head(
    link: &Link,
    mut due: Option<Instant>,
    kept: Option<&Core>,
    mut closing: Pin<&mut WaitForCancellationFuture<'_>>,
) -> Next {
    let mut begun = false;
    let mut empty_lines = 0;
    let mut in_the_way = std::pin::pin!(async {
        match kept {
            // Told in the order in which they began to wait. Not always: it costs each request a lock.
            Some(core) if core.room.is_tight() => Box::pin(give_way(core)).await,
            _ => std::future::pending().await,
        }
    });
    poll_fn(|cx| {
        let mut reading = link.reading();
        loop {
            match reading.inbound.take_head() {
                Ok(Some(head)) if head == "\r\n" => {
                    empty_lines += 1;
                    if empty_lines > MAX_EMPTY_LINES {
                        return Poll::Ready(Next::Refused(HeadError::EmptyLines.into()));
                    }
                    continue;
                }
                Ok(Some(head)) => return Poll::Ready(Next::Head(head)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Next::Refused(error.into())),
            }
            if !begun && !reading.inbound.is_empty() {
                begun = true;
                due = link.timeouts.read.map(|limit| Instant::now() + limit);
            }
            match link.stream.poll_read(cx, u64::MAX) {
                Poll::Ready(Ok(piece)) if !piece.is_empty() => reading.inbound.push(piece),
                Poll::Ready(_) => return Poll::Ready(Next::Closed),
                Poll::Pending => break,
            }
        }
        if reading.timer.poll(cx, due).is_ready() {
            let refusal = Next::Refused(ProxyError::HeadSlow(link.timeouts.read.unwrap_or_default()));
            return Poll::Ready(if begun { refusal } else { Next::Closed });
        }
        if !begun && (closing.as_mut().poll(cx).is_ready() || in_the_way.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Next::Closed);
        }
        Poll::Pending
    })
    .await
}

/// Returns when the connection is in the way of somebody outside.
async fn give_way(core: &Core) {
    tokio::time::sleep(ON_ITS_WAY).await;
    core.give_way.notified().await;
}

/// Answers one request, by what holds when it comes.
async fn exchange(
    link: &mut Arc<Link>,
    head: &Bytes,
    client: &Client,
    core: &Arc<Core>,
    counted: &mut Counted,
) -> After {
    let (facts, mut gone, response) = {
        // Not for longer: an answer may last for hours, and what held when it began has files open.
        let live = core.live();
        link.set_timeouts(live.timeouts);
        let (facts, request) = match read(link, head) {
            Ok(read) => read,
            Err(error) => return Box::pin(answer::refuse(link, &error.into(), *client, core)).await,
        };

        // Boxed, as small as it is: with it, this future would be too large for the allocator's fast lane.
        let mut gone = Box::pin(link.stream.closed_by_peer());
        let mut handled = std::pin::pin!(live.pipeline.handle(request, client));
        // A client that left drops `handled`, which cancels the request to the app and writes the log line.
        let response = poll_fn(|cx| match handled.as_mut().poll(cx) {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending => gone.as_mut().poll(cx).map(|()| None),
        })
        .await;
        (facts, gone, response)
    };
    let Some(response) = response else {
        return After::Close;
    };

    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return After::Upgrade(response);
    }
    if response.body().is_endless() {
        counted.set(Carries::EventStreams);
    }
    let sent = answer::send(link, response, facts, core, gone.as_mut()).await;
    counted.set(Carries::Requests);
    match sent {
        answer::Sent::Whole { keep: true } => After::Keep,
        answer::Sent::Whole { keep: false } if link.is_quiet() => After::Close,
        answer::Sent::Whole { keep: false } => After::Linger,
        answer::Sent::Cut => After::Close,
    }
}

/// What the pipeline gets to see of a request, and what its answer depends on.
fn read(link: &Arc<Link>, head: &Bytes) -> Result<(Facts, Box<Request>), HeadError> {
    let head = request::parse(head)?;
    let facts = Facts::of(&head);
    let RequestHead {
        method,
        target,
        version,
        fields,
    } = head;
    let decoder = match fields.content_length {
        _ if fields.chunked => BodyDecoder::chunked(),
        length => BodyDecoder::length(length.unwrap_or(0)),
    };
    let body = if decoder.is_over() {
        Body::empty()
    } else {
        ClientBody::new(link.clone(), decoder).into()
    };
    // Boxed: it passes through several futures, and each would hold it twice.
    let request = Box::new(Request {
        method,
        target,
        version,
        headers: fields.headers,
        new_id: None,
        start: None,
        announcement: Bytes::new(),
        // HTTP/2 is offered by prior knowledge only: RFC 9113 has taken `h2c` out.
        upgrade: fields.upgrade.filter(|protocol| {
            fields.connection.upgrade
                && !tokens(protocol).any(|protocol| protocol.eq_ignore_ascii_case(b"h2c"))
        }),
        accepts_trailers: fields.accepts_trailers,
        expects_continue: fields.expect.is_some() && !body.is_over(),
        body,
        interim: (version == Version::HTTP_11).then(|| Interim::http1(link.clone())),
    });
    Ok((facts, request))
}

/// Closes in a way that lets the client read its answer first (RFC 9112 section 9.6).
async fn linger(link: &Link) {
    link.stream.shutdown_write();
    let end = Instant::now() + LINGER;
    let mut silence = Instant::now() + LINGER_SILENCE;
    let mut discarded = 0;
    poll_fn(|cx| {
        let mut reading = link.reading();
        let turn = discarded + TURN;
        loop {
            if discarded >= turn {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match link.stream.poll_read(cx, u64::MAX) {
                // Asked at each read: the timer below is never reached while there is more to read.
                Poll::Ready(Ok(piece))
                    if !piece.is_empty() && discarded < LINGER_BYTES && Instant::now() < end =>
                {
                    silence = Instant::now() + LINGER_SILENCE;
                    discarded += piece.len();
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return reading.timer.poll(cx, Some(end.min(silence))),
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_gives_way_only_when_its_next_request_is_not_on_its_way() {
        let (core, start) = (Core::for_test(), Instant::now());
        core.give_way.notify_one();

        give_way(&core).await;

        assert_eq!(start.elapsed(), ON_ITS_WAY);
    }
}
