//! What the proxy works with: the settings, checked, typed, and fixed for this run.

use std::{path::PathBuf, time::Duration};

pub use thrust_api::settings::{LogFormat, LogLevel};
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
    /// The port the app is asked on; `None` if nobody chose one.
    pub target_port: Option<Port>,
    /// Whether a client's X-Forwarded-* headers are kept.
    pub forward_headers: bool,
    /// The page for an app that cannot be reached; empty for none.
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
            target_port: settings.chosen_port(&settings::TARGET_PORT),
            forward_headers: settings.switch(&settings::FORWARD_HEADERS),
            bad_gateway_page: settings.text(&settings::BAD_GATEWAY_PAGE).into(),
            log_requests: settings.switch(&settings::LOG_REQUESTS),
            h2c_enabled: settings.switch(&settings::H2C_ENABLED),
            idle_timeout,
            read_timeout,
            write_timeout: settings.limit(&settings::HTTP_WRITE_TIMEOUT).limit(),
            target_timeout: settings.limit(&settings::TARGET_TIMEOUT).limit(),
            target_connect_timeout: settings.duration(&settings::TARGET_CONNECT_TIMEOUT),
            threads: settings.count(&settings::THREADS).max(1) as usize,
            log_format: settings.log_format(),
            log_level: settings.log_level(),
        }
    }
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
                target_port: None,
                forward_headers: true,
                bad_gateway_page: "./public/502.html".into(),
                log_requests: true,
                h2c_enabled: true,
                idle_timeout: seconds(60),
                read_timeout: seconds(30),
                write_timeout: seconds(60),
                target_timeout: seconds(60),
                target_connect_timeout: Duration::from_secs(5),
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
            ("THRUSTER_THREADS", "3"),
            ("THRUSTER_LOG_FORMAT", "json"),
            ("THRUSTER_LOG_LEVEL", "error"),
        ]);

        assert_eq!(
            config,
            Config {
                http_port: Some(Port::new(8080)),
                target_port: Some(Port::new(4000)),
                forward_headers: false,
                bad_gateway_page: "/srv/down.html".into(),
                log_requests: false,
                h2c_enabled: false,
                idle_timeout: seconds(1),
                read_timeout: seconds(2),
                write_timeout: seconds(120),
                target_timeout: seconds(4),
                target_connect_timeout: Duration::from_millis(500),
                threads: 3,
                log_format: LogFormat::Json,
                log_level: LogLevel::Error,
            }
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
