//! Whom we believe about where a request comes from.
//!
//! What we act on ourselves, such as the address in the log, believes nobody but [`TrustedProxies`]. What the app is told
//! believes whoever is connected to us, as thruster does, unless the operator has said who the proxies are.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use thrust_api::network::Networks;

use crate::exchange::Peer;
use crate::text;

/// Whom each proxy that a request came through has seen, the last at the end.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies before us whose word about a request counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies {
    /// Where they are. Whoever may open our Unix socket is trusted besides.
    pub networks: Networks,
    /// Whether somebody chose them. If not, the app is told what FORWARD_HEADERS lets through.
    pub chosen: bool,
}

/// Which of the fields that proxies write reach the app; each state lets through what those before it do, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Belief {
    /// None.
    Nothing,
    /// All that thruster passes without FORWARD_HEADERS: those that it does not know.
    Unknown,
    /// All that it passes with FORWARD_HEADERS: `X-Forwarded-For`, `-Host` and `-Proto` too, but not `Forwarded`.
    XForwarded,
    /// All.
    Everything,
}

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientAddress {
    /// The other end of the connection's.
    Peer(Peer),
    /// That of the client whom trusted proxies name.
    Forwarded(IpAddr),
}

impl TrustedProxies {
    /// Whether this peer may say who its client is.
    pub(crate) fn trusts(&self, peer: Peer) -> bool {
        peer.ip().is_none_or(|address| self.networks.contains(address))
    }

    /// What the app may be told of what this peer says. With FORWARD_HEADERS off nobody is believed.
    pub(crate) fn belief(&self, forward_headers: bool, peer: Peer) -> Belief {
        match (self.chosen, forward_headers) {
            (false, false) => Belief::Unknown,
            (false, true) => Belief::XForwarded,
            (true, true) if self.trusts(peer) => Belief::Everything,
            (true, _) => Belief::Nothing,
        }
    }

    /// The rightmost address of `X-Forwarded-For` that is not a trusted proxy's; if all are, the leftmost.
    ///
    /// What stands left of something that is no address is not believed: nobody knows who wrote it.
    pub(crate) fn client_address(&self, headers: &HeaderMap, peer: Peer) -> ClientAddress {
        let mut client = ClientAddress::Peer(peer);
        if !self.trusts(peer) {
            return client;
        }
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let items = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        // RFC 9110 section 5.6.1: empty elements of a list do not count.
        for item in items.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty()) {
            let Some(address) = address_of(item) else {
                return client;
            };
            client = ClientAddress::Forwarded(address);
            if !self.networks.contains(address) {
                return client;
            }
        }
        client
    }
}

impl ClientAddress {
    /// The address, if there is one.
    pub(crate) fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Peer(peer) => peer.ip(),
            Self::Forwarded(address) => Some(address),
        }
    }

    /// Appends the address, with its port if that is known, or `unix`.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn trusting(networks: &str) -> TrustedProxies {
        TrustedProxies {
            networks: networks.parse().unwrap(),
            chosen: true,
        }
    }

    fn peer(text: &str) -> Peer {
        match text {
            "unix" => Peer::Unix,
            address => Peer::Tcp(SocketAddr::new(address.parse().unwrap(), 5)),
        }
    }

    /// Whom this peer, with these lines of X-Forwarded-For, is taken for, as the log writes it.
    fn client(networks: &str, from: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        let mut out = Vec::new();
        trusting(networks)
            .client_address(&headers, peer(from))
            .write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_no_trusted_proxy() {
        for (forwarded, expected) in [
            (&[][..], "127.0.0.1:5"),
            (&["1.1.1.1, 2.2.2.2, 10.0.0.1"], "2.2.2.2"),
            (&["1.1.1.1", "10.0.0.1"], "1.1.1.1"),
            (&["1.1.1.1, 2.2.2.2", "3.3.3.3", "10.0.0.2,10.0.0.1"], "3.3.3.3"),
            (&["10.0.0.2, 10.0.0.1"], "10.0.0.2"),
        ] {
            assert_eq!(
                client("private", "127.0.0.1", forwarded),
                expected,
                "{forwarded:?}"
            );
        }
    }

    #[test]
    fn an_address_is_read_as_proxies_write_it() {
        for (item, expected) in [
            ("2.2.2.2:80", "2.2.2.2"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("\t 2.2.2.2 ", "2.2.2.2"),
            ("::ffff:2.2.2.2", "2.2.2.2"),
            ("[::ffff:2.2.2.2]:80", "2.2.2.2"),
        ] {
            let line = format!("9.9.9.9, {item}, 10.0.0.1");

            assert_eq!(client("private", "::1", &[&line]), expected, "{item:?}");
        }
    }

    #[test]
    fn an_address_in_its_mapped_form_is_trusted_as_what_it_is() {
        assert_eq!(
            client("private", "127.0.0.1", &["1.1.1.1, ::ffff:10.0.0.1"]),
            "1.1.1.1"
        );
        assert_eq!(
            client("::ffff:7.0.0.0/104", "7.1.1.1", &["1.1.1.1, 7.2.2.2"]),
            "1.1.1.1"
        );
    }

    #[test]
    fn nobody_else_can_choose_whom_he_is_taken_for() {
        assert_eq!(client("private", "8.8.8.8", &["1.1.1.1"]), "8.8.8.8:5");
        assert_eq!(client("10.0.0.0/8", "::1", &["1.1.1.1"]), "[::1]:5");
        assert_eq!(client("none", "127.0.0.1", &["1.1.1.1"]), "127.0.0.1:5");
        assert_eq!(client("private", "10.0.0.1", &["1.1.1.1, 9.9.9.9"]), "9.9.9.9");
    }

    #[test]
    fn what_stands_left_of_garbage_is_not_believed() {
        for garbage in [
            "nonsense",
            "unknown",
            "_hidden",
            "256.1.1.1",
            "2.2.2.2:99999",
            "fe80::1%eth0",
            "\"2.2.2.2\"",
            "2.2.2.2;3.3.3.3",
        ] {
            let line = format!("1.1.1.1, {garbage}, 10.0.0.1");

            assert_eq!(client("private", "127.0.0.1", &[&line]), "10.0.0.1", "{garbage}");
            assert_eq!(
                client("private", "127.0.0.1", &[garbage]),
                "127.0.0.1:5",
                "{garbage}"
            );
        }
        let mut headers = HeaderMap::new();
        headers.append(
            "x-forwarded-for",
            HeaderValue::from_bytes(b"1.1.1.1, \xff").unwrap(),
        );
        assert_eq!(
            trusting("private").client_address(&headers, Peer::Unix),
            ClientAddress::Peer(Peer::Unix)
        );
    }

    #[test]
    fn empty_elements_do_not_count() {
        for lines in [
            &["1.1.1.1,, 10.0.0.1,"][..],
            &["1.1.1.1", ""],
            &[",1.1.1.1 ,", " , "],
        ] {
            assert_eq!(client("private", "127.0.0.1", lines), "1.1.1.1", "{lines:?}");
        }
        assert_eq!(client("private", "127.0.0.1", &["", ","]), "127.0.0.1:5");
    }

    #[test]
    fn a_list_may_be_as_long_as_a_head() {
        let hops = ["10.0.0.1"; 6000].join(",");

        assert_eq!(
            client("private", "127.0.0.1", &[&format!("1.1.1.1,{hops}")]),
            "1.1.1.1"
        );
        assert_eq!(client("private", "127.0.0.1", &[&hops]), "10.0.0.1");
    }

    #[test]
    fn who_comes_through_a_unix_socket_is_trusted_whatever_was_chosen() {
        assert_eq!(client("private", "unix", &[]), "unix");
        assert_eq!(client("private", "unix", &["unix:"]), "unix");
        for networks in ["private", "none"] {
            assert_eq!(client(networks, "unix", &["1.1.1.1"]), "1.1.1.1");
            assert_eq!(trusting(networks).belief(true, Peer::Unix), Belief::Everything);
        }
    }

    #[test]
    fn the_app_is_told_what_thruster_would_tell_it_until_proxies_are_chosen() {
        let unset = TrustedProxies {
            chosen: false,
            ..trusting("private")
        };

        for from in ["10.0.0.1", "8.8.8.8", "unix"] {
            assert_eq!(unset.belief(true, peer(from)), Belief::XForwarded, "{from}");
            assert_eq!(unset.belief(false, peer(from)), Belief::Unknown, "{from}");
        }
    }

    #[test]
    fn once_proxies_are_chosen_they_alone_are_believed() {
        let chosen = trusting("10.0.0.0/8");

        assert_eq!(chosen.belief(true, peer("10.0.0.1")), Belief::Everything);
        assert_eq!(chosen.belief(true, peer("127.0.0.1")), Belief::Nothing);
        assert_eq!(chosen.belief(false, peer("10.0.0.1")), Belief::Nothing);
        assert_eq!(chosen.belief(false, Peer::Unix), Belief::Nothing);
    }
}
