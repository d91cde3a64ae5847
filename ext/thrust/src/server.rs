//! One run of the proxy: starts the cores, the listener and the wrapped process, and ends with it.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, LogLevel};
use crate::core::{Core, Timeouts};
use crate::error::chain;
use crate::listener;
use crate::log::Log;
use crate::pipeline::Pipeline;
use crate::ports::Ports;
use crate::process::{self, Changes, Command, Reaper, Signals, Start};
use crate::stages::access_log::AccessLog;
use crate::stages::error_pages::ErrorPages;
use crate::threads::Handle;
use crate::upstream::{self, Target, Upstream};

/// How long requests may take to end after the wrapped process has.
const DRAIN: Duration = Duration::from_secs(5);

/// The exit status when we, and not the wrapped process, are the reason for the end.
const FAILURE: u8 = 1;

/// Wraps `command`: serves on `ports` until it ends. Returns the status to exit with, its own if it ran.
///
/// Call it on the main thread, which lives as long as the process: the child's parent-death signal hangs on it.
pub fn run(config: &Config, ports: Ports, command: Vec<OsString>, log: &Log) -> ExitCode {
    let descriptors = raise_descriptor_limit();
    let ended = start(config, ports, command.into(), log, descriptors);
    ExitCode::from(ended.unwrap_or_else(|error| {
        tracing::error!(error = chain(&error), "Failed to start");
        FAILURE
    }))
}

fn start(
    config: &Config,
    ports: Ports,
    command: Command,
    log: &Log,
    descriptors: Rlimit,
) -> Result<u8, Denied> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(denied("event loop"))?;
    let error_pages = Arc::new(ErrorPages::load(&config.bad_gateway_page));
    let core = || Arc::new(make_core(config, ports.app_port, &error_pages, log));
    let here = core();
    let others = (1..config.threads)
        .map(|number| Handle::start(number, core()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(denied("thread to serve connections"))?;

    let status = runtime.block_on(async {
        let mut signals = Signals::new().map_err(denied("signals"))?;
        let reaper = Reaper::start().map_err(denied("signal when a process ends"))?;
        let listener = listener::watch(ports.listener).map_err(denied("watch on the listener"))?;
        let stopped = CancellationToken::new();
        let accepting = {
            let (here, stopped) = (here.clone(), stopped.clone());
            async move {
                listener::accept(listener, &here, &others, &stopped).await;
                others
            }
        };
        let accepting = tokio::spawn(accepting);
        here.flush_log_in_time();
        tracing::info!(http = format!(":{}", ports.http_port), "Server started");

        let wrapped = Start {
            command: &command,
            environment: Changes {
                remove: Vec::new(),
                set: vec![("PORT", ports.app_port.to_string().into())],
            },
            directory: None,
            descriptors,
        };
        let status = match process::start(&reaper, &wrapped) {
            Ok(process) => process.supervise(&mut signals).await,
            Err(error) => {
                error.log();
                FAILURE
            }
        };

        tracing::info!("Server stopping");
        stopped.cancel();
        let others = accepting
            .await
            .expect("the acceptor neither panics nor is cancelled");
        drain(&here, &others).await;
        Ok((status, others))
    });
    // Ends what did not end in time, and with it the last log lines are written.
    drop(runtime);
    let (status, others) = status?;
    others.into_iter().for_each(Handle::join);
    here.flush_log();
    tracing::info!("Server stopped");
    Ok(status)
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[error("the system gives us no {what}; check its limits on threads and open files (ulimit -u, ulimit -n)")]
struct Denied {
    what: &'static str,
    source: io::Error,
}

fn denied(what: &'static str) -> impl Fn(io::Error) -> Denied {
    move |source| Denied { what, source }
}

fn make_core(config: &Config, app_port: u16, error_pages: &Arc<ErrorPages>, log: &Log) -> Core {
    let logged = config.log_requests && matches!(config.log_level, LogLevel::Debug | LogLevel::Info);
    let batch = logged.then(|| Arc::new(log.batch()));
    let upstream = upstream::Options {
        target: Target::new(app_port),
        forward_headers: config.forward_headers,
        connect_timeout: config.target_connect_timeout,
        timeout: config.target_timeout,
    };
    Core {
        pipeline: Pipeline {
            access_log: AccessLog::new(batch.clone()),
            error_pages: error_pages.clone(),
            upstream: Upstream::new(upstream),
        },
        timeouts: Timeouts {
            idle: config.idle_timeout,
            read: config.read_timeout,
            write: config.write_timeout,
        },
        h2c: config.h2c_enabled,
        draining: CancellationToken::new(),
        connections: TaskTracker::new(),
        batch,
    }
}

/// Lets requests end that are under way, for as long as [`DRAIN`].
async fn drain(here: &Core, others: &[Handle]) {
    let cores = || others.iter().map(|other| &*other.core).chain([here]);
    for core in cores() {
        core.draining.cancel();
        core.connections.close();
    }
    let ended = async {
        for core in cores() {
            core.connections.wait().await;
        }
    };
    if tokio::time::timeout(DRAIN, ended).await.is_err() {
        let left: usize = cores().map(|core| core.connections.len()).sum();
        cores().for_each(Core::give_up);
        tracing::warn!(connections = left, "Gave up on requests that did not end in time");
    }
}

/// Raises our limit of open files as far as we may, and returns what it was: a proxy needs two for each request.
fn raise_descriptor_limit() -> Rlimit {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "Failed to raise the limit of open files");
    }
    before
}
