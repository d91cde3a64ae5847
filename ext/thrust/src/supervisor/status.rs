//! What `thrust status` shows.

use thrust_api::message::{State, Status};

use super::Supervisor;
use super::generation::Generation;
use crate::ports::Place;
use crate::upstream::Target;

impl Supervisor {
    /// How we are.
    pub(super) fn status(&self, current: &Generation, restarting: bool) -> Status {
        let ready = self.service.is_ready();
        let state = match self.progress.state.get() {
            state @ (State::Draining | State::Stopping) => state,
            _ if restarting => State::Restarting,
            _ if ready => State::Ready,
            _ => State::Booting,
        };
        let held = self.service.held();
        let directory = std::env::current_dir().unwrap_or_default();
        Status {
            state,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime: self.progress.started.elapsed(),
            directory: directory.to_string_lossy().into_owned(),
            listening: self.front.places().iter().map(shown).collect(),
            metrics: self.endpoint.as_ref().map(|endpoint| shown(endpoint.place())),
            generation: current.number,
            child: current
                .process
                .end()
                .is_none()
                .then(|| current.pid().unsigned_abs()),
            target: current.target().to_string(),
            port: match current.target() {
                Target::Port(port) | Target::Host { port, .. } => Some(*port),
                Target::Unix(_) => None,
            },
            ready,
            connections: self.front.connections() as u64,
            in_flight: (self.service.in_flight() + held) as u64,
            held: held as u64,
            previous: self.progress.previous.list(),
        }
    }
}

fn shown(place: &Place) -> String {
    match place {
        Place::Everywhere(port) => format!("*:{port}"),
        Place::Address(_) | Place::Unix(_) => place.to_string(),
    }
}
