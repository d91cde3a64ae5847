//! What the proxy works with: the settings, checked, typed, and fixed for this run.

use std::{path::PathBuf, time::Duration};

pub use thrust_api::address::{BindAddress, TargetAddress};
pub use thrust_api::settings::{BootMode, LogFormat, LogLevel};
use thrust_api::{
    settings::{self, Settings},
    units::{Port, Seconds},
};

/// The whole configuration of one run.
///
/// In the limits, `None` means none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The port to listen on; `None` if nobody chose one.
    pub http_port: Option<Port>,
    /// The addresses to listen on; empty for every one.
    pub bind: Vec<BindAddress>,
    /// The port the app is asked on; `None` if nobody chose one, and beside an address.
    pub target_port: Option<Port>,
    /// The address of the app; `None` if nobody gave one.
    pub target: Option<TargetAddress>,
    /// Whether a client's X-Forwarded-* headers are kept.
    pub forward_headers: bool,
    /// The page for an app that is away or broken; empty for none.
    pub bad_gateway_page: PathBuf,
    /// Whether every request is logged.
    pub log_requests: bool,
    /// Whether HTTP/2 is spoken on clear text.
    pub h2c_enabled: bool,
    /// How long a kept connection waits for its next request.
    pub idle_timeout: Option<Duration>,
    /// How long a request's head may take, and its body stand still.
    pub read_timeout: Option<Duration>,
    /// How long a response may stand still.
    pub write_timeout: Option<Duration>,
    /// How long the app may take to begin its answer.
    pub target_timeout: Option<Duration>,
    /// How long connecting to the app may take.
    pub target_connect_timeout: Duration,
    /// What clients meet before the app accepts.
    pub boot_mode: BootMode,
    /// How many requests may wait for the app to accept; at least 1.
    pub boot_queue: usize,
    /// How long a request may wait for the app to boot.
    pub boot_timeout: Duration,
    /// The path that we answer ourselves with whether the app is ready.
    pub ready_path: Option<String>,
    /// What the app is asked to find out whether it is ready, a query included.
    pub health_path: Option<String>,
    /// The host, perhaps with a port, that such a request names.
    pub health_host: String,
    /// How long we still take requests after a signal to end.
    pub shutdown_delay: Duration,
    /// How long requests under way may take to end.
    pub drain_timeout: Duration,
    /// How long the app may take to end before it is killed.
    pub stop_timeout: Option<Duration>,
    /// Whether the app is started again when it ends by itself.
    pub restart_enabled: bool,
    /// The directory that the next generation starts in; `None` for the one we were started in.
    pub directory: Option<PathBuf>,
    /// Threads that serve; at least 1.
    pub threads: usize,
    /// How log lines look.
    pub log_format: LogFormat,
    /// The least important lines that are written.
    pub log_level: LogLevel,
}

impl From<&Settings> for Config {
    fn from(settings: &Settings) -> Self {
        let read_timeout = settings.limit(&settings::HTTP_READ_TIMEOUT).limit();
        let idle_timeout = match settings.limit(&settings::HTTP_IDLE_TIMEOUT) {
            // thruster's rule, and that of the library it stands on.
            Seconds::Of(Duration::ZERO) => read_timeout,
            limit => limit.limit(),
        };

        Self {
            http_port: settings.chosen_port(&settings::HTTP_PORT),
            bind: settings.addresses(&settings::BIND).to_vec(),
            target_port: settings.chosen_port(&settings::TARGET_PORT),
            target: settings.target(&settings::TARGET).cloned(),
            forward_headers: settings.switch(&settings::FORWARD_HEADERS),
            bad_gateway_page: settings.text(&settings::BAD_GATEWAY_PAGE).into(),
            log_requests: settings.switch(&settings::LOG_REQUESTS),
            h2c_enabled: settings.switch(&settings::H2C_ENABLED),
            idle_timeout,
            read_timeout,
            write_timeout: settings.limit(&settings::HTTP_WRITE_TIMEOUT).limit(),
            target_timeout: settings.limit(&settings::TARGET_TIMEOUT).limit(),
            target_connect_timeout: settings.duration(&settings::TARGET_CONNECT_TIMEOUT),
            boot_mode: settings.boot_mode(),
            boot_queue: settings.count(&settings::BOOT_QUEUE) as usize,
            boot_timeout: settings.duration(&settings::BOOT_TIMEOUT),
            ready_path: unless_empty(settings.text(&settings::READY_PATH)),
            health_path: unless_empty(settings.text(&settings::HEALTH_PATH)),
            health_host: settings.text(&settings::HEALTH_HOST).to_owned(),
            shutdown_delay: settings.duration(&settings::SHUTDOWN_DELAY),
            drain_timeout: settings.duration(&settings::DRAIN_TIMEOUT),
            stop_timeout: settings.limit(&settings::STOP_TIMEOUT).limit(),
            restart_enabled: settings.switch(&settings::RESTART_ENABLED),
            directory: unless_empty(settings.text(&settings::DIRECTORY)).map(PathBuf::from),
            threads: settings.count(&settings::THREADS).max(1) as usize,
            log_format: settings.log_format(),
            log_level: settings.log_level(),
        }
    }
}

fn unless_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
impl Config {
    /// What an environment gives that has no faults.
    pub(crate) fn of(environment: &[(&str, &str)]) -> Self {
        let environment = environment
            .iter()
            .map(|(name, text)| (name.into(), text.into()))
            .collect();
        let written = settings::Written {
            environment,
            options: Vec::new(),
            cores: 2,
        };
        Self::from(&Settings::read(&written).expect("the environment has no faults"))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const fn seconds(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn the_defaults_are_those_that_are_promised() {
        assert_eq!(
            Config::of(&[]),
            Config {
                http_port: None,
                bind: Vec::new(),
                target_port: None,
                target: None,
                forward_headers: true,
                bad_gateway_page: "./public/502.html".into(),
                log_requests: true,
                h2c_enabled: true,
                idle_timeout: seconds(60),
                read_timeout: seconds(30),
                write_timeout: seconds(60),
                target_timeout: seconds(60),
                target_connect_timeout: Duration::from_secs(5),
                boot_mode: BootMode::Hold,
                boot_queue: 1000,
                boot_timeout: Duration::from_secs(60),
                ready_path: None,
                health_path: None,
                health_host: "localhost".to_owned(),
                shutdown_delay: Duration::ZERO,
                drain_timeout: Duration::from_secs(5),
                stop_timeout: None,
                restart_enabled: false,
                directory: None,
                threads: 2,
                log_format: LogFormat::Auto,
                log_level: LogLevel::Info,
            }
        );
    }

    #[test]
    fn every_setting_reaches_the_configuration() {
        let config = Config::of(&[
            ("THRUSTER_HTTP_PORT", "8080"),
            ("THRUSTER_TARGET_PORT", "4000"),
            ("THRUSTER_FORWARD_HEADERS", "off"),
            ("THRUSTER_BAD_GATEWAY_PAGE", "/srv/down.html"),
            ("THRUSTER_LOG_REQUESTS", "0"),
            ("THRUSTER_H2C_ENABLED", "false"),
            ("THRUSTER_HTTP_IDLE_TIMEOUT", "1"),
            ("THRUSTER_HTTP_READ_TIMEOUT", "2s"),
            ("THRUSTER_HTTP_WRITE_TIMEOUT", "2m"),
            ("THRUSTER_TARGET_TIMEOUT", "4"),
            ("THRUSTER_TARGET_CONNECT_TIMEOUT", "500ms"),
            ("THRUSTER_BIND", "127.0.0.1, unix:/run/app.sock"),
            ("THRUSTER_BOOT_MODE", "late"),
            ("THRUSTER_BOOT_QUEUE", "9"),
            ("THRUSTER_BOOT_TIMEOUT", "1m"),
            ("THRUSTER_READY_PATH", "/ready"),
            ("THRUSTER_HEALTH_PATH", "/health?deep"),
            ("THRUSTER_HEALTH_HOST", "example.com:81"),
            ("THRUSTER_SHUTDOWN_DELAY", "3"),
            ("THRUSTER_DRAIN_TIMEOUT", "0"),
            ("THRUSTER_STOP_TIMEOUT", "8s"),
            ("THRUSTER_RESTART_ENABLED", "on"),
            ("THRUSTER_DIRECTORY", "/srv/current"),
            ("THRUSTER_THREADS", "3"),
            ("THRUSTER_LOG_FORMAT", "json"),
            ("THRUSTER_LOG_LEVEL", "error"),
        ]);

        assert_eq!(
            config,
            Config {
                http_port: Some(Port::new(8080)),
                bind: vec![
                    BindAddress::Tcp {
                        address: Ipv4Addr::LOCALHOST.into(),
                        port: None
                    },
                    BindAddress::Unix("/run/app.sock".into()),
                ],
                target_port: Some(Port::new(4000)),
                target: None,
                forward_headers: false,
                bad_gateway_page: "/srv/down.html".into(),
                log_requests: false,
                h2c_enabled: false,
                idle_timeout: seconds(1),
                read_timeout: seconds(2),
                write_timeout: seconds(120),
                target_timeout: seconds(4),
                target_connect_timeout: Duration::from_millis(500),
                boot_mode: BootMode::Late,
                boot_queue: 9,
                boot_timeout: Duration::from_secs(60),
                ready_path: Some("/ready".to_owned()),
                health_path: Some("/health?deep".to_owned()),
                health_host: "example.com:81".to_owned(),
                shutdown_delay: Duration::from_secs(3),
                drain_timeout: Duration::ZERO,
                stop_timeout: seconds(8),
                restart_enabled: true,
                directory: Some("/srv/current".into()),
                threads: 3,
                log_format: LogFormat::Json,
                log_level: LogLevel::Error,
            }
        );
    }

    #[test]
    fn the_app_has_an_address_in_the_place_of_its_port() {
        let config = Config::of(&[("THRUSTER_TARGET", "http://app:4000")]);

        assert_eq!(config.target_port, None);
        assert_eq!(
            config.target,
            Some(TargetAddress::Tcp {
                host: "app".to_owned(),
                port: 4000
            })
        );
    }

    #[test]
    fn a_timeout_of_nothing_or_less_is_none() {
        for text in ["0", "-1"] {
            let config = Config::of(&[
                ("HTTP_READ_TIMEOUT", text),
                ("HTTP_WRITE_TIMEOUT", text),
                ("THRUSTER_TARGET_TIMEOUT", text),
            ]);

            assert_eq!(
                (config.read_timeout, config.write_timeout, config.target_timeout),
                (None, None, None)
            );
        }
    }

    #[test]
    fn an_idle_timeout_of_zero_is_the_read_timeout_and_below_zero_none() {
        let idle = |text| Config::of(&[("HTTP_IDLE_TIMEOUT", text), ("HTTP_READ_TIMEOUT", "7")]).idle_timeout;

        assert_eq!(idle("0"), seconds(7));
        assert_eq!(idle("-1"), None);
        assert_eq!(idle("9"), seconds(9));
    }
}
