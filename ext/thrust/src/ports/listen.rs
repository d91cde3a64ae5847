//! Binds what is to be listened on: what THRUSTER_BIND says, else HTTP_PORT of every address.
//!
//! HTTP_PORT that nobody chose is 80; where that is not allowed, the platform's PORT, or 8080 on a terminal.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::Socket;
use thrust_api::units::Port;

use super::bound::{Bound, Place};
use super::error::Purpose;
use super::{Environment, Notice, PortError, unix};
use crate::config::{BindAddress, Config};

const HTTP: u16 = 80;
const HTTP_WITHOUT_PRIVILEGES: u16 = 8080;

/// What a TCP socket is to be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// `None` for every address.
    pub(super) address: Option<IpAddr>,
    /// 0 for any free one.
    pub(super) port: u16,
    /// Whether an IPv6 socket leaves IPv4 to another.
    pub(super) only_v6: bool,
}

impl Wanted {
    pub(super) fn place(self) -> Place {
        match self.address {
            Some(address) => Place::Address(SocketAddr::new(address, self.port)),
            None => Place::Everywhere(self.port),
        }
    }
}

/// Binds addresses by means of `bind`, one after the other.
pub(super) struct Binder<'a, F> {
    pub(super) config: &'a Config,
    pub(super) environment: &'a Environment,
    pub(super) bind: F,
    pub(super) notices: Vec<Notice>,
}

impl<F: Fn(Wanted) -> io::Result<Socket>> Binder<'_, F> {
    /// Binds all there is to bind. Nothing listens yet.
    ///
    /// # Errors
    ///
    /// For the first that cannot be had. Nothing stays bound.
    pub(super) fn all(&mut self) -> Result<Vec<Bound>, PortError> {
        let mut http_port = self.config.http_port;
        if self.config.bind.is_empty() {
            return Ok(vec![self.on_http_port(None, http_port, false)?]);
        }
        let is_v4 =
            |address: &BindAddress| matches!(address, BindAddress::Tcp { address, .. } if address.is_ipv4());
        // `::` takes IPv4 too, unless somebody else is to have it.
        let only_v6 = self.config.bind.iter().any(is_v4);
        let mut bound = Vec::with_capacity(self.config.bind.len());
        for address in &self.config.bind {
            let socket = match address {
                BindAddress::Unix(path) => {
                    let (socket, file) = unix::bind(path)?;
                    Bound::new(socket, Place::Unix(path.clone()), Some(file))
                }
                BindAddress::Tcp {
                    address,
                    port: Some(port),
                } => self.one(Wanted {
                    address: Some(*address),
                    port: port.number(),
                    only_v6,
                })?,
                BindAddress::Tcp { address, port: None } => {
                    let socket = self.on_http_port(Some(*address), http_port, only_v6)?;
                    // The others get the same, whichever it has become.
                    http_port = socket.place().port().map(Port::new);
                    socket
                }
            };
            bound.push(socket);
        }
        Ok(bound)
    }

    fn on_http_port(
        &mut self,
        address: Option<IpAddr>,
        chosen: Option<Port>,
        only_v6: bool,
    ) -> Result<Bound, PortError> {
        let on = |port| Wanted {
            address,
            port,
            only_v6,
        };
        if let Some(port) = chosen {
            return self.one(on(port.number()));
        }
        match (self.one(on(HTTP)), self.environment.port()) {
            (Err(PortError::NotAllowed { .. }), Some(port)) => {
                self.notices.push(Notice::ListeningOnInherited { port });
                self.one(on(port))
            }
            (Err(PortError::NotAllowed { .. }), None) if self.environment.terminal => {
                let port = HTTP_WITHOUT_PRIVILEGES;
                self.notices.push(Notice::ListeningOnFallback { port });
                self.one(on(port))
            }
            (result, _) => result,
        }
    }

    fn one(&self, wanted: Wanted) -> Result<Bound, PortError> {
        let bound = (self.bind)(wanted).and_then(|socket| {
            let port = super::socket::port_of(&socket)?;
            Ok((socket, Wanted { port, ..wanted }.place()))
        });
        match bound {
            Ok((socket, place)) => Ok(Bound::new(socket, place, None)),
            Err(source) => Err(PortError::listening(wanted.place(), source, Purpose::Requests)),
        }
    }
}
