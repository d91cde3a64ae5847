//! Keeps a port for one app between the time we choose it and the time the app listens on it: another thrust takes
//! another.
//!
//! What is taken is not the port, which the app needs, but an abstract Unix socket named after it, which belongs to the
//! same network namespace as the port. Other systems than Linux have none: there nothing is kept.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::holder::{self, Holder};

/// A port that no other thrust gives to its app for as long as this lives. It may pass to another program by exec.
#[derive(Debug)]
pub struct Reservation(Option<OwnedFd>);

impl Reservation {
    /// Reserves `port`.
    ///
    /// # Errors
    ///
    /// Another thrust has it; names the process, if that can be seen.
    #[cfg(target_os = "linux")]
    pub(super) fn take(port: u16) -> Result<Self, Option<Holder>> {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

        let name = name(port);
        let reserved = SocketAddrUnix::new_abstract_name(name.as_bytes()).and_then(|address| {
            let socket = rustix::net::socket_with(
                AddressFamily::UNIX,
                SocketType::STREAM,
                SocketFlags::CLOEXEC,
                None,
            )?;
            rustix::net::bind(&socket, &address)?;
            Ok(socket)
        });
        match reserved {
            Ok(socket) => Ok(Self(Some(socket))),
            Err(rustix::io::Errno::ADDRINUSE) => Err(holder::of_unix(format!("@{name}").as_ref())),
            // A sandbox may forbid such sockets; that is no reason not to run.
            Err(error) => {
                tracing::debug!(port, %error, "Failed to reserve the app's port");
                Ok(Self(None))
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn take(_port: u16) -> Result<Self, Option<Holder>> {
        Ok(Self(None))
    }

    /// What holds it, if anything does.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(AsFd::as_fd)
    }
}

impl From<OwnedFd> for Reservation {
    /// Takes over what another program of ours passed on.
    fn from(socket: OwnedFd) -> Self {
        Self(Some(socket))
    }
}

#[cfg(target_os = "linux")]
fn name(port: u16) -> String {
    format!("thruster-rs/app/{port}")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::free_target;
    use super::super::tests::is_let_go;
    use super::*;

    #[test]
    fn a_port_is_kept_from_others_for_as_long_as_it_is_reserved() {
        let (port, reservation) = free_target().unwrap();

        let holder = Reservation::take(port).unwrap_err().unwrap();

        assert_eq!(holder.pid, std::process::id());
        drop(reservation);
        assert!(is_let_go(|| Reservation::take(port).is_ok()));
    }

    #[test]
    fn a_reservation_can_be_passed_on() {
        let (port, reservation) = free_target().unwrap();

        let passed = reservation.as_fd().unwrap().try_clone_to_owned().unwrap();
        drop(reservation);

        assert!(Reservation::take(port).is_err());
        drop(passed);
        assert!(is_let_go(|| Reservation::take(port).is_ok()));
    }
}
