//! One accepted connection: finds out which version of HTTP the client speaks and serves it.

mod answer;
mod http1;
mod http2;
mod interim;
mod link;
#[cfg(test)]
mod progress;
mod upgrade;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use crate::core::{Core, Counted};
use crate::exchange::Client;
use crate::stream::Stream;
use crate::timer::Timer;

#[cfg(any(test, fuzzing))]
pub(crate) use http1::requests::Requests;
pub(crate) use http2::{Abuse, StreamBody, WINDOW};
pub(crate) use interim::Interim;
pub(crate) use link::ClientBody;

/// What an HTTP/2 client sends first (RFC 9113 section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves a client until one side has had enough.
pub(crate) async fn serve(stream: Stream, client: Client, core: Arc<Core>, counted: Counted) {
    let accepted = Instant::now();
    let (timeouts, h2c) = {
        let live = core.live();
        (live.timeouts, live.h2c)
    };
    let due = timeouts.read.map(|limit| accepted + limit);
    let Some(received) = first_bytes(&stream, due, h2c, &core).await else {
        return;
    };
    if h2c && received.starts_with(PREFACE) {
        Box::pin(http2::serve(stream, received, client, core, counted, timeouts)).await;
    } else {
        http1::serve(stream, received, client, core, counted, timeouts, due).await;
    }
}

/// What the client sent first, enough of it to tell whether it is `h2c`, if that is spoken; `None` if it left, or sent
/// nothing until `due`.
async fn first_bytes(stream: &Stream, due: Option<Instant>, h2c: bool, core: &Core) -> Option<Bytes> {
    let mut received = BytesMut::new();
    let mut timer = Timer::default();
    let mut closing = std::pin::pin!(core.closing.cancelled());
    poll_fn(|cx| {
        while let Poll::Ready(read) = stream.poll_read(cx, u64::MAX) {
            let Some(piece) = read.ok().filter(|piece| !piece.is_empty()) else {
                return Poll::Ready(None);
            };
            let undecided = h2c && received.len() + piece.len() < PREFACE.len();
            if received.is_empty() && !(undecided && PREFACE.starts_with(&piece)) {
                return Poll::Ready(Some(piece));
            }
            received.extend_from_slice(&piece);
            if !(undecided && PREFACE.starts_with(&received)) {
                return Poll::Ready(Some(received.split().freeze()));
            }
        }
        let given_up =
            timer.poll(cx, due).is_ready() || (received.is_empty() && closing.as_mut().poll(cx).is_ready());
        if given_up {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    })
    .await
}
