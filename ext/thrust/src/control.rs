//! The control socket: who may ask, what is asked, and that every command gets its answer.
//!
//! [`Control`] listens in the private [`Directory`], on one socket for the command line and on one for each generation
//! of the child, and puts what is [`Asked`] on a channel. Whoever takes it from there answers through the
//! [`Replier`]; nothing here decides or waits for anything of the proxy. `docs/control-protocol.md` describes the lines.

mod connection;
mod directory;
pub mod discovery;
mod lines;
mod replier;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thrust_api::message::Command;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

use self::connection::Gatekeeper;
pub(crate) use self::directory::{Directory, own_places};
pub(crate) use self::replier::Replier;

/// The socket that the command line asks on.
const SOCKET: &str = "control.sock";

/// Connections that are served at once.
const CONNECTIONS: usize = 64;

/// Commands that wait to be taken up; more wait in their connections.
const WAITING: usize = 8;

/// How long accepting rests after the system refused a connection for want of something.
const REST: Duration = Duration::from_millis(200);

/// A command of somebody who may give it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What to do.
    pub(crate) command: Command,
    /// The generation through whose socket it came; `None` for the command line's.
    pub(crate) through: Option<u64>,
    /// Where the answer goes.
    pub(crate) reply: Replier,
}

/// The listening end of the control sockets. Dropping it closes them and removes the directory.
#[derive(Debug)]
pub(crate) struct Control {
    directory: Option<Directory>,
    sockets: BTreeMap<Option<u64>, Socket>,
    gatekeeper: Gatekeeper,
}

impl Control {
    /// Listens for the command line in `directory`. Call it on the runtime that shall serve the connections.
    ///
    /// Without a directory nobody can ask: the receiver then waits for ever, and generations get no socket.
    pub(crate) fn start(directory: Option<Directory>) -> (Self, mpsc::Receiver<Asked>) {
        let (mut control, asked) = Self::new(directory);
        control.open(None);
        (control, asked)
    }

    /// Goes on with what [`Control::into_inherited`] gave, in this process image or the one before.
    ///
    /// # Errors
    ///
    /// The system's, if a descriptor is not what it should be.
    pub(crate) fn adopt(inherited: Inherited) -> io::Result<(Self, mpsc::Receiver<Asked>)> {
        let directory = Directory::adopt(inherited.path, inherited.lock)?;
        let (mut control, asked) = Self::new(Some(directory));
        for (generation, socket) in inherited.sockets {
            rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
            control.listen(generation, net::UnixListener::from(socket))?;
        }
        Ok((control, asked))
    }

    /// The private directory, in which files of ours may lie; it is flat, and goes with us.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.directory.as_ref().map(Directory::path)
    }

    /// Makes the socket of a generation and returns its path, which is the child's THRUSTER_CONTROL_SOCKET.
    ///
    /// `None` without a directory, or if the system refuses it, which is logged.
    pub(crate) fn open_generation(&mut self, generation: u64) -> Option<PathBuf> {
        self.open(Some(generation))
    }

    /// Ends what a generation may ask. Connections that it has open stay open until they are done.
    pub(crate) fn close_generation(&mut self, generation: u64) {
        let closed = self.sockets.remove(&Some(generation));
        if let (Some(_), Some(directory)) = (closed, &self.directory) {
            directory.remove(&name(Some(generation)));
        }
    }

    /// Stops accepting and gives away what the next process image needs to go on: nobody who connects in between is
    /// refused. `None` without a directory.
    ///
    /// The descriptors are closed on exec; whoever execs clears that. A command under way is handed over with
    /// [`Replier::into_inherited`].
    ///
    /// # Errors
    ///
    /// The system's, if it has no more descriptors for us. Then nobody can ask any more.
    pub(crate) fn into_inherited(self) -> io::Result<Option<Inherited>> {
        let Some(directory) = self.directory else {
            return Ok(None);
        };
        let mut sockets = Vec::with_capacity(self.sockets.len());
        for (generation, socket) in &self.sockets {
            sockets.push((*generation, socket.listener.as_fd().try_clone_to_owned()?));
        }
        let (path, lock) = directory.into_inherited();
        Ok(Some(Inherited { path, lock, sockets }))
    }

    /// Goes on with a connection whose command is still to be answered; see [`Replier::into_inherited`].
    ///
    /// # Errors
    ///
    /// The system's, if the descriptor is no Unix socket.
    pub(crate) fn adopt_asker(&self, connection: OwnedFd) -> io::Result<Replier> {
        rustix::io::fcntl_setfd(&connection, rustix::io::FdFlags::CLOEXEC)?;
        let stream = net::UnixStream::from(connection);
        stream.set_nonblocking(true)?;
        Ok(self.gatekeeper.resume(UnixStream::from_std(stream)?))
    }

    fn new(directory: Option<Directory>) -> (Self, mpsc::Receiver<Asked>) {
        let (sender, asked) = mpsc::channel(WAITING);
        let gatekeeper = Gatekeeper {
            asked: sender,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            us: rustix::process::geteuid().as_raw(),
        };
        let control = Self {
            directory,
            sockets: BTreeMap::new(),
            gatekeeper,
        };
        (control, asked)
    }

    fn open(&mut self, generation: Option<u64>) -> Option<PathBuf> {
        let path = self.directory()?.join(name(generation));
        let opened = net::UnixListener::bind(&path).and_then(|listener| self.listen(generation, listener));
        if let Err(error) = opened {
            tracing::warn!(socket = %path.display(), %error, "Failed to open a control socket; nobody can ask through it");
            return None;
        }
        Some(path)
    }

    fn listen(&mut self, generation: Option<u64>, listener: net::UnixListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let listener = Arc::new(UnixListener::from_std(listener)?);
        let accepting = tokio::spawn(accept(listener.clone(), generation, self.gatekeeper.clone()));
        let socket = Socket {
            listener,
            accepting: accepting.abort_handle(),
        };
        self.sockets.insert(generation, socket);
        Ok(())
    }
}

/// What [`Control`] is made of, for the next image of this process.
#[derive(Debug)]
pub(crate) struct Inherited {
    /// The private directory.
    pub(crate) path: PathBuf,
    /// The lock that says that it is in use.
    pub(crate) lock: OwnedFd,
    /// The listening sockets: that of the command line has no generation.
    pub(crate) sockets: Vec<(Option<u64>, OwnedFd)>,
}

/// A socket that is listened on for as long as this exists.
#[derive(Debug)]
struct Socket {
    listener: Arc<UnixListener>,
    accepting: AbortHandle,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: Arc<UnixListener>, generation: Option<u64>, gatekeeper: Gatekeeper) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => gatekeeper.receive(stream, generation),
            Err(error) => {
                tracing::warn!(%error, "Failed to accept on a control socket");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

fn name(generation: Option<u64>) -> String {
    match generation {
        Some(number) => format!("generation-{number}.sock"),
        None => SOCKET.to_owned(),
    }
}

#[cfg(test)]
mod tests;
