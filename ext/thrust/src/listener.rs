//! Accepts connections and gives each to a core.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use crate::core::Core;
use crate::error::Reason;
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

/// What becomes of whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// They are let in.
    Open,
    /// They wait.
    Paused,
    /// Who waits already is let in, so that nobody who got through to us is refused; then the listeners are closed.
    LastCall,
    /// They wait for whoever gets the listeners.
    HandedOn,
}

/// Accepts on all `listeners` as `admission` says, on the runtime of the main thread. Returns the listeners once they
/// are to be handed on, and none once they are closed.
///
/// A connection stays here unless another core has at least two fewer: moving one costs more than it saves. While there
/// is no room, or there are no descriptors, who comes waits, and connections without a request are asked to end.
pub(crate) async fn accept(
    listeners: Vec<AsyncFd<Listener>>,
    here: &Arc<Core>,
    others: &[Handle],
    admission: &watch::Receiver<Admission>,
) -> Vec<Listener> {
    let mut accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            let admission = admission.clone();
            let kept = Box::pin(accept_on(listener, here, others, admission));
            (kept, None)
        })
        .collect();
    // Each gets its turn whenever one of them wakes us.
    poll_fn(|cx| {
        let mut left = 0;
        for (one, kept) in accepting.iter_mut().filter(|(_, kept)| kept.is_none()) {
            match one.as_mut().poll(cx) {
                Poll::Ready(listener) => *kept = Some(listener),
                Poll::Pending => left += 1,
            }
        }
        if left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    accepting
        .into_iter()
        .filter_map(|(_, listener)| listener.flatten())
        .collect()
}

async fn accept_on(
    mut listener: AsyncFd<Listener>,
    here: &Arc<Core>,
    others: &[Handle],
    mut admission: watch::Receiver<Admission>,
) -> Option<Listener> {
    loop {
        // Copied out, because what is borrowed locks the sender out.
        let now = *admission.borrow_and_update();
        match now {
            Admission::Open => accept_until_changed(&listener, here, others, &mut admission).await?,
            // Fails if nobody is left who could change it.
            Admission::Paused => admission.changed().await.ok()?,
            Admission::LastCall => {
                listener.get_mut().remove_file();
                here.room.lift();
                accept_waiting(&listener, here, others).await;
                return None;
            }
            Admission::HandedOn => return Some(listener.into_inner()),
        }
    }
}

/// `None` if nobody is left who could change it.
async fn accept_until_changed(
    listener: &AsyncFd<Listener>,
    here: &Arc<Core>,
    others: &[Handle],
    admission: &mut watch::Receiver<Admission>,
) -> Option<()> {
    let mut failing = false;
    loop {
        let mut ready = tokio::select! {
            // Fails only while the runtime ends.
            Ok(ready) = listener.readable() => ready,
            changed = admission.changed() => return changed.ok(),
        };
        // Made before looking, so that it hears of whoever leaves afterwards.
        let left = here.room.left();
        match accept_turn(listener.get_ref(), here, others) {
            Turn::Over(_) => failing = false,
            Turn::NobodyWaits => {
                failing = false;
                ready.clear_ready();
            }
            Turn::Full => {
                here.room.tell_full();
                here.metrics.accept_pauses.add(1);
                make_room(here, others);
                tokio::select! {
                    () = left => {}
                    changed = admission.changed() => return changed.ok(),
                }
            }
            Turn::Failed(error) => {
                if !failing {
                    tracing::error!(%error, "Failed to accept a connection; trying again");
                }
                failing = true;
                make_room(here, others);
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
            Turn::NobodyWaits | Turn::Full => return,
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
    /// Somebody waits for whom there is no room.
    Full,
    Failed(io::Error),
}

fn accept_turn(listener: &Listener, here: &Arc<Core>, others: &[Handle]) -> Turn {
    for _ in 0..TURN {
        if here.room.is_full() {
            return if somebody_waits(listener) {
                Turn::Full
            } else {
                Turn::NobodyWaits
            };
        }
        match accept_one(listener) {
            Ok((socket, peer)) => let_in(socket, peer, here, others),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::NobodyWaits,
            Err(error) if is_about_the_connection(&error) => {}
            Err(error) => return Turn::Failed(error),
        }
    }
    Turn::Over(TURN)
}

fn somebody_waits(listener: &Listener) -> bool {
    let mut listeners = [PollFd::new(listener, PollFlags::IN)];
    rustix::event::poll(&mut listeners, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// Whether an accept failed for a client that left before we came to it, or whose network is broken: the next one may
/// be fine (accept(2), "Error handling").
fn is_about_the_connection(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::INTR
                | Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::PROTO
                | Errno::PERM
                | Errno::TIMEDOUT
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NOPROTOOPT
                | Errno::OPNOTSUPP
        )
    )
}

/// Asks, on each core, the connection that has waited longest for its next request to end.
fn make_room(here: &Core, others: &[Handle]) {
    here.give_way.notify_one();
    others.iter().for_each(|other| other.core.give_way.notify_one());
}

fn accept_one(listener: &Listener) -> io::Result<(OwnedFd, Peer)> {
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
    Ok((socket, peer))
}

fn let_in(socket: OwnedFd, peer: Peer, here: &Arc<Core>, others: &[Handle]) {
    match here.room.enter(peer) {
        Ok(seat) => give_to_core(Accepted { socket, peer, seat }, here, others),
        Err(refusal) => {
            here.metrics.failed(Reason::AddressConnections);
            refusal.log();
        }
    }
}

fn give_to_core(accepted: Accepted, here: &Arc<Core>, others: &[Handle]) {
    let idlest = others
        .iter()
        .min_by_key(|other| other.core.load())
        .filter(|other| other.core.load() + 2 <= here.load());
    let kept = match idlest {
        Some(other) => other.send(accepted).err(),
        None => Some(accepted),
    };
    if let Some(accepted) = kept {
        threads::serve(here, accepted);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_at_every_listener_when_we_are_told_to_stop_is_still_accepted() {
        let doors = Doors::open();
        let here = Core::for_test();
        let (_sender, admission) = watch::channel(Admission::LastCall);
        let _clients = doors.knock();

        let kept = accept(doors.listeners, &here, &[], &admission).await;

        assert!(kept.is_empty());
        assert_eq!(here.connections.len(), 5);
        assert!(TcpStream::connect(doors.address).is_err() && UnixStream::connect(&doors.path).is_err());
    }

    #[tokio::test]
    async fn whoever_comes_while_we_pause_waits_for_the_next_one() {
        let doors = Doors::open();
        let here = Core::for_test();
        let (sender, admission) = watch::channel(Admission::Paused);
        let _clients = doors.knock();
        let handed_on = async {
            tokio::task::yield_now().await;
            sender.send_replace(Admission::HandedOn);
        };

        let (kept, ()) = tokio::join!(accept(doors.listeners, &here, &[], &admission), handed_on);

        assert_eq!(here.connections.len(), 0);
        let kept: Vec<_> = kept.into_iter().map(|kept| watch(kept).unwrap()).collect();
        sender.send_replace(Admission::LastCall);
        accept(kept, &here, &[], &admission).await;
        assert_eq!(here.connections.len(), 5);
    }

    #[test]
    fn only_a_want_of_descriptors_or_memory_lets_others_wait() {
        let is_about_the_connection = |errno: Errno| super::is_about_the_connection(&errno.into());

        for errno in [Errno::CONNABORTED, Errno::PROTO, Errno::PERM, Errno::HOSTUNREACH] {
            assert!(is_about_the_connection(errno), "{errno}");
        }
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(!is_about_the_connection(errno), "{errno}");
        }
    }

    /// A TCP and a Unix socket.
    struct Doors {
        listeners: Vec<AsyncFd<Listener>>,
        address: SocketAddr,
        path: PathBuf,
        _directory: TempDir,
    }

    impl Doors {
        fn open() -> Self {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("socket");
            let unix = UnixListener::bind(&path).unwrap();
            tcp.set_nonblocking(true).unwrap();
            unix.set_nonblocking(true).unwrap();
            Self {
                address: tcp.local_addr().unwrap(),
                listeners: vec![watch(tcp.into()).unwrap(), watch(unix.into()).unwrap()],
                path,
                _directory: directory,
            }
        }

        /// Three clients from afar and two from here.
        fn knock(&self) -> (Vec<TcpStream>, Vec<UnixStream>) {
            (
                (0..3)
                    .map(|_| TcpStream::connect(self.address).unwrap())
                    .collect(),
                (0..2).map(|_| UnixStream::connect(&self.path).unwrap()).collect(),
            )
        }
    }
}
