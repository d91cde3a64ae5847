//! Serves HTTP/2 clients (RFC 9113) with hyper; its types end here.

mod body;
mod request;
mod socket;
mod streams;

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use self::body::Outgoing;
pub(crate) use self::body::StreamBody;
use self::socket::{Io, Socket};
use self::streams::{Open, Streams, Untaken};
use crate::core::{Carries, Core, Counted};
use crate::exchange::{Client, Request, Response, is_event_stream};
use crate::http1::head::{HeadError, MAX_HEAD};
use crate::stages::request_id;
use crate::stream::Stream;
use crate::timer::{Stall, Timer};

/// How long Rails took; as different for each answer as its id.
const X_RUNTIME: HeaderName = HeaderName::from_static("x-runtime");
/// Streams that a client may have open at once.
const MAX_STREAMS: u32 = 250;
/// What a client may send on one stream, and on all together, before we have passed it on.
pub(crate) const WINDOW: u32 = 1024 * 1024;
/// What of one answer waits in memory for a client that reads slowly.
const SEND_BUFFER: usize = 64 * 1024;
/// How long a client may take, after its last stream, to acknowledge a GOAWAY; one that is dead never does.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves until the client leaves, is idle for too long, or we are told to end.
pub(super) async fn serve(
    stream: Stream,
    received: Bytes,
    client: Client,
    core: Arc<Core>,
    mut counted: Counted,
) {
    let socket = Arc::new(Socket::new(stream, core.timeouts.write));
    let io = Io::new(received, socket.clone());
    let streams = Arc::new(Streams::default());
    let service = hyper::service::service_fn({
        let (core, streams) = (core.clone(), streams.clone());
        move |request| {
            let (core, open) = (core.clone(), Streams::open(&streams));
            let request = take(request, &core);
            // Boxed, because hyper moves it several times on its way into a task.
            Box::pin(async move {
                let response = match request {
                    Ok(request) => core.pipeline.handle(request, &client).await,
                    Err(error) => core.pipeline.refuse(&error.into(), &client),
                };
                Ok::<_, Infallible>(send(response, core.timeouts.write, open))
            })
        }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let mut end = std::pin::pin!(async {
        tokio::select! {
            () = core.draining.cancelled() => {}
            () = streams.idle(core.timeouts.idle) => {}
        }
    });
    let mut ending = false;
    let mut farewell = Stall::new(Some(FAREWELL));
    let mut untaken = Untaken::new(core.timeouts.write);
    let mut timer = Timer::default();
    poll_fn(|cx| {
        if !ending && end.as_mut().poll(cx).is_ready() {
            ending = true;
            connection.as_mut().graceful_shutdown();
        }
        // An error here is the client's leaving or its fault; hyper has told it with a GOAWAY.
        if connection.as_mut().poll(cx).is_ready() || matches!(socket.poll_flush(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(());
        }
        counted.set(if streams.are_lasting() {
            Carries::EventStreams
        } else {
            Carries::Requests
        });
        if untaken.poll(&streams, cx).is_ready() {
            return Poll::Ready(());
        }
        // A stream that was open until now may still have bytes on their way: its client has all of the time.
        if ending && streams.is_empty() {
            ready!(farewell.poll(&mut timer, cx));
            return Poll::Ready(());
        }
        socket.poll_stalled(&mut timer, cx)
    })
    .await;
}

/// Makes of what hyper has read what the pipeline gets to see.
fn take(request: http::Request<Incoming>, core: &Core) -> Result<Box<Request>, HeadError> {
    let (parts, body) = request.into_parts();
    let mut request = request::read(parts)?;
    if !body.is_end_stream() {
        request.body = StreamBody::new(body, core.timeouts.read, core.metrics.clone()).into();
    }
    Ok(request)
}

/// Makes of an answer what hyper sends; the stream counts as open until that is dropped.
fn send(mut response: Response, limit: Option<Duration>, mut open: Open) -> http::Response<Outgoing> {
    if is_event_stream(response.headers()) {
        open.lasts();
    }
    for name in [request_id::X_REQUEST_ID, X_RUNTIME] {
        if let Some(value) = response.headers_mut().get_mut(name) {
            // Never the same twice: in the compression table it would only drive out what is (RFC 7541 section 6.2.3).
            value.set_sensitive(true);
        }
    }
    (*response).map(|body| Outgoing::new(body, limit, open))
}
