//! Where the app listens.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{AddressError, UNIX, host, socket_path};

const HTTP: &str = "http://";

/// The address of the app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TargetAddress {
    /// A host that may have several IP addresses, and a port.
    Tcp {
        /// A name or an IP address, without brackets.
        host: String,
        /// Never 0.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl TargetAddress {
    /// This port of this machine, on either address family.
    pub fn localhost(port: u16) -> Self {
        let host = "localhost".to_owned();
        Self::Tcp { host, port }
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host
                        .parse::<IpAddr>()
                        .is_ok_and(|address| address.to_canonical().is_loopback())
            }
            Self::Unix(_) => true,
        }
    }

    /// The port that the app is to listen on; `None` for a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp { port, .. } => Some(*port),
            Self::Unix(_) => None,
        }
    }
}

impl FromStr for TargetAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = socket_path(text) {
            return path.map(Self::Unix);
        }
        if text.starts_with("https://") {
            return Err(AddressError::TargetTls);
        }
        let host = text
            .strip_prefix(HTTP)
            .map(|rest| rest.strip_suffix('/').unwrap_or(rest))
            .and_then(host::split)
            .ok_or(AddressError::Target)?;
        let port = host
            .port
            .and_then(host::port_number)
            .ok_or(AddressError::Target)?;
        let host = host.name.to_owned();
        Ok(Self::Tcp { host, port })
    }
}

impl fmt::Display for TargetAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(formatter, "{HTTP}[{host}]:{port}"),
            Self::Tcp { host, port } => write!(formatter, "{HTTP}{host}:{port}"),
            Self::Unix(path) => write!(formatter, "{UNIX}{}", path.display()),
        }
    }
}

impl Serialize for TargetAddress {
    /// As text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_has_a_host_with_a_port_or_a_socket() {
        for (text, printed, port) in [
            ("http://localhost:3000", "http://localhost:3000", Some(3000)),
            ("http://10.0.0.5:80/", "http://10.0.0.5:80", Some(80)),
            ("http://[::1]:4000", "http://[::1]:4000", Some(4000)),
            ("unix:tmp/puma.sock", "unix:tmp/puma.sock", None),
            ("unix:///run/puma.sock", "unix:/run/puma.sock", None),
        ] {
            let target: TargetAddress = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));

            assert_eq!((target.to_string().as_str(), target.port()), (printed, port));
            assert_eq!(printed.parse(), Ok(target));
        }
    }

    #[test]
    fn what_is_no_address_of_an_app_is_refused() {
        for text in [
            "",
            "3000",
            "localhost:3000",
            "http://localhost",
            "http://localhost:0",
            "http://:3000",
            "http://::1:3000",
            "http://user@host:1",
            "http://localhost:3000/app",
        ] {
            assert_eq!(
                text.parse::<TargetAddress>(),
                Err(AddressError::Target),
                "{text:?}"
            );
        }
        assert_eq!(
            "https://localhost:3000".parse::<TargetAddress>(),
            Err(AddressError::TargetTls)
        );
        assert_eq!("unix:".parse::<TargetAddress>(), Err(AddressError::SocketPath));
    }

    #[test]
    fn loopback_and_sockets_are_local() {
        for text in [
            "http://localhost:1",
            "http://LocalHost:1",
            "http://127.1.2.3:1",
            "http://[::1]:1",
            "http://[::ffff:127.0.0.1]:1",
            "unix:x",
        ] {
            assert!(text.parse::<TargetAddress>().unwrap().is_local(), "{text}");
        }
        for text in ["http://10.0.0.5:1", "http://app:1", "http://[2001:db8::1]:1"] {
            assert!(!text.parse::<TargetAddress>().unwrap().is_local(), "{text}");
        }
        assert!(TargetAddress::localhost(1).is_local());
    }
}
