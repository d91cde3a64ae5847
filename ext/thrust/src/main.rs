//! The `thrust` program: parse, build, run, exit code.

use std::{
    env,
    ffi::OsString,
    fmt::Display,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    thread,
};

use thrust::{
    cli::{
        self, Options, Request,
        ask::{AskError, Subject},
        config::Shown,
    },
    config::Config,
    doctor::{self, Level},
    hand_over::HandOver,
    log::Log,
    ports::{self, PortError},
    server::{self, Origin},
    trial,
};
use thrust_api::settings::{Pushed, Rejection, Settings, Written};

fn main() -> ExitCode {
    let mut arguments: Vec<_> = env::args_os().collect();
    let is_trial = match trial::take_option(&mut arguments) {
        Ok(is_trial) => is_trial,
        Err(error) => return fail(error),
    };
    match cli::parse(arguments, env::var_os("PATH").as_deref()) {
        Ok(Request::Wrap { options, .. }) if is_trial => answer_trial(options),
        Ok(Request::Wrap { options, command }) => wrap(options, command),
        Ok(Request::ShowConfig { options, json, of }) => show_config(options, json, of),
        Ok(Request::Examine { options, json, of }) => examine(options, json, of),
        Ok(Request::Status { json, pid }) => tell(cli::status::run(json, pid)),
        Ok(Request::Restart { what, timeout, pid }) => tell(cli::restart::run(what, timeout, pid, progress)),
        Ok(Request::Print(text)) => print(&text),
        Err(error) => fail(error),
    }
}

fn wrap(options: Options, command: Vec<OsString>) -> ExitCode {
    // Before the log has its thread: it changes the environment.
    let environment = match ports::Environment::inherited() {
        Ok(environment) => environment,
        Err(error) => return fail(error),
    };
    let inherited = match HandOver::inherited() {
        Ok(inherited) => inherited,
        Err(error) => return fail(error.told()),
    };
    let Some(settings) = settings(options) else {
        return ExitCode::FAILURE;
    };
    let config = Config::from(&settings);
    let log = match Log::start(&config) {
        Ok(log) => log,
        Err(error) => {
            return fail(format_args!(
                "could not start a thread for the log: {error}; see ulimit -u"
            ));
        }
    };
    let origin = match inherited {
        Some((hand_over, bearings)) => {
            ports::inherit(environment, bearings).map(|listeners| Origin::Inherited {
                listeners,
                hand_over: Box::new(hand_over),
            })
        }
        None => ports::open(&config, environment)
            .inspect(|ports| ports.notices.iter().for_each(ports::Notice::log))
            .map(Origin::Fresh),
    };
    let status = match origin.inspect_err(PortError::log) {
        Ok(origin) => server::run(&settings, origin, command, &log),
        Err(_) => ExitCode::FAILURE,
    };
    log.finish();
    status
}

/// Tells the running thrust that this one can take its place.
fn answer_trial(options: Options) -> ExitCode {
    match settings(options).map(|_| trial::Answer::line()) {
        Some(Ok(line)) => print(&line),
        Some(Err(error)) => fail(format_args!("could not find out where this program is: {error}")),
        None => ExitCode::FAILURE,
    }
}

fn show_config(options: Options, json: bool, of: Subject) -> ExitCode {
    match cli::config::running(of) {
        Ok(Some(shown)) => print(&shown.print(json)),
        Ok(None) => match settings(options) {
            Some(settings) => print(&Shown::Environment(settings).print(json)),
            None => ExitCode::FAILURE,
        },
        Err(error) => tell(Err(error)),
    }
}

fn examine(options: Options, json: bool, of: Subject) -> ExitCode {
    let running = match cli::doctor::running(of) {
        Ok(running) => running,
        Err(error) => return tell(Err(error)),
    };
    let findings = doctor::examine(read(options).as_ref(), running.as_ref());
    let status = match json {
        true => print(&doctor::for_programs(&findings)),
        false => print(&doctor::for_people(&findings)),
    };
    match findings.iter().any(|finding| finding.level == Level::Error) {
        true => ExitCode::FAILURE,
        false => status,
    }
}

/// The settings, or none if they have faults; tells both faults and warnings.
fn settings(options: Options) -> Option<Settings> {
    match read(options) {
        Ok(settings) => {
            settings.warnings.iter().for_each(complain);
            Some(settings)
        }
        Err(rejection) => {
            rejection.faults.iter().for_each(complain);
            rejection.warnings.iter().for_each(complain);
            None
        }
    }
}

fn read(options: Options) -> Result<Settings, Rejection> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    Settings::read(&Written {
        environment: env::vars_os().collect(),
        options,
        pushed: Pushed::new(),
        cores,
    })
}

/// Tells what came of asking a running thrust.
fn tell(answer: Result<String, AskError>) -> ExitCode {
    match answer {
        Ok(text) => print(&text),
        Err(error) => {
            complain(error.told());
            ExitCode::from(error.status())
        }
    }
}

fn progress(step: &str) {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        let _ = writeln!(stderr, "{step}");
    }
}

fn complain(problem: impl Display) {
    // Nobody is left to be told that stderr is closed.
    let _ = writeln!(io::stderr(), "thrust: {problem}");
}

fn fail(problem: impl Display) -> ExitCode {
    complain(problem);
    ExitCode::FAILURE
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader had enough, as in `thrust config | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
