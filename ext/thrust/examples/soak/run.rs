//! The workers: each opens one connection after the other until the time is over.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::tally::Tally;
use crate::wire::DEADLINE;
use crate::{http1, http2};

/// How soon a connect is tried again when every local port is in use.
const NO_PORT: Duration = Duration::from_millis(50);

/// What all workers share.
pub(crate) struct Shared {
    address: SocketAddr,
    pub(crate) tally: Tally,
    next: AtomicU64,
}

impl Shared {
    /// For a proxy at this port of the machine.
    pub(crate) fn new(port: u16) -> Arc<Self> {
        Arc::new(Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            tally: Tally::default(),
            next: AtomicU64::new(1),
        })
    }

    /// The id of the next request.
    pub(crate) fn id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A new connection; `None` and a finding if there is none.
    pub(crate) async fn connect(&self) -> Option<TcpStream> {
        loop {
            match timeout(DEADLINE, TcpStream::connect(self.address)).await {
                Ok(Ok(stream)) => return Some(stream),
                Ok(Err(error)) if error.kind() == ErrorKind::AddrNotAvailable => {
                    tokio::time::sleep(NO_PORT).await
                }
                Ok(Err(error)) => {
                    self.tally.find(format!("connecting failed: {error}"));
                    return None;
                }
                Err(_) => {
                    self.tally
                        .find(format!("connecting took longer than {DEADLINE:?}"));
                    return None;
                }
            }
        }
    }
}

/// Works until `end`, and returns once every worker is done with what it was at.
pub(crate) async fn run(shared: &Arc<Shared>, workers: u64, seed: u64, end: Instant) {
    let mut running = JoinSet::new();
    for worker in 0..workers {
        let shared = Arc::clone(shared);
        // Each worker draws its own requests, which are the same in every run with this seed.
        let mut rng = SmallRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(worker));
        running.spawn(async move {
            while Instant::now() < end {
                if rng.random_bool(0.2) {
                    http2::session(&mut rng, &shared).await;
                } else {
                    http1::session(&mut rng, &shared).await;
                }
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            shared.tally.find(format!("our own client failed: {error}"));
        }
    }
}
