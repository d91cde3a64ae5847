//! Answers Prometheus: `GET /metrics` on a port of its own, one request a connection.
//!
//! It runs on the main thread beside core 0, so all of it is bounded: [`MOST`] connections, of which the oldest makes
//! room for the next, [`PATIENCE`] for each, and what is counted is gathered elsewhere. It answers for as long as
//! thrust runs, while it drains too.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use thrust_api::snapshot::prometheus;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Overview;
use crate::date;
use crate::http1::encode::{self, Framing, Persistence};
use crate::http1::head::HeadError;
use crate::http1::inbound::Inbound;
use crate::http1::outbound::Outbound;
use crate::http1::request::{self, RequestHead};
use crate::ports::{Bound, Place};
use crate::stream::Stream;

/// The path that is answered.
const PATH: &[u8] = b"/metrics";
/// Connections that are served at once. Whoever scrapes has one, for a few milliseconds.
const MOST: usize = 16;
/// How long a connection may take, from its first byte to its last.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long accepting rests after the system refused a connection for want of something.
const REST: Duration = Duration::from_millis(200);
/// What answers under way have before the port is handed on.
const LAST: Duration = Duration::from_millis(100);

/// The port for metrics, which is served for as long as this exists.
#[derive(Debug)]
pub(crate) struct Endpoint {
    place: Place,
    handing_on: CancellationToken,
    serving: JoinHandle<TcpListener>,
}

impl Endpoint {
    /// Answers on `port`, which listens already, on the runtime of the calling thread.
    ///
    /// # Errors
    ///
    /// The system cannot watch one more socket.
    pub(crate) fn start(port: Bound, overview: Arc<Overview>) -> io::Result<Self> {
        let place = port.place().clone();
        let listener = TcpListener::from_std(net::TcpListener::from(OwnedFd::from(port)))?;
        let handing_on = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, overview, handing_on.clone()));
        tracing::info!(%place, path = "/metrics", "Metrics are served");
        Ok(Self {
            place,
            handing_on,
            serving,
        })
    }

    /// Where it answers.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Stops answering and gives the port away; whoever comes meanwhile waits.
    ///
    /// # Errors
    ///
    /// The system's, for a socket that is no longer what it was.
    pub(crate) async fn hand_on(self) -> io::Result<Bound> {
        self.handing_on.cancel();
        let listener = self.serving.await.map_err(io::Error::other)?;
        Ok(Bound::listening_at(listener.into_std()?, self.place))
    }
}

async fn serve(listener: TcpListener, overview: Arc<Overview>, handing_on: CancellationToken) -> TcpListener {
    let mut answers = JoinSet::new();
    let mut open = VecDeque::with_capacity(MOST);
    loop {
        tokio::select! {
            () = handing_on.cancelled() => break,
            Some(_) = answers.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    open.retain(|answer: &AbortHandle| !answer.is_finished());
                    if open.len() >= MOST && let Some(oldest) = open.pop_front() {
                        // Silent for longer than any other: a scraper that means it is done by now.
                        oldest.abort();
                    }
                    let overview = overview.clone();
                    open.push_back(answers.spawn(async move {
                        // Whoever is too slow sees the connection end.
                        let _ = timeout(PATIENCE, converse(socket, &overview)).await;
                    }));
                }
                Err(error) => {
                    tracing::debug!(%error, "Failed to accept a connection for metrics");
                    sleep(REST).await;
                }
            }
        }
    }
    let _ = timeout(LAST, async { while answers.join_next().await.is_some() {} }).await;
    listener
}

/// Reads one request, answers it, and closes the connection so that the answer is not lost.
async fn converse(socket: TcpStream, overview: &Arc<Overview>) {
    let stream = Stream::from(socket);
    let Some(head) = read_head(&stream).await else {
        return;
    };
    let mut out = match head.and_then(|head| request::parse(&head)) {
        Ok(request) => answer(&request, overview).await,
        Err(error) => page(
            error.status(),
            &Method::GET,
            format!("{error}\n"),
            HeaderMap::new(),
        ),
    };
    let written = poll_fn(|cx| {
        while !out.is_empty() {
            match stream.poll_write(cx, &out.slices()) {
                Poll::Ready(Ok(count)) => out.advance(count),
                Poll::Ready(Err(_)) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(true)
    });
    if written.await {
        stream.shutdown_write();
        // A close before the client's own would reset what it has not read (RFC 9112 section 9.6).
        poll_fn(|cx| {
            loop {
                match stream.poll_read(cx, u64::MAX) {
                    Poll::Ready(Ok(piece)) if !piece.is_empty() => {}
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }
}

/// `None` if the client left before its head was whole.
async fn read_head(stream: &Stream) -> Option<Result<Bytes, HeadError>> {
    let mut inbound = Inbound::default();
    poll_fn(|cx| {
        loop {
            match inbound.take_head() {
                Ok(Some(head)) => return Poll::Ready(Some(Ok(head))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            match stream.poll_read(cx, u64::MAX) {
                Poll::Ready(Ok(piece)) if !piece.is_empty() => inbound.push(piece),
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

async fn answer(request: &RequestHead, overview: &Arc<Overview>) -> Outbound {
    let method = &request.method;
    let mut headers = HeaderMap::new();
    if request.target.path() != PATH {
        let text = "metrics are at /metrics\n".to_owned();
        return page(StatusCode::NOT_FOUND, method, text, headers);
    }
    if *method != Method::GET && *method != Method::HEAD {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        let text = "metrics can only be read\n".to_owned();
        return page(StatusCode::METHOD_NOT_ALLOWED, method, text, headers);
    }
    let overview = overview.clone();
    // On a thread of its own, so that no request of this core waits for it.
    let Ok(text) = spawn_blocking(move || prometheus::of(&overview.snapshot())).await else {
        let text = "thrust is ending\n".to_owned();
        return page(StatusCode::SERVICE_UNAVAILABLE, method, text, headers);
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(prometheus::CONTENT_TYPE));
    page(StatusCode::OK, method, text, headers)
}

fn page(status: StatusCode, method: &Method, text: String, mut headers: HeaderMap) -> Outbound {
    headers
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(DATE, date::now());
    headers.insert(CONTENT_LENGTH, text.len().into());
    let is_head = *method == Method::HEAD;
    let framing = if is_head {
        Framing::HeadOnly
    } else {
        Framing::Length(text.len() as u64)
    };
    let mut out = Outbound::default();
    encode::response_head(
        out.before(),
        Version::HTTP_11,
        status,
        &headers,
        framing,
        Persistence::Close,
    );
    if !is_head {
        out.plain(text.into());
    }
    out
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_or_not_enough_is_closed_in_time() {
        for said in ["", "GET /metrics HTTP/1.1\r\n"] {
            let (_endpoint, address) = start();
            let since = Instant::now();
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(said.as_bytes()).await.unwrap();

            assert_eq!(read(&mut client).await, "");

            assert_eq!(since.elapsed().as_secs(), PATIENCE.as_secs());
        }
    }

    #[tokio::test]
    async fn who_came_first_makes_room_for_one_more() {
        let (_endpoint, address) = start();
        let mut silent = Vec::new();
        for _ in 0..=MOST {
            silent.push(TcpStream::connect(address).await.unwrap());
        }

        assert_eq!(read(&mut silent[0]).await, "");
        let mut last = silent.pop().unwrap();
        assert!(ask(&mut last).await.starts_with("HTTP/1.1 200 OK\r\n"));
    }

    #[tokio::test]
    async fn who_comes_while_the_port_is_handed_on_is_answered_by_the_next() {
        let (endpoint, address) = start();
        let place = endpoint.place().clone();

        let port = endpoint.hand_on().await.unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        assert_eq!(*port.place(), place);
        let _next = Endpoint::start(port, Overview::for_test()).unwrap();

        assert!(ask(&mut client).await.starts_with("HTTP/1.1 200 OK\r\n"));
    }

    fn start() -> (Endpoint, SocketAddr) {
        let listener = net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let port = Bound::listening_at(listener, Place::Address(address));
        (Endpoint::start(port, Overview::for_test()).unwrap(), address)
    }

    async fn ask(client: &mut TcpStream) -> String {
        let request = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
        client.write_all(request).await.unwrap();
        read(client).await
    }

    /// All that comes, or nothing if the connection breaks.
    async fn read(client: &mut TcpStream) -> String {
        let mut text = String::new();
        let _ = client.read_to_string(&mut text).await;
        text
    }
}
