//! A socket to listen on, TCP or Unix.

use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;

/// A socket that listens. It does not block and is closed on exec.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    kind: Kind,
}

/// Which kind of peers a socket has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// They have addresses.
    Tcp,
    /// They are processes of this machine.
    Unix,
}

impl Listener {
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self {
            socket: socket.into(),
            kind: Kind::Tcp,
        }
    }
}

impl From<UnixListener> for Listener {
    fn from(socket: UnixListener) -> Self {
        Self {
            socket: socket.into(),
            kind: Kind::Unix,
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
