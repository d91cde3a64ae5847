//! A socket on which HTTP/1.1 is read piece by piece, in which every wait has a deadline, and which can be reset.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For one read or one write. Long: the machine may be busy, and whoever waits it out is a finding.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

const MAX_HEAD: usize = 64 * 1024;
const MAX_FIELDS: usize = 64;
/// What is handed on at a time.
const PIECE: usize = 16 * 1024;

/// Why there is no more to read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("it was closed")]
    Closed,
    #[error("it was reset")]
    Reset,
    #[error("nothing moved for {DEADLINE:?}")]
    Late,
    #[error("{0} instead of HTTP")]
    Garbled(String),
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Reset
    }
}

pub(crate) struct Wire {
    stream: TcpStream,
    ahead: BytesMut,
}

/// What a head says, for requests and answers alike.
#[derive(Debug)]
pub(crate) struct Head {
    /// Status, or 0.
    pub(crate) status: u16,
    /// Target, or nothing.
    pub(crate) target: String,
    pub(crate) length: Option<u64>,
    pub(crate) chunked: bool,
    pub(crate) closes: bool,
    pub(crate) upgrade: bool,
    pub(crate) expects_continue: bool,
}

/// How a body is delimited, and how much of it is left.
#[derive(Debug)]
pub(crate) enum Body {
    Length(u64),
    /// Bytes left of the current chunk; 0 before a size.
    Chunked(u64),
    UntilClose,
    Over,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Fails only on a socket that is dead already, which the next read shows.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            ahead: BytesMut::new(),
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        timeout(DEADLINE, self.stream.write_all(bytes))
            .await
            .map_err(|_| Broken::Late)?
            .map_err(Broken::from)
    }

    /// Closes; with a reset, what was written may not arrive.
    pub(crate) async fn leave(mut self, reset: bool) {
        if reset {
            reset_on_close(&self.stream);
        } else {
            // The other side may have gone before.
            let _ = self.stream.shutdown().await;
        }
    }

    /// Sends a FIN.
    pub(crate) async fn finish(&mut self) {
        // The other side may have gone before.
        let _ = self.stream.shutdown().await;
    }

    pub(crate) async fn request_head(&mut self) -> Result<Head, Broken> {
        let bytes = self.head().await?;
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        if !matches!(request.parse(&bytes), Ok(httparse::Status::Complete(_))) {
            return Err(garbled(&bytes));
        }
        let mut head = Head::of(request.headers, 1).ok_or_else(|| garbled(&bytes))?;
        head.target = request.path.unwrap_or_default().to_owned();
        Ok(head)
    }

    pub(crate) async fn answer_head(&mut self) -> Result<Head, Broken> {
        let bytes = self.head().await?;
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut answer = httparse::Response::new(&mut fields);
        if !matches!(answer.parse(&bytes), Ok(httparse::Status::Complete(_))) {
            return Err(garbled(&bytes));
        }
        let mut head =
            Head::of(answer.headers, answer.version.unwrap_or(0)).ok_or_else(|| garbled(&bytes))?;
        head.status = answer.code.unwrap_or(0);
        Ok(head)
    }

    async fn head(&mut self) -> Result<BytesMut, Broken> {
        loop {
            if let Some(at) = self.ahead.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                return Ok(self.ahead.split_to(at + 4));
            }
            if self.ahead.len() > MAX_HEAD {
                return Err(garbled(&self.ahead));
            }
            self.fill().await?;
        }
    }

    /// The next piece of a body; `None` after the last.
    pub(crate) async fn piece(&mut self, body: &mut Body) -> Result<Option<BytesMut>, Broken> {
        loop {
            match body {
                Body::Over => return Ok(None),
                Body::Chunked(0) => {
                    let size = self.chunk_size().await?;
                    if size == 0 {
                        while !self.line().await?.is_empty() {}
                        *body = Body::Over;
                    } else {
                        *body = Body::Chunked(size);
                    }
                    continue;
                }
                _ => {}
            }
            if self.ahead.is_empty() {
                match self.fill().await {
                    Ok(()) => {}
                    Err(Broken::Closed) if matches!(body, Body::UntilClose) => {
                        *body = Body::Over;
                        continue;
                    }
                    Err(broken) => return Err(broken),
                }
            }
            let most = self.ahead.len().min(PIECE);
            let length = match body {
                Body::Length(left) | Body::Chunked(left) => {
                    let length = most.min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= length as u64;
                    length
                }
                Body::UntilClose | Body::Over => most,
            };
            let piece = self.ahead.split_to(length);
            match body {
                Body::Length(0) => *body = Body::Over,
                Body::Chunked(0) if !self.line().await?.is_empty() => return Err(garbled(&piece)),
                _ => {}
            }
            return Ok(Some(piece));
        }
    }

    /// Whatever comes next, outside of HTTP.
    pub(crate) async fn bytes(&mut self) -> Result<BytesMut, Broken> {
        if self.ahead.is_empty() {
            self.fill().await?;
        }
        Ok(self.ahead.split())
    }

    async fn chunk_size(&mut self) -> Result<u64, Broken> {
        let line = self.line().await?;
        std::str::from_utf8(&line)
            .ok()
            .and_then(|size| u64::from_str_radix(size, 16).ok())
            .ok_or_else(|| garbled(&line))
    }

    async fn line(&mut self) -> Result<BytesMut, Broken> {
        loop {
            if let Some(at) = self.ahead.windows(2).position(|bytes| bytes == b"\r\n") {
                let line = self.ahead.split_to(at);
                self.ahead.advance(2);
                return Ok(line);
            }
            if self.ahead.len() > MAX_HEAD {
                return Err(garbled(&self.ahead));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Broken> {
        self.ahead.reserve(PIECE);
        match timeout(DEADLINE, self.stream.read_buf(&mut self.ahead)).await {
            Ok(Ok(0)) => Err(Broken::Closed),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Broken::Late),
        }
    }
}

impl Head {
    fn of(fields: &[httparse::Header<'_>], minor: u8) -> Option<Self> {
        let mut head = Self {
            status: 0,
            target: String::new(),
            length: None,
            chunked: false,
            closes: minor == 0,
            upgrade: false,
            expects_continue: false,
        };
        for field in fields {
            let value = std::str::from_utf8(field.value).ok()?.to_ascii_lowercase();
            match field.name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = Some(value.parse().ok()?),
                "transfer-encoding" => head.chunked = value == "chunked",
                "connection" => {
                    head.closes |= value == "close";
                    head.upgrade = value == "upgrade";
                }
                "expect" => head.expects_continue = value == "100-continue",
                _ => {}
            }
        }
        Some(head)
    }

    /// The body behind it; `unsaid` if it says nothing.
    pub(crate) fn body(&self, unsaid: Body) -> Body {
        match self.length {
            _ if self.chunked => Body::Chunked(0),
            Some(0) => Body::Over,
            Some(length) => Body::Length(length),
            None => unsaid,
        }
    }
}

/// From now on, closing it is a reset.
pub(crate) fn reset_on_close(stream: &TcpStream) {
    // Fails only on a socket that is dead already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

fn garbled(bytes: &[u8]) -> Broken {
    Broken::Garbled(format!(
        "{:?}",
        String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
    ))
}
