//! Why there are no ports or sockets, and what helps.

use std::io;
use std::path::PathBuf;

use super::bound::Place;
use super::holder::{self, Holder};
use crate::error::chain;

/// Whom a port is for, and so which settings choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Clients.
    Requests,
    /// Whoever scrapes our metrics.
    Metrics,
}

/// Why there are no ports or sockets.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Somebody else has the port.
    #[error(
        "could not listen on {place}: {}; {}, or {}",
        in_use(holder.as_ref()), stop(holder.as_ref()), another(place, *purpose)
    )]
    InUse {
        /// What we wanted.
        place: Place,
        /// What for.
        purpose: Purpose,
        /// Who has it, if that can be seen.
        holder: Option<Holder>,
    },
    /// This user may not have the port.
    #[error(
        "could not listen on {place}: permission denied; set {} to 1024 or above, \
         or allow it (a container's --sysctl net.ipv4.ip_unprivileged_port_start={}, \
         systemd's AmbientCapabilities=CAP_NET_BIND_SERVICE)",
        port_setting(place, *purpose), place.port().unwrap_or_default()
    )]
    NotAllowed {
        /// What we wanted.
        place: Place,
        /// What for.
        purpose: Purpose,
    },
    /// No interface has the address.
    #[error(
        "could not listen on {place}: this machine does not have that address; \
         name one of its own in {}", bind_setting(*purpose)
    )]
    NotHere {
        /// What we wanted.
        place: Place,
        /// What for.
        purpose: Purpose,
    },
    /// The system says no for another reason.
    #[error("could not listen on {place}; {}", another(place, *purpose))]
    Listen {
        /// What we wanted.
        place: Place,
        /// What for.
        purpose: Purpose,
        /// What it says.
        source: io::Error,
    },
    /// Somebody else accepts connections on the socket.
    #[error(
        "could not listen on unix:{}: {}; {}, or name another path in THRUSTER_BIND",
        path.display(), in_use(holder.as_ref()), stop(holder.as_ref())
    )]
    SocketInUse {
        /// The path.
        path: PathBuf,
        /// Who answers, if that can be seen.
        holder: Option<Holder>,
    },
    /// A file that is not ours to remove.
    #[error(
        "could not listen on unix:{}: there is a file of that name that is no socket; \
         remove it, or name another path in THRUSTER_BIND", path.display()
    )]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// The system gives no such socket.
    #[error("could not listen on unix:{}; its directory must exist and let us write", path.display())]
    Socket {
        /// The path.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// Whoever started us passed a number that cannot be meant.
    #[error("{name} is {value}, and at most {most} makes sense; correct or unset it")]
    Absurd {
        /// The variable.
        name: &'static str,
        /// What it says.
        value: String,
        /// The highest number that is taken.
        most: u128,
    },
    /// Whoever started us passed something else than a socket that listens.
    #[error(
        "could not listen on number {number} of the sockets in LISTEN_FDS: {problem}; \
         pass only TCP and Unix sockets that listen (systemd: ListenStream= with Accept=no)"
    )]
    Adopted {
        /// Which one, from 1 on.
        number: usize,
        /// What it is.
        problem: String,
    },
    /// Two ports are the same.
    #[error(
        "port {port} is both {} and {}; each needs one of its own, so change or unset one of them",
        settings[0], settings[1]
    )]
    Same {
        /// The port.
        port: u16,
        /// The settings that name it.
        settings: [&'static str; 2],
    },
    /// Both places are the same.
    #[error(
        "{place} is both where thrust listens and where the app does; the app needs a place of its own, \
         so change one of them (THRUSTER_HTTP_PORT, THRUSTER_BIND; THRUSTER_TARGET_PORT, THRUSTER_TARGET)"
    )]
    SamePlace {
        /// The place.
        place: Place,
    },
    /// Another thrust keeps the port for its app.
    #[error(
        "port {port} is kept for the app of {}; set THRUSTER_TARGET_PORT to another port, \
         or unset it to get a free one", another_thrust(holder.as_ref())
    )]
    Reserved {
        /// The port.
        port: u16,
        /// The other thrust, if it can be seen.
        holder: Option<Holder>,
    },
    /// No port is left for the app.
    #[error("could not find a free port for the app; set THRUSTER_TARGET_PORT to one")]
    NoneFree {
        /// What the system says.
        source: io::Error,
    },
}

impl PortError {
    /// What the system said when we asked for this place.
    pub(super) fn listening(place: Place, source: io::Error, purpose: Purpose) -> Self {
        match (source.kind(), place.port()) {
            (io::ErrorKind::AddrInUse, Some(port)) => Self::InUse {
                holder: holder::of(port),
                place,
                purpose,
            },
            (io::ErrorKind::PermissionDenied, Some(_)) => Self::NotAllowed { place, purpose },
            (io::ErrorKind::AddrNotAvailable, Some(_)) => Self::NotHere { place, purpose },
            _ => Self::Listen {
                place,
                purpose,
                source,
            },
        }
    }

    /// Writes it to the log, as thruster does, with its causes.
    pub fn log(&self) {
        tracing::error!(error = chain(self), "Failed to start HTTP listener");
    }
}

fn in_use(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!("address already in use by {holder}"),
        None => "address already in use".to_owned(),
    }
}

fn stop(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!("stop {}", holder.name),
        None => "stop the program that has it".to_owned(),
    }
}

fn another(place: &Place, purpose: Purpose) -> &'static str {
    match place {
        _ if purpose == Purpose::Metrics => "set THRUSTER_METRICS_PORT to another port",
        Place::Everywhere(_) => "set THRUSTER_HTTP_PORT to another port",
        Place::Address(_) => "name another address or port in THRUSTER_BIND",
        Place::Unix(_) => "name another path in THRUSTER_BIND",
    }
}

fn bind_setting(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Requests => "THRUSTER_BIND",
        Purpose::Metrics => "THRUSTER_METRICS_BIND",
    }
}

fn port_setting(place: &Place, purpose: Purpose) -> &'static str {
    match place {
        _ if purpose == Purpose::Metrics => "THRUSTER_METRICS_PORT",
        Place::Everywhere(_) => "THRUSTER_HTTP_PORT",
        Place::Address(_) | Place::Unix(_) => "its port, in THRUSTER_BIND or THRUSTER_HTTP_PORT,",
    }
}

fn another_thrust(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another thrust".to_owned(), ToString::to_string)
}
