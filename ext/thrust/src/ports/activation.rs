//! Sockets that whoever started us has opened for us: LISTEN_FDS, as systemd passes them (sd_listen_fds(3)).

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use listenfd::ListenFd;
use rustix::net::{SocketAddrAny, SocketAddrUnix};

use super::bound::{Bound, Place};
use super::error::PortError;
use super::unix::SocketFile;

/// The sockets that were passed to us; at least one.
pub struct Activation(ListenFd);

impl fmt::Debug for Activation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Activation").field(&self.0.len()).finish()
    }
}

impl Activation {
    /// What was passed to this process, if anything was. Takes LISTEN_FDS and LISTEN_PID out of the environment, so
    /// call it before there are threads.
    pub(super) fn inherited() -> Option<Self> {
        let passed = ListenFd::from_env();
        (passed.len() > 0).then_some(Self(passed))
    }

    /// Takes the sockets over, and with `files` those of Unix sockets, to be removed at our end.
    ///
    /// # Errors
    ///
    /// One of them is not a TCP or Unix socket that listens.
    pub(super) fn adopt(mut self, files: bool) -> Result<Vec<Bound>, PortError> {
        (0..self.0.len())
            .map(|index| self.adopt_one(index, files))
            .collect()
    }

    fn adopt_one(&mut self, index: usize, files: bool) -> Result<Bound, PortError> {
        let wrong = |problem: String| PortError::Adopted {
            number: index + 1,
            problem,
        };
        let socket = match self.0.take_tcp_listener(index) {
            Ok(socket) => socket.map(OwnedFd::from),
            Err(_) => {
                let socket = self.0.take_unix_listener(index);
                socket
                    .map_err(|_| wrong("it is no stream socket".to_owned()))?
                    .map(OwnedFd::from)
            }
        };
        let socket = socket.ok_or_else(|| wrong("it was taken already".to_owned()))?;
        let described = |error: rustix::io::Errno| wrong(error.to_string());
        if !rustix::net::sockopt::socket_acceptconn(&socket).map_err(described)? {
            return Err(wrong("it does not listen".to_owned()));
        }
        rustix::io::ioctl_fionbio(&socket, true).map_err(described)?;
        let place = place(&rustix::net::getsockname(&socket).map_err(described)?);
        let file = match &place {
            Place::Unix(path) if files => SocketFile::at(path).ok(),
            _ => None,
        };
        Ok(Bound::new(socket, place, file))
    }
}

fn place(address: &SocketAddrAny) -> Place {
    if let Ok(address) = SocketAddr::try_from(address.clone()) {
        return Place::Address(address);
    }
    let name = SocketAddrUnix::try_from(address.clone())
        .ok()
        .and_then(|address| {
            let path = address.path().map(|path| path.to_string_lossy().into_owned());
            path.or_else(|| {
                let name = address.abstract_name()?;
                Some(format!("@{}", String::from_utf8_lossy(name)))
            })
        });
    Place::Unix(PathBuf::from(name.unwrap_or_default()))
}
