//! One run of the proxy: makes the cores, the front, the service and the supervisor, and lets them run.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::iter;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use thrust_api::settings::Settings;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::config::{BootMode, Config};
use crate::control::{Asked, Control, Directory};
use crate::core::Core;
use crate::error::chain;
use crate::front::Front;
use crate::hand_over::HandOver;
use crate::log::Log;
use crate::overview::{Endpoint, Overview};
use crate::ports::{Bound, Ports};
use crate::process::systemd::Notify;
use crate::process::{self, Reaper, Signals};
use crate::room::Room;
use crate::service::Service;
use crate::stages::error_pages::ErrorPages;
use crate::supervisor::{Beginning, FAILURE, Finish, Home, Plan, Progress, Supervisor};
use crate::threads::Handle;
use crate::tuning::{Held, Parts, Tuning};
use crate::upstream::Target;

/// What a run begins with.
#[derive(Debug)]
pub enum Origin {
    /// Nothing but places.
    Fresh(Ports),
    /// What another image of this process, or this one, has left.
    Inherited {
        /// The sockets to listen on.
        listeners: Vec<Bound>,
        /// Everything else.
        hand_over: Box<HandOver>,
    },
}

/// Wraps `command` as `settings` say: serves until it ends. Returns the status to exit with, its own if it ran. Does
/// not return if another program is to take our place; if that fails, goes on.
///
/// Call it on the main thread, which lives as long as the process: the child's parent-death signal hangs on it.
pub fn run(settings: &Settings, mut origin: Origin, command: Vec<OsString>, log: &Log) -> ExitCode {
    let descriptors = raise_descriptor_limit();
    let plan = Arc::new(Plan::new(&Config::from(settings), command.into(), descriptors));
    loop {
        match start(settings, origin, &plan, log) {
            Ok((Finish::Exit(status), _)) => {
                tracing::info!("Server stopped");
                return ExitCode::from(status);
            }
            Ok((Finish::Depart(departure), signals)) => {
                log.flush();
                let (listeners, hand_over) = departure.leave(unheard(signals));
                let hand_over = Box::new(hand_over);
                origin = Origin::Inherited { listeners, hand_over };
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "Failed to start");
                return ExitCode::from(FAILURE);
            }
        }
    }
}

/// One round of serving, on a runtime of its own.
fn start(
    settings: &Settings,
    origin: Origin,
    plan: &Arc<Plan>,
    log: &Log,
) -> Result<(Finish, Signals), Denied> {
    let runtime = runtime().map_err(denied("event loop"))?;
    let mut signals = signals(&runtime)?;
    if let Origin::Inherited { .. } = origin {
        // Before the cores have their threads, which would go on without them.
        process::admit_signals();
    }
    let (listeners, metrics, target, left, beginning) = match origin {
        Origin::Fresh(ports) => {
            let target = Target::from(&ports.target);
            let home = Home {
                target: target.clone(),
                reservation: ports.reservation,
            };
            (
                ports.listeners,
                ports.metrics,
                target,
                None,
                Beginning::Boot(home),
            )
        }
        Origin::Inherited {
            listeners,
            mut hand_over,
        } => {
            let target = hand_over.generation.target.clone();
            let metrics = hand_over.metrics.take();
            let left = hand_over.left.take();
            (listeners, metrics, target, left, Beginning::TakeOver(hand_over))
        }
    };
    let held = Held::new(settings, left);
    let config = &held.config();
    log.threshold().set(config.log_level);
    let service = Arc::new(Service::new(config.threads, &target, config));
    let error_pages = Arc::new(ErrorPages::load(&config.bad_gateway_page));
    let room = Arc::new(Room::new(config, getrlimit(Resource::Nofile).current));
    let core = |number| {
        let batch = Some(Arc::new(log.batch()));
        Arc::new(Core::new(config, number, &service, &error_pages, &room, batch))
    };
    let here = core(0);
    let others = (1..config.threads)
        .map(|number| Handle::start(number, core(number)))
        .collect::<io::Result<Vec<_>>>()
        .map_err(denied("thread to serve connections"))?;
    let cores = iter::once(here.clone()).chain(others.iter().map(|other| other.core.clone()));
    let parts = Parts {
        cores: cores.collect(),
        service: service.clone(),
        room: room.clone(),
        threshold: log.threshold(),
    };
    let tuning = Tuning::new(held, config, parts);
    let front = Arc::new(Front::new(here.clone(), others, listeners));

    let ended = runtime.block_on(async {
        let reaper = Reaper::start().map_err(denied("signals"))?;
        here.flush_log_in_time();
        let is_awaited = config.boot_mode == BootMode::Late && matches!(beginning, Beginning::Boot(_));
        // First: whoever reads that the server has started may ask it.
        let (beginning, progress, (control, mut asked)) = prepare(beginning);
        let dropped = log.dropped();
        let overview = Overview::new(service.clone(), front.clone(), dropped, progress.uptime());
        let overview = Arc::new(overview);
        let endpoint = metrics
            .map(|port| Endpoint::start(port, overview.clone()))
            .transpose()
            .map_err(denied("socket for metrics"))?;
        if !is_awaited && let Err(error) = front.open() {
            error.log();
            return Ok(Finish::Exit(FAILURE));
        }
        let notify = Arc::new(Notify::inherited());
        tokio::spawn({
            let notify = notify.clone();
            async move { notify.answer_watchdog().await }
        });
        let supervisor = Supervisor {
            plan: plan.clone(),
            service: service.clone(),
            front: front.clone(),
            reaper,
            notify,
            control: RefCell::new(control),
            overview,
            endpoint,
            tuning,
            progress,
        };
        Ok(supervisor.run(beginning, &mut signals, &mut asked).await)
    });
    // Ends what did not end in time, and with it the last log lines are written.
    drop(runtime);
    let finish = ended?;
    front.join();
    Ok((finish, signals))
}

type Listening = (Control, mpsc::Receiver<Asked>);

/// Takes out of `beginning` what is not the supervisor's.
fn prepare(mut beginning: Beginning) -> (Beginning, Progress, Listening) {
    let (uptime, inherited) = match &mut beginning {
        Beginning::Boot(_) => (Duration::ZERO, None),
        Beginning::TakeOver(hand_over) => (hand_over.uptime, hand_over.control.take()),
    };
    let adopted = inherited.and_then(|inherited| {
        let adopted = Control::adopt(inherited);
        adopted
            .inspect_err(|error| tracing::error!(%error, "Failed to take over the control sockets"))
            .ok()
    });
    let listening = adopted.unwrap_or_else(|| Control::start(Directory::open()));
    (beginning, Progress::since(uptime), listening)
}

/// Takes signals from now on. Call it before there are other cores: a signal that comes between a handler and its receiver
/// is kept until a runtime turns, and theirs would turn at once, and tell nobody.
fn signals(runtime: &Runtime) -> Result<Signals, Denied> {
    let _context = runtime.enter();
    Signals::new().map_err(denied("signals"))
}

/// The signals that have come since the runtime they were awaited on has ended.
fn unheard(mut signals: Signals) -> Vec<Signal> {
    match runtime() {
        Ok(runtime) => runtime.block_on(signals.unheard()),
        Err(error) => {
            tracing::warn!(%error, "Failed to look for signals that came last");
            Vec::new()
        }
    }
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
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
