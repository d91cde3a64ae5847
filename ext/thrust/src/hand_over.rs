//! What one image of this process leaves to the next: the child, the control sockets, the asker, and what is known.
//!
//! It is written as JSON into memory (memfd) whose descriptor THRUSTER_HANDOVER names; descriptors stand in it as
//! numbers. The listeners come as LISTEN_FDS, in the order in which they are described here. Fields that the next image
//! does not know are ignored; [`FORMAT`] changes when one that it needs has changed its meaning.

mod document;

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal};

use self::document::Document;
use crate::control::Inherited;
use crate::error::chain;
use crate::ports::{Bearing, Bound, Reservation};
use crate::process::{End, inherited};
use crate::tuning::Left;
use crate::upstream::Target;

/// The variable that holds the number of the descriptor.
pub(crate) const VARIABLE: &str = "THRUSTER_HANDOVER";

/// The format of what is written.
pub(crate) const FORMAT: u32 = 1;

/// More than any hand-over has, in bytes.
const LONGEST: u64 = 16 << 20;

/// A running thrust without its listeners.
#[derive(Debug)]
pub struct HandOver {
    /// The version that hands over.
    pub(crate) from: String,
    /// How long the process has been a thrust.
    pub(crate) uptime: Duration,
    pub(crate) generation: Child,
    /// Where the first generation wrote its pid, if one is to be kept there.
    pub(crate) first_pid_file: Option<PathBuf>,
    pub(crate) control: Option<Inherited>,
    /// The connection of whoever asked for this, if it is still there.
    pub(crate) asker: Option<OwnedFd>,
    /// The port for metrics, if there is one; it listens.
    pub(crate) metrics: Option<Bound>,
    /// Connections that were closed for this.
    pub(crate) closed: u64,
    /// Signals that came when nobody listened any more.
    pub(crate) unheard: Vec<Signal>,
    /// Why no other image has taken our place, if that was tried.
    pub(crate) failure: Option<String>,
    /// What the app has told of its settings; earlier versions do not say.
    pub(crate) left: Option<Left>,
}

/// The current generation.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) number: u64,
    pub(crate) pid: Pid,
    /// How it ended, if that is known.
    pub(crate) end: Option<End>,
    /// When it was started.
    pub(crate) started: SystemTime,
    pub(crate) target: Target,
    pub(crate) reservation: Option<Reservation>,
    pub(crate) pid_file: Option<PathBuf>,
}

/// Why what was left to us cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    /// The variable is not ours, or a descriptor is missing.
    #[error("{VARIABLE}={value:?} does not lead to what a thrust has left to this process; unset it")]
    Missing {
        /// The variable's value.
        value: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It is of another version.
    #[error("what the thrust before this one has left cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// It is for another process.
    #[error("{VARIABLE} is meant for process {pid}; unset it")]
    Foreign {
        /// That process.
        pid: u32,
    },
}

impl HandOverError {
    /// What to tell, causes included.
    pub fn told(&self) -> String {
        chain(self)
    }
}

impl HandOver {
    /// What was left to this process, and what is known of the listeners. Call it once, before anything opens
    /// descriptors that others inherit.
    ///
    /// # Errors
    ///
    /// Something was left, and it cannot be taken over.
    pub fn inherited() -> Result<Option<(Self, Vec<Bearing>)>, HandOverError> {
        let Some(value) = env::var_os(VARIABLE) else {
            return Ok(None);
        };
        let value = value.to_string_lossy().into_owned();
        let missing = |source| HandOverError::Missing {
            value: value.clone(),
            source,
        };
        let number = value
            .parse()
            .map_err(|_| missing(io::ErrorKind::InvalidInput.into()))?;
        let mut written = Vec::new();
        let read = inherited(number).and_then(|memory| {
            let mut memory = File::from(memory);
            memory.rewind()?;
            memory.take(LONGEST).read_to_end(&mut written)
        });
        read.map_err(missing)?;
        let document: Document<Bearing> = serde_json::from_slice(&written)?;
        if document.pid != std::process::id() {
            return Err(HandOverError::Foreign { pid: document.pid });
        }
        document.into_hand_over().map(Some).map_err(missing)
    }

    /// Writes it down, with what is known of the listeners, for the image that will have our pid. The memory is closed
    /// on exec like everything else, unless that is changed.
    ///
    /// # Errors
    ///
    /// A path is no text, or the system has no memory or no descriptor for us.
    pub(crate) fn write(&self, listeners: &[Bound]) -> io::Result<OwnedFd> {
        let mut memory = memory()?;
        memory.write_all(&serde_json::to_vec(&Document::of(self, listeners)?)?)?;
        Ok(memory.into())
    }

    /// All descriptors that stand in it.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let reservation = self.generation.reservation.as_ref().and_then(Reservation::as_fd);
        let control = self.control.iter().flat_map(|control| {
            let sockets = control.sockets.iter().map(|(_, socket)| socket.as_fd());
            sockets.chain([control.lock.as_fd()])
        });
        let asker = self.asker.as_ref().map(AsFd::as_fd);
        let metrics = self.metrics.as_ref().map(AsFd::as_fd);
        reservation
            .into_iter()
            .chain(control)
            .chain(asker)
            .chain(metrics)
            .collect()
    }
}

#[cfg(target_os = "linux")]
fn memory() -> io::Result<File> {
    let memory = rustix::fs::memfd_create("thrust-hand-over", rustix::fs::MemfdFlags::CLOEXEC)?;
    Ok(memory.into())
}

#[cfg(not(target_os = "linux"))]
fn memory() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}
