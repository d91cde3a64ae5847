//! How many connections each address has, and what is said about those that have too many.
//!
//! Only addresses with open connections take memory.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thrust_api::network::Networks;
use tokio::time::Instant;

/// How long the log is silent about an address that it has named.
const SILENCE: Duration = Duration::from_secs(60);
/// How long it is silent about all of them.
const SILENCE_ABOUT_ALL: Duration = Duration::from_secs(1);

/// What counts as one address: whoever has an IPv6 address usually has all of its network of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Address {
    V4(Ipv4Addr),
    /// The upper half.
    V6(u64),
}

/// Counts the connections of each address.
#[derive(Debug)]
pub(super) struct Addresses(Mutex<Table>);

#[derive(Debug)]
struct Table {
    /// How many one may have.
    limit: usize,
    /// Proxies, through which all the world comes.
    exempt: Networks,
    open: HashMap<Address, Open>,
    /// When the log last said anything.
    told: Option<Instant>,
    /// Who was turned away since then.
    untold: u64,
}

#[derive(Debug, Default)]
struct Open {
    connections: usize,
    /// When the log last named the address.
    told: Option<Instant>,
}

/// Somebody was turned away.
#[derive(Debug)]
pub(crate) struct Refusal {
    address: Address,
    limit: usize,
    /// How many were turned away since the log last said so; `None` if that is not long ago.
    news: Option<u64>,
}

impl Addresses {
    pub(super) fn new(limit: usize, exempt: Networks) -> Self {
        Self(Mutex::new(Table {
            limit,
            exempt,
            open: HashMap::new(),
            told: None,
            untold: 0,
        }))
    }

    /// From now on an address may have so many, but for these. Who is connected stays.
    pub(super) fn set(&self, limit: usize, exempt: Networks) {
        let mut table = self.table();
        table.limit = limit;
        table.exempt = exempt;
    }

    /// Counts a connection from `ip`; `None` if it is not counted.
    ///
    /// # Errors
    ///
    /// The address has as many as it may have.
    pub(super) fn enter(&self, ip: IpAddr) -> Result<Option<Address>, Refusal> {
        let mut table = self.table();
        if table.exempt.contains(ip) {
            return Ok(None);
        }
        let address = Address::from(ip);
        let limit = table.limit;
        let open = table.open.entry(address).or_default();
        if open.connections < limit {
            open.connections += 1;
            return Ok(Some(address));
        }
        Err(Refusal {
            address,
            limit,
            news: table.news(address, Instant::now()),
        })
    }

    /// One of its connections has ended.
    pub(super) fn leave(&self, address: Address) {
        let mut table = self.table();
        if let Some(open) = table.open.get_mut(&address) {
            open.connections -= 1;
            if open.connections == 0 {
                table.open.remove(&address);
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// How many were turned away, this one included, if it is time to say so.
    fn news(&mut self, address: Address, now: Instant) -> Option<u64> {
        let open = self.open.get_mut(&address)?;
        let is_recent =
            |told: Option<Instant>, silence| told.is_some_and(|told| now.duration_since(told) < silence);
        self.untold += 1;
        if is_recent(open.told, SILENCE) || is_recent(self.told, SILENCE_ABOUT_ALL) {
            return None;
        }
        open.told = Some(now);
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl Refusal {
    /// Says so in the log, unless it just has.
    pub(crate) fn log(&self) {
        if let Some(refused) = self.news {
            tracing::warn!(
                address = %self.address,
                connections = self.limit,
                refused,
                "Refused connections of an address that has as many as it may \
                 (THRUSTER_MAX_CONNECTIONS_PER_ADDRESS); if it is a proxy, name it in THRUSTER_TRUSTED_PROXIES"
            );
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6((ip.to_bits() >> 64) as u64),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(ip) => ip.fmt(formatter),
            Self::V6(half) => write!(formatter, "{}/64", Ipv6Addr::from_bits(u128::from(*half) << 64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(limit: usize, exempt: &str) -> Addresses {
        Addresses::new(limit, exempt.parse().unwrap())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_own_count_and_only_open_connections_take_memory() {
        let addresses = addresses(2, "none");
        let enter = |text| addresses.enter(ip(text)).ok().flatten();

        let (first, second) = (enter("192.0.2.1"), enter("::ffff:192.0.2.1"));
        assert!(first.is_some() && first == second, "it is one address");
        assert!(enter("192.0.2.1").is_none());
        let other = enter("192.0.2.2").unwrap();
        addresses.leave(first.unwrap());
        assert!(enter("192.0.2.1").is_some());

        addresses.leave(other);
        addresses.leave(first.unwrap());
        addresses.leave(first.unwrap());
        assert!(addresses.table().open.is_empty());
    }

    #[test]
    fn an_ipv6_address_is_its_network_of_64_bits() {
        let addresses = addresses(1, "none");

        assert!(addresses.enter(ip("2001:db8:0:1::1")).is_ok());
        let refusal = addresses.enter(ip("2001:db8:0:1:ffff::2")).unwrap_err();
        assert!(addresses.enter(ip("2001:db8:0:2::1")).is_ok());

        assert_eq!(refusal.address.to_string(), "2001:db8:0:1::/64");
    }

    #[test]
    fn proxies_may_have_any_number() {
        let addresses = addresses(1, "private");

        for _ in 0..3 {
            assert_eq!(addresses.enter(ip("10.1.2.3")).unwrap(), None);
        }
        assert!(addresses.table().open.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_log_names_an_address_once_a_minute_and_one_of_all_a_second() {
        let addresses = addresses(1, "none");
        let news = |text| addresses.enter(ip(text)).unwrap_err().news;
        addresses.enter(ip("192.0.2.1")).unwrap();
        addresses.enter(ip("192.0.2.2")).unwrap();

        assert_eq!(news("192.0.2.1"), Some(1));
        assert_eq!(news("192.0.2.1"), None);
        assert_eq!(news("192.0.2.2"), None, "one was named just now");
        tokio::time::advance(SILENCE_ABOUT_ALL).await;
        assert_eq!(news("192.0.2.1"), None);
        assert_eq!(news("192.0.2.2"), Some(4));
        tokio::time::advance(SILENCE).await;

        assert_eq!(news("192.0.2.1"), Some(1));
    }
}
