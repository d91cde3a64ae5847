//! What the operator should hear about the ports that were chosen.

use std::path::PathBuf;

use super::Holder;

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
    /// Somebody already answers on the socket that was chosen for the app.
    TargetSocketAnswered {
        /// Its path.
        path: PathBuf,
        /// Who answers.
        holder: Option<Holder>,
    },
    /// Sockets were passed to us, so what was set for listening counts for nothing.
    BindIgnored,
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
            Self::TargetSocketAnswered { path, holder } => {
                tracing::warn!(
                    path = %path.display(),
                    holder = show(holder.as_ref()),
                    "THRUSTER_TARGET is answered before the app has started; requests may go to another program"
                );
            }
            Self::BindIgnored => {
                tracing::warn!(
                    "Listening on the sockets of LISTEN_FDS; HTTP_PORT and THRUSTER_BIND are ignored"
                );
            }
        }
    }
}

fn show(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "unknown".to_owned(), ToString::to_string)
}
