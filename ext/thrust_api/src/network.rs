//! Networks by their addresses, as people list them: `10.0.0.0/8`, single addresses, and names for well-known sets.
//!
//! A list keeps the names it was written with, so it prints as it was meant.

mod cloudflare;

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};
use serde::{Serialize, Serializer};

/// The word for an empty list.
const NONE: &str = "none";

/// Names and the sets they stand for.
const NAMED: [(&str, Item); 2] = [("private", Item::Private), ("cloudflare", Item::Cloudflare)];

/// Why a text is no list of networks; says what would be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// An item that is no network.
    #[error(
        "{item:?} is no network: that is an address such as 203.0.113.7, a prefix such as 10.0.0.0/8 or \
         2001:db8::/32, or one of the words private and cloudflare"
    )]
    Item {
        /// The item.
        item: String,
    },
    /// An address with the prefix of the network that it is in: one of the two was meant.
    #[error(
        "{item:?} is an address inside the network {network}; write either {network} or the address alone"
    )]
    AddressWithPrefix {
        /// The item.
        item: String,
        /// The network.
        network: IpNet,
    },
    /// A contradiction.
    #[error("{NONE} stands alone; leave it out, or everything else")]
    NoneAndOthers,
}

/// A list of networks; may be empty.
///
/// An IPv4 address in its IPv6-mapped form is taken for what it is, in the list and where one is looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Item>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// Loopback, private (RFC 1918, RFC 4193) and link-local networks.
    Private,
    /// Where Cloudflare's requests come from.
    Cloudflare,
    Network(IpNet),
}

impl Networks {
    /// Whether one of them has this address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|item| match item {
            Item::Private => is_private(address),
            Item::Cloudflare => cloudflare::contains(address),
            Item::Network(network) => network.contains(&address),
        })
    }
}

impl FromStr for Networks {
    type Err = NetworkError;

    /// Reads items separated by commas; nothing and the word `none` are the empty list.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let items: Vec<_> = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect();
        match items[..] {
            [NONE] => Ok(Self::default()),
            _ if items.contains(&NONE) => Err(NetworkError::NoneAndOthers),
            _ => items
                .into_iter()
                .map(Item::read)
                .collect::<Result<_, _>>()
                .map(Self),
        }
    }
}

impl Item {
    fn read(text: &str) -> Result<Self, NetworkError> {
        if let Some((_, item)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*item);
        }
        let network = parse(text).ok_or_else(|| NetworkError::Item {
            item: text.to_owned(),
        })?;
        let network = canonical(network);
        if network.trunc() != network {
            return Err(NetworkError::AddressWithPrefix {
                item: text.to_owned(),
                network: network.trunc(),
            });
        }
        Ok(Self::Network(network))
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str(NONE);
        }
        for (number, item) in self.0.iter().enumerate() {
            if number > 0 {
                formatter.write_str(",")?;
            }
            item.fmt(formatter)?;
        }
        Ok(())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                network.addr().fmt(formatter)
            }
            Self::Network(network) => network.fmt(formatter),
            Self::Private | Self::Cloudflare => {
                let (name, _) = NAMED
                    .iter()
                    .find(|(_, item)| item == self)
                    .unwrap_or_else(|| unreachable!("every set has a name"));
                formatter.write_str(name)
            }
        }
    }
}

impl Serialize for Networks {
    /// As a list of texts.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

/// An address, with the length of a prefix or without. Not by ipnet: it takes `010.0.0.0` for `10.0.0.0`, others for
/// `8.0.0.0`.
fn parse(text: &str) -> Option<IpNet> {
    let Some((address, prefix)) = text.split_once('/') else {
        return text.parse::<IpAddr>().ok().map(IpNet::from);
    };
    let is_number = prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = is_number.then(|| prefix.parse().ok())??;
    IpNet::new(address.parse().ok()?, prefix).ok()
}

/// A network of IPv6-mapped addresses as the IPv4 one that it is.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network {
        IpNet::V6(network) => network
            .addr()
            .to_ipv4_mapped()
            .zip(network.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    mapped
        .and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok())
        .map_or(network, IpNet::V4)
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(text: &str) -> Networks {
        text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    fn contains(list: &str, address: &str) -> bool {
        networks(list).contains(address.parse().unwrap())
    }

    #[test]
    fn a_list_prints_as_it_was_meant_and_is_read_again() {
        for (text, printed) in [
            ("", "none"),
            (" , ", "none"),
            ("none", "none"),
            ("private, cloudflare", "private,cloudflare"),
            (" 10.0.0.0/8 ,203.0.113.7,", "10.0.0.0/8,203.0.113.7"),
            ("203.0.113.7/32,::1/128", "203.0.113.7,::1"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("0.0.0.0/0,::/0", "0.0.0.0/0,::/0"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ] {
            assert_eq!(networks(text).to_string(), printed, "{text:?}");
            assert_eq!(networks(printed), networks(text), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/255.0.0.0",
            "10.*",
            "10.0.0",
            "10.0.0.1:80",
            "[::1]",
            "fe80::1%eth0",
            "Private",
            "private cloudflare",
            "010.0.0.0/8",
        ] {
            let expected = NetworkError::Item {
                item: text.to_owned(),
            };
            assert_eq!(text.parse::<Networks>(), Err(expected), "{text:?}");
        }
        assert_eq!(
            "none,private".parse::<Networks>(),
            Err(NetworkError::NoneAndOthers)
        );
    }

    #[test]
    fn an_address_with_a_prefix_is_one_or_the_other() {
        for (text, network) in [
            ("10.0.0.1/8", "10.0.0.0/8"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.0.0.1/104", "10.0.0.0/8"),
        ] {
            assert_eq!(
                text.parse::<Networks>(),
                Err(NetworkError::AddressWithPrefix {
                    item: text.to_owned(),
                    network: network.parse().unwrap()
                })
            );
        }
    }

    #[test]
    fn private_is_this_machine_and_its_neighbours() {
        for address in [
            "127.0.0.1",
            "127.255.0.1",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(contains("private", address), "{address}");
        }
        for address in [
            "100.64.0.1",
            "172.15.255.255",
            "172.32.0.0",
            "192.169.0.0",
            "0.0.0.0",
            "::",
            "fec0::1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!contains("private", address), "{address}");
        }
    }

    #[test]
    fn an_address_belongs_to_a_list_if_one_of_its_networks_has_it() {
        let list = "cloudflare, 203.0.113.0/24, 2001:db8::/33";

        for address in ["104.16.0.1", "203.0.113.255", "::ffff:203.0.113.1", "2001:db8::1"] {
            assert!(contains(list, address), "{address}");
        }
        for address in ["203.0.114.0", "2001:db8:8000::1", "127.0.0.1"] {
            assert!(!contains(list, address), "{address}");
        }
    }

    #[test]
    fn families_are_kept_apart() {
        assert!(!contains("::/0", "1.2.3.4") && !contains("::/0", "::ffff:1.2.3.4"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::ffff:0:0/96", "1.2.3.4"));
    }

    #[test]
    fn nothing_belongs_to_none() {
        assert!(!contains("none", "127.0.0.1"));
    }
}
