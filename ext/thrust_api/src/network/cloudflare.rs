//! The networks that Cloudflare reaches origins from, as published at <https://www.cloudflare.com/ips/>, as of
//! 2026-07-02. They have stood since 2021-04-08.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

static V4: [Ipv4Net; 15] = [
    v4([173, 245, 48, 0], 20),
    v4([103, 21, 244, 0], 22),
    v4([103, 22, 200, 0], 22),
    v4([103, 31, 4, 0], 22),
    v4([141, 101, 64, 0], 18),
    v4([108, 162, 192, 0], 18),
    v4([190, 93, 240, 0], 20),
    v4([188, 114, 96, 0], 20),
    v4([197, 234, 240, 0], 22),
    v4([198, 41, 128, 0], 17),
    v4([162, 158, 0, 0], 15),
    v4([104, 16, 0, 0], 13),
    v4([104, 24, 0, 0], 14),
    v4([172, 64, 0, 0], 13),
    v4([131, 0, 72, 0], 22),
];

static V6: [Ipv6Net; 7] = [
    v6([0x2400, 0xcb00], 32),
    v6([0x2606, 0x4700], 32),
    v6([0x2803, 0xf800], 32),
    v6([0x2405, 0xb500], 32),
    v6([0x2405, 0x8100], 32),
    v6([0x2a06, 0x98c0], 29),
    v6([0x2c0f, 0xf248], 32),
];

/// Whether one of them has this address, which is not an IPv4 one in its IPv6-mapped form.
pub(super) fn contains(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => V6.iter().any(|network| network.contains(&address)),
    }
}

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b]: [u16; 2], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_network_and_not_an_address_inside_one() {
        assert!(V4.iter().all(|network| network.trunc() == *network));
        assert!(V6.iter().all(|network| network.trunc() == *network));
    }

    #[test]
    fn the_ends_of_its_networks_belong_to_it_and_their_neighbours_do_not() {
        for (text, expected) in [
            ("104.16.0.0", true),
            ("104.27.255.255", true),
            ("104.28.0.0", false),
            ("172.71.255.255", true),
            ("172.72.0.0", false),
            ("1.1.1.1", false),
            ("2606:4700::1", true),
            ("2606:4701::", false),
            ("2a06:98c7:ffff::1", true),
            ("2a06:98c8::", false),
        ] {
            assert_eq!(contains(text.parse().unwrap()), expected, "{text}");
        }
    }
}
