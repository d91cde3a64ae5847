//! Binds the port for metrics, which is nobody else's.

use std::io;

use socket2::Socket;
use thrust_api::units::Port;

use super::bound::Bound;
use super::error::Purpose;
use super::listen::Wanted;
use super::{PortError, socket};
use crate::config::Config;

const PORT: &str = "THRUSTER_METRICS_PORT";

/// The port for metrics, if there is to be one, beside `ours`; it listens.
///
/// # Errors
///
/// It cannot be had, or is meant for requests or for the app as well.
pub(super) fn open(
    config: &Config,
    ours: &[Bound],
    bind: impl Fn(Wanted) -> io::Result<Socket>,
) -> Result<Option<Bound>, PortError> {
    let Some(port) = config.metrics_port else {
        return Ok(None);
    };
    if let Some(setting) = other_use(config, ours, port) {
        return Err(PortError::Same {
            port: port.number(),
            settings: [setting, PORT],
        });
    }
    let wanted = Wanted {
        address: config.metrics_bind,
        port: port.number(),
        only_v6: false,
    };
    let failed = |place, source| PortError::listening(place, source, Purpose::Metrics);
    let bound = bind(wanted).and_then(|socket| Ok((socket::port_of(&socket)?, socket)));
    let (port, socket) = bound.map_err(|source| failed(wanted.place(), source))?;
    let bound = Bound::new(socket, Wanted { port, ..wanted }.place(), None);
    bound.begin(Purpose::Metrics)?;
    Ok(Some(bound))
}

/// What else is to have this port. Sockets that do not listen yet can share one, and would find out too late.
fn other_use(config: &Config, ours: &[Bound], port: Port) -> Option<&'static str> {
    if port.is_any() {
        return None;
    }
    let number = Some(port.number());
    if ours.iter().any(|bound| bound.place().port() == number) {
        let is_bind = !config.bind.is_empty() && config.http_port != Some(port);
        return Some(if is_bind {
            "THRUSTER_BIND"
        } else {
            "THRUSTER_HTTP_PORT"
        });
    }
    if config.target_port == Some(port) {
        return Some("THRUSTER_TARGET_PORT");
    }
    let target = config.target.as_ref().filter(|target| target.is_local());
    (target.and_then(|target| target.port()) == number).then_some("THRUSTER_TARGET")
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;
    use crate::ports::{Environment, Place, open};

    fn opened(settings: &[(&str, &str)]) -> Result<crate::ports::Ports, PortError> {
        open(&Config::of(settings), Environment::default())
    }

    fn clash(settings: &[(&str, &str)]) -> String {
        opened(settings).unwrap_err().to_string()
    }

    #[test]
    fn it_listens_at_once_where_it_was_wanted_and_nowhere_unless_it_was() {
        let without = opened(&[("HTTP_PORT", "0")]).unwrap();
        let ports = opened(&[
            ("HTTP_PORT", "0"),
            ("THRUSTER_BOOT_MODE", "late"),
            ("THRUSTER_METRICS_PORT", "0"),
            ("THRUSTER_METRICS_BIND", "127.0.0.2"),
        ])
        .unwrap();

        assert!(without.metrics.is_none());
        let metrics = ports.metrics.unwrap();
        let Place::Address(address) = metrics.place() else {
            panic!("{metrics:?}");
        };
        assert_eq!(address.ip().to_string(), "127.0.0.2");
        TcpStream::connect(address).unwrap();
    }

    #[test]
    fn a_port_that_is_meant_for_somebody_else_is_refused_by_both_names() {
        // At once, so that they are two.
        let ports = [0; 2].map(|any| std::net::TcpListener::bind(("127.0.0.1", any)).unwrap());
        let [port, http] = ports.map(|held| held.local_addr().unwrap().port().to_string());
        let port = &*port;
        let (metrics, address) = (("THRUSTER_METRICS_PORT", port), format!("127.0.0.1:{port}"));
        let target = format!("http://localhost:{port}");

        for (other, value) in [
            ("THRUSTER_HTTP_PORT", port),
            ("THRUSTER_BIND", &*address),
            ("THRUSTER_TARGET_PORT", port),
            ("THRUSTER_TARGET", &*target),
        ] {
            let mut settings = vec![metrics, (other, value)];
            if other.contains("TARGET") {
                settings.push(("HTTP_PORT", &http));
            }
            let error = clash(&settings);
            assert!(
                error.starts_with(&format!(
                    "port {port} is both {other} and THRUSTER_METRICS_PORT; "
                )),
                "{error}"
            );
        }
    }

    #[test]
    fn a_port_that_cannot_be_had_is_told_by_its_own_settings() {
        let holder = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = holder.local_addr().unwrap().port().to_string();

        let taken = clash(&[("HTTP_PORT", "0"), ("THRUSTER_METRICS_PORT", &port)]);
        let nowhere = clash(&[
            ("HTTP_PORT", "0"),
            ("THRUSTER_METRICS_PORT", "0"),
            ("THRUSTER_METRICS_BIND", "192.0.2.1"),
        ]);
        let denied = |_: Wanted| Err(io::ErrorKind::PermissionDenied.into());
        let config = Config::of(&[("THRUSTER_METRICS_PORT", "81")]);
        let denied = super::open(&config, &[], denied).unwrap_err().to_string();

        assert!(taken.contains("address already in use"), "{taken}");
        assert!(
            taken.ends_with("or set THRUSTER_METRICS_PORT to another port"),
            "{taken}"
        );
        assert!(
            nowhere.ends_with("name one of its own in THRUSTER_METRICS_BIND"),
            "{nowhere}"
        );
        assert!(
            denied.contains("set THRUSTER_METRICS_PORT to 1024 or above"),
            "{denied}"
        );
    }
}
