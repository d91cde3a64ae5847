//! One run of the proxy: makes the cores, the front, the service and the supervisor, and lets them run.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{BootMode, Config, LogLevel};
use crate::control::{Control, Directory};
use crate::core::Core;
use crate::error::chain;
use crate::front::Front;
use crate::log::Log;
use crate::ports::Ports;
use crate::process::systemd::Notify;
use crate::process::{Reaper, Signals};
use crate::service::Service;
use crate::stages::error_pages::ErrorPages;
use crate::supervisor::{FAILURE, Home, Plan, Progress, Supervisor};
use crate::threads::Handle;
use crate::upstream::Target;

/// Wraps `command`: serves on `ports` until it ends. Returns the status to exit with, its own if it ran.
///
/// Call it on the main thread, which lives as long as the process: the child's parent-death signal hangs on it.
pub fn run(config: &Config, ports: Ports, command: Vec<OsString>, log: &Log) -> ExitCode {
    let descriptors = raise_descriptor_limit();
    let plan = Plan::new(config, command.into(), descriptors);
    let ended = start(config, ports, plan, log);
    ExitCode::from(ended.unwrap_or_else(|error| {
        tracing::error!(error = chain(&error), "Failed to start");
        FAILURE
    }))
}

fn start(config: &Config, ports: Ports, plan: Plan, log: &Log) -> Result<u8, Denied> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(denied("event loop"))?;
    let target = Target::from(&ports.target);
    let service = Arc::new(Service::new(config.threads, &target, config));
    let error_pages = Arc::new(ErrorPages::load(&config.bad_gateway_page));
    let logged = config.log_requests && matches!(config.log_level, LogLevel::Debug | LogLevel::Info);
    let core = |number| {
        let batch = logged.then(|| Arc::new(log.batch()));
        Arc::new(Core::new(config, number, &service, &error_pages, batch))
    };
    let here = core(0);
    let others = (1..config.threads)
        .map(|number| Handle::start(number, core(number)))
        .collect::<io::Result<Vec<_>>>()
        .map_err(denied("thread to serve connections"))?;
    let front = Front::new(here.clone(), others, ports.listeners);

    let ended = runtime.block_on(async {
        let mut signals = Signals::new().map_err(denied("signals"))?;
        let reaper = Reaper::start().map_err(denied("signals"))?;
        here.flush_log_in_time();
        if config.boot_mode == BootMode::Hold
            && let Err(error) = front.open()
        {
            error.log();
            return Ok((FAILURE, front));
        }
        let notify = Arc::new(Notify::inherited());
        tokio::spawn({
            let notify = notify.clone();
            async move { notify.answer_watchdog().await }
        });
        let (control, mut asked) = Control::start(Directory::open());
        let supervisor = Supervisor {
            plan,
            service: service.clone(),
            front,
            reaper,
            notify,
            control: RefCell::new(control),
            progress: Progress::default(),
        };
        let home = Home {
            target,
            reservation: ports.reservation,
        };
        let status = supervisor.run(home, &mut signals, &mut asked).await;
        Ok((status, supervisor.front))
    });
    // Ends what did not end in time, and with it the last log lines are written.
    drop(runtime);
    let (status, front) = ended?;
    front.join();
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
