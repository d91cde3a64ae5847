//! After a 101: bytes both ways between a client and the app, for as long as they like (RFC 9110 section 7.8).

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header;

use super::link::Link;
use crate::exchange::Response;
use crate::http1::encode::{self, Framing, Persistence};
use crate::http1::outbound::Outbound;
use crate::metrics::Counter;
use crate::stream::{Stream, TURN};

/// Sends the 101 and passes bytes on until both sides have ended.
pub(super) async fn serve(link: &Link, response: Response) {
    let (mut parts, body) = (*response).into_parts();
    // The line is written when the tunnel ends, whichever end that is: ours too.
    let Some((tunnel, mut entry)) = body.into_tunnel() else {
        return;
    };
    if let Some(protocol) = &tunnel.protocol {
        parts.headers.insert(header::UPGRADE, protocol.clone());
    }
    let mut out = Outbound::default();
    let version = http::Version::HTTP_11;
    encode::response_head(
        out.before(),
        version,
        parts.status,
        &parts.headers,
        Framing::None,
        Persistence::Upgrade,
    );
    let (app, from_app) = tunnel.into_parts();
    // Bytes that either side sent before it knew of the change belong to the new protocol.
    let from_client = std::mem::take(link.reading().inbound.unread());
    if link.write(out).await.is_ok() {
        if let Some(entry) = &mut entry {
            entry.complete();
        }
        relay(link, from_client, &app, from_app).await;
    }
}

/// Copies both ways until both have ended; an end of one direction is passed on, a failure ends both.
async fn relay(link: &Link, from_client: Bytes, app: &Stream, from_app: Bytes) {
    let client = &link.stream;
    let mut upward = Pump {
        from: client,
        to: app,
        moved: &link.metrics.received,
        held: from_client,
        state: State::Moving,
    };
    let mut downward = Pump {
        from: app,
        to: client,
        moved: &link.metrics.sent,
        held: from_app,
        state: State::Moving,
    };
    poll_fn(|cx| match (upward.poll(cx), downward.poll(cx)) {
        (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) | (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => {
            Poll::Ready(())
        }
        _ => Poll::Pending,
    })
    .await;
}

/// One direction of a tunnel; it holds what one read gave and reads no more before that is written.
struct Pump<'a> {
    from: &'a Stream,
    to: &'a Stream,
    moved: &'a Counter,
    held: Bytes,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Moving,
    Ended,
}

impl Pump<'_> {
    /// Ready once the source has ended and all of it was passed on.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut moved = 0;
        while self.state == State::Moving {
            if moved >= TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.held.is_empty() {
                self.held = ready!(self.from.poll_read(cx, u64::MAX))?;
                if self.held.is_empty() {
                    self.to.shutdown_write();
                    self.state = State::Ended;
                }
            } else {
                let count = ready!(self.to.poll_write(cx, &[IoSlice::new(&self.held)]))?;
                self.held.advance(count);
                self.moved.add(count as u64);
                moved += count;
                if self.held.is_empty() {
                    // Lets go of the read buffer.
                    self.held = Bytes::new();
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
