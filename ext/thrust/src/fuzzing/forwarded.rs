//! The whole way of requests: what a client sends, and what the app then gets, are the same to the plain reader.
//!
//! Heads and bodies take the way of a real connection, but for the pipeline: `connection` reads them from one socket,
//! `upstream` writes them to another. Nobody answers; the next request follows when the one before was written.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

use super::pieces::halves;
use super::plain::{self, Fault, Field, Framing, Reading};
use crate::connection::Requests;
use crate::exchange::{Client, Peer};
use crate::stream::Stream;
use crate::trust::TrustedProxies;
use crate::upstream::{Options, Target, write};

/// What a client may send that the app gets from us, or not at all.
const OURS: [&str; 12] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "expect",
    "te",
    "trailer",
    "forwarded",
    "proxy-authenticate",
    "proxy-authorization",
];

/// The rest of these as well: whom they name, and which of them is believed, is decided elsewhere.
const OUR_PREFIXES: [&str; 5] = [
    "x-forwarded-",
    "x-real-",
    "x-sendfile-",
    "x-accel-",
    "proxy-connection",
];

/// As much as a socket takes before anybody reads it.
const MOST: usize = 64 * 1024;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs a few descriptors");
}

/// Requests of one connection, one behind the other.
pub fn forwarded(input: &[u8]) {
    if input.len() > MOST {
        return;
    }
    let sent = RUNTIME.with(|runtime| runtime.block_on(pass_on(input)));

    let mut came = input;
    let mut left = &sent.bytes[..];
    for _ in 0..sent.whole {
        let asked = next(&mut came, true).expect("what we accept, a strict reader accepts");
        let got = next(&mut left, false).expect("what we write, a strict reader accepts");
        compare(&asked, &got);
    }
    if !left.is_empty() {
        // Cut short: the app must not take it for a whole request.
        assert_eq!(next(&mut left, false).err(), Some(Fault::Short));
    }
}

struct Sent {
    /// All that an app got on its connection.
    bytes: Vec<u8>,
    /// Requests that were written to their end.
    whole: usize,
}

async fn pass_on(input: &[u8]) -> Sent {
    let (first, second) = halves(input);
    let (peer, client) = pair();
    peer.try_write(second).map_or_else(
        |error| assert!(second.is_empty(), "{error}"),
        |count| {
            assert_eq!(count, second.len(), "the socket takes it all");
        },
    );
    drop(peer);
    let (app, target) = pair();

    let ours = async {
        let target = Stream::from(target);
        let requests = Requests::new(client.into(), Bytes::copy_from_slice(first));
        let mut whole = 0;
        while let Some(request) = requests.next().await {
            if write(request, &client_of(), &options(), &Target::Port(3000), &target)
                .await
                .is_err()
            {
                break;
            }
            whole += 1;
        }
        whole
    };
    let theirs = async {
        let app = Stream::from(app);
        let mut bytes = Vec::new();
        while let Ok(piece) = std::future::poll_fn(|cx| app.poll_read(cx, u64::MAX)).await
            && !piece.is_empty()
        {
            bytes.extend_from_slice(&piece);
        }
        bytes
    };
    let (whole, bytes) = tokio::join!(ours, theirs);
    Sent { bytes, whole }
}

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("a pair of sockets needs two descriptors")
}

fn client_of() -> Client {
    Client {
        peer: Peer::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 1024))),
        secure: false,
    }
}

fn options() -> Options {
    Options {
        forward_headers: true,
        trusted_proxies: TrustedProxies {
            networks: "private".parse().expect("it is one of the words"),
            chosen: false,
        },
        connect_timeout: Duration::from_secs(5),
        timeout: None,
        boot_timeout: Duration::from_secs(5),
    }
}

struct Message {
    head: plain::Request,
    body: Vec<u8>,
}

/// Takes one request off `bytes`; a client may send empty lines before it (RFC 9112 section 2.2).
fn next(bytes: &mut &[u8], from_client: bool) -> Reading<Message> {
    while let [b'\r', b'\n', rest @ ..] = *bytes
        && from_client
    {
        *bytes = rest;
    }
    let (head, rest) = plain::request_head(bytes)?;
    let (body, rest) = plain::request_body(head.framing, rest)?;
    *bytes = rest;
    Ok(Message { head, body })
}

fn compare(asked: &Message, got: &Message) {
    assert_eq!(got.head.minor, 1, "the app is asked in HTTP/1.1");
    assert_eq!(got.head.method, asked.head.method);
    assert_eq!(got.head.target, asked.head.target);
    assert_eq!(got.head.authority, None, "the app is asked in origin-form");
    assert_eq!(got.body, asked.body);
    let host = match (
        &asked.head.authority,
        &plain::values(&asked.head.fields, "host")[..],
    ) {
        (Some(authority), _) => &authority[..],
        (None, [host]) if !host.is_empty() => host,
        _ => b"localhost:3000",
    };
    assert_eq!(plain::values(&got.head.fields, "host"), [host]);
    if asked.head.framing == Framing::Chunked {
        assert_eq!(
            got.head.framing,
            Framing::Chunked,
            "a body of unknown length stays one"
        );
    }

    let named = plain::members(&plain::values(&asked.head.fields, "connection"));
    let mut expected = passed_on(&asked.head.fields);
    expected.retain(|(name, _)| !named.contains(name));
    assert_eq!(passed_on(&got.head.fields), expected);
    for name in OURS {
        assert!(
            plain::values(&got.head.fields, name).len() <= 1,
            "{name} came twice"
        );
    }
}

/// Fields that are neither ours nor could be taken for ours, by name; those of one name stay in order.
fn passed_on(fields: &[Field]) -> Vec<Field> {
    let is_ours = |name: &str| {
        name.contains('_')
            || OURS.contains(&name)
            || OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    let mut passed: Vec<_> = fields
        .iter()
        .filter(|(name, _)| !is_ours(name))
        .cloned()
        .collect();
    passed.sort_by(|(one, _), (other, _)| one.cmp(other));
    passed
}
