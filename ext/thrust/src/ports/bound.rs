//! Sockets to listen on: bound first, and listening when we are told to.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::Purpose;
use super::{PortError, SocketFile};

/// Connections that may wait to be accepted; the kernel cuts it to its own limit.
const BACKLOG: i32 = 4096;

/// What a socket is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// This port of every address.
    Everywhere(u16),
    /// One address and port.
    Address(SocketAddr),
    /// A path, or whatever else a Unix socket is called.
    Unix(PathBuf),
}

/// What is known of a socket besides the socket itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bearing {
    place: Place,
    /// The file that goes with it, if that is ours to remove.
    file: Option<SocketFile>,
}

/// A socket that has its address and may not listen on it yet. It does not block and is closed on exec.
#[derive(Debug)]
pub struct Bound {
    socket: OwnedFd,
    bearing: Bearing,
}

/// A socket that listens. It does not block and is closed on exec.
#[derive(Debug)]
pub struct Listener(Bound);

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
        Self::inherited(socket.into(), Bearing { place, file })
    }

    /// One that listens already.
    pub(crate) fn listening_at(socket: impl Into<OwnedFd>, place: Place) -> Self {
        Self::new(socket, place, None)
    }

    /// One that another image of this process has had.
    pub(crate) fn inherited(socket: OwnedFd, bearing: Bearing) -> Self {
        Self { socket, bearing }
    }

    /// What it is bound to; never port 0.
    pub fn place(&self) -> &Place {
        &self.bearing.place
    }

    /// What is known of it.
    pub(crate) fn as_bearing(&self) -> &Bearing {
        &self.bearing
    }

    /// Listens from now on.
    ///
    /// # Errors
    ///
    /// Another program has begun to listen there since.
    pub fn listen(self) -> Result<Listener, PortError> {
        self.begin(Purpose::Requests)?;
        Ok(Listener(self))
    }

    /// Lets connections come, without accepting them; a second time changes nothing.
    pub(super) fn begin(&self, purpose: Purpose) -> Result<(), PortError> {
        rustix::net::listen(&self.socket, BACKLOG)
            .map_err(|error| PortError::listening(self.place().clone(), io::Error::from(error), purpose))
    }
}

impl From<Bound> for OwnedFd {
    /// The socket alone; it goes on as it is.
    fn from(bound: Bound) -> Self {
        bound.socket
    }
}

impl AsFd for Bound {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Listener {
    pub(crate) fn kind(&self) -> SocketKind {
        match self.0.place() {
            Place::Everywhere(_) | Place::Address(_) => SocketKind::Tcp,
            Place::Unix(_) => SocketKind::Unix,
        }
    }

    /// Removes the file of a Unix socket of ours: who comes from now on finds nobody, and who came is still waiting.
    pub(crate) fn remove_file(&mut self) {
        self.0.bearing.file = None;
    }

    /// The socket as it was before it was to listen; who comes meanwhile waits.
    pub(crate) fn into_bound(self) -> Bound {
        self.0
    }
}

#[cfg(test)]
impl From<std::net::TcpListener> for Listener {
    fn from(socket: std::net::TcpListener) -> Self {
        let place = Place::Everywhere(0);
        Self(Bound::new(socket, place, None))
    }
}

#[cfg(test)]
impl From<std::os::unix::net::UnixListener> for Listener {
    fn from(socket: std::os::unix::net::UnixListener) -> Self {
        let place = Place::Unix(PathBuf::new());
        Self(Bound::new(socket, place, None))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.socket.as_fd()
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.0.socket.as_raw_fd()
    }
}
