//! Chooses where the app listens, and keeps the port for it.
//!
//! A port that another thrust keeps for its app, or that somebody has, is never given to ours unless it was chosen.

use std::fs;
use std::io;
use std::path::{self, Path};

use thrust_api::address::TargetAddress;

use super::bound::Place;
use super::holder::{self, Holder};
use super::{Bound, Notice, PortError, Reservation, socket, unix};
use crate::config::Config;

/// The app's port when nobody chose one and it is free.
pub(super) const USUAL: u16 = 3000;

/// Free ports are looked for from here on, below those of outgoing connections: one of these could take the port
/// before the app does.
const FIRST: u16 = 20_000;

/// Where Linux takes the ports of outgoing connections from, unless it was told otherwise.
const FIRST_OUTGOING: u16 = 32_768;

/// How many ports are tried until the system is asked for any.
const TRIES: u32 = 64;

/// Where the app is to listen.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) target: TargetAddress,
    /// What it is told by PORT; none if it listens on a Unix socket.
    pub(super) app_port: Option<u16>,
    /// Keeps the port; none where it is not on this machine, or there is none.
    pub(super) reservation: Option<Reservation>,
}

/// Chooses where the app listens, besides what we listen on ourselves.
///
/// # Errors
///
/// The place is ours, another thrust keeps it, or no port is left.
pub(super) fn choose(
    config: &Config,
    usual: u16,
    ours: &[Bound],
    notices: &mut Vec<Notice>,
) -> Result<Chosen, PortError> {
    match (&config.target, config.target_port) {
        (Some(TargetAddress::Unix(path)), _) => socket_at(path, ours, notices),
        (Some(target), _) => at(target.clone(), ours, notices),
        (None, Some(port)) if port.is_any() => free(),
        (None, Some(port)) => at(TargetAddress::localhost(port.number()), ours, notices),
        (None, None) => usual_or_free(usual, ours, notices),
    }
}

/// A port that nobody has and no other thrust keeps, and what keeps it.
///
/// # Errors
///
/// None is left.
pub fn free_target() -> Result<(u16, Reservation), PortError> {
    let below_outgoing = FIRST..first_outgoing().max(FIRST);
    let near = (0..TRIES)
        .filter(|_| !below_outgoing.is_empty())
        .map(|_| rand::random_range(below_outgoing.clone()));
    if let Some(found) = near.into_iter().find_map(|port| reserve_free(port).ok()) {
        return Ok(found);
    }
    for _ in 0..TRIES {
        let port = socket::free_port().map_err(|source| PortError::NoneFree { source })?;
        if let Ok(found) = reserve_free(port) {
            return Ok(found);
        }
    }
    let source = io::ErrorKind::AddrInUse.into();
    Err(PortError::NoneFree { source })
}

/// A port that was chosen, by itself or in an address.
fn at(target: TargetAddress, ours: &[Bound], notices: &mut Vec<Notice>) -> Result<Chosen, PortError> {
    let app_port = target.port();
    let mut reservation = None;
    // What other machines listen on is not ours to look after.
    if let Some(port) = app_port.filter(|_| target.is_local()) {
        if let Some(bound) = ours.iter().find(|bound| bound.place().port() == Some(port)) {
            let place = bound.place().clone();
            return Err(PortError::SamePlace { place });
        }
        reservation = Some(Reservation::take(port).map_err(|holder| PortError::Reserved { port, holder })?);
        if socket::is_answered(port) {
            notices.push(Notice::TargetAnswered {
                port,
                holder: holder::of(port),
            });
        }
    }
    Ok(Chosen {
        target,
        app_port,
        reservation,
    })
}

fn socket_at(path: &Path, ours: &[Bound], notices: &mut Vec<Notice>) -> Result<Chosen, PortError> {
    let absolute = |path: &Path| path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let is_ours = ours
        .iter()
        .any(|bound| matches!(bound.place(), Place::Unix(other) if absolute(other) == absolute(path)));
    if is_ours {
        let place = Place::Unix(path.to_owned());
        return Err(PortError::SamePlace { place });
    }
    if unix::is_answered(path) {
        notices.push(Notice::TargetSocketAnswered {
            path: path.to_owned(),
            holder: holder::of_unix(path),
        });
    }
    Ok(Chosen {
        target: TargetAddress::Unix(path.to_owned()),
        app_port: None,
        reservation: None,
    })
}

fn usual_or_free(usual: u16, ours: &[Bound], notices: &mut Vec<Notice>) -> Result<Chosen, PortError> {
    let held_by = if is_ours(usual, ours) {
        holder::of(usual)
    } else {
        match reserve_free(usual) {
            Ok((port, reservation)) => return Ok(on_localhost(port, reservation)),
            Err(holder) => holder,
        }
    };
    let chosen = free()?;
    if let Some(to) = chosen.app_port {
        notices.push(Notice::TargetMoved {
            from: usual,
            to,
            holder: held_by,
        });
    }
    Ok(chosen)
}

fn free() -> Result<Chosen, PortError> {
    let (port, reservation) = free_target()?;
    Ok(on_localhost(port, reservation))
}

fn on_localhost(port: u16, reservation: Reservation) -> Chosen {
    Chosen {
        target: TargetAddress::localhost(port),
        app_port: Some(port),
        reservation: Some(reservation),
    }
}

/// Reserves a port that nobody has; otherwise says who has it, if that can be seen.
fn reserve_free(port: u16) -> Result<(u16, Reservation), Option<Holder>> {
    let reservation = Reservation::take(port)?;
    if socket::is_free(port) {
        Ok((port, reservation))
    } else {
        Err(holder::of(port))
    }
}

fn is_ours(port: u16, ours: &[Bound]) -> bool {
    ours.iter().any(|bound| bound.place().port() == Some(port))
}

fn first_outgoing() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = range.split_ascii_whitespace().next();
    first
        .and_then(|first| first.parse().ok())
        .unwrap_or(FIRST_OUTGOING)
}
