//! Defaults, and where each setting arrives.

use std::net::Ipv4Addr;

use thrust_api::network::Networks;

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
            trusted_proxies: TrustedProxies {
                networks: "private".parse().unwrap(),
                chosen: false
            },
            bad_gateway_page: "./public/502.html".into(),
            log_requests: true,
            h2c_enabled: true,
            idle_timeout: seconds(60),
            read_timeout: seconds(30),
            write_timeout: seconds(60),
            target_timeout: seconds(60),
            target_connect_timeout: Duration::from_secs(5),
            max_request_body: None,
            max_connections: None,
            max_connections_per_address: None,
            target_max_requests: None,
            target_queue: 1000,
            target_queue_timeout: Duration::from_secs(30),
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
            log_skip_paths: Vec::new(),
            log_skip_statuses: Vec::new(),
            filter_parameters: [
                "passw",
                "email",
                "secret",
                "token",
                "_key",
                "crypt",
                "salt",
                "certificate",
                "otp",
                "ssn",
                "cvv",
                "cvc",
            ]
            .map(str::to_owned)
            .to_vec(),
            sendfile_secret: None,
            x_sendfile_enabled: true,
            sendfile_header: SendfileHeader::XSendfile,
            sendfile_roots: Vec::new(),
            sendfile_mappings: Vec::new(),
            public_path: None,
            public_index: "index".to_owned(),
            public_headers: Vec::new(),
            public_https_only: false,
            assets_prefix: "/assets".to_owned(),
            relative_url_root: String::new(),
            metrics_port: None,
            metrics_bind: None,
        }
    );
}

#[test]
fn every_setting_reaches_the_configuration() {
    let config = Config::of(&[
        ("THRUSTER_HTTP_PORT", "8080"),
        ("THRUSTER_TARGET_PORT", "4000"),
        ("THRUSTER_FORWARD_HEADERS", "off"),
        ("THRUSTER_TRUSTED_PROXIES", "10.0.0.0/8, cloudflare"),
        ("THRUSTER_BAD_GATEWAY_PAGE", "/srv/down.html"),
        ("THRUSTER_LOG_REQUESTS", "0"),
        ("THRUSTER_H2C_ENABLED", "false"),
        ("THRUSTER_HTTP_IDLE_TIMEOUT", "1"),
        ("THRUSTER_HTTP_READ_TIMEOUT", "2s"),
        ("THRUSTER_HTTP_WRITE_TIMEOUT", "2m"),
        ("THRUSTER_TARGET_TIMEOUT", "4"),
        ("THRUSTER_TARGET_CONNECT_TIMEOUT", "500ms"),
        ("THRUSTER_FILTER_PARAMETERS", "plan, *"),
        ("THRUSTER_MAX_REQUEST_BODY", "1MiB"),
        ("THRUSTER_MAX_CONNECTIONS", "5000"),
        ("THRUSTER_MAX_CONNECTIONS_PER_ADDRESS", "20"),
        ("THRUSTER_TARGET_MAX_REQUESTS", "12"),
        ("THRUSTER_TARGET_QUEUE", "0"),
        ("THRUSTER_TARGET_QUEUE_TIMEOUT", "7"),
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
        ("THRUSTER_LOG_SKIP_PATHS", "/up, /assets/*"),
        ("THRUSTER_LOG_SKIP_STATUSES", "2xx,304"),
        ("THRUSTER_X_SENDFILE_ENABLED", "0"),
        ("THRUSTER_SENDFILE_HEADER", "X-Accel-Redirect"),
        ("THRUSTER_SENDFILE_ROOTS", "/srv/one, two"),
        ("THRUSTER_SENDFILE_MAPPINGS", "/a=/srv/b"),
        ("THRUSTER_PUBLIC_PATH", "/srv/public"),
        ("THRUSTER_PUBLIC_INDEX", "home"),
        ("THRUSTER_PUBLIC_HTTPS_ONLY", "on"),
        ("THRUSTER_PUBLIC_HEADERS", "X-A: b"),
        ("THRUSTER_ASSETS_PREFIX", "/packs"),
        ("THRUSTER_RELATIVE_URL_ROOT", "/shop"),
        ("THRUSTER_METRICS_PORT", "9090"),
        ("THRUSTER_METRICS_BIND", "127.0.0.1"),
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
            trusted_proxies: TrustedProxies {
                networks: "10.0.0.0/8,cloudflare".parse().unwrap(),
                chosen: true
            },
            bad_gateway_page: "/srv/down.html".into(),
            log_requests: false,
            h2c_enabled: false,
            idle_timeout: seconds(1),
            read_timeout: seconds(2),
            write_timeout: seconds(120),
            target_timeout: seconds(4),
            target_connect_timeout: Duration::from_millis(500),
            max_request_body: Some(1 << 20),
            max_connections: Some(5000),
            max_connections_per_address: Some(20),
            target_max_requests: Some(12),
            target_queue: 0,
            target_queue_timeout: Duration::from_secs(7),
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
            log_skip_paths: vec!["/up".parse().unwrap(), "/assets/*".parse().unwrap()],
            log_skip_statuses: vec![StatusPattern::Class(2), StatusPattern::Code(304)],
            filter_parameters: vec!["plan".to_owned(), "*".to_owned()],
            sendfile_secret: None,
            x_sendfile_enabled: false,
            sendfile_header: SendfileHeader::XAccelRedirect,
            sendfile_roots: vec!["/srv/one".into(), "two".into()],
            sendfile_mappings: vec!["/a=/srv/b".parse().unwrap()],
            public_path: Some("/srv/public".into()),
            public_index: "home".to_owned(),
            public_headers: vec!["X-A: b".parse().unwrap()],
            public_https_only: true,
            assets_prefix: "/packs".to_owned(),
            relative_url_root: "/shop".to_owned(),
            metrics_port: Some(Port::new(9090)),
            metrics_bind: Some(Ipv4Addr::LOCALHOST.into()),
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
fn nobody_is_trusted_if_that_is_what_is_written() {
    for text in ["", "none"] {
        let config = Config::of(&[("THRUSTER_TRUSTED_PROXIES", text)]);

        assert_eq!(
            config.trusted_proxies,
            TrustedProxies {
                networks: Networks::default(),
                chosen: true
            }
        );
    }
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
