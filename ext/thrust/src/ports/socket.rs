//! Makes listening sockets, and tells which ports are free.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted; the kernel cuts it to its own limit.
const BACKLOG: i32 = 4096;

/// How long a port of this machine may take to show that somebody answers.
const ANSWER_TIME: Duration = Duration::from_millis(250);

/// Listens on this port of every address, IPv6 and IPv4; 0 takes a free port. The socket does not block and is
/// closed on exec.
///
/// # Errors
///
/// The system's, such as a port that is in use or not allowed.
pub(super) fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = bind(port)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Whether nobody has this port on any address.
pub(super) fn is_free(port: u16) -> bool {
    // macOS lets every address be bound beside somebody who has a single one.
    bind(port).is_ok() && !is_answered(port)
}

/// A port that nobody has, on any address.
///
/// # Errors
///
/// The system's, when it has none left.
pub(super) fn free_port() -> io::Result<u16> {
    port_of(&bind(0)?.into())
}

/// The port that a socket listens on.
///
/// # Errors
///
/// The system's.
pub(super) fn port_of(listener: &TcpListener) -> io::Result<u16> {
    Ok(listener.local_addr()?.port())
}

/// Whether somebody on this machine accepts connections on this port.
pub(super) fn is_answered(port: u16) -> bool {
    [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ]
    .into_iter()
    .any(|address| TcpStream::connect_timeout(&SocketAddr::new(address, port), ANSWER_TIME).is_ok())
}

fn bind(port: u16) -> io::Result<Socket> {
    match bind_to(Ipv6Addr::UNSPECIFIED.into(), port) {
        // No IPv6 in the kernel, or none on any interface.
        Err(error) if lacks_ipv6(&error) => bind_to(Ipv4Addr::UNSPECIFIED.into(), port),
        result => result,
    }
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::AddrNotAvailable
    ) || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn bind_to(address: IpAddr, port: u16) -> io::Result<Socket> {
    let address = SocketAddr::new(address, port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Never SO_REUSEPORT: a second proxy on the port would silently take half of the connections.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_socket_takes_connections_of_both_families_and_never_blocks() {
        let listener = listen(0).unwrap();
        let port = port_of(&listener).unwrap();

        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        if listener.local_addr().unwrap().is_ipv6() {
            TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
        }
    }

    #[test]
    fn a_port_has_one_listener_only() {
        let listener = listen(0).unwrap();
        let port = port_of(&listener).unwrap();

        assert_eq!(listen(port).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(!is_free(port));
        assert!(is_answered(port));
    }

    #[test]
    fn a_port_is_taken_when_one_address_of_the_machine_has_it() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();

        assert!(!is_free(port_of(&listener).unwrap()));
    }

    #[test]
    fn a_free_port_is_free_and_answered_by_nobody() {
        let port = free_port().unwrap();

        assert_ne!(port, 0);
        assert!(is_free(port));
        assert!(!is_answered(port));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_does_not_inherit_the_socket() {
        let listener = listen(0).unwrap();

        let flags = rustix::io::fcntl_getfd(&listener).unwrap();

        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }
}
