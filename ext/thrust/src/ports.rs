//! Chooses the two ports, so that nobody has to think about them: the one to listen on, and the app's.
//!
//! HTTP_PORT that nobody chose is 80; where that is not allowed, the platform's PORT, or 8080 on a terminal.
//! TARGET_PORT that nobody chose is 3000, or a free port if somebody has that one.

mod bound;
mod error;
mod holder;
mod notice;
mod socket;

pub(crate) use bound::Kind;
pub use bound::Listener;
pub use error::PortError;
pub use holder::Holder;
pub use notice::Notice;

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

pub(crate) fn free_port() -> Result<u16, PortError> {
    socket::free_port().map_err(|source| PortError::NoneFree { source })
}

#[cfg(test)]
mod tests;
