//! Who listens where, as far as /proc tells us: a socket's inode, then the process that has it open, and back.
//!
//! Another user's processes cannot be looked into, and other systems have no /proc: then nobody is named.

mod process;
mod table;

pub use process::descendants;
pub use table::Listening;

use std::{collections::HashSet, fmt, path::Path};

/// A process that has a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// The name of its program.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (pid {})", self.name, self.pid)
    }
}

/// The process that listens on this port of this machine, if it can be seen.
pub(super) fn of(port: u16) -> Option<Holder> {
    let inodes = table::tcp()
        .into_iter()
        .filter(|row| matches!(row.address, Listening::Tcp(address) if address.port() == port))
        .map(|row| row.inode);
    with_any(&inodes.collect())
}

/// The process that has the Unix socket of this name, if it can be seen. An abstract name begins with `@`.
pub(super) fn of_unix(name: &Path) -> Option<Holder> {
    let inodes = table::unix_named(&name.to_string_lossy());
    with_any(&inodes.into_iter().collect())
}

/// Whether somebody has bound the Unix socket of this path and is to listen on it later, as far as can be seen.
pub(super) fn waits_on_unix(path: &Path) -> bool {
    table::unix_waits(&path.to_string_lossy())
}

/// Where these processes listen, in order, each place once; what cannot be seen is missing.
pub fn listening(pids: &[u32]) -> Vec<Listening> {
    let open: HashSet<u64> = pids.iter().flat_map(|pid| process::sockets(*pid)).collect();
    let mut places: Vec<_> = table::tcp()
        .into_iter()
        .chain(table::unix())
        .filter(|row| open.contains(&row.inode))
        .map(|row| row.address)
        .collect();
    places.sort();
    places.dedup();
    places
}

/// The first process that has one of these sockets open.
fn with_any(inodes: &HashSet<u64>) -> Option<Holder> {
    if inodes.is_empty() {
        return None;
    }
    let pid = process::all()
        .into_iter()
        .find(|pid| process::sockets(*pid).iter().any(|inode| inodes.contains(inode)))?;
    let name = process::name(pid);
    Some(Holder { pid, name })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::super::tests::is_let_go;
    use super::*;

    #[test]
    fn a_port_of_this_process_is_traced_to_it() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();

        let holder = of(port).unwrap();

        assert_eq!(holder.pid, std::process::id());
        drop(listener);
        assert!(is_let_go(|| of(port).is_none()));
    }

    #[test]
    fn all_that_processes_listen_on_is_found_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let tcp = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let unix = UnixListener::bind(&path).unwrap();
        let places = [
            Listening::Tcp(tcp.local_addr().unwrap()),
            Listening::Unix(path.display().to_string()),
        ];

        let found = listening(&[std::process::id()]);

        assert!(places.iter().all(|place| found.contains(place)), "{found:?}");
        assert_eq!(of_unix(&path).unwrap().pid, std::process::id());
        drop((tcp, unix));
        let found = listening(&[std::process::id()]);
        assert!(!places.iter().any(|place| found.contains(place)), "{found:?}");
        assert_eq!(listening(&[]), []);
    }
}
