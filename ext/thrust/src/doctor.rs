//! `thrust doctor`: looks for what will not work, and says what, why, and what to change.
//!
//! A running thrust is asked; where none runs, what this environment gives is tried out. What only Rails knows,
//! `bin/rails thruster:doctor` looks at besides.

mod finding;
mod machine;
mod running;
mod start;

use std::io::{self, IsTerminal};

use thrust_api::message::{Configuration, Status};
use thrust_api::settings::{Rejection, Settings};

pub use self::finding::{Finding, Level, for_people, for_programs};
use crate::config::Config;
use crate::ports::Environment;

/// A running thrust, as it tells of itself.
#[derive(Debug)]
pub struct Running {
    /// How it is.
    pub status: Status,
    /// Its settings.
    pub configuration: Configuration,
}

/// Looks at what there is: a running thrust, or what these settings would give, or what is wrong with them.
pub fn examine(settings: Result<&Settings, &Rejection>, running: Option<&Running>) -> Vec<Finding> {
    let mut findings = start::settings(settings);
    match running {
        Some(running) => findings.extend(running::all(running)),
        None => findings.push(Finding::ok(
            "thrust",
            "none runs that was asked; this is about one that would start here",
        )),
    }
    let Ok(settings) = settings else {
        return findings;
    };
    let config = Config::from(settings);
    if running.is_none() {
        let environment = Environment {
            inherited_port: std::env::var_os("PORT"),
            terminal: io::stdout().is_terminal(),
            activation: None,
        };
        findings.extend(start::ports(&config, environment));
        findings.push(machine::control());
    }
    findings.push(machine::descriptors(&config, running));
    findings.extend(machine::storage(settings));
    findings
}
