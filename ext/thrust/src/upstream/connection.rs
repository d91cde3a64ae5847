//! One connection to the app.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::net::TcpStream;

use super::Upstream;
use crate::error::ProxyError;
use crate::http1::head::HeadError;
use crate::http1::inbound::Inbound;
use crate::stream::Stream;
use crate::timer::Timer;

/// A connection and what was read from it. Dropping it closes it, which also tells the app to stop.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) stream: Stream,
    pub(super) inbound: Inbound,
    pub(super) timer: Timer,
}

/// Why no head came.
pub(super) enum ReadError {
    Closed,
    Broke(io::Error),
    Malformed(HeadError),
}

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            inbound: Inbound::default(),
            timer: Timer::default(),
        }
    }

    /// Whether the app has neither closed it nor said anything unasked.
    pub(super) fn is_silent(&self) -> bool {
        self.inbound.is_empty() && self.stream.is_silent()
    }

    /// The head of the next answer.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ReadError>> {
        loop {
            match self.inbound.take_head() {
                Ok(Some(head)) => return Poll::Ready(Ok(head)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(ReadError::Malformed(error))),
            }
            match self.stream.poll_read(cx, u64::MAX) {
                Poll::Ready(Ok(piece)) if piece.is_empty() => return Poll::Ready(Err(ReadError::Closed)),
                Poll::Ready(Ok(piece)) => self.inbound.push(piece),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(ReadError::Broke(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
impl Connection {
    pub(super) fn local_address(&self) -> SocketAddr {
        self.stream.local_address()
    }

    pub(super) async fn readable(&self) {
        self.stream.readable().await;
    }
}

/// Connects to `address`, but never to ourselves: where nobody listens on a port from which the system takes those of
/// outgoing connections, TCP may connect a socket to itself (RFC 9293 section 3.5, simultaneous open).
async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    if is_own_end(&socket)? {
        Err(io::ErrorKind::ConnectionRefused.into())
    } else {
        Ok(socket)
    }
}

fn is_own_end(socket: &TcpStream) -> io::Result<bool> {
    Ok(socket.local_addr()? == socket.peer_addr()?)
}

impl Upstream {
    /// Opens a connection: the app may listen on IPv4, on IPv6 or on both.
    pub(super) async fn connect(&self) -> Result<Box<Connection>, ProxyError> {
        let target = self.options.target;
        let limit = self.options.connect_timeout;
        let addresses: [SocketAddr; 2] = [
            (Ipv4Addr::LOCALHOST, target.port).into(),
            (Ipv6Addr::LOCALHOST, target.port).into(),
        ];
        let connected = async {
            match open(addresses[0]).await {
                Ok(socket) => Ok(socket),
                // The first error names the address that nearly every app listens on.
                Err(error) => open(addresses[1]).await.map_err(|_| error),
            }
        };
        match tokio::time::timeout(limit, connected).await {
            Ok(Ok(socket)) => Ok(Box::new(Connection::new(Stream::new(socket)))),
            Ok(Err(source)) => Err(ProxyError::Connect { target, source }),
            Err(_) => Err(ProxyError::ConnectSlow { target, limit }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_is_connected_to_itself_is_no_app() {
        // Bound and connected to the same address, it is what a chance port can become.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = socket.local_addr().unwrap();
        let itself = socket.connect(address).await.unwrap();

        assert!(is_own_end(&itself).unwrap());
    }
}
