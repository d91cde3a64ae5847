//! Why there are no ports, and what helps.

use std::io;

use super::holder::{self, Holder};
use crate::error::chain;

/// Why there are no ports.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Somebody else has the port.
    #[error("could not listen on port {port}: {}; {}", in_use(holder.as_ref()), free_it(holder.as_ref()))]
    InUse {
        /// The port.
        port: u16,
        /// Who has it, if that can be seen.
        holder: Option<Holder>,
    },
    /// This user may not have the port.
    #[error(
        "could not listen on port {port}: permission denied; set THRUSTER_HTTP_PORT to 1024 or above, \
         or allow it (a container's --sysctl net.ipv4.ip_unprivileged_port_start={port}, \
         systemd's AmbientCapabilities=CAP_NET_BIND_SERVICE)"
    )]
    NotAllowed {
        /// The port.
        port: u16,
    },
    /// The system says no for another reason.
    #[error("could not listen on port {port}; set THRUSTER_HTTP_PORT to another port")]
    Listen {
        /// The port.
        port: u16,
        /// What it says.
        source: io::Error,
    },
    /// Both ports are the same.
    #[error(
        "port {port} is both THRUSTER_HTTP_PORT and THRUSTER_TARGET_PORT; the app needs one of its own, \
         so unset one of them"
    )]
    Same {
        /// The port.
        port: u16,
    },
    /// No port is left for the app.
    #[error("could not find a free port for the app; set THRUSTER_TARGET_PORT to one")]
    NoneFree {
        /// What the system says.
        source: io::Error,
    },
}

impl PortError {
    /// What the system said when we asked for this port.
    pub(super) fn listening(port: u16, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse {
                port,
                holder: holder::of(port),
            },
            io::ErrorKind::PermissionDenied => Self::NotAllowed { port },
            _ => Self::Listen { port, source },
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

fn free_it(holder: Option<&Holder>) -> String {
    let stop = match holder {
        Some(holder) => format!("stop {}", holder.name),
        None => "stop the program that has it".to_owned(),
    };
    format!("{stop}, or set THRUSTER_HTTP_PORT to another port")
}
