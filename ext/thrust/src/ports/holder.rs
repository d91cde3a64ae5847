//! Who listens on a port, as far as /proc tells us: its socket's inode, then the process that has it open.
//!
//! Another user's processes cannot be looked into, and other systems have no /proc: then nobody is named.

use std::{fmt, fs, path::Path};

/// A process that listens on a port.
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
    let proc = Path::new("/proc");
    let links: Vec<_> = ["net/tcp", "net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(proc.join(table)).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if links.is_empty() {
        return None;
    }

    let processes = fs::read_dir(proc).ok()?.flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find_map(|pid: u32| {
            let process = proc.join(pid.to_string());
            let mut open = fs::read_dir(process.join("fd")).ok()?.flatten();
            open.any(|entry| {
                fs::read_link(entry.path())
                    .is_ok_and(|target| links.iter().any(|link| target == Path::new(link)))
            })
            .then(|| Holder {
                pid,
                name: name(&process),
            })
        })
}

/// The inodes of the sockets that listen on this port, from a table in the form of /proc/net/tcp.
fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1);
            let (_, local_port) = fields.next()?.rsplit_once(':')?;
            let state = fields.nth(1)?;
            let inode = fields.nth(5)?.parse().ok()?;
            (state == LISTEN && u16::from_str_radix(local_port, 16) == Ok(port)).then_some(inode)
        })
        .collect()
}

fn name(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    // A process may call itself anything, and this goes to a terminal.
    let name: String = name
        .trim_end()
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    if name.is_empty() {
        "a process".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:0BB8 0100007F:C3F2 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1
   2: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4713 1 0
   3: short
";

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        assert_eq!(listening_inodes(TABLE, 3000), [4711]);
        assert_eq!(listening_inodes(TABLE, 80), [4713]);
        assert!(listening_inodes(TABLE, 81).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_of_this_process_is_traced_to_it() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();

        let holder = of(port).unwrap();

        assert_eq!(holder.pid, std::process::id());
        drop(listener);
        assert_eq!(of(port), None);
    }
}
