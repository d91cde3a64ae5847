//! Accepts connections and gives each to a core.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::SocketFlags;
use tokio::io::unix::AsyncFd;
use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::threads::{self, Accepted, Handle};

/// Connections that are accepted before those already here get their turn.
const TURN: usize = 64;
/// How long we wait after an accept that failed for want of descriptors or memory: the listener stays readable.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Registers `listener` with the runtime of the calling thread.
///
/// # Errors
///
/// The system cannot watch one more.
pub(crate) fn watch(listener: TcpListener) -> io::Result<AsyncFd<TcpListener>> {
    #[allow(
        deprecated,
        reason = "sound for a TcpListener, whose descriptor stays the same until it is dropped"
    )]
    AsyncFd::new(listener)
}

/// Accepts on `listener` until `stopped`, on the runtime of the main thread.
///
/// A connection stays here unless another core has at least two fewer: handing one over costs more than it saves.
pub(crate) async fn accept(
    listener: AsyncFd<TcpListener>,
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
        for _ in 0..TURN {
            match accept_one(listener.get_ref()) {
                Ok(accepted) => {
                    failing = false;
                    hand_over(accepted, here, others);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready.clear_ready();
                    break;
                }
                // The client left before we came to it.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => {
                    if !failing {
                        tracing::error!(%error, "Failed to accept a connection; trying again");
                    }
                    failing = true;
                    tokio::time::sleep(BACK_OFF).await;
                    break;
                }
            }
        }
        drop(ready);
        tokio::task::yield_now().await;
    }
}

fn accept_one(listener: &TcpListener) -> io::Result<Accepted> {
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
    let peer = peer.ok_or(io::ErrorKind::ConnectionAborted)?;
    let peer = SocketAddr::try_from(peer)?;
    Ok(Accepted {
        socket: socket.into(),
        peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
    })
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
    core.connections.len()
}
