//! The threads that cores run on, and the way of a socket to its core. Core 0 runs on the main thread.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::connection;
use crate::core::{Core, Counted};
use crate::exchange::{Client, Peer};
use crate::room::Seat;
use crate::stream::Stream;

/// Sockets that may be on their way to a core; when so many are, the acceptor keeps the next one.
const IN_TRANSIT: usize = 256;

/// A socket that was accepted and belongs to no core yet. It does not block.
pub(crate) struct Accepted {
    pub(crate) socket: OwnedFd,
    pub(crate) peer: Peer,
    pub(crate) seat: Seat,
}

impl Accepted {
    /// Registers the socket with the runtime of the calling thread.
    fn into_stream(self) -> io::Result<(Stream, Seat)> {
        let stream = match self.peer {
            Peer::Tcp(_) => TcpStream::from_std(self.socket.into()).map(Stream::from),
            Peer::Unix => UnixStream::from_std(self.socket.into()).map(Stream::from),
        };
        Ok((stream?, self.seat))
    }
}

/// A socket on its way to a core, counted among that core's connections until it arrives.
struct InTransit {
    accepted: Accepted,
    counted: TaskTrackerToken,
}

/// The way to a core on another thread.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) core: Arc<Core>,
    sockets: mpsc::Sender<InTransit>,
    ended: CancellationToken,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Handle {
    /// Starts the thread of `core`. It serves until [`Handle::join`].
    ///
    /// # Errors
    ///
    /// The system gives no thread, or no runtime.
    pub(crate) fn start(number: usize, core: Arc<Core>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (sockets, received) = mpsc::channel(IN_TRANSIT);
        let ended = CancellationToken::new();
        let thread = std::thread::Builder::new()
            .name(format!("core-{number}"))
            .spawn({
                let (core, ended) = (core.clone(), ended.clone());
                move || {
                    runtime.block_on(ended.run_until_cancelled(run(&core, received)));
                }
            })?;
        Ok(Self {
            core,
            sockets,
            ended,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Sends a socket to the core; gives it back if too many are on their way already.
    pub(crate) fn send(&self, accepted: Accepted) -> Result<(), Accepted> {
        let counted = self.core.connections.token();
        self.sockets
            .try_send(InTransit { accepted, counted })
            .map_err(|refused| refused.into_inner().accepted)
    }

    /// Ends the thread and whatever it still serves, and hands over the last lines of its log.
    pub(crate) fn join(&self) {
        self.ended.cancel();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic was printed where it happened.
            let _ = thread.join();
        }
        self.core.flush_log();
    }
}

/// Serves a connection in a task of its own, on the runtime of the calling thread, which is that of `core`.
pub(crate) fn serve(core: &Arc<Core>, accepted: Accepted) {
    let client = Client {
        peer: accepted.peer,
        secure: false,
    };
    // Fails for a socket that is dead already.
    if let Ok((stream, seat)) = accepted.into_stream() {
        core.metrics.accepted.add(1);
        let counted = Counted::new(core, seat);
        tokio::spawn(connection::serve(stream, client, core.clone(), counted));
    }
}

/// Serves what comes.
async fn run(core: &Arc<Core>, mut sockets: mpsc::Receiver<InTransit>) {
    core.flush_log_in_time();
    while let Some(InTransit { accepted, counted }) = sockets.recv().await {
        serve(core, accepted);
        // Only now, so that a drain never sees a core without the connection.
        drop(counted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Room;

    #[test]
    fn a_socket_on_its_way_to_a_core_counts_as_its_connection() {
        let (core, (sockets, mut received)) = (Core::for_test(), mpsc::channel(1));
        let accepted = || accepted(&core.room);
        let handle = Handle {
            core: core.clone(),
            sockets,
            ended: CancellationToken::new(),
            thread: Mutex::new(None),
        };

        let sent = handle.send(accepted());
        let refused = handle.send(accepted());

        assert!(sent.is_ok() && refused.is_err());
        assert_eq!(
            handle.core.connections.len(),
            1,
            "the one that was given back is not counted"
        );
        drop(received.try_recv());
        assert_eq!(handle.core.connections.len(), 0);
    }

    fn accepted(room: &Arc<Room>) -> Accepted {
        let (socket, _other_end) = std::os::unix::net::UnixStream::pair().unwrap();
        Accepted {
            socket: socket.into(),
            peer: Peer::Unix,
            seat: room.enter(Peer::Unix).unwrap(),
        }
    }
}
