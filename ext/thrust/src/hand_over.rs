//! What one image of this process leaves to the next: the child, the control sockets, the asker, and what is known.
//!
//! It is written as JSON into memory (memfd) whose descriptor THRUSTER_HANDOVER names; descriptors stand in it as
//! numbers. The listeners come as LISTEN_FDS, in the order in which they are described here. Fields that the next image
//! does not know are ignored; [`FORMAT`] changes when one that it needs has changed its meaning.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::control::Inherited;
use crate::error::chain;
use crate::ports::{Bearing, Bound, Reservation};
use crate::process::{End, inherited};
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
    /// Connections that were closed for this.
    pub(crate) closed: u64,
    /// Signals that came when nobody listened any more.
    pub(crate) unheard: Vec<Signal>,
    /// Why no other image has taken our place, if that was tried.
    pub(crate) failure: Option<String>,
}

/// The current generation.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) number: u64,
    pub(crate) pid: Pid,
    /// How it ended, if that is known.
    pub(crate) end: Option<End>,
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

#[derive(Serialize, Deserialize)]
struct Document<B> {
    format: u32,
    pid: u32,
    version: String,
    /// In seconds.
    uptime: f64,
    generation: u64,
    child: i32,
    #[serde(default)]
    ended: Option<End>,
    target: Place,
    #[serde(default)]
    reservation: Option<RawFd>,
    #[serde(default)]
    pid_file: Option<PathBuf>,
    #[serde(default)]
    first_pid_file: Option<PathBuf>,
    #[serde(default)]
    control: Option<Sockets>,
    #[serde(default)]
    asker: Option<RawFd>,
    closed: u64,
    /// By number.
    #[serde(default)]
    unheard: Vec<i32>,
    listeners: Vec<B>,
}

#[derive(Serialize, Deserialize)]
struct Sockets {
    directory: PathBuf,
    lock: RawFd,
    sockets: Vec<(Option<u64>, RawFd)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Port(u16),
    Host { host: String, port: u16 },
    Unix(PathBuf),
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
        if document.pid != process::id() {
            return Err(HandOverError::Foreign { pid: document.pid });
        }
        Self::read(document).map(Some).map_err(missing)
    }

    fn read(document: Document<Bearing>) -> io::Result<(Self, Vec<Bearing>)> {
        let pid = Pid::from_raw(document.child).ok_or(io::ErrorKind::InvalidData)?;
        let control = document.control.map(|control| {
            let sockets = control.sockets.into_iter();
            Ok::<_, io::Error>(Inherited {
                path: control.directory,
                lock: inherited(control.lock)?,
                sockets: sockets
                    .map(|(generation, socket)| Ok((generation, inherited(socket)?)))
                    .collect::<io::Result<_>>()?,
            })
        });
        let generation = Child {
            number: document.generation,
            pid,
            end: document.ended,
            target: document.target.into(),
            reservation: document
                .reservation
                .map(|socket| inherited(socket).map(Reservation::from))
                .transpose()?,
            pid_file: document.pid_file,
        };
        let hand_over = Self {
            from: document.version,
            uptime: Duration::try_from_secs_f64(document.uptime).unwrap_or_default(),
            generation,
            first_pid_file: document.first_pid_file,
            control: control.transpose()?,
            asker: document.asker.map(inherited).transpose()?,
            closed: document.closed,
            unheard: document
                .unheard
                .into_iter()
                .filter_map(Signal::from_named_raw)
                .collect(),
            failure: None,
        };
        Ok((hand_over, document.listeners))
    }

    /// Writes it down, with what is known of the listeners, for the image that will have our pid. The memory is closed
    /// on exec like everything else, unless that is changed.
    ///
    /// # Errors
    ///
    /// A path is no text, or the system has no memory or no descriptor for us.
    pub(crate) fn write(&self, listeners: &[Bound]) -> io::Result<OwnedFd> {
        let child = &self.generation;
        let number = |descriptor: BorrowedFd<'_>| descriptor.as_raw_fd();
        let document = Document {
            format: FORMAT,
            pid: process::id(),
            version: self.from.clone(),
            uptime: self.uptime.as_secs_f64(),
            generation: child.number,
            child: child.pid.as_raw_pid(),
            ended: child.end,
            target: Place::try_from(&child.target)?,
            reservation: child
                .reservation
                .as_ref()
                .and_then(Reservation::as_fd)
                .map(number),
            pid_file: child.pid_file.clone(),
            first_pid_file: self.first_pid_file.clone(),
            control: self.control.as_ref().map(|control| Sockets {
                directory: control.path.clone(),
                lock: control.lock.as_raw_fd(),
                sockets: control
                    .sockets
                    .iter()
                    .map(|(generation, socket)| (*generation, socket.as_raw_fd()))
                    .collect(),
            }),
            asker: self.asker.as_ref().map(AsRawFd::as_raw_fd),
            closed: self.closed,
            unheard: self.unheard.iter().map(|signal| signal.as_raw()).collect(),
            listeners: listeners.iter().map(Bound::as_bearing).collect(),
        };
        let mut memory = memory()?;
        memory.write_all(&serde_json::to_vec(&document)?)?;
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
        reservation.into_iter().chain(control).chain(asker).collect()
    }
}

impl From<Place> for Target {
    fn from(place: Place) -> Self {
        match place {
            Place::Port(port) => Self::Port(port),
            Place::Host { host, port } => Self::Host {
                host: host.into(),
                port,
            },
            Place::Unix(path) => Self::Unix(path.into()),
        }
    }
}

impl TryFrom<&Target> for Place {
    type Error = io::Error;

    /// Fails if a relative path cannot be made one that is the same from everywhere.
    fn try_from(target: &Target) -> io::Result<Self> {
        Ok(match target {
            Target::Port(port) => Self::Port(*port),
            Target::Host { host, port } => Self::Host {
                host: host.as_ref().to_owned(),
                port: *port,
            },
            Target::Unix(path) => Self::Unix(std::path::absolute::<&Path>(path)?),
        })
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

#[cfg(test)]
mod tests {
    use std::mem::ManuallyDrop;

    use super::*;

    /// A descriptor such as another image leaves open.
    fn left_open() -> OwnedFd {
        let (reader, _writer) = io::pipe().unwrap();
        rustix::io::dup(reader).unwrap()
    }

    fn hand_over() -> HandOver {
        HandOver {
            from: "1.0.0".to_owned(),
            uptime: Duration::from_millis(1500),
            generation: Child {
                number: 3,
                pid: rustix::process::getpid(),
                end: Some(End::Exited(7)),
                target: Target::Unix(Path::new("/run/app.sock.3").into()),
                reservation: Some(Reservation::from(left_open())),
                pid_file: Some("/run/3.pid".into()),
            },
            first_pid_file: Some("/srv/server.pid".into()),
            control: Some(Inherited {
                path: "/run/thrust".into(),
                lock: left_open(),
                sockets: vec![(None, left_open()), (Some(3), left_open())],
            }),
            asker: Some(left_open()),
            closed: 2,
            unheard: vec![Signal::TERM],
            failure: None,
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_written_is_what_the_next_image_gets() {
        let given = ManuallyDrop::new(hand_over());
        let mut memory = File::from(given.write(&[]).unwrap());
        memory.rewind().unwrap();
        let mut document: serde_json::Value = serde_json::from_reader(memory).unwrap();
        document["of_a_later_version"] = true.into();

        let (got, listeners) = HandOver::read(serde_json::from_value(document).unwrap()).unwrap();

        let numbers = |of: &HandOver| {
            let numbers = of
                .descriptors()
                .into_iter()
                .map(|descriptor| descriptor.as_raw_fd());
            numbers.collect::<Vec<_>>()
        };
        assert!(listeners.is_empty());
        assert_eq!(numbers(&got), numbers(&given));
        assert_eq!(numbers(&got).len(), 5);
        assert_eq!(
            (&got.from, got.uptime, got.closed, &got.unheard),
            (&given.from, given.uptime, given.closed, &given.unheard)
        );
        let (was, is) = (&given.generation, &got.generation);
        assert_eq!(
            (is.number, is.pid, is.end, &is.target, &is.pid_file),
            (was.number, was.pid, was.end, &was.target, &was.pid_file)
        );
        assert_eq!(got.first_pid_file, given.first_pid_file);
        assert_eq!(got.control.unwrap().path, Path::new("/run/thrust"));
    }

    #[test]
    fn a_target_is_the_same_from_every_directory() {
        let relative = Target::Unix(Path::new("tmp/app.sock").into());

        let place = Place::try_from(&relative).unwrap();

        let expected = env::current_dir().unwrap().join("tmp/app.sock");
        assert_eq!(Target::from(place), Target::Unix(expected.into()));
    }
}
