//! Serves HTTP/2 clients (RFC 9113) with hyper; its types end here.

mod socket;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Version, header};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Notify;

use self::socket::{Io, Socket};
use crate::body::Body;
use crate::core::Core;
use crate::error::BodyError;
use crate::exchange::{Client, Request, RequestTarget, Response};
use crate::http1::head::{HeadError, MAX_HEAD, MAX_TARGET, is_host};
use crate::stages::request_id;
use crate::stream::Stream;
use crate::timer::{Stall, Timer};

/// How long Rails took; as different for each answer as its id.
const X_RUNTIME: HeaderName = HeaderName::from_static("x-runtime");
/// Streams that a client may have open at once.
const MAX_STREAMS: u32 = 250;
/// What a client may send on one stream, and on all together, before we have passed it on.
const WINDOW: u32 = 1024 * 1024;
/// What of one answer waits in memory for a client that reads slowly.
const SEND_BUFFER: usize = 64 * 1024;
/// How long a client may take, after its last stream, to acknowledge a GOAWAY; one that is dead never does.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves until the client leaves, is idle for too long, or we are told to end.
pub(super) async fn serve(stream: Stream, received: Bytes, client: Client, core: Arc<Core>) {
    let socket = Arc::new(Socket::new(stream, core.timeouts.write));
    let io = Io::new(received, socket.clone());
    let streams = Arc::new(Streams::default());
    let service = hyper::service::service_fn({
        let (core, streams) = (core.clone(), streams.clone());
        move |request| {
            let (core, open) = (core.clone(), Streams::open(&streams));
            let request = read(request, core.timeouts.read);
            // Boxed, because hyper moves it several times on its way into a task.
            Box::pin(async move {
                let response = match request {
                    Ok(request) => core.pipeline.handle(request, &client).await,
                    Err(error) => core.pipeline.refuse(&error, error.status(), &client),
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
        // A stream that was open until now may still have bytes on their way: its client has all of the time.
        if ending && streams.is_empty() {
            ready!(farewell.poll(&mut timer, cx));
            return Poll::Ready(());
        }
        socket.poll_stalled(&mut timer, cx)
    })
    .await;
}

/// Makes of an answer what hyper sends; the stream counts as open until that is dropped.
fn send(mut response: Response, limit: Option<Duration>, open: Open) -> http::Response<Sent> {
    for name in [request_id::X_REQUEST_ID, X_RUNTIME] {
        if let Some(value) = response.headers_mut().get_mut(name) {
            // Never the same twice: in the compression table it would only drive out what is (RFC 7541 section 6.2.3).
            value.set_sensitive(true);
        }
    }
    response.map(|body| Sent {
        body,
        timer: Timer::default(),
        stall: Stall::new(limit),
        _open: open,
    })
}

/// What the pipeline gets to see.
///
/// # Errors
///
/// What RFC 9113 section 8 lets through and we do not.
fn read(request: http::Request<Incoming>, limit: Option<Duration>) -> Result<Box<Request>, HeadError> {
    let (mut parts, body) = request.into_parts();
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(HeadError::MethodNotAllowed);
    }
    let target = match parts.uri.path_and_query() {
        Some(target) if target.as_str() != "*" || parts.method == Method::OPTIONS => target.as_str(),
        _ => return Err(HeadError::Target),
    };
    if target.len() > MAX_TARGET {
        return Err(HeadError::TargetTooLong);
    }
    let target = RequestTarget::new(Bytes::copy_from_slice(target.as_bytes()));

    // RFC 9113 section 8.3.1: `:authority` takes the place of `host`, and the two must not differ.
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = match (authority, hosts.next(), hosts.next()) {
        (_, _, Some(_)) => return Err(HeadError::Host),
        (Some(authority), Some(host), None) if host.as_bytes() != authority.as_bytes() => {
            return Err(HeadError::Host);
        }
        (Some(authority), _, None) => HeaderValue::from_str(authority).map_err(|_| HeadError::Host)?,
        (None, Some(host), None) => host.clone(),
        (None, None, None) => return Err(HeadError::HostMissing),
    };
    if !is_host(host.as_bytes()) {
        return Err(HeadError::Host);
    }
    parts.headers.insert(header::HOST, host);
    join_cookies(&mut parts.headers);
    let accepts_trailers = parts.headers.remove(header::TE).is_some();
    // A 100 cannot be sent on this connection; the client goes on after a while of its own choosing.
    parts.headers.remove(header::EXPECT);

    Ok(Box::new(Request {
        method: parts.method,
        target,
        version: Version::HTTP_2,
        headers: parts.headers,
        upgrade: None,
        accepts_trailers,
        expects_continue: false,
        body: if body.is_end_stream() {
            Body::empty()
        } else {
            StreamBody::new(body, limit).into()
        },
        interim: None,
    }))
}

/// One `Cookie` field from several, for HTTP/1 knows no others (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut http::HeaderMap) {
    let mut cookies = headers.get_all(header::COOKIE).iter();
    if let (Some(first), Some(second)) = (cookies.next(), cookies.next()) {
        let mut joined = [first.as_bytes(), second.as_bytes()].join(&b"; "[..]);
        for cookie in cookies {
            joined.extend_from_slice(b"; ");
            joined.extend_from_slice(cookie.as_bytes());
        }
        if let Ok(joined) = HeaderValue::from_maybe_shared(Bytes::from(joined)) {
            headers.insert(header::COOKIE, joined);
        }
    }
}

/// The body of a request on one stream.
#[derive(Debug)]
pub(crate) struct StreamBody {
    incoming: Incoming,
    timer: Timer,
    stall: Stall,
    ended: bool,
}

impl StreamBody {
    fn new(incoming: Incoming, limit: Option<Duration>) -> Self {
        Self {
            incoming,
            timer: Timer::default(),
            stall: Stall::new(limit),
            ended: false,
        }
    }

    /// The next bytes, or `None` after the last. Trailers are dropped: Rack has no place for them.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.stall.over();
                    if frame.is_data() {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(BodyError::ClientHttp2(error))));
                }
                Poll::Ready(None) => {
                    self.ended = true;
                    return Poll::Ready(None);
                }
                Poll::Pending => {
                    return self
                        .stall
                        .poll(&mut self.timer, cx)
                        .map(|limit| Some(Err(BodyError::ClientSlow(limit))));
                }
            }
        }
    }

    /// The exact number of bytes still to come, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// Whether all of it was read.
    pub(crate) fn is_over(&self) -> bool {
        self.ended || self.incoming.is_end_stream()
    }
}

/// An answer on its way out: it fails if the app is silent for too long, and counts as an open stream.
struct Sent {
    body: Body,
    timer: Timer,
    stall: Stall,
    _open: Open,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match this.body.poll_next(cx) {
            Poll::Ready(next) => {
                this.stall.over();
                Poll::Ready(next)
            }
            Poll::Pending => {
                let error = BodyError::Stalled(ready!(this.stall.poll(&mut this.timer, cx)));
                this.body.failed(&error);
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_over()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body
            .length()
            .map_or_else(http_body::SizeHint::default, http_body::SizeHint::with_exact)
    }
}

/// Counts the open streams of a connection, because hyper has no idle timeout.
#[derive(Debug, Default)]
struct Streams {
    open: AtomicUsize,
    closed: Notify,
}

/// One open stream.
struct Open(Arc<Streams>);

impl Streams {
    fn open(streams: &Arc<Self>) -> Open {
        streams.open.fetch_add(1, Ordering::Relaxed);
        Open(streams.clone())
    }

    fn is_empty(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Returns once no stream was open for `limit`; `None` never does.
    async fn idle(&self, limit: Option<Duration>) {
        let Some(limit) = limit else {
            return std::future::pending().await;
        };
        loop {
            let closed = self.closed.notified();
            if tokio::time::timeout(limit, closed).await.is_err() && self.is_empty() {
                return;
            }
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.closed.notify_one();
        }
    }
}
