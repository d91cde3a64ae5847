//! A core: one thread's runtime with everything that serves its connections.
//!
//! Core 0 is the main thread. Nothing that a request needs is shared between cores but what never changes.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{self, Timeouts};
use crate::exchange::Client;
use crate::log::Batch;
use crate::pipeline::Pipeline;
use crate::stream::Stream;

/// Sockets that may be on their way to a core; when so many are, the acceptor keeps the next one.
const IN_TRANSIT: usize = 256;

/// What serves the connections of one thread.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) pipeline: Pipeline,
    pub(crate) timeouts: Timeouts,
    /// Whether HTTP/2 is spoken on clear text.
    pub(crate) h2c: bool,
    /// Cancelled when the core takes no more requests; each core has its own, so that none waits for another's lock.
    pub(crate) draining: CancellationToken,
    /// Tunnels after a 101, which a drain does not wait for.
    pub(crate) tunnels: TaskTracker,
    /// Connections that are served, those on their way included.
    pub(crate) connections: TaskTracker,
    /// The request lines that are to be written.
    pub(crate) batch: Option<Arc<Batch>>,
}

impl Core {
    /// Serves a connection in a task of its own, on the runtime of the calling thread.
    pub(crate) fn serve(self: &Arc<Self>, socket: tokio::net::TcpStream, peer: SocketAddr) {
        let client = Client { peer, secure: false };
        self.connections
            .spawn(connection::serve(Stream::new(socket), client, self.clone()));
    }

    /// Hands over the request lines that are left, once nothing is served any more.
    pub(crate) fn flush_log(&self) {
        if let Some(batch) = &self.batch {
            batch.flush();
        }
    }
}

/// An accepted socket on its way to its core.
pub(crate) struct Accepted {
    pub(crate) socket: TcpStream,
    pub(crate) peer: SocketAddr,
}

/// The way to a core on another thread.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) core: Arc<Core>,
    pub(crate) sockets: mpsc::Sender<Accepted>,
    thread: JoinHandle<()>,
}

impl Handle {
    /// Starts the thread of `core`. It serves until the way to it is dropped.
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

    /// Waits for the thread, whose connections were told to end, and hands over the last lines of its log.
    pub(crate) fn join(self) {
        drop(self.sockets);
        // A panic was printed where it happened.
        let _ = self.thread.join();
        self.core.flush_log();
    }
}

async fn run(core: &Arc<Core>, mut sockets: mpsc::Receiver<Accepted>) {
    let flushing = core
        .batch
        .clone()
        .map(|batch| tokio::spawn(async move { batch.flush_in_time().await }));
    while let Some(Accepted { socket, peer }) = sockets.recv().await {
        // Fails for a socket that is dead already.
        if let Ok(socket) = tokio::net::TcpStream::from_std(socket) {
            core.serve(socket, peer);
        }
    }
    // The drain is over by now: whatever is still served ends with the runtime.
    drop(flushing);
}
