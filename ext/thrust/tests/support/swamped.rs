//! An app that is too busy to take a connection.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// Longer than a connection within this machine takes.
const PATIENCE: Duration = Duration::from_millis(300);

/// A port whose backlog is full: further connections are neither taken nor refused.
pub(crate) struct Swamped {
    listener: Socket,
    _waiting: Vec<TcpStream>,
}

impl Swamped {
    pub(crate) fn start() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        listener.bind(&any.into()).expect("a free port");
        listener.listen(0).expect("it is bound");
        let address = address(&listener);
        let waiting = thread::scope(|scope| {
            let connecting: Vec<_> = (0..4)
                .map(|_| scope.spawn(move || TcpStream::connect_timeout(&address, PATIENCE).ok()))
                .collect();
            connecting
                .into_iter()
                .filter_map(|connection| connection.join().expect("it does not panic"))
                .collect()
        });
        Self {
            listener,
            _waiting: waiting,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        address(&self.listener).port()
    }
}

fn address(listener: &Socket) -> SocketAddr {
    let address = listener.local_addr().expect("it is bound");
    address.as_socket().expect("it is of a family with ports")
}
