//! Chooses the two ports, so that nobody has to think about them: the one to listen on, and the app's.
//!
//! HTTP_PORT that nobody chose is 80; where that is not allowed, the platform's PORT, or 8080 on a terminal.
//! TARGET_PORT that nobody chose is 3000, or a free port if somebody has that one.

mod holder;
mod socket;

pub use holder::Holder;

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal},
    net::TcpListener,
};

use thrust_api::units::Port;

use crate::config::Config;

const HTTP: u16 = 80;
const HTTP_WITHOUT_PRIVILEGES: u16 = 8080;
const TARGET: u16 = 3000;

/// The bound port and the app's.
#[derive(Debug)]
pub struct Ports {
    /// Listens on every address; nonblocking, closed on exec.
    pub listener: TcpListener,
    /// The port it listens on, never 0.
    pub http_port: u16,
    /// The port the app is to listen on, never 0; to be exported as PORT.
    pub app_port: u16,
    /// What the operator should hear about.
    pub notices: Vec<Notice>,
}

/// What the choice depends on besides the configuration.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The PORT that we were started with.
    pub inherited_port: Option<OsString>,
    /// Whether a person is watching.
    pub terminal: bool,
}

/// Something about the ports that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Port 80 is not allowed; this one is listened on, because it is the platform's PORT.
    ListeningOnInherited {
        /// The port.
        port: u16,
    },
    /// Port 80 is not allowed; this one is listened on, because a person can be told.
    ListeningOnFallback {
        /// The port.
        port: u16,
    },
    /// The app's usual port is taken; it gets another.
    TargetMoved {
        /// Its usual port.
        from: u16,
        /// The one it gets.
        to: u16,
        /// Who has the usual one.
        holder: Option<Holder>,
    },
    /// Somebody already answers on the port that was chosen for the app, which has not been started yet.
    TargetAnswered {
        /// The port.
        port: u16,
        /// Who answers.
        holder: Option<Holder>,
    },
}

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
    #[error("could not listen on port {port}")]
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
    #[error("could not find a free port for the app")]
    NoneFree {
        /// What the system says.
        source: io::Error,
    },
}

impl Environment {
    /// That of this process.
    pub fn inherited() -> Self {
        Self {
            inherited_port: env::var_os("PORT"),
            terminal: io::stdout().is_terminal(),
        }
    }

    fn port(&self) -> Option<u16> {
        let port: Port = self.inherited_port.as_ref()?.to_str()?.parse().ok()?;
        Some(port.number()).filter(|&number| number != 0)
    }
}

impl Notice {
    /// Writes it to the log.
    pub fn log(&self) {
        match self {
            Self::ListeningOnInherited { port } => {
                tracing::info!(
                    port,
                    "Port 80 is not allowed here; listening on the inherited PORT"
                );
            }
            Self::ListeningOnFallback { port } => {
                let url = format!("http://localhost:{port}");
                tracing::info!(url, "Port 80 is not allowed here; listening on another");
            }
            Self::TargetMoved { from, to, holder } => {
                tracing::info!(
                    port = to,
                    taken = from,
                    holder = show(holder.as_ref()),
                    "The app's usual port is taken; it gets a free one"
                );
            }
            Self::TargetAnswered { port, holder } => {
                tracing::warn!(
                    port,
                    holder = show(holder.as_ref()),
                    "TARGET_PORT is answered before the app has started; requests may go to another program"
                );
            }
        }
    }
}

/// Binds the port to listen on and chooses the app's.
///
/// # Errors
///
/// When the port to listen on cannot be had, or none is left for the app. Nothing stays bound.
pub fn open(config: &Config, environment: &Environment) -> Result<Ports, PortError> {
    open_with(config, environment, socket::listen)
}

fn open_with(
    config: &Config,
    environment: &Environment,
    listen: impl Fn(u16) -> io::Result<TcpListener>,
) -> Result<Ports, PortError> {
    if let Some(port) = chosen_twice(config) {
        return Err(PortError::Same { port });
    }

    let mut notices = Vec::new();
    let (wanted, listener) = match config.http_port {
        Some(port) => (port.number(), listen(port.number())),
        None => listen_anywhere(environment, listen, &mut notices),
    };
    let listener = listener.map_err(|source| PortError::listening(wanted, source))?;
    let http_port = socket::port_of(&listener).map_err(|source| PortError::listening(wanted, source))?;
    let app_port = app_port(config.target_port, TARGET, http_port, &mut notices)?;
    Ok(Ports {
        listener,
        http_port,
        app_port,
        notices,
    })
}

fn chosen_twice(config: &Config) -> Option<u16> {
    let port = config.http_port.filter(|port| !port.is_any())?;
    (config.target_port == Some(port)).then_some(port.number())
}

/// Tries the ports that stand for "nobody chose one"; returns the one that decided.
fn listen_anywhere(
    environment: &Environment,
    listen: impl Fn(u16) -> io::Result<TcpListener>,
    notices: &mut Vec<Notice>,
) -> (u16, io::Result<TcpListener>) {
    let first = listen(HTTP);
    if !matches!(&first, Err(error) if error.kind() == io::ErrorKind::PermissionDenied) {
        return (HTTP, first);
    }
    if let Some(port) = environment.port() {
        notices.push(Notice::ListeningOnInherited { port });
        return (port, listen(port));
    }
    if environment.terminal {
        let port = HTTP_WITHOUT_PRIVILEGES;
        notices.push(Notice::ListeningOnFallback { port });
        return (port, listen(port));
    }
    (HTTP, first)
}

fn app_port(
    chosen: Option<Port>,
    usual: u16,
    http_port: u16,
    notices: &mut Vec<Notice>,
) -> Result<u16, PortError> {
    match chosen.map(Port::number) {
        Some(0) => free_port(),
        // Also when nobody chose the port that is listened on.
        Some(port) if port == http_port => Err(PortError::Same { port }),
        Some(port) => {
            if socket::is_answered(port) {
                notices.push(Notice::TargetAnswered {
                    port,
                    holder: holder::of(port),
                });
            }
            Ok(port)
        }
        None if socket::is_free(usual) => Ok(usual),
        None => {
            let to = free_port()?;
            notices.push(Notice::TargetMoved {
                from: usual,
                to,
                holder: holder::of(usual),
            });
            Ok(to)
        }
    }
}

fn free_port() -> Result<u16, PortError> {
    socket::free_port().map_err(|source| PortError::NoneFree { source })
}

impl PortError {
    fn listening(port: u16, source: io::Error) -> Self {
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
        let mut error = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(source) = cause {
            error.push_str(&format!(": {source}"));
            cause = source.source();
        }
        tracing::error!(error, "Failed to start HTTP listener");
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

fn show(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests;
