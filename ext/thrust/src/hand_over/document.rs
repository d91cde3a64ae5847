//! The hand-over as it is written: JSON, with descriptors as numbers.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, UNIX_EPOCH};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use super::{Child, FORMAT, HandOver};
use crate::control::Inherited;
use crate::date::since_1970;
use crate::ports::{Bearing, Bound, Reservation};
use crate::process::{End, inherited};
use crate::tuning::Left;
use crate::upstream::Target;

/// What is written; `B` is what is known of a listener.
#[derive(Serialize, Deserialize)]
pub(super) struct Document<B> {
    format: u32,
    /// Whom it is for.
    pub(super) pid: u32,
    version: String,
    /// In seconds.
    uptime: f64,
    generation: u64,
    child: i32,
    /// When the child was started, in seconds since 1970; earlier versions do not say.
    #[serde(default)]
    child_started: u64,
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
    metrics: Option<Metrics<B>>,
    closed: u64,
    #[serde(default)]
    left: Option<Left>,
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

/// The port for metrics, and what is known of it.
#[derive(Serialize, Deserialize)]
struct Metrics<B> {
    socket: RawFd,
    bearing: B,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Port(u16),
    Host { host: String, port: u16 },
    Unix(PathBuf),
}

impl<'a> Document<&'a Bearing> {
    /// What is written of a hand-over and of the listeners, for the image that will have our pid.
    ///
    /// # Errors
    ///
    /// A relative path cannot be made one that is the same from everywhere.
    pub(super) fn of(of: &'a HandOver, listeners: &'a [Bound]) -> io::Result<Self> {
        let child = &of.generation;
        let number = |descriptor: BorrowedFd<'_>| descriptor.as_raw_fd();
        Ok(Self {
            format: FORMAT,
            pid: process::id(),
            version: of.from.clone(),
            uptime: of.uptime.as_secs_f64(),
            generation: child.number,
            child: child.pid.as_raw_pid(),
            child_started: since_1970(child.started),
            ended: child.end,
            target: Place::try_from(&child.target)?,
            reservation: child
                .reservation
                .as_ref()
                .and_then(Reservation::as_fd)
                .map(number),
            pid_file: child.pid_file.clone(),
            first_pid_file: of.first_pid_file.clone(),
            control: of.control.as_ref().map(|control| Sockets {
                directory: control.path.clone(),
                lock: control.lock.as_raw_fd(),
                sockets: control
                    .sockets
                    .iter()
                    .map(|(generation, socket)| (*generation, socket.as_raw_fd()))
                    .collect(),
            }),
            asker: of.asker.as_ref().map(AsRawFd::as_raw_fd),
            metrics: of.metrics.as_ref().map(|bound| Metrics {
                socket: bound.as_fd().as_raw_fd(),
                bearing: bound.as_bearing(),
            }),
            closed: of.closed,
            left: of.left.clone(),
            unheard: of.unheard.iter().map(|signal| signal.as_raw()).collect(),
            listeners: listeners.iter().map(Bound::as_bearing).collect(),
        })
    }
}

impl Document<Bearing> {
    /// Takes over every descriptor that stands in it, and returns what is known of the listeners besides.
    ///
    /// # Errors
    ///
    /// A descriptor is missing.
    pub(super) fn into_hand_over(self) -> io::Result<(HandOver, Vec<Bearing>)> {
        let pid = Pid::from_raw(self.child).ok_or(io::ErrorKind::InvalidData)?;
        let control = self.control.map(|control| {
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
            number: self.generation,
            pid,
            started: UNIX_EPOCH + Duration::from_secs(self.child_started),
            end: self.ended,
            target: self.target.into(),
            reservation: self
                .reservation
                .map(|socket| inherited(socket).map(Reservation::from))
                .transpose()?,
            pid_file: self.pid_file,
        };
        let hand_over = HandOver {
            from: self.version,
            uptime: Duration::try_from_secs_f64(self.uptime).unwrap_or_default(),
            generation,
            first_pid_file: self.first_pid_file,
            control: control.transpose()?,
            asker: self.asker.map(inherited).transpose()?,
            metrics: self
                .metrics
                .map(|Metrics { socket, bearing }| {
                    Ok::<_, io::Error>(Bound::inherited(inherited(socket)?, bearing))
                })
                .transpose()?,
            closed: self.closed,
            unheard: self
                .unheard
                .into_iter()
                .filter_map(Signal::from_named_raw)
                .collect(),
            failure: None,
            left: self.left,
        };
        Ok((hand_over, self.listeners))
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

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs::File;
    use std::io::Seek;
    use std::mem::ManuallyDrop;
    use std::os::fd::OwnedFd;

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
                started: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
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
            metrics: Some(Bound::listening_at(
                left_open(),
                crate::ports::Place::Everywhere(9394),
            )),
            closed: 2,
            unheard: vec![Signal::TERM],
            failure: None,
            left: serde_json::from_str(
                r#"{"push":{"settings":{"debug":"on"},"app":{"sendfile":true}},"secret":"7"}"#,
            )
            .unwrap(),
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

        let document: Document<Bearing> = serde_json::from_value(document).unwrap();
        let (got, listeners) = document.into_hand_over().unwrap();

        let numbers = |of: &HandOver| {
            let numbers = of
                .descriptors()
                .into_iter()
                .map(|descriptor| descriptor.as_raw_fd());
            numbers.collect::<Vec<_>>()
        };
        assert!(listeners.is_empty());
        assert_eq!(numbers(&got), numbers(&given));
        assert_eq!(numbers(&got).len(), 6);
        assert_eq!(
            (&got.from, got.uptime, got.closed, &got.unheard),
            (&given.from, given.uptime, given.closed, &given.unheard)
        );
        let (was, is) = (&given.generation, &got.generation);
        assert_eq!(
            (is.number, is.pid, is.started, is.end, &is.target, &is.pid_file),
            (
                was.number,
                was.pid,
                was.started,
                was.end,
                &was.target,
                &was.pid_file
            )
        );
        assert_eq!(got.first_pid_file, given.first_pid_file);
        assert!(got.left.is_some());
        assert_eq!(got.left, given.left);
        let place = got.metrics.as_ref().map(|bound| bound.place().clone());
        assert_eq!(place, given.metrics.as_ref().map(|bound| bound.place().clone()));
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
