//! Tables of answers written byte by byte: what clients of HTTP/1.1, HTTP/1.0 and HTTP/2 see of each, and whether the
//! connection to the app is used again.
//!
//! One proxy serves a whole table, and all clients share its connections to the app, so that whatever an answer leaves
//! behind meets the next request.

use std::sync::{Arc, Mutex};

use h2::Reason;
use http::{HeaderMap, Request};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::vector::check_all;
use super::{DEADLINE, Launch, Message, TestProxy, TestTarget, Wire, eventually};

/// What the app says, and what comes of it.
#[derive(Clone)]
pub(crate) struct Vector {
    what: &'static str,
    says: Vec<u8>,
    /// Whether the app closes the connection behind it.
    closes: bool,
    method: &'static str,
    /// Fields of the request.
    asks: &'static str,
    sees: Sees,
    /// Statuses of the answers that an HTTP/1.1 client sees before.
    interim: Vec<u16>,
    trailers: &'static [(&'static str, &'static str)],
    /// Whether the connection to the app is used again.
    is_kept: bool,
}

/// What the client sees.
#[derive(Clone, Copy)]
enum Sees {
    BadGateway,
    Whole(u16, Framed, &'static str),
    Cut(u16, Framed, &'static str),
}

/// How a body is delimited for an HTTP/1.1 client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    Nothing,
    Length,
    Chunks,
}

/// The head of an answer in chunks.
pub(crate) const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn vector(what: &'static str, says: impl AsRef<[u8]>, sees: Sees) -> Vector {
    Vector {
        what,
        says: says.as_ref().to_vec(),
        closes: false,
        method: "GET",
        asks: "",
        sees,
        interim: Vec::new(),
        trailers: &[],
        is_kept: false,
    }
}

/// A 502 for everybody.
pub(crate) fn bad(what: &'static str, says: impl AsRef<[u8]>) -> Vector {
    vector(what, says, Sees::BadGateway)
}

/// The whole of an answer for everybody; the connection to the app is used again.
pub(crate) fn whole(
    what: &'static str,
    status: u16,
    framed: Framed,
    body: &'static str,
    says: impl AsRef<[u8]>,
) -> Vector {
    Vector {
        is_kept: true,
        ..vector(what, says, Sees::Whole(status, framed, body))
    }
}

/// The beginning of an answer, and then a break.
pub(crate) fn cut(what: &'static str, framed: Framed, body: &'static str, says: impl AsRef<[u8]>) -> Vector {
    vector(what, says, Sees::Cut(200, framed, body))
}

impl Vector {
    /// The app closes its connection.
    pub(crate) fn closes(mut self) -> Self {
        self.closes = true;
        self
    }

    /// The connection to the app is not used again.
    pub(crate) fn ends(mut self) -> Self {
        self.is_kept = false;
        self
    }

    /// It is asked for by another method than GET.
    pub(crate) fn by(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// The request has these fields.
    pub(crate) fn asking(mut self, fields: &'static str) -> Self {
        self.asks = fields;
        self
    }

    /// These interim answers come before.
    pub(crate) fn after(mut self, interim: &[u16]) -> Self {
        self.interim = interim.to_vec();
        self
    }

    /// It ends with these trailers.
    pub(crate) fn with_trailers(mut self, trailers: &'static [(&'static str, &'static str)]) -> Self {
        self.trailers = trailers;
        self
    }

    /// What a client of HTTP/1.1 sees.
    fn check_new(&self, number: usize, proxy: &TestProxy) {
        let mut client = proxy.connect();
        client.send(format!(
            "{} /{number} HTTP/1.1\r\nHost: a\r\n{}\r\n",
            self.method, self.asks
        ));
        let mut interim = Vec::new();
        let answer = loop {
            let head = client.read_head().expect("an answer");
            match head.status() {
                status @ 100..=199 => interim.push(status),
                _ => break head,
            }
        };
        assert_eq!(interim, self.interim, "interim answers");

        match self.sees {
            Sees::BadGateway => {
                assert_eq!(answer.status(), 502);
                client.read_body(&answer);
            }
            Sees::Whole(status, framed, body) => {
                assert_eq!(answer.status(), status);
                let (seen, trailers) = self.read_whole(&mut client, &answer, framed);
                assert_eq!(seen, body, "the body");
                assert_eq!(trailers, self.trailer_lines(), "trailers");
            }
            Sees::Cut(status, framed, body) => {
                assert_eq!((answer.status(), framing_of(&answer)), (status, framed));
                let rest = client.read_to_end();
                let seen = match framed {
                    Framed::Chunks => before_the_break(&rest),
                    _ => rest,
                };
                assert_eq!(String::from_utf8_lossy(&seen), body, "what came before the break");
                return;
            }
        }
        assert_eq!(client.get("/again").text(), "/again", "on the same connection");
    }

    fn read_whole(&self, client: &mut Wire, head: &Message, framed: Framed) -> (String, Vec<String>) {
        if self.method == "HEAD" {
            return (String::new(), Vec::new());
        }
        assert_eq!(framing_of(head), framed, "{}", head.head);
        match framed {
            Framed::Chunks => read_chunks(client),
            Framed::Nothing => (String::new(), Vec::new()),
            Framed::Length => (
                String::from_utf8_lossy(&client.read_body(head)).into_owned(),
                Vec::new(),
            ),
        }
    }

    fn trailer_lines(&self) -> Vec<String> {
        let lines = self
            .trailers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"));
        lines.collect()
    }

    /// What a client of HTTP/1.0 sees: no interim answers, no chunks, no trailers.
    fn check_old(&self, number: usize, proxy: &TestProxy) {
        let mut client = proxy.connect();
        client.send(format!("{} /{number} HTTP/1.0\r\n\r\n", self.method));
        let answer = client.read_head().expect("an answer");
        let rest = client.read_to_end();
        let seen = String::from_utf8_lossy(&rest);

        assert_eq!(answer.header("transfer-encoding"), None);
        assert_eq!(answer.header("connection").as_deref(), Some("close"));
        match self.sees {
            Sees::BadGateway => assert_eq!(answer.status(), 502),
            Sees::Whole(status, _, body) => {
                assert_eq!((answer.status(), &*seen), (status, body));
                assert!(!client.was_reset(), "a reset");
            }
            Sees::Cut(status, framed, body) => {
                assert_eq!(answer.status(), status);
                // A reset may throw away what came before it.
                assert!(body.starts_with(&*seen), "{seen:?}");
                assert!(framed == Framed::Length || client.was_reset(), "it looks whole");
            }
        }
    }

    /// What a client of HTTP/2 sees: no interim answers.
    fn check_http2(&self, number: usize, proxy: &TestProxy, runtime: &Runtime) {
        let asking = async {
            let mut client = proxy.connect_http2().await;
            let first = ask(&mut client, self.method, &format!("/{number}")).await;
            Ok::<_, Box<dyn std::error::Error>>((first, ask(&mut client, "GET", "/again").await?))
        };
        let answers = runtime.block_on(async { timeout(DEADLINE, asking).await });
        let (first, (status, again, _)) = answers
            .expect("answers in time")
            .expect("a connection that lives");

        assert_eq!((status, &again[..]), (200, "/again"), "on the same connection");
        match self.sees {
            Sees::BadGateway => assert_eq!(first.expect("an answer").0, 502),
            Sees::Whole(expected, _, body) => {
                let (status, seen, trailers) = first.expect("an answer");
                assert_eq!((status, &seen[..]), (expected, body));
                let lines = trailers
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", value.to_str().expect("a value of text")));
                assert_eq!(lines.collect::<Vec<_>>(), self.trailer_lines(), "trailers");
            }
            Sees::Cut(..) => {
                let error = first.expect_err("a break");
                assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
            }
        }
    }
}

/// Status, body and trailers.
type Answer = (u16, String, HeaderMap);

async fn ask(
    client: &mut h2::client::SendRequest<bytes::Bytes>,
    method: &str,
    path: &str,
) -> Result<Answer, h2::Error> {
    let request = Request::builder().method(method).uri(format!("http://a{path}"));
    let request = request.body(()).expect("a path makes a target");
    let (parts, mut stream) = client.send_request(request, true)?.0.await?.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        stream.flow_control().release_capacity(piece.len())?;
        body.extend_from_slice(&piece);
    }
    let trailers = stream.trailers().await?.unwrap_or_default();
    let text = String::from_utf8_lossy(&body).into_owned();
    Ok((parts.status.as_u16(), text, trailers))
}

/// What the head says of the body's end; never two things.
fn framing_of(head: &Message) -> Framed {
    match (
        head.header_lines("content-length").len(),
        &head.header_lines("transfer-encoding")[..],
    ) {
        (1, []) if !matches!(head.status(), 204 | 304) => Framed::Length,
        (0 | 1, []) => Framed::Nothing,
        (0, ["chunked"]) => Framed::Chunks,
        _ => panic!("it says two things: {}", head.head),
    }
}

/// A body in chunks, and the lines of its trailers.
fn read_chunks(client: &mut Wire) -> (String, Vec<String>) {
    let mut body = Vec::new();
    loop {
        let size = read_line(client);
        match usize::from_str_radix(&size, 16).expect("a size") {
            0 => break,
            size => body.extend(client.read_exact(size)),
        }
        assert_eq!(read_line(client), "", "behind a chunk");
    }
    let lines = std::iter::from_fn(|| Some(read_line(client)).filter(|line| !line.is_empty()));
    let trailers = lines.map(|line| line.to_ascii_lowercase()).collect();
    (String::from_utf8_lossy(&body).into_owned(), trailers)
}

fn read_line(client: &mut Wire) -> String {
    let line = client.read_until(b"\r\n").expect("a line");
    String::from_utf8_lossy(&line[..line.len() - 2]).into_owned()
}

/// What is in the chunks of a body without a last one.
fn before_the_break(raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut left = raw;
    while let Some(line) = left.windows(2).position(|window| window == b"\r\n") {
        let digits = std::str::from_utf8(&left[..line]).expect("a size");
        let size = usize::from_str_radix(digits, 16).expect("a size");
        assert_ne!(size, 0, "it looks whole");
        body.extend_from_slice(&left[line + 2..][..size]);
        left = &left[line + 2 + size + 2..];
    }
    assert!(left.is_empty(), "half a size");
    body
}

/// Checks each vector with each kind of client, at one proxy whose connections to the app all clients share.
pub(crate) fn check_table(vectors: &[Vector]) {
    let asked = Arc::<Mutex<Vec<(String, usize)>>>::default();
    let target = TestTarget::start({
        let (vectors, asked) = (vectors.to_vec(), Arc::clone(&asked));
        move |app| {
            while let Some(request) = app.read_request() {
                let target = request.target().to_owned();
                asked
                    .lock()
                    .expect("no holder panics")
                    .push((target.clone(), app.number));
                let Ok(number) = target[1..].parse::<usize>() else {
                    app.answer(&target);
                    continue;
                };
                // The proxy may have had enough before the end of it.
                let _ = app.wire.try_send(&vectors[number].says);
                if vectors[number].closes {
                    return;
                }
            }
        }
    });
    let proxy = Launch::before(&target)
        .env("THRUSTER_THREADS", "1")
        .env("THRUSTER_BAD_GATEWAY_PAGE", "")
        .start();
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");

    let numbered: Vec<_> = vectors.iter().enumerate().collect();
    check_all(
        &numbered,
        |(_, vector)| vector.what,
        |(number, vector)| {
            let clients: [&dyn Fn(); 3] = [
                &|| vector.check_new(*number, &proxy),
                &|| vector.check_old(*number, &proxy),
                &|| vector.check_http2(*number, &proxy, &runtime),
            ];
            for (client, version) in clients.into_iter().zip(["HTTP/1.1", "HTTP/1.0", "HTTP/2"]) {
                let before = asked.lock().expect("no holder panics").len();
                client();
                assert_eq!(proxy.connect().get("/next").text(), "/next", "behind {version}");

                let asked = asked.lock().expect("no holder panics").clone();
                let [(target, connection), (_, next), ..] = &asked[before..] else {
                    panic!("{version}: asked were {:?}", &asked[before..]);
                };
                assert_eq!(*target, format!("/{number}"), "{version}");
                assert_eq!(connection == next, vector.is_kept, "{version}: used again");
                let again = asked[before + 1..].iter().any(|(again, _)| again == target);
                assert!(!again, "{version}: asked twice");
            }
        },
    );

    let broken = vectors
        .iter()
        .filter(|vector| !matches!(vector.sees, Sees::Whole(..)));
    let lines = 3 * broken.count();
    eventually("a line with an error for each break", || {
        let logged = proxy
            .log_lines()
            .into_iter()
            .filter(|line| line["error"].is_string());
        (logged.count() == lines).then_some(())
    });
}
