//! Makes TCP sockets to listen on, and tells which ports are free.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::listen::Wanted;

/// How long a port of this machine may take to show that somebody answers.
const ANSWER_TIME: Duration = Duration::from_millis(250);

/// Binds a socket, which does not block and is closed on exec. Every address is IPv6 and IPv4.
///
/// # Errors
///
/// The system's, such as a port that is in use or not allowed.
pub(super) fn bind(wanted: Wanted) -> io::Result<Socket> {
    let Wanted {
        address,
        port,
        only_v6,
    } = wanted;
    match address {
        Some(address) => bind_to(address, port, only_v6),
        None => bind_everywhere(port),
    }
}

/// Whether nobody has this port on any address.
pub(super) fn is_free(port: u16) -> bool {
    // macOS lets every address be bound beside somebody who has a single one.
    bind_everywhere(port).is_ok() && !is_answered(port)
}

/// A port that nobody has, on any address.
///
/// # Errors
///
/// The system's, when it has none left.
pub(super) fn free_port() -> io::Result<u16> {
    port_of(&bind_everywhere(0)?)
}

/// The port that a TCP socket is bound to.
///
/// # Errors
///
/// The system's.
pub(super) fn port_of(socket: &Socket) -> io::Result<u16> {
    let address = socket.local_addr()?.as_socket();
    Ok(address.map_or(0, |address| address.port()))
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

fn bind_everywhere(port: u16) -> io::Result<Socket> {
    match bind_to(Ipv6Addr::UNSPECIFIED.into(), port, false) {
        // No IPv6 in the kernel, or none on any interface.
        Err(error) if lacks_ipv6(&error) => bind_to(Ipv4Addr::UNSPECIFIED.into(), port, false),
        result => result,
    }
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::AddrNotAvailable
    ) || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn bind_to(address: IpAddr, port: u16, only_v6: bool) -> io::Result<Socket> {
    let address = SocketAddr::new(address, port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // Never SO_REUSEPORT: a second proxy on the port would silently take half of the connections.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::tests::is_let_go;
    use super::*;

    fn everywhere(port: u16) -> Wanted {
        Wanted {
            address: None,
            port,
            only_v6: false,
        }
    }

    fn listen(port: u16) -> (TcpListener, u16) {
        let socket = bind(everywhere(port)).unwrap();
        let port = port_of(&socket).unwrap();
        socket.listen(8).unwrap();
        (socket.into(), port)
    }

    #[test]
    fn one_socket_takes_connections_of_both_families_and_never_blocks() {
        let (listener, port) = listen(0);

        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        if listener.local_addr().unwrap().is_ipv6() {
            TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
        }
    }

    #[test]
    fn a_socket_for_one_address_is_reached_on_no_other() {
        let wanted = Wanted {
            address: Some(Ipv4Addr::LOCALHOST.into()),
            ..everywhere(0)
        };
        let socket = bind(wanted).unwrap();
        let port = port_of(&socket).unwrap();
        socket.listen(8).unwrap();

        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
        assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_err());
    }

    #[test]
    fn every_ipv6_address_leaves_ipv4_to_another_when_told_to() {
        let wanted = Wanted {
            address: Some(Ipv6Addr::UNSPECIFIED.into()),
            port: 0,
            only_v6: true,
        };
        // A kernel without IPv6 has nothing to share.
        let Ok(socket) = bind(wanted) else { return };
        socket.listen(8).unwrap();
        let address = Some(Ipv4Addr::UNSPECIFIED.into());
        let port = port_of(&socket).unwrap();

        let other = bind(Wanted {
            address,
            port,
            ..wanted
        });

        assert!(other.is_ok_and(|other| other.listen(8).is_ok()));
    }

    #[test]
    fn a_port_has_one_listener_only() {
        let (_listener, port) = listen(0);

        assert_eq!(
            bind(everywhere(port)).unwrap_err().kind(),
            io::ErrorKind::AddrInUse
        );
        assert!(!is_free(port));
        assert!(is_answered(port));
    }

    #[test]
    fn a_port_is_taken_when_one_address_of_the_machine_has_it() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();

        assert!(!is_free(listener.local_addr().unwrap().port()));
    }

    #[test]
    fn a_free_port_is_free_and_answered_by_nobody() {
        let port = free_port().unwrap();

        assert_ne!(port, 0);
        assert!(is_let_go(|| is_free(port)));
        assert!(!is_answered(port));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_does_not_inherit_the_socket() {
        let socket = bind(everywhere(0)).unwrap();

        let flags = rustix::io::fcntl_getfd(&socket).unwrap();

        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }
}
