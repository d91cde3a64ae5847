//! What the proxy works with: the settings, checked, typed, and fixed for this run.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use http::HeaderValue;
pub use thrust_api::address::{BindAddress, TargetAddress};
pub use thrust_api::field::Field;
pub use thrust_api::mapping::Mapping;
pub use thrust_api::pattern::{PathPattern, StatusPattern};
pub use thrust_api::settings::{BootMode, LogFormat, LogLevel, SendfileHeader};
use thrust_api::{
    settings::{self, Settings, Source},
    units::{Port, Seconds},
};

pub use crate::trust::TrustedProxies;

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
    /// The proxies before us.
    pub trusted_proxies: TrustedProxies,
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
    /// The largest request body, in bytes.
    pub max_request_body: Option<u64>,
    /// How many clients may be connected; `None` for as many as there are descriptors for.
    pub max_connections: Option<usize>,
    /// How many connections one address may have.
    pub max_connections_per_address: Option<usize>,
    /// How many requests the app is given at once.
    pub target_max_requests: Option<usize>,
    /// How many requests may wait for their turn; may be 0.
    pub target_queue: usize,
    /// How long a request may wait for its turn.
    pub target_queue_timeout: Duration,
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
    /// Paths whose requests are not logged.
    pub log_skip_paths: Vec<PathPattern>,
    /// Statuses whose requests are not logged.
    pub log_skip_statuses: Vec<StatusPattern>,
    /// Words in the names of parameters whose values are not logged; `*` for all.
    pub filter_parameters: Vec<String>,
    /// What requests to an app carry that knows us by it; no setting.
    pub sendfile_secret: Option<HeaderValue>,
    /// Whether files are sent that the app names.
    pub x_sendfile_enabled: bool,
    /// The field that names them.
    pub sendfile_header: SendfileHeader,
    /// The directories that they must be in; empty for any.
    pub sendfile_roots: Vec<PathBuf>,
    /// What stands behind the paths in X-Accel-Redirect.
    pub sendfile_mappings: Vec<Mapping>,
    /// The directory of the files that we send without asking the app.
    pub public_path: Option<PathBuf>,
    /// The page that stands for a directory in it, without `.html`.
    pub public_index: String,
    /// Fields of every answer with a file from it.
    pub public_headers: Vec<Field>,
    /// Whether only requests by HTTPS get one of them.
    pub public_https_only: bool,
    /// The path below which names with a digest never change; may be empty.
    pub assets_prefix: String,
    /// The path that the app lives under; may be empty.
    pub relative_url_root: String,
    /// The port for our metrics; `None` for none.
    pub metrics_port: Option<Port>,
    /// The address of that port; `None` for every one.
    pub metrics_bind: Option<IpAddr>,
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
            trusted_proxies: TrustedProxies {
                networks: settings.networks(&settings::TRUSTED_PROXIES).clone(),
                chosen: settings.entry(&settings::TRUSTED_PROXIES).source != Source::Default,
            },
            bad_gateway_page: settings.text(&settings::BAD_GATEWAY_PAGE).into(),
            log_requests: settings.switch(&settings::LOG_REQUESTS),
            h2c_enabled: settings.switch(&settings::H2C_ENABLED),
            idle_timeout,
            read_timeout,
            write_timeout: settings.limit(&settings::HTTP_WRITE_TIMEOUT).limit(),
            target_timeout: settings.limit(&settings::TARGET_TIMEOUT).limit(),
            target_connect_timeout: settings.duration(&settings::TARGET_CONNECT_TIMEOUT),
            max_request_body: unless_zero(settings.size(&settings::MAX_REQUEST_BODY).bytes()),
            max_connections: unless_zero(settings.count(&settings::MAX_CONNECTIONS) as usize),
            max_connections_per_address: unless_zero(
                settings.count(&settings::MAX_CONNECTIONS_PER_ADDRESS) as usize
            ),
            target_max_requests: unless_zero(settings.count(&settings::TARGET_MAX_REQUESTS) as usize),
            target_queue: settings.count(&settings::TARGET_QUEUE) as usize,
            target_queue_timeout: settings.duration(&settings::TARGET_QUEUE_TIMEOUT),
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
            log_skip_paths: settings.path_patterns(&settings::LOG_SKIP_PATHS).to_vec(),
            log_skip_statuses: settings.status_patterns(&settings::LOG_SKIP_STATUSES).to_vec(),
            filter_parameters: settings.list(&settings::FILTER_PARAMETERS).to_vec(),
            sendfile_secret: None,
            x_sendfile_enabled: settings.switch(&settings::X_SENDFILE_ENABLED),
            sendfile_header: settings.sendfile_header(),
            sendfile_roots: settings
                .list(&settings::SENDFILE_ROOTS)
                .iter()
                .map(PathBuf::from)
                .collect(),
            sendfile_mappings: settings.mappings(&settings::SENDFILE_MAPPINGS).to_vec(),
            public_path: unless_empty(settings.text(&settings::PUBLIC_PATH)).map(PathBuf::from),
            public_index: settings.text(&settings::PUBLIC_INDEX).to_owned(),
            public_headers: settings.fields(&settings::PUBLIC_HEADERS).to_vec(),
            public_https_only: settings.switch(&settings::PUBLIC_HTTPS_ONLY),
            assets_prefix: settings.text(&settings::ASSETS_PREFIX).to_owned(),
            relative_url_root: settings.text(&settings::RELATIVE_URL_ROOT).to_owned(),
            metrics_port: settings.optional_port(&settings::METRICS_PORT),
            metrics_bind: settings.ip(&settings::METRICS_BIND),
        }
    }
}

fn unless_zero<N: Default + PartialEq>(number: N) -> Option<N> {
    (number != N::default()).then_some(number)
}

fn unless_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
impl Config {
    /// What an environment gives that has no faults.
    pub(crate) fn of(environment: &[(&str, &str)]) -> Self {
        Self::from(&settings_of(environment).expect("the environment has no faults"))
    }
}

/// The settings that an environment gives on a machine with two cores.
#[cfg(test)]
pub(crate) fn settings_of(environment: &[(&str, &str)]) -> Result<Settings, settings::Rejection> {
    let environment = environment
        .iter()
        .map(|(name, text)| (name.into(), text.into()))
        .collect();
    Settings::read(&settings::Written {
        environment,
        options: Vec::new(),
        pushed: settings::Pushed::new(),
        cores: 2,
    })
}

#[cfg(test)]
mod tests;
