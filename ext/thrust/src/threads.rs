//! The threads that cores run on, and the way of a socket to its core. Core 0 runs on the main thread.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::connection;
use crate::core::Core;
use crate::exchange::Client;
use crate::stream::Stream;

/// Sockets that may be on their way to a core; when so many are, the acceptor keeps the next one.
const IN_TRANSIT: usize = 256;

/// A socket that was accepted and belongs to no core yet.
pub(crate) struct Accepted {
    pub(crate) socket: TcpStream,
    pub(crate) peer: SocketAddr,
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
    thread: JoinHandle<()>,
}

impl Handle {
    /// Starts the thread of `core`. It serves until [`Handle::join`].
    ///
    /// # Errors
    ///
    /// The system gives no thread, or no runtime.
    pub(crate) fn start(number: usize, core: Arc<Core>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (sockets, received) = mpsc::channel(IN_TRANSIT);
        let thread = std::thread::Builder::new()
            .name(format!("core-{number}"))
            .spawn({
                let core = core.clone();
                move || runtime.block_on(run(&core, received))
            })?;
        Ok(Self {
            core,
            sockets,
            thread,
        })
    }

    /// Sends a socket to the core; gives it back if too many are on their way already.
    pub(crate) fn send(&self, accepted: Accepted) -> Result<(), Accepted> {
        let counted = self.core.connections.token();
        self.sockets
            .try_send(InTransit { accepted, counted })
            .map_err(|refused| refused.into_inner().accepted)
    }

    /// Waits for the thread, whose connections were told to end, and hands over the last lines of its log.
    pub(crate) fn join(self) {
        drop(self.sockets);
        // A panic was printed where it happened.
        let _ = self.thread.join();
        self.core.flush_log();
    }
}

/// Serves a connection in a task of its own, on the runtime of the calling thread, which is that of `core`.
pub(crate) fn serve(core: &Arc<Core>, Accepted { socket, peer }: Accepted) {
    // Fails for a socket that is dead already.
    if let Ok(socket) = tokio::net::TcpStream::from_std(socket) {
        let client = Client { peer, secure: false };
        core.connections
            .spawn(connection::serve(Stream::new(socket), client, core.clone()));
    }
}

/// Serves what comes until the way to this core is dropped. By then the drain is over: whatever is still served ends
/// with the runtime.
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
    use crate::core::Timeouts;
    use crate::pipeline::Pipeline;
    use crate::stages::access_log::AccessLog;
    use crate::stages::error_pages::ErrorPages;
    use crate::upstream::{self, Target, Upstream};
    use std::net::{Ipv4Addr, TcpListener};
    use std::path::Path;
    use std::time::Duration;
    use tokio_util::sync::CancellationToken;
    use tokio_util::task::TaskTracker;

    #[test]
    fn a_socket_on_its_way_to_a_core_counts_as_its_connection() {
        let (sockets, mut received) = mpsc::channel(1);
        let handle = Handle {
            core: Arc::new(core()),
            sockets,
            thread: std::thread::spawn(|| {}),
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

    fn accepted() -> Accepted {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let peer = listener.local_addr().unwrap();
        Accepted {
            socket: TcpStream::connect(peer).unwrap(),
            peer,
        }
    }

    fn core() -> Core {
        let upstream = upstream::Options {
            target: Target::new(1),
            forward_headers: true,
            connect_timeout: Duration::from_secs(5),
            timeout: None,
        };
        Core {
            pipeline: Pipeline {
                access_log: AccessLog::new(None),
                error_pages: Arc::new(ErrorPages::load(Path::new(""))),
                upstream: Upstream::new(upstream),
            },
            timeouts: Timeouts {
                idle: None,
                read: None,
                write: None,
            },
            h2c: true,
            draining: CancellationToken::new(),
            connections: TaskTracker::new(),
            batch: None,
        }
    }
}
