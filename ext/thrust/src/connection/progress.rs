//! Tests: what moves lives, however long it takes, and what stands still does not. In virtual time, over both versions
//! of HTTP: limits of a second, and transfers of ten that move every half a second.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::serve;
use crate::config::Config;
use crate::core::{Core, Counted};
use crate::exchange::{Client, Peer};
use crate::upstream::Target;

const LIMITS: [(&str, &str); 4] = [
    ("THRUSTER_HTTP_READ_TIMEOUT", "1"),
    ("THRUSTER_HTTP_WRITE_TIMEOUT", "1"),
    ("THRUSTER_HTTP_IDLE_TIMEOUT", "1"),
    ("THRUSTER_TARGET_TIMEOUT", "1"),
];
const STEP: Duration = Duration::from_millis(500);
const STEPS: usize = 20;
/// What a client takes of an answer in one step.
const TAKEN: usize = 32 * 1024;

const PLAIN: &str = "text/plain";
const EVENTS: &str = "text/event-stream";

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_app_makes_slowly_is_never_cut() {
    for kind in [PLAIN, EVENTS] {
        let (_place, core) = before(move |app| trickling(app, kind, STEP));

        let since = Instant::now();
        let one = Http1::connect(&core).get().await;
        assert_eq!(one.matches("hello").count(), STEPS, "{kind}");
        assert!(one.ends_with("0\r\n\r\n"), "{kind}");
        let two = Http2::connect(&core).await.get(0).await;
        assert_eq!(two.unwrap(), "hello".repeat(STEPS).len(), "{kind}");

        assert!(
            since.elapsed() >= STEP * 2 * STEPS as u32,
            "{:?}",
            since.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_its_client_takes_slowly_is_never_cut() {
    const LENGTH: usize = STEPS * TAKEN + 1024 * 1024;
    let (_place, core) = before(|mut app| async move {
        read_head(&mut app).await?;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
        app.write_all(head.as_bytes()).await?;
        app.write_all(&vec![b'x'; LENGTH]).await
    });

    let since = Instant::now();
    let one = Http1::connect(&core).take_slowly(STEPS).await;
    let one = one.split_once("\r\n\r\n").map(|(_, body)| body.len());
    assert_eq!(one, Some(LENGTH));
    let two = Http2::connect(&core).await.get(STEPS).await;
    assert_eq!(two.unwrap(), LENGTH);

    assert!(
        since.elapsed() >= STEP * 2 * STEPS as u32,
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_comes_slowly_is_never_cut() {
    let (_place, core) = before(|mut app| async move {
        let mut received = read_head(&mut app).await?;
        let mut piece = [0; 1024];
        while !received.ends_with(b"0\r\n\r\n") {
            let count = app.read(&mut piece).await?;
            received.extend_from_slice(&piece[..count]);
        }
        let count = received.windows(5).filter(|window| window == b"hello").count();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{count}");
        app.write_all(answer.as_bytes()).await
    });

    let since = Instant::now();
    assert!(Http1::connect(&core).post().await.ends_with("\r\n\r\n20"));
    assert_eq!(Http2::connect(&core).await.post().await, "20");

    assert!(
        since.elapsed() >= STEP * 2 * STEPS as u32,
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn what_stands_still_for_longer_than_it_may_is_cut() {
    let (_place, core) = before(move |app| trickling(app, EVENTS, STEP * 3));

    let since = Instant::now();
    let one = Http1::connect(&core).get().await;
    assert!(!one.ends_with("0\r\n\r\n"), "a cut is no end");
    assert!(Http2::connect(&core).await.get(0).await.is_err());

    assert!(since.elapsed() < STEP * 12, "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_answer_holds_nothing_of_settings_that_were_replaced_meanwhile() {
    let (_place, core) = before(move |app| trickling(app, EVENTS, STEP));
    let held = Arc::downgrade(&core.live());
    let mut one = Http1::connect(&core);
    one.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    one.0.read_u8().await.expect("an answer");
    let mut two = Http2::connect(&core).await;
    let request = Request::get("http://a/").body(()).expect("it is a request");
    let (answer, _) = two.client.send_request(request, true).expect("a stream is free");
    let _answer = answer.await.expect("an answer");

    core.set(&Config::of(&LIMITS));

    assert_eq!(held.strong_count(), 0);
}

/// An app that says `hello` every now and then, first at once.
async fn trickling(mut app: UnixStream, kind: &str, pause: Duration) -> std::io::Result<()> {
    read_head(&mut app).await?;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n");
    app.write_all(head.as_bytes()).await?;
    for _ in 0..STEPS {
        app.write_all(b"5\r\nhello\r\n").await?;
        sleep(pause).await;
    }
    app.write_all(b"0\r\n\r\n").await
}

/// A core before an app that runs `script` for each connection.
fn before<F>(script: impl Fn(UnixStream) -> F + Send + 'static) -> (TempDir, Arc<Core>)
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let place = tempfile::tempdir().expect("a temporary directory");
    let path = place.path().join("app");
    let listener = UnixListener::bind(&path).expect("the path is free");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(script(stream));
        }
    });
    let core = Core::before(&Target::Unix(path.into()), &LIMITS);
    core.live().pipeline.service.resume();
    (place, core)
}

/// Reads at least the head of a request.
async fn read_head(app: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if app.read_buf(&mut head).await? == 0 {
            // The proxy has looked whether anybody is there.
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// Our end of a connection to `core`.
fn connect(core: &Arc<Core>) -> UnixStream {
    let (ours, theirs) = UnixStream::pair().expect("descriptors are free");
    // It tells of room only when most of it is free: each step has to empty it.
    let size = socket2::SockRef::from(&theirs).set_send_buffer_size(TAKEN / 4);
    size.expect("a socket has the option");
    let client = Client {
        peer: Peer::Unix,
        secure: false,
    };
    let seat = core.room.enter(client.peer).expect("there is room");
    tokio::spawn(serve(
        theirs.into(),
        client,
        core.clone(),
        Counted::new(core, seat),
    ));
    ours
}

struct Http1(UnixStream);

impl Http1 {
    fn connect(core: &Arc<Core>) -> Self {
        Self(connect(core))
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("the proxy reads");
    }

    async fn read_to_end(&mut self) -> String {
        let mut received = String::new();
        self.0
            .read_to_string(&mut received)
            .await
            .expect("the proxy closes");
        received
    }

    async fn get(mut self) -> String {
        self.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
        self.read_to_end().await
    }

    /// Takes a little of the answer in each step, then the rest.
    async fn take_slowly(mut self, steps: usize) -> String {
        self.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
        let mut received = String::new();
        for _ in 0..steps {
            sleep(STEP).await;
            let mut piece = vec![0; TAKEN];
            self.0.read_exact(&mut piece).await.expect("the answer goes on");
            received.push_str(std::str::from_utf8(&piece).expect("it is text"));
        }
        received + &self.read_to_end().await
    }

    async fn post(mut self) -> String {
        self.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        for _ in 0..STEPS {
            sleep(STEP).await;
            self.send("5\r\nhello\r\n").await;
        }
        self.send("0\r\n\r\n").await;
        self.read_to_end().await
    }
}

struct Http2 {
    client: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Http2 {
    async fn connect(core: &Arc<Core>) -> Self {
        let (client, connection) = h2::client::handshake(connect(core)).await.expect("a handshake");
        let connection = tokio::spawn(connection);
        Self { client, connection }
    }

    /// How long the answer's body is, of which a little is taken in each of so many steps, then the rest.
    async fn get(mut self, steps: usize) -> Result<usize, h2::Error> {
        let request = Request::get("http://a/").body(()).expect("it is a request");
        let (answer, _) = self.client.send_request(request, true)?;
        let mut body = answer.await?.into_body();
        let (mut length, mut step) = (0, 0);
        while let Some(piece) = body.data().await {
            let piece = piece?.len();
            length += piece;
            if step < steps && length >= (step + 1) * TAKEN {
                step += 1;
                sleep(STEP).await;
            }
            body.flow_control().release_capacity(piece)?;
        }
        Ok(length)
    }

    async fn post(mut self) -> String {
        let request = Request::post("http://a/").body(()).expect("it is a request");
        let (answer, mut upload) = self
            .client
            .send_request(request, false)
            .expect("a stream is free");
        for step in 0..STEPS {
            sleep(STEP).await;
            upload
                .send_data("hello".into(), step == STEPS - 1)
                .expect("the stream is open");
        }
        let mut body = answer.await.expect("an answer").into_body();
        let text = body.data().await.expect("a body").expect("the stream is open");
        String::from_utf8_lossy(&text).into_owned()
    }
}
