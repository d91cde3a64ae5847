//! Serves HTTP/2 clients (RFC 9113) with hyper; its types end here.
//!
//! h2 and hyper bound what a client can make them keep, by the settings below. What it can make them do for nothing is
//! bounded by [`flood`], an answer that its client does not take by [`streams`] and [`tasks`].

mod body;
mod flood;
mod request;
mod socket;
mod streams;
mod tasks;

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::TokioTimer;

use self::body::Outgoing;
pub(crate) use self::body::StreamBody;
pub(crate) use self::flood::Abuse;
use self::socket::{Io, Socket};
use self::streams::{Flow, Open, Streams};
use self::tasks::Tasks;
use crate::body::Body;
use crate::core::{Carries, Core, Counted, Timeouts};
use crate::error::ProxyError;
use crate::exchange::{Client, Request};
use crate::http1::head::{HeadError, MAX_HEAD};
use crate::stream::Stream;
use crate::timer::{Stall, Timer};

/// How long Rails took; as different for each answer as its id.
const X_RUNTIME: HeaderName = HeaderName::from_static("x-runtime");
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
/// How long a client may take, after its last stream, to acknowledge a GOAWAY, or to close after an error; one that is
/// dead never does.
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
        Ended::Refused(error) => match verdict(&error) {
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
    Refused(hyper::Error),
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
    let io = Io::new(received, socket, &streams);
    let service = hyper::service::service_fn({
        let (core, streams) = (core.clone(), streams.clone());
        move |request| {
            let (core, open) = (core.clone(), Streams::open(&streams));
            let request = take(request, &core, timeouts.read, open.flow());
            // Boxed, because hyper moves it several times on its way into a task.
            Box::pin(async move {
                let live = core.live();
                let pipeline = &live.pipeline;
                let response = match request {
                    Ok(request) => pipeline.handle(request, &client).await,
                    Err(error) => pipeline.refuse(&error.into(), &client),
                };
                Ok::<_, Infallible>(send(*response, timeouts.write, open))
            })
        }
    });
    let connection = Builder::new(Tasks::new(&streams, timeouts.write))
        .timer(TokioTimer::new())
        .auto_date_header(false)
        // Nobody is asked whether it still lives: an idle connection ends anyway, and what is written tells.
        .keep_alive_interval(None)
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESET_UNSEEN)
        .max_local_error_reset_streams(MAX_STREAM_ERRORS)
        .max_header_list_size(MAX_HEADER_LIST)
        .header_table_size(HEADER_TABLE)
        .max_frame_size(MAX_FRAME)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
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
            connection.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(result) = connection.as_mut().poll(cx) {
            return Poll::Ready(match (socket.abuse(), result) {
                (Some(abuse), _) => Ended::Misused(abuse),
                (None, Err(error)) if verdict(&error).is_some() => Ended::Refused(error),
                (None, _) => Ended::Well,
            });
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
        // A stream that was open until now may still have bytes on their way: its client has all of the time.
        if ending && streams.is_empty() {
            ready!(farewell.poll(&mut timer, cx));
            return Poll::Ready(Ended::Well);
        }
        socket.poll_stalled(&mut timer, cx).map(|()| Ended::Well)
    })
    .await
}

/// Which fault h2 has found in what the client sent; `None` if the connection broke.
fn verdict(error: &hyper::Error) -> Option<h2::Reason> {
    let cause = error.source()?.downcast_ref::<h2::Error>()?;
    cause
        .reason()
        .filter(|_| cause.is_library() && cause.is_go_away())
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

/// Makes of what hyper has read what the pipeline gets to see. `limit` is how long its body may stand still.
fn take(
    request: http::Request<Incoming>,
    core: &Core,
    limit: Option<Duration>,
    flow: &Arc<Flow>,
) -> Result<Box<Request>, HeadError> {
    let (parts, body) = request.into_parts();
    let mut request = request::read(parts)?;
    if !body.is_end_stream() {
        request.body = StreamBody::new(body, limit, flow.clone(), core.metrics.clone()).into();
    }
    Ok(request)
}

/// Makes of an answer what hyper sends; the stream counts as open until that is dropped.
fn send(
    mut response: http::Response<Body>,
    limit: Option<Duration>,
    mut open: Open,
) -> http::Response<Outgoing> {
    if response.body().is_endless() {
        open.lasts();
    }
    if let Some(value) = response.headers_mut().get_mut(X_RUNTIME) {
        // Like the request's id.
        value.set_sensitive(true);
    }
    response.map(|body| Outgoing::new(body, limit, open))
}
