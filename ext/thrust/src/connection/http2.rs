//! Serves HTTP/2 clients (RFC 9113) with h2; its types end here.
//!
//! h2 bounds what a client can make it keep, by the settings below. What it can make us do for nothing is bounded by
//! [`flood`], an answer that its client does not take by [`streams`].

mod answer;
mod body;
mod exchange;
mod flood;
mod request;
mod socket;
mod streams;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use h2::server::{Builder, Connection};

use self::answer::Piece;
pub(crate) use self::body::StreamBody;
use self::exchange::{exchange, take};
pub(crate) use self::flood::Abuse;
use self::socket::{Io, Socket};
pub(super) use self::streams::Flow;
use self::streams::Streams;
use crate::core::{Carries, Core, Counted, Timeouts};
use crate::error::ProxyError;
use crate::exchange::Client;
use crate::http1::head::MAX_HEAD;
use crate::stream::Stream;
use crate::timer::{Stall, Timer};

/// Streams that a client may have open at once.
const MAX_STREAMS: u32 = 250;
/// Requests that may be taken back before we have looked at them: a client that leaves a page takes back all of them at
/// once, perhaps in the packet that brought them. [`flood`] bounds how often.
const MAX_RESET_UNSEEN: usize = MAX_STREAMS as usize;
/// Stream errors over the whole life of a connection, which may be that of another proxy and long: many more than its
/// clients cause, and few enough that resetting streams is no way to keep us busy.
const MAX_STREAM_ERRORS: usize = 1024;
/// The header list of which h2 keeps anything: what is larger it answers itself, with a bare 431, and what is four
/// times as large ends the connection. Heads between [`MAX_HEAD`] and this are refused like any other request.
const MAX_HEADER_LIST: u32 = 4 * MAX_HEAD as u32;
/// The compression table of RFC 7541's default. A larger one saves little, and costs each connection as much.
const HEADER_TABLE: u32 = 4096;
/// The smallest that RFC 9113 allows: h2 holds each frame until it is whole.
const MAX_FRAME: u32 = 16 * 1024;
/// What a client may send on one stream, and on all together, before we have passed it on.
pub(crate) const WINDOW: u32 = 1024 * 1024;
/// What of one answer waits in memory for a client that reads slowly.
const SEND_BUFFER: usize = 64 * 1024;
/// How long a client may take, once it has taken its answers, to acknowledge a GOAWAY, or to close after an error; one
/// that is dead never does.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves until the client leaves, is idle for too long, is sent away, or we are told to end.
pub(super) async fn serve(
    stream: Stream,
    received: Bytes,
    client: Client,
    core: Arc<Core>,
    mut counted: Counted,
    timeouts: Timeouts,
) {
    let socket = Arc::new(Socket::new(stream, timeouts.write));
    let error = match converse(&socket, received, client, &core, &mut counted, timeouts).await {
        Ended::Well => return,
        Ended::Misused(abuse) => {
            socket.go_away(abuse);
            abuse.into()
        }
        Ended::Refused(error) => match error.reason() {
            Some(h2::Reason::ENHANCE_YOUR_CALM) => ProxyError::Http2Excess(error),
            _ => ProxyError::Http2Protocol(error),
        },
    };
    // No request of its own has the line, and there is nobody to see the page.
    drop(core.live().pipeline.refuse(&error, &client));
    let _ = tokio::time::timeout(FAREWELL, socket.linger()).await;
}

/// How a connection has ended.
enum Ended {
    /// The client left, or was told to some time ago, or is dead.
    Well,
    /// It was kept from going on.
    Misused(Abuse),
    /// h2 could not go on, and has said so.
    Refused(h2::Error),
}

impl Ended {
    /// What h2 says: it has found a fault in what the client sent, or the connection broke.
    fn by(error: h2::Error) -> Self {
        if error.is_library() && error.is_go_away() {
            Self::Refused(error)
        } else {
            Self::Well
        }
    }
}

async fn converse(
    socket: &Arc<Socket>,
    received: Bytes,
    client: Client,
    core: &Arc<Core>,
    counted: &mut Counted,
    timeouts: Timeouts,
) -> Ended {
    let streams = Streams::new();
    let mut connection = match handshake(Io::new(received, socket, &streams)).await {
        Ok(connection) => connection,
        // The preface is there, and many frames may have come with it.
        Err(error) => {
            let abuse = socket.abuse();
            return abuse.map_or_else(|| Ended::by(error), Ended::Misused);
        }
    };
    let mut exchanges = FuturesUnordered::new();
    let mut end = std::pin::pin!(async {
        tokio::select! {
            () = core.draining.cancelled() => {}
            () = streams.idle(timeouts.idle) => {}
        }
    });
    let mut ending = false;
    let mut farewell = Stall::new(Some(FAREWELL));
    let mut timer = Timer::default();
    let mut head = OpenHead::new(timeouts.read);
    poll_fn(|cx| {
        socket.begin_turn();
        if !ending && end.as_mut().poll(cx).is_ready() {
            ending = true;
            connection.graceful_shutdown();
        }
        loop {
            while let Poll::Ready(Some(())) = exchanges.poll_next_unpin(cx) {}
            let mut is_new = false;
            while let Poll::Ready(next) = connection.poll_accept(cx) {
                match (next, socket.abuse()) {
                    (Some(Ok((request, respond))), _) => {
                        let open = Streams::open(&streams);
                        let request = take(request, core, timeouts.read, open.flow());
                        exchanges.push(exchange(request, respond, client, core.clone(), timeouts, open));
                        is_new = true;
                    }
                    (_, Some(abuse)) => return Poll::Ready(Ended::Misused(abuse)),
                    (Some(Err(error)), None) => return Poll::Ready(Ended::by(error)),
                    (None, None) => return Poll::Ready(Ended::Well),
                }
            }
            if !is_new {
                break;
            }
        }
        if matches!(socket.poll_flush(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(Ended::Well);
        }
        counted.set(if streams.are_lasting() {
            Carries::EventStreams
        } else {
            Carries::Requests
        });
        if let Poll::Ready(limit) = head.poll(socket.open_block(), cx) {
            return Poll::Ready(Ended::Misused(Abuse::SlowHead(limit)));
        }
        // Streams are over once h2 has their answers: what of them waits for the socket has as long as any answer.
        if ending && streams.is_empty() && !socket.is_stalled() {
            return farewell.poll(&mut timer, cx).map(|_| Ended::Well);
        }
        farewell.over();
        socket.poll_stalled(&mut timer, cx).map(|()| Ended::Well)
    })
    .await
}

/// Begins a connection whose preface was received.
async fn handshake(io: Io) -> Result<Connection<Io, Piece>, h2::Error> {
    Builder::new()
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESET_UNSEEN)
        .max_local_error_reset_streams(Some(MAX_STREAM_ERRORS))
        .max_header_list_size(MAX_HEADER_LIST)
        .header_table_size(HEADER_TABLE)
        .max_frame_size(MAX_FRAME)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .handshake(io)
        .await
}

/// Waits for the end of a request's head that has begun.
struct OpenHead {
    block: Option<u64>,
    stall: Stall,
    timer: Timer,
}

impl OpenHead {
    /// `limit` is how long a whole head may take.
    fn new(limit: Option<Duration>) -> Self {
        Self {
            block: None,
            stall: Stall::new(limit),
            timer: Timer::default(),
        }
    }

    /// Ready once header block number `block` has been open for too long.
    fn poll(&mut self, block: Option<u64>, cx: &mut Context<'_>) -> Poll<Duration> {
        if std::mem::replace(&mut self.block, block) != block {
            self.stall.over();
        }
        if block.is_none() {
            return Poll::Pending;
        }
        self.stall.poll(&mut self.timer, cx)
    }
}
