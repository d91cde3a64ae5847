//! Sockets to listen on: bound first, and listening when we are told to.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;

use super::{PortError, SocketFile};

/// Connections that may wait to be accepted; the kernel cuts it to its own limit.
const BACKLOG: i32 = 4096;

/// What a socket is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// This port of every address.
    Everywhere(u16),
    /// One address and port.
    Address(SocketAddr),
    /// A path, or whatever else a Unix socket is called.
    Unix(PathBuf),
}

/// A socket that has its address and may not listen on it yet. It does not block and is closed on exec.
#[derive(Debug)]
pub struct Bound {
    socket: OwnedFd,
    place: Place,
    file: Option<SocketFile>,
}

/// A socket that listens. It does not block and is closed on exec.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    kind: SocketKind,
    file: Option<SocketFile>,
}

/// Which kind of peers a socket has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketKind {
    /// They have addresses.
    Tcp,
    /// They are processes of this machine.
    Unix,
}

impl Place {
    /// The port, where there is one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Everywhere(port) => Some(*port),
            Self::Address(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere(port) => write!(formatter, "port {port}"),
            Self::Address(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

impl Bound {
    pub(super) fn new(socket: impl Into<OwnedFd>, place: Place, file: Option<SocketFile>) -> Self {
        let socket = socket.into();
        Self { socket, place, file }
    }

    /// What it is bound to; never port 0.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Listens from now on.
    ///
    /// # Errors
    ///
    /// Another program has begun to listen there since.
    pub fn listen(self) -> Result<Listener, PortError> {
        self.begin()?;
        let kind = match self.place {
            Place::Everywhere(_) | Place::Address(_) => SocketKind::Tcp,
            Place::Unix(_) => SocketKind::Unix,
        };
        Ok(Listener {
            socket: self.socket,
            kind,
            file: self.file,
        })
    }

    /// Lets connections come, without accepting them; a second time changes nothing.
    pub(super) fn begin(&self) -> Result<(), PortError> {
        rustix::net::listen(&self.socket, BACKLOG)
            .map_err(|error| PortError::listening(self.place.clone(), io::Error::from(error)))
    }
}

impl Listener {
    pub(crate) fn kind(&self) -> SocketKind {
        self.kind
    }

    /// Removes the file of a Unix socket of ours: who comes from now on finds nobody, and who came is still waiting.
    pub(crate) fn remove_file(&mut self) {
        self.file = None;
    }
}

#[cfg(test)]
impl From<std::net::TcpListener> for Listener {
    fn from(socket: std::net::TcpListener) -> Self {
        Self {
            socket: socket.into(),
            kind: SocketKind::Tcp,
            file: None,
        }
    }
}

#[cfg(test)]
impl From<std::os::unix::net::UnixListener> for Listener {
    fn from(socket: std::os::unix::net::UnixListener) -> Self {
        Self {
            socket: socket.into(),
            kind: SocketKind::Unix,
            file: None,
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
