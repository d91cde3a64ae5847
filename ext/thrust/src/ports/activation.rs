//! Sockets that whoever started us has opened for us: LISTEN_FDS, as systemd passes them (sd_listen_fds(3)).

use std::env;
use std::fmt;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process;

use listenfd::ListenFd;
use rustix::net::{SocketAddrAny, SocketAddrUnix};

use super::bound::{Bearing, Bound, Place};
use super::error::PortError;

/// Sockets that may be passed to us; a service has a few.
const MOST: u128 = 4096;
/// The highest number of a descriptor that Linux gives without being told otherwise (fs.nr_open).
const HIGHEST: u128 = 1024 * 1024;

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
    ///
    /// # Errors
    ///
    /// What was passed to us has a number that no descriptor can have.
    pub(super) fn inherited() -> Result<Option<Self>, PortError> {
        let meant_for = env::var("LISTEN_PID").unwrap_or_default();
        if meant_for.is_empty() || meant_for.parse() == Ok(process::id()) {
            // The library would make room for as many as it is told of.
            check("LISTEN_FDS", MOST)?;
            check("LISTEN_FDS_FIRST_FD", HIGHEST)?;
        }
        let passed = ListenFd::from_env();
        Ok((passed.len() > 0).then_some(Self(passed)))
    }

    /// Takes the sockets over. The files of Unix sockets are not ours to remove.
    ///
    /// # Errors
    ///
    /// One of them is not a TCP or Unix socket that listens.
    pub(super) fn adopt(mut self) -> Result<Vec<Bound>, PortError> {
        (0..self.0.len()).map(|index| self.adopt_one(index)).collect()
    }

    /// Takes the sockets over as what they were before.
    ///
    /// # Errors
    ///
    /// One of them is missing, or is not a TCP or Unix socket that listens.
    pub(super) fn inherit(mut self, bearings: Vec<Bearing>) -> Result<Vec<Bound>, PortError> {
        let one = |(index, bearing)| Ok(Bound::inherited(self.take(index)?, bearing));
        bearings.into_iter().enumerate().map(one).collect()
    }

    fn adopt_one(&mut self, index: usize) -> Result<Bound, PortError> {
        let socket = self.take(index)?;
        let address = rustix::net::getsockname(&socket).map_err(|error| wrong(index, error))?;
        Ok(Bound::new(socket, place(&address), None))
    }

    fn take(&mut self, index: usize) -> Result<OwnedFd, PortError> {
        let socket = match self.0.take_tcp_listener(index) {
            Ok(socket) => socket.map(OwnedFd::from),
            Err(_) => {
                let socket = self.0.take_unix_listener(index);
                socket
                    .map_err(|_| wrong(index, "it is no stream socket"))?
                    .map(OwnedFd::from)
            }
        };
        let socket = socket.ok_or_else(|| wrong(index, "it is missing"))?;
        if !rustix::net::sockopt::socket_acceptconn(&socket).map_err(|error| wrong(index, error))? {
            return Err(wrong(index, "it does not listen"));
        }
        rustix::io::ioctl_fionbio(&socket, true).map_err(|error| wrong(index, error))?;
        Ok(socket)
    }
}

/// What is no number at all counts as nothing passed.
fn check(name: &'static str, most: u128) -> Result<(), PortError> {
    let value = env::var(name).unwrap_or_default();
    match value.parse::<u128>() {
        Ok(number) if number > most => Err(PortError::Absurd { name, value, most }),
        _ => Ok(()),
    }
}

fn wrong(index: usize, problem: impl fmt::Display) -> PortError {
    PortError::Adopted {
        number: index + 1,
        problem: problem.to_string(),
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
