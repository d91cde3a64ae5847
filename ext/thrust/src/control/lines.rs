//! Lines on a control connection: bounded in length, and neither end waits for ever.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use thrust_api::message::MAX_LINE;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long the next line may take to arrive whole, and one of ours to be taken.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much is asked of the socket at once.
const READ: usize = 4096;

/// Why there is no next line.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("the line is longer than {MAX_LINE} bytes")]
    TooLong,
    #[error("no line came within {PATIENCE:?}")]
    TooSlow,
    #[error("the connection ended within a line")]
    Cut,
    #[error("the connection broke")]
    Broken(#[from] io::Error),
}

/// A control connection, line by line.
pub(super) struct Lines {
    stream: UnixStream,
    /// What has arrived and was not yet taken.
    arrived: Vec<u8>,
}

impl Lines {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            arrived: Vec::new(),
        }
    }

    /// The next line without its newline; `None` at the end of the connection.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        timeout(PATIENCE, self.read())
            .await
            .unwrap_or(Err(LineError::TooSlow))
    }

    /// Writes a line, which has its newline.
    pub(super) async fn write(&self, line: &[u8]) -> io::Result<()> {
        timeout(PATIENCE, self.write_all(line))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// The connection itself. What has arrived and was not taken is lost.
    pub(super) fn into_descriptor(self) -> io::Result<OwnedFd> {
        self.stream.into_std().map(OwnedFd::from)
    }

    async fn read(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        let mut searched = 0;
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.arrived[searched..]) {
                let rest = self.arrived.split_off(searched + end + 1);
                let mut line = std::mem::replace(&mut self.arrived, rest);
                line.pop();
                return Ok(Some(line));
            }
            searched = self.arrived.len();
            if searched >= MAX_LINE {
                return Err(LineError::TooLong);
            }
            let mut chunk = [0; READ];
            let room = READ.min(MAX_LINE - searched);
            self.stream.readable().await?;
            match self.stream.try_read(&mut chunk[..room]) {
                Ok(0) if searched == 0 => return Ok(None),
                Ok(0) => return Err(LineError::Cut),
                Ok(length) => self.arrived.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn write_all(&self, mut line: &[u8]) -> io::Result<()> {
        while !line.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(line) {
                Ok(length) => line = &line[length..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
