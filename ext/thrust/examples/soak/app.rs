//! The app behind the proxy: does with each request what its target says, and checks that it came as it was sent.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;

use crate::content::{self, Check};
use crate::order::{Fate, Framing, Order};
use crate::wire::{Body, Broken, Head, Wire};

/// Bytes of an answer that are written at a time, and of an event.
const PIECE: u64 = 16 * 1024;
const EVENT: u64 = 100;

/// What stands before a finding on stderr.
pub(crate) const FOUND: &str = "soak app: FOUND ";

/// Ids of POSTs that have come: none may come twice.
type Posts = Arc<Mutex<HashSet<u64>>>;

/// Serves 127.0.0.1 at this port for ever.
///
/// # Errors
///
/// When the port cannot be bound, or accepting fails.
pub(crate) async fn serve(port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let posts = Posts::default();
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(Wire::new(stream), posts.clone()));
    }
}

/// What comes after an answer.
enum After {
    Next,
    Close { reset: bool },
}

async fn connection(mut wire: Wire, posts: Posts) {
    loop {
        let head = match wire.request_head().await {
            Ok(head) => head,
            Err(Broken::Garbled(what)) => return found(&format!("{what} instead of a request head")),
            Err(_) => return,
        };
        let Some(order) = head.target.get(1..).and_then(|text| text.parse::<Order>().ok()) else {
            return found(&format!("a request for {:?}", head.target));
        };
        if order.upload.is_some()
            && !posts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(order.id)
        {
            return found(&format!("POST {} came twice", order.target()));
        }
        match answer(&mut wire, &head, &order).await {
            Ok(After::Next) => {}
            Ok(After::Close { reset }) => return wire.leave(reset).await,
            // The proxy gave the request up, because its client had left.
            Err(_) => return,
        }
    }
}

async fn answer(wire: &mut Wire, head: &Head, order: &Order) -> Result<After, Broken> {
    match order.fate {
        Fate::NoAnswer => return Ok(After::Close { reset: false }),
        Fate::ResetFirst => return Ok(After::Close { reset: true }),
        Fate::Early => {}
        _ => receive(wire, head, order).await?,
    }
    match order.fate {
        Fate::HalfHead => {
            wire.write(b"HTTP/1.1 200 OK\r\nContent-Le").await?;
            return Ok(After::Close { reset: false });
        }
        Fate::Junk => {
            wire.write(b"<html>this is no HTTP</html>\r\n\r\n").await?;
            return Ok(After::Close { reset: false });
        }
        Fate::Hinted => {
            wire.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
                .await?
        }
        Fate::Echo => return echo(wire, order).await,
        _ => {}
    }
    send(wire, order).await
}

/// Reads the request's body and compares it with what its client sends.
async fn receive(wire: &mut Wire, head: &Head, order: &Order) -> Result<(), Broken> {
    if head.expects_continue {
        wire.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let mut body = head.body(Body::Over);
    let mut check = Check::new(!order.id, order.upload.unwrap_or(0));
    while let Some(piece) = wire.piece(&mut body).await? {
        if let Err(what) = check.take(&piece) {
            found(&format!("body of {}: {what}", order.target()));
        }
    }
    if !check.is_whole() {
        found(&format!(
            "body of {} ended after {} bytes and looked whole",
            order.target(),
            check.seen
        ));
    }
    Ok(())
}

async fn send(wire: &mut Wire, order: &Order) -> Result<After, Broken> {
    let closes = matches!(order.fate, Fate::SaidClose | Fate::Early) || order.framing == Framing::Close;
    let framing = match order.framing {
        Framing::Length => format!("Content-Length: {}\r\n", order.size),
        Framing::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
        Framing::Close => String::new(),
    };
    let kind = if order.pause > 0 {
        "text/event-stream"
    } else {
        "application/octet-stream"
    };
    let mut out = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{framing}{}\r\n",
        if closes { "Connection: close\r\n" } else { "" }
    )
    .into_bytes();

    let end = match order.fate {
        Fate::Cut | Fate::CutReset | Fate::BadChunk => order.cut,
        _ => order.size,
    };
    let piece = if order.pause > 0 { EVENT } else { PIECE };
    let mut sent = 0;
    while sent < end {
        let length = piece.min(end - sent);
        let data = content::make(order.id, sent, length as usize);
        match order.framing {
            Framing::Chunked => {
                out.extend_from_slice(format!("{length:x}\r\n").as_bytes());
                out.extend_from_slice(&data);
                out.extend_from_slice(b"\r\n");
            }
            Framing::Length | Framing::Close => out.extend_from_slice(&data),
        }
        sent += length;
        // The last piece leaves with what follows it.
        if sent < end {
            wire.write(&out).await?;
            out.clear();
            if order.pause > 0 {
                tokio::time::sleep(Duration::from_millis(order.pause)).await;
            }
        }
    }
    match order.fate {
        Fate::Cut | Fate::CutReset => {}
        Fate::BadChunk => out.extend_from_slice(b"no size\r\n"),
        Fate::Long => out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlater"),
        _ if order.framing == Framing::Chunked => out.extend_from_slice(b"0\r\n\r\n"),
        _ => {}
    }
    wire.write(&out).await?;
    Ok(match order.fate {
        Fate::SilentReset | Fate::CutReset => After::Close { reset: true },
        Fate::Cut | Fate::BadChunk | Fate::SilentClose => After::Close { reset: false },
        _ if closes => After::Close { reset: false },
        _ => After::Next,
    })
}

async fn echo(wire: &mut Wire, order: &Order) -> Result<After, Broken> {
    wire.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: soak\r\n\r\n")
        .await?;
    let mut check = Check::new(order.id, order.size);
    loop {
        match wire.bytes().await {
            Ok(piece) => {
                if let Err(what) = check.take(&piece) {
                    found(&format!("tunnel of {}: {what}", order.target()));
                }
                wire.write(&piece).await?;
            }
            Err(Broken::Closed) => return Ok(After::Close { reset: false }),
            Err(broken) => return Err(broken),
        }
    }
}

fn found(what: &str) {
    eprintln!("{FOUND}{what}");
}
