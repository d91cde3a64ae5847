//! What a service manager that speaks systemd's protocol is told (sd_notify(3), sd_watchdog_enabled(3)).

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

/// How long a message may wait for a manager that does not read; we serve nobody meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the service manager; without one, everything here does nothing.
#[derive(Debug)]
pub(crate) struct Notify {
    manager: Option<Manager>,
    watchdog: Option<Duration>,
}

#[derive(Debug)]
struct Manager {
    /// As it was given to us, for messages.
    name: OsString,
    address: SocketAddr,
    socket: UnixDatagram,
}

impl Notify {
    /// The one whose address we were started with. One that cannot be reached gives a warning and counts as none.
    pub(crate) fn inherited() -> Self {
        Self::found_in(|name| env::var_os(name))
    }

    fn found_in(environment: impl Fn(&str) -> Option<OsString>) -> Self {
        let manager = environment("NOTIFY_SOCKET").and_then(|name| {
            Manager::named(&name)
                .inspect_err(|error| {
                    tracing::warn!(
                        socket = %name.display(),
                        %error,
                        "No way to the service manager; it is not told when the app is ready"
                    );
                })
                .ok()
        });
        let number = |name| environment(name)?.to_str()?.parse::<u64>().ok();
        // Without its pid it is meant for whoever reads it.
        let is_ours =
            environment("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(process::id().into());
        let limit = number("WATCHDOG_USEC").filter(|limit| is_ours && *limit > 0);
        Self {
            manager,
            watchdog: limit.map(Duration::from_micros),
        }
    }

    /// Tells that the app can be used.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// Tells that the end has begun.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Tells what goes on, for `systemctl status`: one line.
    pub(crate) fn status(&self, text: &str) {
        self.tell(&format!("STATUS={}", text.replace('\n', " ")));
    }

    /// Answers the watchdog for as long as it is polled, twice in the time that it allows. Returns only if there is
    /// none.
    ///
    /// On the main thread's runtime its answers show that this runtime turns.
    pub(crate) async fn answer_watchdog(&self) {
        let (Some(limit), Some(_)) = (self.watchdog, &self.manager) else {
            return;
        };
        let mut ticks = tokio::time::interval(limit / 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, message: &str) {
        let Some(manager) = &self.manager else { return };
        // By its address each time: the manager may be restarted, and its socket with it.
        if let Err(error) = manager.socket.send_to_addr(message.as_bytes(), &manager.address) {
            tracing::warn!(
                socket = %manager.name.display(),
                message,
                %error,
                "Failed to tell the service manager"
            );
        }
    }
}

impl Manager {
    fn named(name: &OsStr) -> io::Result<Self> {
        let address = address(name)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            name: name.into(),
            address,
            socket,
        })
    }
}

/// The address that `NOTIFY_SOCKET` writes: a path, or `@` and an abstract name.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(name),
        [b'@', name @ ..] if !name.is_empty() => abstract_address(name),
        _ => Err(unsupported()),
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;

    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &[u8]) -> io::Result<SocketAddr> {
    Err(unsupported())
}

fn unsupported() -> io::Error {
    let text = "NOTIFY_SOCKET is neither the absolute path of a socket nor, on Linux, @ and a name";
    io::Error::new(io::ErrorKind::Unsupported, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_is_told_what_happens_one_message_each() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = notify(&[("NOTIFY_SOCKET", path.as_os_str())]);

        notify.status("two\nlines");
        notify.ready();
        notify.stopping();

        let received = [(); 3].map(|()| receive(&manager));
        assert_eq!(received, ["STATUS=two lines", "READY=1", "STOPPING=1"]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn its_socket_may_have_an_abstract_name() {
        use std::os::linux::net::SocketAddrExt;

        let name = format!("thrust-notify-test-{}", process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();

        notify(&[("NOTIFY_SOCKET", format!("@{name}").as_ref())]).ready();

        assert_eq!(receive(&manager), "READY=1");
    }

    #[test]
    fn without_a_manager_or_with_one_that_is_gone_nothing_happens() {
        for name in ["", "@", "relative", "vsock:2:1234", "/no/such/socket"] {
            notify(&[("NOTIFY_SOCKET", name.as_ref())]).ready();
        }
        let none = notify(&[]);

        none.ready();

        assert!(none.manager.is_none() && none.watchdog.is_none());
    }

    #[test]
    fn the_watchdog_is_answered_only_by_whom_it_is_meant_for() {
        let ours = process::id().to_string();
        let limit = |usec: &str, pid: Option<&str>| {
            let pid = pid.map(|pid| ("WATCHDOG_PID", OsStr::new(pid)));
            let variables: Vec<_> = pid
                .into_iter()
                .chain([("WATCHDOG_USEC", OsStr::new(usec))])
                .collect();
            notify(&variables).watchdog
        };

        assert_eq!(limit("2000000", Some(&ours)), Some(Duration::from_secs(2)));
        assert_eq!(limit("2000000", None), Some(Duration::from_secs(2)));
        for (usec, pid) in [("2000000", "1"), ("2000000", "x"), ("0", &ours), ("soon", &ours)] {
            assert_eq!(limit(usec, Some(pid)), None, "{usec} {pid}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_is_answered_at_once_and_then_twice_in_its_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = notify(&[
            ("NOTIFY_SOCKET", path.as_os_str()),
            ("WATCHDOG_USEC", "2000000".as_ref()),
        ]);

        let answering = tokio::time::timeout(Duration::from_millis(3500), notify.answer_watchdog()).await;

        assert!(answering.is_err(), "it goes on");
        let received = [(); 4].map(|()| receive(&manager));
        assert_eq!(received, ["WATCHDOG=1"; 4]);
        manager.set_nonblocking(true).unwrap();
        assert!(manager.recv(&mut [0; 16]).is_err(), "no more than these");
    }

    fn notify(variables: &[(&str, &OsStr)]) -> Notify {
        Notify::found_in(|name| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some((*value).to_owned())
        })
    }

    fn receive(manager: &UnixDatagram) -> String {
        manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }
}
