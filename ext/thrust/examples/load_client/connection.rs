//! A TCP connection whose every wait has a deadline, and which knows whether the other side has closed it by now.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

/// No head and no line is longer, in bytes.
const MAX_LINE: usize = 64 * 1024;
const SHOWN: usize = 200;

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the connection was closed after {received} bytes of an answer")]
    Closed { received: usize },
    #[error("the connection broke after {received} bytes of an answer: {source}")]
    Broken { received: usize, source: io::Error },
    #[error("no progress by the deadline, after {received} bytes of an answer")]
    Late { received: usize },
    #[error("instead of {what}: {bytes:?}")]
    Garbled { what: &'static str, bytes: String },
}

impl Fault {
    pub(crate) fn garbled(what: &'static str, bytes: &[u8]) -> Self {
        let shown = &bytes[..bytes.len().min(SHOWN)];
        Self::Garbled {
            what,
            bytes: String::from_utf8_lossy(shown).into_owned(),
        }
    }

    /// Whether the connection ended before anything came.
    pub(crate) fn is_without_a_byte(&self) -> bool {
        matches!(
            self,
            Self::Closed { received: 0 } | Self::Broken { received: 0, .. }
        )
    }
}

/// What the kernel knows of a connection at this moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    Open,
    /// The other side has closed or reset it.
    Closed,
    /// There is something to read.
    Readable,
}

/// One connection to the proxy.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What was read beyond what was asked for.
    ahead: Vec<u8>,
    /// Bytes read since the last request began.
    received: usize,
}

impl Connection {
    /// # Errors
    ///
    /// When nobody listens, or nobody answers by the deadline.
    pub(crate) async fn open(address: SocketAddr, deadline: Instant) -> io::Result<Self> {
        let stream = timeout_at(deadline.into(), TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            ahead: Vec::new(),
            received: 0,
        })
    }

    /// The stream, for a protocol that reads by itself.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Asks the kernel: what the runtime knows may be older than the last FIN.
    pub(crate) fn state(&self) -> State {
        if !self.ahead.is_empty() {
            return State::Readable;
        }
        match recv(
            &self.stream,
            &mut [0_u8; 1],
            RecvFlags::PEEK | RecvFlags::DONTWAIT,
        ) {
            Err(Errno::AGAIN | Errno::INTR) => State::Open,
            Ok((_, 0)) | Err(_) => State::Closed,
            Ok(_) => State::Readable,
        }
    }

    /// What can be read at once, for a report.
    pub(crate) fn shown(&mut self) -> String {
        let mut buffer = [0; SHOWN];
        let length = self.stream.try_read(&mut buffer).unwrap_or_default();
        self.ahead.extend_from_slice(&buffer[..length]);
        String::from_utf8_lossy(&self.ahead[..self.ahead.len().min(SHOWN)]).into_owned()
    }

    /// Writes all of it. What is received counts from the first write of a request on.
    pub(crate) async fn write(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), Fault> {
        match timeout_at(deadline.into(), self.stream.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(self.broken(source)),
            Err(_) => Err(self.late()),
        }
    }

    /// A new request begins: nothing has come for it.
    pub(crate) fn begin(&mut self) {
        self.received = 0;
    }

    /// Everything up to and with `end`.
    pub(crate) async fn read_until(&mut self, end: &[u8], deadline: Instant) -> Result<Vec<u8>, Fault> {
        loop {
            if let Some(at) = self.ahead.windows(end.len()).position(|bytes| bytes == end) {
                return Ok(self.ahead.drain(..at + end.len()).collect());
            }
            if self.ahead.len() > MAX_LINE {
                return Err(Fault::garbled("a line or a head", &self.ahead));
            }
            if !self.fill(deadline).await? {
                return Err(self.closed());
            }
        }
    }

    /// Exactly so many bytes.
    pub(crate) async fn read_exact(&mut self, length: usize, deadline: Instant) -> Result<Vec<u8>, Fault> {
        while self.ahead.len() < length {
            if !self.fill(deadline).await? {
                return Err(self.closed());
            }
        }
        Ok(self.ahead.drain(..length).collect())
    }

    /// Everything until the other side closes.
    pub(crate) async fn read_to_end(&mut self, deadline: Instant) -> Result<Vec<u8>, Fault> {
        while self.fill(deadline).await? {}
        Ok(std::mem::take(&mut self.ahead))
    }

    /// Reads more; false at the end of the connection.
    async fn fill(&mut self, deadline: Instant) -> Result<bool, Fault> {
        let read = timeout_at(deadline.into(), self.stream.read_buf(&mut self.ahead)).await;
        match read {
            Ok(Ok(length)) => {
                self.received += length;
                Ok(length > 0)
            }
            Ok(Err(source)) => Err(self.broken(source)),
            Err(_) => Err(self.late()),
        }
    }

    fn closed(&self) -> Fault {
        Fault::Closed {
            received: self.received,
        }
    }

    fn broken(&self, source: io::Error) -> Fault {
        Fault::Broken {
            received: self.received,
            source,
        }
    }

    fn late(&self) -> Fault {
        Fault::Late {
            received: self.received,
        }
    }
}
