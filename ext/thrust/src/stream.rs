//! A socket whose two directions are used side by side by one task.
//!
//! Reads and writes take `&self`, so a body can read while an answer is written. Each direction remembers one waker:
//! a stream belongs to one task at a time.

mod socket;

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use self::socket::Socket;
use crate::buffer::Buffer;
#[cfg(target_os = "linux")]
use crate::files::Source;

/// After so many bytes in one go, other connections of the thread get their turn.
pub(crate) const TURN: usize = 256 * 1024;

/// A connected socket, the client's or the app's.
#[derive(Debug)]
pub(crate) struct Stream(Socket);

impl From<TcpStream> for Stream {
    /// Small writes leave at once: what we write is whole.
    fn from(socket: TcpStream) -> Self {
        // Refused only for a socket that is already dead; the next read says so.
        let _ = socket.set_nodelay(true);
        Self(Socket::Tcp(socket))
    }
}

impl From<UnixStream> for Stream {
    fn from(socket: UnixStream) -> Self {
        Self(Socket::Unix(socket))
    }
}

impl Stream {
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
        self.0.clear_readable();
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

    /// Like [`Self::poll_write`], of what is followed at once by more: the system may keep it back until then.
    #[cfg(target_os = "linux")]
    pub(crate) fn poll_write_before_more(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};

        // A client that has gone is an error, and no signal.
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        self.poll_io(cx, || {
            Ok(sendmsg(
                self.0.descriptor(),
                slices,
                &mut SendAncillaryBuffer::default(),
                flags,
            )?)
        })
    }

    /// Lets the kernel send `limit` bytes of a file from `offset`, or as many of them as fit; 0 at the file's end.
    #[cfg(target_os = "linux")]
    pub(crate) fn poll_send_file(
        &self,
        cx: &mut Context<'_>,
        source: &Source,
        offset: u64,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_io(cx, || {
            let file = source.descriptor().ok_or(io::ErrorKind::Unsupported)?;
            let mut offset = offset;
            Ok(rustix::fs::sendfile(
                self.0.descriptor(),
                file,
                Some(&mut offset),
                limit,
            )?)
        })
    }

    /// Does `io` when the socket has room, until it needs no more of it.
    #[cfg(target_os = "linux")]
    fn poll_io(&self, cx: &mut Context<'_>, io: impl Fn() -> io::Result<usize>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write_with(&io) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Poll::Ready(result),
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
        self.0.ready(Interest::PRIORITY).await;
    }

    /// Returns once the other end has reset the connection; elsewhere than on Linux a FIN shows only when it is read.
    #[cfg(not(target_os = "linux"))]
    pub(crate) async fn closed_by_peer(&self) {
        self.0.ready(Interest::ERROR).await;
    }

    /// Sends a FIN; the other direction stays open.
    pub(crate) fn shutdown_write(&self) {
        // Fails if the other end is gone, and then there is nobody to tell.
        let _ = self.0.reference().shutdown(Shutdown::Write);
    }

    /// Makes the close a RST, for when a FIN would make a cut answer look whole. Unix sockets know no such thing.
    pub(crate) fn reset_on_close(&self) {
        let _ = self.0.reference().set_linger(Some(Duration::ZERO));
    }
}

#[cfg(test)]
impl Stream {
    pub(crate) fn local_address(&self) -> std::net::SocketAddr {
        let address = self.0.reference().local_addr().expect("the socket is open");
        address.as_socket().expect("it is a TCP socket")
    }

    pub(crate) async fn readable(&self) {
        self.0.ready(Interest::READABLE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn pair() -> (Stream, Stream) {
        let (one, other) = UnixStream::pair().unwrap();
        (one.into(), other.into())
    }

    #[tokio::test]
    async fn a_unix_socket_carries_bytes_both_ways_and_tells_of_its_end() {
        let (ours, theirs) = pair();
        assert!(ours.is_silent());

        for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
            let written =
                poll_fn(|cx| from.poll_write(cx, &[IoSlice::new(b"he"), IoSlice::new(b"llo")])).await;
            assert_eq!(written.unwrap(), 5);
            assert_eq!(poll_fn(|cx| to.poll_read(cx, u64::MAX)).await.unwrap(), "hello");
        }
        theirs.shutdown_write();

        assert_eq!(poll_fn(|cx| ours.poll_read(cx, u64::MAX)).await.unwrap(), "");
        assert!(!ours.is_silent());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_end_of_a_unix_socket_is_noticed_behind_bytes_that_nobody_reads() {
        let (ours, theirs) = pair();
        poll_fn(|cx| theirs.poll_write(cx, &[IoSlice::new(b"unread")]))
            .await
            .unwrap();

        drop(theirs);

        ours.closed_by_peer().await;
    }
}
