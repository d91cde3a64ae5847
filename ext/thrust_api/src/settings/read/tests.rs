//! Sources, faults and warnings, one rule a test.

use std::time::Duration;

use super::*;
use crate::{settings::*, units::Seconds};

fn written(environment: &[(&str, &str)]) -> Written {
    let environment = environment
        .iter()
        .map(|(name, text)| (name.into(), text.into()))
        .collect();
    Written {
        environment,
        options: Vec::new(),
        pushed: Pushed::new(),
        cores: 8,
    }
}

fn read(environment: &[(&str, &str)]) -> Settings {
    Settings::read(&written(environment)).unwrap_or_else(|rejection| panic!("{rejection:?}"))
}

fn faults(environment: &[(&str, &str)]) -> Vec<String> {
    let rejection = Settings::read(&written(environment)).unwrap_err();
    rejection.faults.iter().map(ToString::to_string).collect()
}

fn warnings(environment: &[(&str, &str)]) -> Vec<String> {
    read(environment)
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn shown(settings: &Settings, setting: &Setting) -> (String, String) {
    let entry = settings.entry(setting);
    (entry.value.to_string(), entry.source.to_string())
}

#[test]
fn without_a_word_the_defaults_hold() {
    let settings = read(&[]);

    assert_eq!(settings.entries().len(), TABLE.len());
    assert!(
        settings
            .entries()
            .iter()
            .all(|entry| entry.source == Source::Default)
    );
    assert_eq!(settings.warnings, []);
    assert_eq!(settings.chosen_port(&HTTP_PORT), None);
    assert!(settings.switch(&H2C_ENABLED) && settings.switch(&FORWARD_HEADERS));
    assert_eq!(settings.log_level(), LogLevel::Info);
    assert_eq!(settings.count(&THREADS), 4);
}

#[test]
fn thrusters_settings_are_read_with_and_without_the_prefix() {
    for name in ["TARGET_PORT", "THRUSTER_TARGET_PORT"] {
        let settings = read(&[(name, "4444")]);

        assert_eq!(
            shown(&settings, &TARGET_PORT),
            ("4444".to_owned(), format!("environment {name}"))
        );
    }
}

#[test]
fn ours_are_read_with_the_prefix_only() {
    let settings = read(&[("LOG_LEVEL", "bogus"), ("THREADS", "2"), ("TARGET_TIMEOUT", "1")]);

    assert_eq!(settings.warnings, []);
    assert_eq!(settings.entry(&THREADS).source, Source::Default);
    assert_eq!(read(&[("THRUSTER_THREADS", "2")]).count(&THREADS), 2);
}

#[test]
fn the_option_wins_over_the_prefixed_variable_and_that_over_the_dialect_and_the_bare_one() {
    let mut written = written(&[
        ("TARGET_PORT", "1"),
        ("THRUST_WORKER_PORT", "2"),
        ("THRUSTER_TARGET_PORT", "3"),
    ]);
    written.options.push((&TARGET_PORT, "4".into()));
    let port = |written: &Written| shown(&Settings::read(written).unwrap(), &TARGET_PORT);

    assert_eq!(
        port(&written),
        ("4".to_owned(), "option --target-port".to_owned())
    );
    written.options.clear();
    assert_eq!(
        port(&written),
        ("3".to_owned(), "environment THRUSTER_TARGET_PORT".to_owned())
    );
    written.environment.remove(OsStr::new("THRUSTER_TARGET_PORT"));
    assert_eq!(
        port(&written),
        ("2".to_owned(), "environment THRUST_WORKER_PORT".to_owned())
    );
    written.environment.remove(OsStr::new("THRUST_WORKER_PORT"));
    assert_eq!(
        port(&written),
        ("1".to_owned(), "environment TARGET_PORT".to_owned())
    );
}

#[test]
fn an_empty_variable_gives_the_default_and_hides_those_behind_it() {
    let settings = read(&[("THRUSTER_HTTP_PORT", ""), ("HTTP_PORT", "8080"), ("DEBUG", "")]);

    assert_eq!(settings.entry(&HTTP_PORT).source, Source::Default);
    assert_eq!(settings.warnings, []);
}

#[test]
fn an_empty_text_or_list_is_the_empty_one() {
    let settings = read(&[
        ("THRUSTER_BAD_GATEWAY_PAGE", ""),
        ("BAD_GATEWAY_PAGE", "x.html"),
        ("TLS_DOMAIN", " , "),
    ]);

    assert_eq!(settings.text(&BAD_GATEWAY_PAGE), "");
    assert_eq!(settings.entry(&TLS_DOMAIN).value, Value::List(Vec::new()));
}

#[test]
fn an_empty_option_is_a_fault() {
    let mut written = written(&[]);
    written.options.push((&HTTP_PORT, "".into()));

    let rejection = Settings::read(&written).unwrap_err();

    assert!(
        rejection.faults[0]
            .to_string()
            .starts_with("--http-port is \"\"; a port is")
    );
}

#[test]
fn all_malformed_prefixed_values_are_faults_at_once() {
    let mut written = written(&[
        ("THRUSTER_HTTP_PORT", "eighty"),
        ("THRUSTER_LOG_LEVEL", "loud"),
        ("THRUST_WORKER_PORT", "70000"),
        ("THRUSTER_CACHE_SIZE", "lots"),
    ]);
    written.options.push((&THREADS, "0".into()));

    let rejection = Settings::read(&written).unwrap_err();

    let faults: Vec<_> = rejection.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "THRUSTER_HTTP_PORT is \"eighty\"; a port is a number from 1 to 65535, or 0 for any free one",
            "THRUST_WORKER_PORT is \"70000\"; a port is a number from 1 to 65535, or 0 for any free one",
            "THRUSTER_LOG_LEVEL is \"loud\"; it is one of debug, info, warn, error",
            "--threads is \"0\"; it is a number from 1 to 256",
            "THRUSTER_CACHE_SIZE is \"lots\"; a size is a number of bytes, or a number with a unit such as 64MB or 64MiB",
        ]
    );
}

#[test]
fn a_malformed_bare_value_is_a_warning_and_the_default() {
    let settings = read(&[("HTTP_PORT", "eighty"), ("DEBUG", "puma*")]);

    let warnings: Vec<_> = settings.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "HTTP_PORT is \"eighty\"; a port is a number from 1 to 65535, or 0 for any free one; using 80",
            "DEBUG is \"puma*\"; a switch is on or off (also true or false, 1 or 0); using off",
        ]
    );
    assert_eq!(settings.chosen_port(&HTTP_PORT), None);
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_text_is_not_shown() {
    use std::os::unix::ffi::OsStringExt;
    let mut written = written(&[]);
    written.environment.insert(
        "THRUSTER_EAB_HMAC_KEY".into(),
        OsString::from_vec(vec![b's', 0xff]),
    );

    let rejection = Settings::read(&written).unwrap_err();

    assert_eq!(
        rejection.faults,
        [Fault::NotText {
            name: "THRUSTER_EAB_HMAC_KEY".to_owned()
        }]
    );
}

#[test]
fn whatever_asks_for_tls_stops_the_start() {
    for environment in [
        &[("TLS_DOMAIN", "example.com")][..],
        &[("THRUSTER_TLS_DOMAIN", "a,b")],
        &[("THRUST_ACME_DOMAIN", "example.com")],
        &[
            ("SSL_CERT_PATH", "c.pem"),
            ("SSL_KEY_PATH", "k.pem"),
            ("THRUST_HTTP2", "1"),
        ],
    ] {
        let faults = faults(environment);

        assert_eq!(faults.len(), 1, "{environment:?}");
        assert!(faults[0].contains("asks for TLS"), "{faults:?}");
    }
}

#[test]
fn certificates_for_puma_do_not_ask_for_tls() {
    let certificates = [("SSL_CERT_PATH", "c.pem"), ("SSL_KEY_PATH", "k.pem")];

    assert_eq!(read(&certificates).warnings, []);
    assert_eq!(
        read(&[certificates[0], certificates[1], ("THRUST_HTTP2", "0")]).warnings,
        []
    );
    assert_eq!(read(&[certificates[0], ("THRUST_HTTP2", "1")]).warnings, []);
}

#[test]
fn only_a_value_that_asks_for_what_is_not_built_is_warned_about() {
    assert_eq!(
        warnings(&[("CACHE_SIZE", "64MB"), ("THRUSTER_GZIP_COMPRESSION_ENABLED", "1"),]),
        [
            "CACHE_SIZE has no effect: this version does not do what it asks for yet",
            "THRUSTER_GZIP_COMPRESSION_ENABLED has no effect: this version does not do what it asks for yet",
        ]
    );
    assert_eq!(
        warnings(&[
            ("CACHE_SIZE", "0"),
            ("X_SENDFILE_ENABLED", "1"),
            ("GZIP_COMPRESSION_ENABLED", "off"),
            ("STORAGE_PATH", "/rails/storage"),
        ]),
        [""; 0]
    );
}

#[test]
fn in_the_dialect_an_inherited_port_is_the_one_to_listen_on() {
    let settings = read(&[("THRUST_WORKER_PORT", "4000"), ("PORT", "5000")]);
    assert_eq!(
        shown(&settings, &HTTP_PORT),
        ("5000".to_owned(), "environment PORT".to_owned())
    );
    assert_eq!(shown(&settings, &TARGET_PORT).0, "4000");

    let settings = read(&[
        ("THRUST_WORKER_PORT", "4000"),
        ("PORT", "5000"),
        ("HTTP_PORT", "80"),
    ]);
    assert_eq!(
        shown(&settings, &HTTP_PORT),
        ("80".to_owned(), "environment HTTP_PORT".to_owned())
    );

    assert_eq!(read(&[("PORT", "5000")]).chosen_port(&HTTP_PORT), None);
}

#[test]
fn the_app_may_take_a_minute_or_as_long_as_the_response_if_that_is_longer() {
    let minute = Seconds::Of(Duration::from_secs(60));
    let timeout = |text| {
        read(&[("HTTP_WRITE_TIMEOUT", text)])
            .entry(&TARGET_TIMEOUT)
            .clone()
    };

    assert_eq!(timeout("30").value, Value::Limit(minute));
    assert_eq!(timeout("30").source, Source::Default);
    assert_eq!(
        timeout("5m").value,
        Value::Limit(Seconds::Of(Duration::from_secs(300)))
    );
    assert_eq!(
        timeout("5m").source,
        Source::Environment("HTTP_WRITE_TIMEOUT".to_owned())
    );
    assert_eq!(
        read(&[("HTTP_WRITE_TIMEOUT", "0")])
            .limit(&TARGET_TIMEOUT)
            .limit(),
        None
    );
    assert_eq!(
        read(&[("HTTP_WRITE_TIMEOUT", "0"), ("THRUSTER_TARGET_TIMEOUT", "9")]).limit(&TARGET_TIMEOUT),
        Seconds::Of(Duration::from_secs(9))
    );
}

#[test]
fn debug_means_level_debug_unless_a_level_is_named() {
    assert_eq!(read(&[("DEBUG", "1")]).log_level(), LogLevel::Debug);
    assert_eq!(
        read(&[("DEBUG", "1"), ("THRUSTER_LOG_LEVEL", "warn")]).log_level(),
        LogLevel::Warn
    );
}

#[test]
fn a_secret_is_masked() {
    let settings = read(&[("EAB_HMAC_KEY", "hush")]);

    assert_eq!(
        settings.entry(&EAB_HMAC_KEY).shown(),
        Value::Text("********".to_owned())
    );
    assert_eq!(read(&[]).entry(&EAB_HMAC_KEY).shown(), Value::Text(String::new()));
}

#[test]
fn the_app_has_one_address_only() {
    for (port, value) in [("TARGET_PORT", "3000"), ("THRUST_WORKER_PORT", "0")] {
        assert_eq!(
            faults(&[("THRUSTER_TARGET", "http://app:4000"), (port, value)]),
            [format!(
                "THRUSTER_TARGET and {port} both say where the app listens; unset one of them"
            )]
        );
    }
    let settings = read(&[("THRUSTER_TARGET", ""), ("TARGET_PORT", "3000")]);
    assert_eq!(settings.target(&TARGET), None);
}

fn push(environment: &[(&str, &str)], pushed: &[(&str, &str)]) -> Result<Settings, Rejection> {
    let pushed = pushed
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    read(environment).with_pushed(pushed)
}

#[test]
fn what_an_app_pushes_holds_before_the_default_and_behind_the_environment() {
    let pushed = [("max_request_body", "64MB"), ("http_read_timeout", "10s")];
    let settings = push(&[("HTTP_READ_TIMEOUT", "5s")], &pushed).unwrap();

    let of = |setting| shown(&settings, setting);
    assert_eq!(of(&MAX_REQUEST_BODY), ("64MB".to_owned(), "Rails".to_owned()));
    assert_eq!(
        of(&HTTP_READ_TIMEOUT),
        ("5s".to_owned(), "environment HTTP_READ_TIMEOUT".to_owned())
    );
    assert_eq!(of(&DEBUG), ("off".to_owned(), "default".to_owned()));

    let settings = settings.with_pushed(Pushed::new()).unwrap();
    assert_eq!(shown(&settings, &MAX_REQUEST_BODY).1, "default");
}

#[test]
fn a_value_that_derives_from_a_pushed_one_has_its_source() {
    let settings = push(&[], &[("debug", "on"), ("http_write_timeout", "2m")]).unwrap();

    assert_eq!(
        shown(&settings, &LOG_LEVEL),
        ("debug".to_owned(), "Rails".to_owned())
    );
    assert_eq!(
        shown(&settings, &TARGET_TIMEOUT),
        ("120s".to_owned(), "Rails".to_owned())
    );
}

#[test]
fn all_faults_of_a_push_are_told_at_once_also_those_that_the_environment_hides() {
    let pushed = [
        ("http_port", "80"),
        ("max_request_bodi", "1"),
        ("log_requests", "maybe"),
        ("debug", ""),
        ("wings", "two"),
    ];

    let rejection = push(&[("LOG_REQUESTS", "on")], &pushed).unwrap_err();

    let faults: Vec<_> = rejection.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "http_port is needed before Rails runs; set THRUSTER_HTTP_PORT in the environment instead",
            "max_request_bodi is not a setting; did you mean max_request_body?",
            "wings is not a setting; `thrust config` lists those there are",
            "log_requests is \"maybe\"; a switch is on or off (also true or false, 1 or 0)",
        ]
    );
}

#[test]
fn what_was_read_shows_nothing_of_the_environment_that_is_no_setting() {
    let settings = read(&[("SECRET_KEY_BASE", "hush")]);

    assert!(!format!("{settings:?}").contains("hush"));
}
