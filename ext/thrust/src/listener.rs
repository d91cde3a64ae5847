//! Accepts connections and gives each to a core.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustix::net::SocketFlags;
use tokio::io::unix::AsyncFd;
use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::exchange::Peer;
use crate::ports::{Listener, SocketKind};
use crate::threads::{self, Accepted, Handle};

/// Connections that are accepted before those already here, and other listeners, get their turn.
const TURN: usize = 64;
/// How long we wait after an accept that failed for want of descriptors or memory: the listener stays readable.
const BACK_OFF: Duration = Duration::from_millis(100);
/// Connections that are still accepted once we were told to stop. More than can wait at that time; without a bound,
/// clients that come as fast as they are accepted would keep us from ever closing.
const LAST: usize = 16 * 1024;

/// Registers `listener` with the runtime of the calling thread.
///
/// # Errors
///
/// The system cannot watch one more.
pub(crate) fn watch(listener: Listener) -> io::Result<AsyncFd<Listener>> {
    #[allow(
        deprecated,
        reason = "sound for a Listener, whose descriptor stays the same until it is dropped"
    )]
    AsyncFd::new(listener)
}

/// Accepts on all `listeners` until `stopped`, on the runtime of the main thread. Then accepts what still waits, so
/// that nobody who got through to us is refused, and closes.
///
/// A connection stays here unless another core has at least two fewer: handing one over costs more than it saves.
pub(crate) async fn accept(
    listeners: Vec<AsyncFd<Listener>>,
    here: &Arc<Core>,
    others: &[Handle],
    stopped: &CancellationToken,
) {
    let mut accepting: Vec<_> = listeners
        .into_iter()
        .map(|mut listener| {
            Box::pin(async move {
                accept_until(&listener, here, others, stopped).await;
                listener.get_mut().remove_file();
                accept_waiting(&listener, here, others).await;
            })
        })
        .collect();
    // Each gets its turn whenever one of them wakes us.
    poll_fn(|cx| {
        accepting.retain_mut(|one| one.as_mut().poll(cx).is_pending());
        if accepting.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

async fn accept_until(
    listener: &AsyncFd<Listener>,
    here: &Arc<Core>,
    others: &[Handle],
    stopped: &CancellationToken,
) {
    let mut failing = false;
    loop {
        let mut ready = tokio::select! {
            // Fails only while the runtime ends.
            Ok(ready) = listener.readable() => ready,
            () = stopped.cancelled() => return,
        };
        match accept_turn(listener.get_ref(), here, others) {
            Turn::Over(_) => failing = false,
            Turn::NobodyWaits => {
                failing = false;
                ready.clear_ready();
            }
            Turn::Failed(error) => {
                if !failing {
                    tracing::error!(%error, "Failed to accept a connection; trying again");
                }
                failing = true;
                tokio::time::sleep(BACK_OFF).await;
            }
        }
        drop(ready);
        tokio::task::yield_now().await;
    }
}

async fn accept_waiting(listener: &AsyncFd<Listener>, here: &Arc<Core>, others: &[Handle]) {
    let mut accepted = 0;
    while accepted < LAST {
        match accept_turn(listener.get_ref(), here, others) {
            Turn::Over(count) => accepted += count,
            Turn::NobodyWaits => return,
            // Only an end of connections would help, and these end after us.
            Turn::Failed(error) => {
                tracing::error!(%error, "Failed to accept the last connections");
                return;
            }
        }
        tokio::task::yield_now().await;
    }
}

/// How a turn at accepting ended.
enum Turn {
    /// After so many connections, with perhaps more to come.
    Over(usize),
    NobodyWaits,
    Failed(io::Error),
}

fn accept_turn(listener: &Listener, here: &Arc<Core>, others: &[Handle]) -> Turn {
    for _ in 0..TURN {
        match accept_one(listener) {
            Ok(accepted) => hand_over(accepted, here, others),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::NobodyWaits,
            // The client left before we came to it.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => return Turn::Failed(error),
        }
    }
    Turn::Over(TURN)
}

fn accept_one(listener: &Listener) -> io::Result<Accepted> {
    #[cfg(target_os = "linux")]
    let (socket, peer) =
        rustix::net::acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    #[cfg(not(target_os = "linux"))]
    let (socket, peer) = {
        let (socket, peer) = rustix::net::acceptfrom(listener)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        (socket, peer)
    };
    let peer = match listener.kind() {
        SocketKind::Tcp => {
            let peer = SocketAddr::try_from(peer.ok_or(io::ErrorKind::ConnectionAborted)?)?;
            Peer::Tcp(SocketAddr::new(peer.ip().to_canonical(), peer.port()))
        }
        SocketKind::Unix => Peer::Unix,
    };
    Ok(Accepted { socket, peer })
}

fn hand_over(accepted: Accepted, here: &Arc<Core>, others: &[Handle]) {
    let idlest = others
        .iter()
        .min_by_key(|other| load(&other.core))
        .filter(|other| load(&other.core) + 2 <= load(here));
    let kept = match idlest {
        Some(other) => other.send(accepted).err(),
        None => Some(accepted),
    };
    if let Some(accepted) = kept {
        threads::serve(here, accepted);
    }
}

fn load(core: &Core) -> usize {
    core.connections.len() + core.lasting.len()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[tokio::test]
    async fn whoever_waits_at_every_listener_when_we_are_told_to_stop_is_still_accepted() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let unix = UnixListener::bind(&path).unwrap();
        tcp.set_nonblocking(true).unwrap();
        unix.set_nonblocking(true).unwrap();
        let listeners = vec![watch(tcp.into()).unwrap(), watch(unix.into()).unwrap()];
        let _from_afar: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
        let _from_here: Vec<_> = (0..2).map(|_| UnixStream::connect(&path).unwrap()).collect();
        let here = Core::for_test();
        let stopped = CancellationToken::new();
        stopped.cancel();

        accept(listeners, &here, &[], &stopped).await;

        assert_eq!(here.connections.len(), 5);
        assert!(TcpStream::connect(address).is_err() && UnixStream::connect(&path).is_err());
    }
}
