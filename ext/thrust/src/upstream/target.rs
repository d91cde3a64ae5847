//! Where an app listens, and how a connection to it is made.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thrust_api::address::TargetAddress;
use tokio::net::{TcpStream, UnixStream};

use crate::stream::Stream;

/// How soon a Unix socket is tried again whose queue of connections is full: there the system does not wait for us.
const FULL_QUEUE: Duration = Duration::from_millis(5);

/// Where an app listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A port of this machine, on either address family.
    Port(u16),
    /// A port of a host that is looked up for every connection.
    Host {
        /// A name or an address, IPv6 without brackets.
        host: Arc<str>,
        port: u16,
    },
    /// A Unix socket.
    Unix(Arc<Path>),
}

impl Target {
    /// Whether the app runs on this machine: then a refused connection means that it is not there yet, or not any more.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Port(_) | Self::Unix(_) => true,
            Self::Host { host, .. } => host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback()),
        }
    }

    /// Opens a connection, but never to ourselves. Takes as long as the system lets it.
    ///
    /// # Errors
    ///
    /// The system's. Of several addresses the first one's, for that is the one nearly every app listens on.
    pub(crate) async fn connect(&self) -> io::Result<Stream> {
        match self {
            Self::Port(port) => match open((Ipv4Addr::LOCALHOST, *port).into()).await {
                Ok(socket) => Ok(socket),
                Err(error) => open((Ipv6Addr::LOCALHOST, *port).into()).await.map_err(|_| error),
            },
            Self::Host { host, port } => {
                let mut first = None;
                for address in tokio::net::lookup_host((&**host, *port)).await? {
                    match open(address).await {
                        Ok(socket) => return Ok(socket),
                        Err(error) => first = first.or(Some(error)),
                    }
                }
                Err(first.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
            }
            Self::Unix(path) => loop {
                match UnixStream::connect(path).await {
                    Ok(socket) => return Ok(socket.into()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        tokio::time::sleep(FULL_QUEUE).await;
                    }
                    Err(error) => return Err(error),
                }
            },
        }
    }

    /// What stands in `Host` when the client gave none.
    pub(super) fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Port(_) | Self::Host { .. } => self.to_string(),
        }
    }
}

impl From<&TargetAddress> for Target {
    fn from(address: &TargetAddress) -> Self {
        match address {
            TargetAddress::Tcp { host, port } if host.eq_ignore_ascii_case("localhost") => Self::Port(*port),
            TargetAddress::Tcp { host, port } => Self::Host {
                host: host.as_str().into(),
                port: *port,
            },
            TargetAddress::Unix(path) => Self::Unix(path.as_path().into()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(formatter, "localhost:{port}"),
            Self::Host { host, port } if host.contains(':') => write!(formatter, "[{host}]:{port}"),
            Self::Host { host, port } => write!(formatter, "{host}:{port}"),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// Connects to `address`, but never to ourselves: where nobody listens on a port from which the system takes those of
/// outgoing connections, TCP may connect a socket to itself (RFC 9293 section 3.5, simultaneous open).
async fn open(address: SocketAddr) -> io::Result<Stream> {
    let socket = TcpStream::connect(address).await?;
    if is_own_end(&socket)? {
        Err(io::ErrorKind::ConnectionRefused.into())
    } else {
        Ok(socket.into())
    }
}

fn is_own_end(socket: &TcpStream) -> io::Result<bool> {
    Ok(socket.local_addr()? == socket.peer_addr()?)
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

    #[tokio::test]
    async fn an_app_is_found_on_either_address_family_and_on_a_unix_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        let v4 = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let _unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let mut targets = vec![
            Target::Port(v4.local_addr().unwrap().port()),
            Target::Host {
                host: "127.0.0.1".into(),
                port: v4.local_addr().unwrap().port(),
            },
            Target::Unix(path.as_path().into()),
        ];
        let v6 = std::net::TcpListener::bind("[::1]:0");
        targets.extend(v6.iter().map(|v6| Target::Port(v6.local_addr().unwrap().port())));

        for target in targets {
            assert!(target.connect().await.is_ok(), "{target}");
            assert!(target.is_local(), "{target}");
        }
    }

    #[test]
    fn another_machine_is_not_local() {
        let remote = Target::Host {
            host: "2001:db8::1".into(),
            port: 80,
        };

        assert!(!remote.is_local());
        assert_eq!(remote.to_string(), "[2001:db8::1]:80");
    }
}
