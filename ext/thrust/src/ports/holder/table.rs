//! The kernel's tables of sockets: which inode listens where.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listening {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A path, or an abstract name, which begins with `@`.
    Unix(String),
}

impl fmt::Display for Listening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{path}"),
        }
    }
}

/// A socket that listens.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) inode: u64,
    pub(super) address: Listening,
}

/// TCP sockets that listen, IPv4 and IPv6.
pub(super) fn tcp() -> Vec<Row> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().filter_map(tcp_row).collect::<Vec<_>>())
        .collect()
}

/// Unix sockets that listen and have a name.
pub(super) fn unix() -> Vec<Row> {
    let listening = |line| {
        let (row, does) = unix_row(line)?;
        (does == Does::Listen).then_some(row)
    };
    unix_table().lines().filter_map(listening).collect()
}

/// The inodes of the Unix sockets of this name, whether they listen or not.
pub(super) fn unix_named(name: &str) -> Vec<u64> {
    unix_table()
        .lines()
        .filter_map(unix_row)
        .filter(|(row, _)| row.address == Listening::Unix(name.to_owned()))
        .map(|(row, _)| row.inode)
        .collect()
}

/// Whether a Unix socket has this name that does not listen yet.
pub(super) fn unix_waits(name: &str) -> bool {
    unix_table()
        .lines()
        .filter_map(unix_row)
        .any(|(row, does)| does == Does::Wait && row.address == Listening::Unix(name.to_owned()))
}

fn unix_table() -> String {
    // Names of sockets need not be text.
    let table = fs::read("/proc/net/unix").unwrap_or_default();
    String::from_utf8_lossy(&table).into_owned()
}

/// A line of /proc/net/tcp or tcp6, if it is that of a socket that listens.
fn tcp_row(line: &str) -> Option<Row> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (address, port) = fields.next()?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok()?;
    let address = SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?);
    let address = Listening::Tcp(address);
    (state == LISTEN).then_some(Row { inode, address })
}

/// An address as these tables have it: words of four bytes, each a number in the machine's byte order.
fn ip(text: &str) -> Option<IpAddr> {
    let word = |index: usize| {
        let digits = text.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut octets = [0; 16];
            for (index, octets) in octets.chunks_exact_mut(4).enumerate() {
                octets.copy_from_slice(&word(index)?);
            }
            Some(Ipv6Addr::from(octets).into())
        }
        _ => None,
    }
}

/// What a Unix socket does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    /// It takes connections.
    Listen,
    /// It has its name, and neither listens yet nor is a connection.
    Wait,
    /// It is a connection.
    Talk,
}

/// A line of /proc/net/unix with a name in it, and what that socket does.
fn unix_row(line: &str) -> Option<(Row, Does)> {
    const LISTENS: u32 = 1 << 16; // __SO_ACCEPTCON
    const UNCONNECTED: &str = "01"; // SS_UNCONNECTED
    let mut rest = line;
    let mut field = || {
        let (field, behind) = rest.trim_start_matches(' ').split_once(' ')?;
        rest = behind;
        Some(field)
    };
    let flags = (0..4).map(|_| field()).last()??;
    let state = (0..2).map(|_| field()).last()??;
    let inode = field()?.parse().ok()?;
    let does = if u32::from_str_radix(flags, 16).ok()? & LISTENS != 0 {
        Does::Listen
    } else if state == UNCONNECTED {
        Does::Wait
    } else {
        Does::Talk
    };
    let address = Listening::Unix(rest.to_owned());
    Some((Row { inode, address }, does))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn only_tcp_sockets_that_listen_count() {
        let rows: Vec<_> = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:0BB8 0100007F:C3F2 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1
   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4713 1 0
   3: short
"
        .lines()
        .filter_map(tcp_row)
        .map(|row| (row.inode, row.address.to_string()))
        .collect();

        assert_eq!(
            rows,
            [(4711, "127.0.0.1:3000".to_owned()), (4713, "[::1]:80".to_owned())]
        );
    }

    #[test]
    fn unix_sockets_have_a_name_or_are_passed_over() {
        let rows: Vec<_> = "\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01  4711 /run/my app.sock
0000000000000000: 00000003 00000000 00000000 0001 03  4712 @name
0000000000000000: 00000002 00000000 00000000 0001 01  4713 /run/late.sock
0000000000000000: 00000003 00000000 00000000 0001 03  4714
"
        .lines()
        .filter_map(unix_row)
        .map(|(row, does)| (row.inode, row.address.to_string(), does))
        .collect();

        assert_eq!(
            rows,
            [
                (4711, "unix:/run/my app.sock".to_owned(), Does::Listen),
                (4712, "unix:@name".to_owned(), Does::Talk),
                (4713, "unix:/run/late.sock".to_owned(), Does::Wait),
            ]
        );
    }
}
