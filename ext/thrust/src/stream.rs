//! A socket whose two directions are used side by side by one task.
//!
//! Reads and writes take `&self`, so a body can read while an answer is written. Each direction remembers one waker:
//! a stream belongs to one task at a time.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::buffer::Buffer;

/// After so many bytes in one go, other connections of the thread get their turn.
pub(crate) const TURN: usize = 256 * 1024;

/// A connected socket, the client's or the app's.
#[derive(Debug)]
pub(crate) struct Stream(TcpStream);

impl Stream {
    /// Takes a connected socket. Small writes leave at once: what we write is whole.
    pub(crate) fn new(socket: TcpStream) -> Self {
        // Refused only for a socket that is already dead; the next read says so.
        let _ = socket.set_nodelay(true);
        Self(socket)
    }

    /// Reads what is there, at most `limit` bytes; empty at the end of the stream.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, limit: u64) -> Poll<io::Result<Bytes>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            let mut buffer = Buffer::lend();
            let space = buffer.space(limit);
            let length = space.len();
            match self.0.try_read(space) {
                Ok(count) => {
                    if 0 < count && count < length {
                        self.note_drained();
                    }
                    return Poll::Ready(Ok(buffer.filled(count)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Saves the read that would find nothing: one that does not fill its buffer has emptied the socket.
    ///
    /// Whatever comes later makes the socket readable anew, and a FIN that was there already stays known.
    fn note_drained(&self) {
        let _ = self.0.try_io(Interest::READABLE, || {
            Err::<(), _>(io::ErrorKind::WouldBlock.into())
        });
    }

    /// Writes what fits; the slices must not all be empty.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write_vectored(slices) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Whether nothing has come and the other end has not closed, as far as is known without waiting.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.0.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Returns once the other end has sent a FIN or RST, also while bytes before it are unread.
    #[cfg(target_os = "linux")]
    pub(crate) async fn closed_by_peer(&self) {
        // READABLE would stay ready while bytes are unread; this interest wakes for the end alone.
        let _ = self.0.ready(Interest::PRIORITY).await;
    }

    /// Returns once the other end has reset the connection; elsewhere than on Linux a FIN shows only when it is read.
    #[cfg(not(target_os = "linux"))]
    pub(crate) async fn closed_by_peer(&self) {
        let _ = self.0.ready(Interest::ERROR).await;
    }

    /// Sends a FIN; the other direction stays open.
    pub(crate) fn shutdown_write(&self) {
        // Fails if the other end is gone, and then there is nobody to tell.
        let _ = SockRef::from(&self.0).shutdown(Shutdown::Write);
    }

    /// Makes the close a RST, for when a FIN would make a cut answer look whole.
    pub(crate) fn reset_on_close(&self) {
        let _ = SockRef::from(&self.0).set_linger(Some(Duration::ZERO));
    }
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        Self::new(socket)
    }
}

#[cfg(test)]
impl Stream {
    pub(crate) fn local_address(&self) -> std::net::SocketAddr {
        self.0.local_addr().expect("the socket is open")
    }

    pub(crate) async fn readable(&self) {
        self.0.readable().await.expect("the socket is open");
    }
}
