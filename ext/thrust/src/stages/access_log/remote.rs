//! Whose request it was, for the log: `X-Forwarded-For` counts as far as the proxies that wrote it are trusted.
//!
//! Trusted are loopback, private and link-local networks, and whoever may open our Unix socket; anybody else may be
//! lying.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::exchange::Peer;
use crate::text;

/// Who asked, for the log.
#[derive(Debug, PartialEq)]
pub(super) enum Remote {
    /// The other end of the connection.
    Peer(Peer),
    /// The client that trusted proxies name.
    Forwarded(IpAddr),
}

impl Remote {
    /// The rightmost address that no trusted proxy is known by; if all are trusted, the leftmost.
    pub(super) fn of(headers: &HeaderMap, peer: Peer) -> Self {
        let mut remote = Self::Peer(peer);
        if !peer.ip().is_none_or(is_trusted) {
            return remote;
        }
        for value in headers.get_all("x-forwarded-for").iter().rev() {
            for item in value.as_bytes().rsplit(|byte| *byte == b',') {
                let Some(address) = address_of(item.trim_ascii()) else {
                    return remote;
                };
                remote = Self::Forwarded(address);
                if !is_trusted(address) {
                    return remote;
                }
            }
        }
        remote
    }

    /// The address, if there is one.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        match *self {
            Self::Peer(peer) => peer.ip(),
            Self::Forwarded(address) => Some(address),
        }
    }

    /// Appends the address, with its port if that is known, or `unix`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Peer(Peer::Tcp(peer)) => text::socket_address(out, peer),
            Self::Peer(Peer::Unix) => out.extend_from_slice(b"unix"),
            Self::Forwarded(address) => text::address(out, address),
        }
    }
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address_of(item: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(item).ok()?;
    let address: IpAddr = text
        .parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

fn is_trusted(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn remote(peer: &str, forwarded: &[&str]) -> String {
        written(Peer::Tcp(peer.parse().unwrap()), forwarded)
    }

    fn written(peer: Peer, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        let mut out = Vec::new();
        Remote::of(&headers, peer).write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_remote_address_is_the_rightmost_untrusted_one() {
        assert_eq!(remote("127.0.0.1:5", &[]), "127.0.0.1:5");
        assert_eq!(remote("127.0.0.1:5", &["1.1.1.1, 2.2.2.2, 10.0.0.1"]), "2.2.2.2");
        assert_eq!(remote("127.0.0.1:5", &["1.1.1.1", "10.0.0.1"]), "1.1.1.1");
        assert_eq!(remote("127.0.0.1:5", &["10.0.0.2, 10.0.0.1"]), "10.0.0.2");
        assert_eq!(remote("[::1]:5", &["[2001:db8::1]:80, fd00::1"]), "2001:db8::1");
    }

    #[test]
    fn nobody_else_can_choose_the_remote_address() {
        assert_eq!(remote("8.8.8.8:5", &["1.1.1.1"]), "8.8.8.8:5");
        assert_eq!(remote("10.0.0.1:5", &["1.1.1.1, 9.9.9.9"]), "9.9.9.9");
        assert_eq!(remote("10.0.0.1:5", &["1.1.1.1, nonsense"]), "10.0.0.1:5");
    }

    #[test]
    fn who_comes_through_a_unix_socket_is_trusted() {
        assert_eq!(written(Peer::Unix, &[]), "unix");
        assert_eq!(written(Peer::Unix, &["1.1.1.1, 10.0.0.1"]), "1.1.1.1");
        assert_eq!(written(Peer::Unix, &["unix:"]), "unix");
    }
}
