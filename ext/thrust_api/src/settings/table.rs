//! The table: every setting there is. A new setting is a row here, and nothing else.
//!
//! Rows whose default depends on others stand below those.

#![allow(missing_docs, reason = "each row says what it means in its own help")]

use std::time::Duration;

use super::{DefaultValue, Kind, LogLevel, Setting, Settings, Source, SwitchedOnBy, Value, When};
use crate::units::Seconds;

/// Most threads that may be asked for.
const MOST_THREADS: u32 = 256;

/// Most requests that may be asked to wait, and most that the app may be given at once.
const LONGEST_QUEUE: u32 = 100_000;

/// Most connections that may be asked for.
const MOST_CONNECTIONS: u32 = 10_000_000;

/// Threads by default, however many cores there are.
const DEFAULT_THREADS: usize = 4;

/// THRUSTER_TARGET_TIMEOUT unless HTTP_WRITE_TIMEOUT is longer.
const TARGET_PATIENCE: Duration = Duration::from_secs(60);

pub static HTTP_PORT: Setting = Setting::thruster(
    "HTTP_PORT",
    Kind::Port,
    "80",
    When::Start,
    "Port to listen on; 0 takes a free one",
);

pub static BIND: Setting = Setting::ours(
    "BIND",
    Kind::Addresses,
    DefaultValue::Fixed(""),
    When::Start,
    "Addresses to listen on, such as 127.0.0.1, [::1]:8080 or unix:/run/app.sock; empty for every one",
);

pub static TARGET_PORT: Setting = Setting::thruster(
    "TARGET_PORT",
    Kind::Port,
    "3000",
    When::Start,
    "Port the app is asked on, given to it as PORT; 0 takes a free one",
)
.dialect("THRUST_WORKER_PORT");

pub static TARGET: Setting = Setting::ours(
    "TARGET",
    Kind::Target,
    DefaultValue::Fixed(""),
    When::Start,
    "Where the app listens, in the place of TARGET_PORT; a port is given to it as PORT",
);

pub static FORWARD_HEADERS: Setting = Setting::thruster(
    "FORWARD_HEADERS",
    Kind::Switch,
    "on",
    When::Live,
    "Keep the X-Forwarded-* headers that a client sends",
);

pub static TRUSTED_PROXIES: Setting = Setting::ours(
    "TRUSTED_PROXIES",
    Kind::Networks,
    DefaultValue::Fixed("private"),
    When::Live,
    "Networks of the proxies before us, which may say who the client is; unless this is set, the app is told what \
     FORWARD_HEADERS lets through",
);

pub static BAD_GATEWAY_PAGE: Setting = Setting::thruster(
    "BAD_GATEWAY_PAGE",
    Kind::Path,
    "./public/502.html",
    When::Start,
    "HTML file sent when the app is away or broken; empty for a page of ours",
);

pub static LOG_REQUESTS: Setting = Setting::thruster(
    "LOG_REQUESTS",
    Kind::Switch,
    "on",
    When::Live,
    "Write a log line for every request",
);

pub static DEBUG: Setting = Setting::thruster(
    "DEBUG",
    Kind::Switch,
    "off",
    When::Live,
    "Log everything, unless THRUSTER_LOG_LEVEL says otherwise",
);

pub static H2C_ENABLED: Setting = Setting::thruster(
    "H2C_ENABLED",
    Kind::Switch,
    "on",
    When::Live,
    "Speak HTTP/2 on the HTTP port with clients that begin with it",
);

pub static HTTP_IDLE_TIMEOUT: Setting = Setting::thruster(
    "HTTP_IDLE_TIMEOUT",
    Kind::Limit,
    "60s",
    When::Live,
    "How long a kept connection may wait for its next request; 0 means HTTP_READ_TIMEOUT, less than 0 no limit",
);

pub static HTTP_READ_TIMEOUT: Setting = Setting::thruster(
    "HTTP_READ_TIMEOUT",
    Kind::Limit,
    "30s",
    When::Live,
    "How long a request's head may take, and its body stand still; 0 or less means no limit",
);

pub static HTTP_WRITE_TIMEOUT: Setting = Setting::thruster(
    "HTTP_WRITE_TIMEOUT",
    Kind::Limit,
    "60s",
    When::Live,
    "How long a response may stand still, whichever side it waits for; 0 or less means no limit",
);

pub static TARGET_TIMEOUT: Setting = Setting::ours(
    "TARGET_TIMEOUT",
    Kind::Limit,
    DefaultValue::Derived {
        meaning: "60s, or HTTP_WRITE_TIMEOUT if that is longer",
        value: target_timeout,
    },
    When::Live,
    "How long the app may take to begin its answer; 0 or less means no limit",
);

pub static TARGET_CONNECT_TIMEOUT: Setting = Setting::ours(
    "TARGET_CONNECT_TIMEOUT",
    Kind::Duration,
    DefaultValue::Fixed("5s"),
    When::Live,
    "How long connecting to the app may take",
);

pub static MAX_REQUEST_BODY: Setting = Setting::thruster(
    "MAX_REQUEST_BODY",
    Kind::Size,
    "0",
    When::Live,
    "Largest request body; 0 means any size",
);

pub static MAX_CONNECTIONS: Setting = Setting::ours(
    "MAX_CONNECTIONS",
    Kind::Count {
        least: 0,
        most: MOST_CONNECTIONS,
    },
    DefaultValue::Fixed("0"),
    When::Start,
    "Clients that may be connected at once; 0 for as many as there are descriptors for",
);

pub static MAX_CONNECTIONS_PER_ADDRESS: Setting = Setting::ours(
    "MAX_CONNECTIONS_PER_ADDRESS",
    Kind::Count {
        least: 0,
        most: MOST_CONNECTIONS,
    },
    DefaultValue::Fixed("0"),
    When::Live,
    "Connections that one address may have at once; 0 for any number",
);

pub static TARGET_MAX_REQUESTS: Setting = Setting::ours(
    "TARGET_MAX_REQUESTS",
    Kind::Count {
        least: 0,
        most: LONGEST_QUEUE,
    },
    DefaultValue::Fixed("0"),
    When::Live,
    "Requests that the app is given at once, while others wait for their turn; 0 for any number",
);

pub static TARGET_QUEUE: Setting = Setting::ours(
    "TARGET_QUEUE",
    Kind::Count {
        least: 0,
        most: LONGEST_QUEUE,
    },
    DefaultValue::Fixed("1000"),
    When::Live,
    "Requests that may wait for their turn; 0 for none",
);

pub static TARGET_QUEUE_TIMEOUT: Setting = Setting::ours(
    "TARGET_QUEUE_TIMEOUT",
    Kind::Duration,
    DefaultValue::Fixed("30s"),
    When::Live,
    "How long a request may wait for its turn",
);

pub static THREADS: Setting = Setting::ours(
    "THREADS",
    Kind::Count {
        least: 1,
        most: MOST_THREADS,
    },
    DefaultValue::Derived {
        meaning: "the number of cores, at most 4",
        value: threads,
    },
    When::Start,
    "Threads that serve connections",
);

pub static BOOT_MODE: Setting = Setting::ours(
    "BOOT_MODE",
    Kind::BootMode,
    DefaultValue::Fixed("hold"),
    When::Start,
    "What clients meet before the app accepts: hold lets them wait, late does not listen yet",
);

pub static BOOT_QUEUE: Setting = Setting::ours(
    "BOOT_QUEUE",
    Kind::Count {
        least: 1,
        most: LONGEST_QUEUE,
    },
    DefaultValue::Fixed("1000"),
    When::Start,
    "Requests that may wait for the app to accept",
);

pub static BOOT_TIMEOUT: Setting = Setting::ours(
    "BOOT_TIMEOUT",
    Kind::Duration,
    DefaultValue::Fixed("60s"),
    When::Live,
    "How long a request may wait for the app to boot, and `thrust restart` for the next one",
);

pub static READY_PATH: Setting = Setting::ours(
    "READY_PATH",
    Kind::RequestPath,
    DefaultValue::Fixed(""),
    When::Start,
    "Path on any host that we answer ourselves: 200 while the app is ready, else 503; empty for none",
);

pub static HEALTH_PATH: Setting = Setting::ours(
    "HEALTH_PATH",
    Kind::RequestTarget,
    DefaultValue::Fixed(""),
    When::Start,
    "What the app is asked before it counts as ready; empty for nothing at the start, /up at a restart",
);

pub static HEALTH_HOST: Setting = Setting::ours(
    "HEALTH_HOST",
    Kind::Host,
    DefaultValue::Fixed("localhost"),
    When::Start,
    "Host that such a request names",
);

pub static SHUTDOWN_DELAY: Setting = Setting::ours(
    "SHUTDOWN_DELAY",
    Kind::Delay,
    DefaultValue::Fixed("0s"),
    When::Live,
    "How long we still take requests after a signal to end, no longer ready; 0 for none",
);

pub static DRAIN_TIMEOUT: Setting = Setting::ours(
    "DRAIN_TIMEOUT",
    Kind::Delay,
    DefaultValue::Fixed("5s"),
    When::Live,
    "How long requests under way may take before the app is told to end; 0 tells it at once",
);

pub static STOP_TIMEOUT: Setting = Setting::ours(
    "STOP_TIMEOUT",
    Kind::Limit,
    DefaultValue::Fixed("0s"),
    When::Live,
    "How long the app may take to end before it is killed; 0 or less means no limit",
);

pub static RESTART_ENABLED: Setting = Setting::ours(
    "RESTART_ENABLED",
    Kind::Switch,
    DefaultValue::Fixed("off"),
    When::Start,
    "Start the app again when it ends by itself",
);

pub static DIRECTORY: Setting = Setting::ours(
    "DIRECTORY",
    Kind::Path,
    DefaultValue::Fixed(""),
    When::Start,
    "Directory that the app is started in again; empty for the one we were started in, as PWD names it",
);

pub static LOG_FORMAT: Setting = Setting::ours(
    "LOG_FORMAT",
    Kind::LogFormat,
    DefaultValue::Fixed("auto"),
    When::Start,
    "How log lines look; auto is text on a terminal and JSON elsewhere",
);

pub static LOG_LEVEL: Setting = Setting::ours(
    "LOG_LEVEL",
    Kind::LogLevel,
    DefaultValue::Derived {
        meaning: "info, or debug if DEBUG is on",
        value: log_level,
    },
    When::Live,
    "The least important log lines that are written",
);

pub static LOG_SKIP_PATHS: Setting = Setting::ours(
    "LOG_SKIP_PATHS",
    Kind::PathPatterns,
    DefaultValue::Fixed(""),
    When::Live,
    "Paths whose requests get no log line, such as /up or, for all that begin so, /assets/*",
);

pub static LOG_SKIP_STATUSES: Setting = Setting::ours(
    "LOG_SKIP_STATUSES",
    Kind::StatusPatterns,
    DefaultValue::Fixed(""),
    When::Live,
    "Statuses whose requests get no log line, such as 404 or, for all of a class, 2xx",
);

pub static FILTER_PARAMETERS: Setting = Setting::ours(
    "FILTER_PARAMETERS",
    Kind::List,
    DefaultValue::Fixed("passw,email,secret,token,_key,crypt,salt,certificate,otp,ssn,cvv,cvc"),
    When::Live,
    "Parameters whose values are kept out of the log: those with one of these in their name, whatever its case; * for all",
);

pub static METRICS_PORT: Setting = Setting::ours(
    "METRICS_PORT",
    Kind::OptionalPort,
    DefaultValue::Fixed("off"),
    When::Start,
    "Port on which Prometheus finds our metrics; 0 takes a free one",
);

pub static METRICS_BIND: Setting = Setting::ours(
    "METRICS_BIND",
    Kind::Ip,
    DefaultValue::Fixed(""),
    When::Start,
    "Address of that port, such as 127.0.0.1; empty for every one",
);

pub static CACHE_SIZE: Setting = Setting::thruster(
    "CACHE_SIZE",
    Kind::Size,
    "64MiB",
    When::Live,
    "Memory for cached responses; 0 stores nothing",
)
.not_built(SwitchedOnBy::MoreThanZero);

pub static MAX_CACHE_ITEM_SIZE: Setting = Setting::thruster(
    "MAX_CACHE_ITEM_SIZE",
    Kind::Size,
    "1MiB",
    When::Live,
    "Largest response that is cached",
)
.dialect("THRUST_MAX_CACHE_ITEM_SIZE")
.not_built(SwitchedOnBy::MoreThanZero);

pub static GZIP_COMPRESSION_ENABLED: Setting = Setting::thruster(
    "GZIP_COMPRESSION_ENABLED",
    Kind::Switch,
    "on",
    When::Live,
    "Compress responses",
)
.not_built(SwitchedOnBy::On);

pub static GZIP_COMPRESSION_DISABLE_ON_AUTH: Setting = Setting::thruster(
    "GZIP_COMPRESSION_DISABLE_ON_AUTH",
    Kind::Switch,
    "off",
    When::Live,
    "Do not compress what carries credentials",
)
.not_built(SwitchedOnBy::On);

pub static GZIP_COMPRESSION_JITTER: Setting = Setting::thruster(
    "GZIP_COMPRESSION_JITTER",
    Kind::Size,
    "32",
    When::Live,
    "Most bytes of random padding in a compressed response",
)
.not_built(SwitchedOnBy::MoreThanZero);

pub static X_SENDFILE_ENABLED: Setting = Setting::thruster(
    "X_SENDFILE_ENABLED",
    Kind::Switch,
    "on",
    When::Live,
    "Send the files that the app names in X-Sendfile",
);

pub static SENDFILE_HEADER: Setting = Setting::ours(
    "SENDFILE_HEADER",
    Kind::SendfileHeader,
    DefaultValue::Fixed("X-Sendfile"),
    When::Live,
    "Field of an answer that names the file to send in its place",
)
.dialect("THRUST_SEND_FILE_HEADER");

pub static SENDFILE_ROOTS: Setting = Setting::ours(
    "SENDFILE_ROOTS",
    Kind::List,
    DefaultValue::Fixed(""),
    When::Live,
    "Directories that such a file must be in; empty for any, but not in /proc, /sys and /dev",
);

pub static SENDFILE_MAPPINGS: Setting = Setting::ours(
    "SENDFILE_MAPPINGS",
    Kind::Mappings,
    DefaultValue::Fixed(""),
    When::Live,
    "Directories that stand behind the paths in X-Accel-Redirect, such as /private=/srv/files",
);

pub static PUBLIC_PATH: Setting = Setting::ours(
    "PUBLIC_PATH",
    Kind::Path,
    DefaultValue::Fixed(""),
    When::Live,
    "Directory whose files we send without asking the app; empty for none",
);

pub static PUBLIC_INDEX: Setting = Setting::ours(
    "PUBLIC_INDEX",
    Kind::Text,
    DefaultValue::Fixed("index"),
    When::Live,
    "Name, without .html, of the page that stands for a directory in it",
);

pub static PUBLIC_HEADERS: Setting = Setting::ours(
    "PUBLIC_HEADERS",
    Kind::Fields,
    DefaultValue::Fixed(""),
    When::Live,
    "Fields of every answer with a file from it, one on each line, such as Cache-Control: public, max-age=3600",
);

pub static PUBLIC_HTTPS_ONLY: Setting = Setting::ours(
    "PUBLIC_HTTPS_ONLY",
    Kind::Switch,
    DefaultValue::Fixed("off"),
    When::Live,
    "Leave requests for them to the app that did not come by HTTPS; it sends their clients there",
);

pub static ASSETS_PREFIX: Setting = Setting::ours(
    "ASSETS_PREFIX",
    Kind::RequestPath,
    DefaultValue::Fixed("/assets"),
    When::Live,
    "Path below which files with a digest in their name never change; empty for none",
);

pub static RELATIVE_URL_ROOT: Setting = Setting::ours(
    "RELATIVE_URL_ROOT",
    Kind::RequestPath,
    DefaultValue::Fixed(""),
    When::Live,
    "Path that the app and its public files live under; empty for the top",
);

pub static TLS_DOMAIN: Setting = Setting::thruster(
    "TLS_DOMAIN",
    Kind::List,
    "",
    When::Start,
    "Host names to serve over TLS with certificates from ACME",
)
.dialect("THRUST_ACME_DOMAIN")
.refused(SwitchedOnBy::NotEmpty);

pub static HTTPS_PORT: Setting = Setting::thruster(
    "HTTPS_PORT",
    Kind::Port,
    "443",
    When::Start,
    "Port to listen on for TLS",
)
.not_built(SwitchedOnBy::Nothing);

pub static ACME_DIRECTORY: Setting = Setting::thruster(
    "ACME_DIRECTORY",
    Kind::Text,
    "https://acme-v02.api.letsencrypt.org/directory",
    When::Start,
    "URL of the ACME directory",
)
.not_built(SwitchedOnBy::Nothing);

pub static EAB_KID: Setting = Setting::thruster(
    "EAB_KID",
    Kind::Text,
    "",
    When::Start,
    "Key id of the external account binding",
)
.not_built(SwitchedOnBy::Nothing);

pub static EAB_HMAC_KEY: Setting = Setting::thruster(
    "EAB_HMAC_KEY",
    Kind::Text,
    "",
    When::Start,
    "Key of the external account binding",
)
.secret()
.not_built(SwitchedOnBy::Nothing);

pub static STORAGE_PATH: Setting = Setting::thruster(
    "STORAGE_PATH",
    Kind::Path,
    "./storage/thruster",
    When::Start,
    "Directory for certificates and the ACME account",
)
.not_built(SwitchedOnBy::Nothing);

/// Every setting, in the order in which people meet them.
pub static TABLE: [&Setting; 61] = [
    &HTTP_PORT,
    &BIND,
    &TARGET_PORT,
    &TARGET,
    &FORWARD_HEADERS,
    &TRUSTED_PROXIES,
    &BAD_GATEWAY_PAGE,
    &LOG_REQUESTS,
    &DEBUG,
    &LOG_FORMAT,
    &LOG_LEVEL,
    &LOG_SKIP_PATHS,
    &LOG_SKIP_STATUSES,
    &FILTER_PARAMETERS,
    &METRICS_PORT,
    &METRICS_BIND,
    &H2C_ENABLED,
    &HTTP_IDLE_TIMEOUT,
    &HTTP_READ_TIMEOUT,
    &HTTP_WRITE_TIMEOUT,
    &TARGET_TIMEOUT,
    &TARGET_CONNECT_TIMEOUT,
    &MAX_REQUEST_BODY,
    &MAX_CONNECTIONS,
    &MAX_CONNECTIONS_PER_ADDRESS,
    &TARGET_MAX_REQUESTS,
    &TARGET_QUEUE,
    &TARGET_QUEUE_TIMEOUT,
    &BOOT_MODE,
    &BOOT_QUEUE,
    &BOOT_TIMEOUT,
    &READY_PATH,
    &HEALTH_PATH,
    &HEALTH_HOST,
    &SHUTDOWN_DELAY,
    &DRAIN_TIMEOUT,
    &STOP_TIMEOUT,
    &RESTART_ENABLED,
    &DIRECTORY,
    &THREADS,
    &CACHE_SIZE,
    &MAX_CACHE_ITEM_SIZE,
    &GZIP_COMPRESSION_ENABLED,
    &GZIP_COMPRESSION_DISABLE_ON_AUTH,
    &GZIP_COMPRESSION_JITTER,
    &X_SENDFILE_ENABLED,
    &SENDFILE_HEADER,
    &SENDFILE_ROOTS,
    &SENDFILE_MAPPINGS,
    &PUBLIC_PATH,
    &PUBLIC_INDEX,
    &PUBLIC_HEADERS,
    &PUBLIC_HTTPS_ONLY,
    &ASSETS_PREFIX,
    &RELATIVE_URL_ROOT,
    &TLS_DOMAIN,
    &HTTPS_PORT,
    &ACME_DIRECTORY,
    &EAB_KID,
    &EAB_HMAC_KEY,
    &STORAGE_PATH,
];

fn target_timeout(settings: &Settings, _cores: usize) -> (Value, Source) {
    let write = settings.entry(&HTTP_WRITE_TIMEOUT);
    match settings.limit(&HTTP_WRITE_TIMEOUT).limit() {
        Some(limit) if limit <= TARGET_PATIENCE => {
            (Value::Limit(Seconds::Of(TARGET_PATIENCE)), Source::Default)
        }
        _ => (write.value.clone(), write.source.clone()),
    }
}

fn threads(_settings: &Settings, cores: usize) -> (Value, Source) {
    let threads = u32::try_from(cores.clamp(1, DEFAULT_THREADS)).unwrap_or(1);
    (Value::Count(threads), Source::Default)
}

fn log_level(settings: &Settings, _cores: usize) -> (Value, Source) {
    match settings.switch(&DEBUG) {
        true => (
            Value::LogLevel(LogLevel::Debug),
            settings.entry(&DEBUG).source.clone(),
        ),
        false => (Value::LogLevel(LogLevel::Info), Source::Default),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let names: BTreeSet<_> = TABLE.iter().map(|setting| setting.name).collect();

        assert_eq!(names.len(), TABLE.len());
    }

    #[test]
    fn every_fixed_default_is_a_value_of_its_kind_as_it_would_be_printed() {
        for setting in TABLE {
            if let DefaultValue::Fixed(text) = setting.default {
                let value = setting
                    .kind
                    .parse(text)
                    .unwrap_or_else(|error| panic!("{}: {error}", setting.name));
                assert_eq!(value.to_string(), text, "{}", setting.name);
            }
        }
    }
}
