//! Chooses the addresses to listen on, and the app's, so that nobody has to think about them.
//!
//! What to listen on is what was passed to us ([`Activation`]), else THRUSTER_BIND, else HTTP_PORT of every address.
//! The app's place is THRUSTER_TARGET, else TARGET_PORT; if nobody chose one it is 3000, or a free port if that is
//! taken.

mod activation;
mod bound;
mod error;
mod holder;
mod listen;
mod metrics;
mod notice;
mod reservation;
mod socket;
mod target;
mod unix;

pub use activation::Activation;
pub(crate) use bound::SocketKind;
pub use bound::{Bearing, Bound, Listener, Place};
pub use error::{PortError, Purpose};
pub use holder::{Holder, Listening, descendants, listening};
pub use notice::Notice;
pub use reservation::Reservation;
pub use target::free_target;
pub use unix::SocketFile;

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal},
};

use socket2::Socket;
use thrust_api::address::TargetAddress;
use thrust_api::settings::BootMode;
use thrust_api::units::Port;

use self::listen::{Binder, Wanted};
use crate::config::Config;

/// What is listened on, and where the app is.
#[derive(Debug)]
pub struct Ports {
    /// At least one. They listen already, unless THRUSTER_BOOT_MODE says that this has time.
    pub listeners: Vec<Bound>,
    /// The port for metrics, if there is to be one. It listens already.
    pub metrics: Option<Bound>,
    /// Where the app is to listen.
    pub target: TargetAddress,
    /// The port that it is to listen on, never 0; to be exported as PORT. None if it listens on a Unix socket.
    pub app_port: Option<u16>,
    /// Keeps that port from other thrusts; belongs to the generation that has the port.
    pub reservation: Option<Reservation>,
    /// What the operator should hear about.
    pub notices: Vec<Notice>,
}

/// The port of HTTP, as thruster logs it: `:80`; none if there are Unix sockets only.
pub fn http(places: &[Place]) -> Option<String> {
    places.iter().find_map(Place::port).map(|port| format!(":{port}"))
}

/// All that is listened on; none if that is a port of every address.
pub fn bind(places: &[Place]) -> Option<String> {
    let chosen = places
        .iter()
        .filter(|place| !matches!(place, Place::Everywhere(_)));
    let chosen: Vec<_> = chosen.map(ToString::to_string).collect();
    (!chosen.is_empty()).then(|| chosen.join(","))
}

/// What the choice depends on besides the configuration.
#[derive(Debug, Default)]
pub struct Environment {
    /// The PORT that we were started with.
    pub inherited_port: Option<OsString>,
    /// Whether a person is watching.
    pub terminal: bool,
    /// The sockets that were passed to us.
    pub activation: Option<Activation>,
}

impl Environment {
    /// That of this process. Call it once, before there are threads: what it takes is taken out of the environment.
    ///
    /// # Errors
    ///
    /// What is said of passed sockets cannot be meant.
    pub fn inherited() -> Result<Self, PortError> {
        Ok(Self {
            inherited_port: env::var_os("PORT"),
            terminal: io::stdout().is_terminal(),
            activation: Activation::inherited()?,
        })
    }

    fn port(&self) -> Option<u16> {
        let port: Port = self.inherited_port.as_ref()?.to_str()?.parse().ok()?;
        Some(port.number()).filter(|&number| number != 0)
    }
}

/// Binds what is to be listened on, and chooses the app's place.
///
/// # Errors
///
/// When something of it cannot be had. Nothing stays bound.
pub fn open(config: &Config, environment: Environment) -> Result<Ports, PortError> {
    open_with(config, environment, socket::bind)
}

fn open_with(
    config: &Config,
    mut environment: Environment,
    bind: impl Fn(Wanted) -> io::Result<Socket>,
) -> Result<Ports, PortError> {
    let (listeners, mut notices) = match environment.activation.take() {
        Some(activation) => adopt(config, activation)?,
        None => {
            if let Some(port) = chosen_twice(config) {
                let settings = ["THRUSTER_HTTP_PORT", "THRUSTER_TARGET_PORT"];
                return Err(PortError::Same { port, settings });
            }
            let mut binder = Binder {
                config,
                environment: &environment,
                bind: &bind,
                notices: Vec::new(),
            };
            (binder.all()?, binder.notices)
        }
    };
    if config.boot_mode == BootMode::Hold {
        listeners
            .iter()
            .try_for_each(|bound| bound.begin(Purpose::Requests))?;
    }
    let metrics = metrics::open(config, &listeners, bind)?;
    let chosen = target::choose(config, target::USUAL, &listeners, &mut notices)?;
    Ok(Ports {
        listeners,
        metrics,
        target: chosen.target,
        app_port: chosen.app_port,
        reservation: chosen.reservation,
        notices,
    })
}

fn adopt(config: &Config, activation: Activation) -> Result<(Vec<Bound>, Vec<Notice>), PortError> {
    let listeners = activation.adopt()?;
    let is_ignored = config.http_port.is_some() || !config.bind.is_empty();
    let notices = is_ignored.then_some(Notice::BindIgnored).into_iter().collect();
    Ok((listeners, notices))
}

/// Takes over the sockets that thrust itself, in another image of this process, listened on: these, in this order.
///
/// # Errors
///
/// What was passed to us is something else.
pub fn inherit(environment: Environment, bearings: Vec<Bearing>) -> Result<Vec<Bound>, PortError> {
    match environment.activation {
        Some(activation) => activation.inherit(bearings),
        None => Err(PortError::Adopted {
            number: 1,
            problem: "it was not passed".to_owned(),
        }),
    }
}

/// Told before anything is bound, where it can be: a port that we may not have is the lesser mistake then.
fn chosen_twice(config: &Config) -> Option<u16> {
    let port = config.http_port.filter(|port| !port.is_any())?;
    (config.bind.is_empty() && config.target_port == Some(port)).then_some(port.number())
}

#[cfg(test)]
mod tests;
