//! How many connections clients may have at once, in all and from one address.
//!
//! A connection has its [`Seat`] from when it is accepted until it has ended. While there is none to be had, nobody is
//! accepted: who comes waits in the listener's queue. Who has as many as one address may have is turned away.

mod addresses;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

pub(crate) use self::addresses::Refusal;
use self::addresses::{Address, Addresses};
use crate::config::Config;
use crate::exchange::Peer;

/// Descriptors kept for what is neither a client's nor for asking the app: listeners, control sockets, logs, threads, a
/// restart.
const RESERVED: usize = 64;
/// As many as there will never be, and yet a number to calculate with.
const ANY: usize = usize::MAX / 16;

/// Room for connections, of all cores together.
#[derive(Debug)]
pub(crate) struct Room {
    /// How many there may be.
    limit: AtomicUsize,
    taken: AtomicUsize,
    /// Whether the log says that it is full.
    told: AtomicBool,
    /// Told when a connection ends while it is full.
    left: Notify,
    /// `None` if an address may have any number.
    addresses: ArcSwapOption<Addresses>,
}

/// One connection's place. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    /// Where it is counted as one of its address; `None` if it does not matter where it comes from.
    address: Option<(Arc<Addresses>, Address)>,
}

impl Room {
    /// As much as `config` says, or as `descriptors` suffice for; `None` for any number of those.
    pub(crate) fn new(config: &Config, descriptors: Option<u64>) -> Self {
        let enough = enough(descriptors);
        let limit = config.max_connections.unwrap_or(enough);
        if limit > enough {
            tracing::warn!(
                connections = limit,
                descriptors,
                enough_for = enough,
                "THRUSTER_MAX_CONNECTIONS is more than open files suffice for; raise their limit (ulimit -n, LimitNOFILE)"
            );
        } else {
            tracing::debug!(connections = limit, descriptors, "Connections are limited");
        }
        let room = Self {
            limit: limit.into(),
            taken: 0.into(),
            told: false.into(),
            left: Notify::new(),
            addresses: ArcSwapOption::empty(),
        };
        room.set_addresses(config);
        room
    }

    /// From now on an address may have as many as `config` says. Who is connected stays, and counts if it has counted
    /// so far.
    pub(crate) fn set_addresses(&self, config: &Config) {
        let exempt = || config.trusted_proxies.networks.clone();
        match (config.max_connections_per_address, self.addresses.load_full()) {
            (Some(most), Some(addresses)) => addresses.set(most, exempt()),
            (Some(most), None) => self.addresses.store(Some(Addresses::new(most, exempt()).into())),
            (None, _) => self.addresses.store(None),
        }
    }

    /// A seat for a connection of `peer`, beyond the limit too: ask [`Room::is_full`] before accepting one.
    ///
    /// # Errors
    ///
    /// The peer's address has as many as it may have.
    pub(crate) fn enter(self: &Arc<Self>, peer: Peer) -> Result<Seat, Refusal> {
        let address = match (self.addresses.load_full(), peer.ip()) {
            (Some(addresses), Some(ip)) => addresses.enter(ip)?.map(|address| (addresses, address)),
            _ => None,
        };
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let limit = self.limit();
        if taken < limit - limit.div_ceil(8) && self.told.load(Ordering::Relaxed) {
            self.told.store(false, Ordering::Relaxed);
        }
        Ok(Seat {
            room: self.clone(),
            address,
        })
    }

    /// Whether nobody may be accepted.
    pub(crate) fn is_full(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= self.limit()
    }

    /// Whether little is left: then connections that wait for their next request should be ready to go.
    pub(crate) fn is_tight(&self) -> bool {
        let limit = self.limit();
        self.taken.load(Ordering::Relaxed) >= limit - limit / 4
    }

    /// Returns once a connection has ended since this was called, while it was full.
    pub(crate) fn left(&self) -> impl Future<Output = ()> + '_ {
        self.left.notified()
    }

    /// Says in the log that it is full, once until an eighth has become free.
    pub(crate) fn tell_full(&self) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                connections = self.limit(),
                "As many clients are connected as may be; others wait until one leaves (THRUSTER_MAX_CONNECTIONS)"
            );
        }
    }

    /// Lets anybody in from now on: who is not let in would be refused.
    pub(crate) fn lift(&self) {
        self.limit.store(ANY, Ordering::Relaxed);
    }

    fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some((addresses, address)) = &self.address {
            addresses.leave(*address);
        }
        // Ordered like the look at `is_full` that follows being told.
        if self.room.taken.fetch_sub(1, Ordering::AcqRel) >= self.room.limit() {
            self.room.left.notify_waiters();
        }
    }
}

/// How many connections so many descriptors suffice for if each has a request under way: one of its own, and one to the
/// app.
pub(crate) fn enough(descriptors: Option<u64>) -> usize {
    let descriptors = descriptors.map_or(ANY, |count| usize::try_from(count).unwrap_or(ANY));
    let spare = descriptors - RESERVED.min(descriptors / 2);
    (spare / 2).clamp(1, ANY)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn room(limit: usize) -> Arc<Room> {
        let config = Config::of(&[("THRUSTER_MAX_CONNECTIONS", &limit.to_string())]);
        Arc::new(Room::new(&config, None))
    }

    #[test]
    fn descriptors_suffice_for_two_a_connection_and_for_ourselves() {
        let cases = [
            (0, 1),
            (60, 15),
            (1024, 480),
            (20_000, 9_968),
            (1_048_576, 524_256),
        ];
        for (descriptors, connections) in cases {
            assert_eq!(enough(Some(descriptors)), connections, "{descriptors}");
        }
        assert_eq!(enough(Some(u64::MAX)), ANY);
        assert_eq!(enough(None), ANY / 2 - RESERVED / 2);
    }

    #[tokio::test]
    async fn whoever_leaves_a_full_room_makes_a_place_and_that_is_told() {
        let room = room(2);
        let first = room.enter(Peer::Unix);
        assert!(!room.is_full());
        let second = room.enter(Peer::Unix);
        assert!(room.is_full());
        let left = room.left();

        drop(first);

        assert!(!room.is_full());
        left.await;
        let mut left = pin!(room.left());
        drop(second);
        assert!(now(left.as_mut()).await.is_none(), "it was not full");
    }

    #[test]
    fn it_is_tight_when_a_quarter_is_left_and_full_again_only_after_an_eighth() {
        let room = room(16);
        let mut seats: Vec<_> = (0..12).map(|_| room.enter(Peer::Unix)).collect();
        assert!(room.is_tight());
        seats.pop();
        assert!(!room.is_tight());

        room.tell_full();
        seats.extend((0..4).map(|_| room.enter(Peer::Unix)));
        assert!(!room.told.load(Ordering::Relaxed), "there was room again");
        room.tell_full();
        seats.extend((0..1).map(|_| room.enter(Peer::Unix)));
        assert!(room.is_full() && room.told.load(Ordering::Relaxed));
    }

    #[test]
    fn once_it_is_lifted_it_is_never_full() {
        let room = room(1);
        let _seat = room.enter(Peer::Unix);
        assert!(room.is_full());

        room.lift();

        assert!(!room.is_full() && !room.is_tight());
    }

    async fn now<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut future).poll(cx) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
