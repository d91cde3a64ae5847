//! Where the proxy listens.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{AddressError, UNIX, socket_path};
use crate::units::Port;

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindAddress {
    /// An IP address of this machine; `::` and `0.0.0.0` stand for every one.
    Tcp {
        /// The address.
        address: IpAddr,
        /// Its port, if it has one of its own.
        port: Option<Port>,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for BindAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = socket_path(text) {
            return path.map(Self::Unix);
        }
        let with_port = text.parse::<SocketAddr>().ok();
        // An address in its scope (fe80::1%2) would print without it.
        let with_port =
            with_port.filter(|address| !matches!(address, SocketAddr::V6(v6) if v6.scope_id() != 0));
        if let Some(address) = with_port {
            return Ok(Self::Tcp {
                address: address.ip(),
                port: Some(Port::new(address.port())),
            });
        }
        let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let address = match bracketed {
            Some(text) => text.parse::<Ipv6Addr>().map(IpAddr::from),
            None => text.parse(),
        };
        let address = address.map_err(|_| AddressError::Bind)?;
        Ok(Self::Tcp { address, port: None })
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp {
                address,
                port: Some(port),
            } => SocketAddr::new(*address, port.number()).fmt(formatter),
            Self::Tcp { address, port: None } => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "{UNIX}{}", path.display()),
        }
    }
}

impl Serialize for BindAddress {
    /// As text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_port_brackets_or_a_path() {
        for (text, printed) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("0.0.0.0:8080", "0.0.0.0:8080"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::]:80", "[::]:80"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
            ("unix:tmp/app.sock", "unix:tmp/app.sock"),
            ("unix:///run/app.sock", "unix:/run/app.sock"),
            ("unix://tmp/app.sock", "unix:tmp/app.sock"),
            ("unix:////run/app.sock", "unix:/run/app.sock"),
        ] {
            let address: BindAddress = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));

            assert_eq!(address.to_string(), printed);
            assert_eq!(printed.parse(), Ok(address));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "localhost",
            "8080",
            ":8080",
            "127.0.0.1:",
            "127.0.0.1:70000",
            "[127.0.0.1]",
            "[::1",
            "[fe80::1%2]:80",
            "http://127.0.0.1",
        ] {
            assert_eq!(text.parse::<BindAddress>(), Err(AddressError::Bind), "{text:?}");
        }
    }

    #[test]
    fn a_socket_has_a_path_that_fits() {
        let too_long = format!("unix:/{}", "x".repeat(200));

        for text in ["unix:", "unix://", "unix:/", "unix:/run/", &too_long] {
            assert_eq!(
                text.parse::<BindAddress>(),
                Err(AddressError::SocketPath),
                "{text:?}"
            );
        }
    }
}
