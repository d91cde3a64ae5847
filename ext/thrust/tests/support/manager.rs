//! A service manager that listens, as systemd does on NOTIFY_SOCKET.

use std::io;
use std::os::unix::net::UnixDatagram;

use tempfile::TempDir;

use super::{DEADLINE, Launch, TestProxy};

/// A service manager as far as its socket goes.
pub(crate) struct Manager {
    directory: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let socket = UnixDatagram::bind(directory.path().join("notify")).expect("a socket of the test's");
        Self { directory, socket }
    }

    /// Starts a proxy that tells it how far it is.
    pub(crate) fn start(&self, launch: Launch) -> TestProxy {
        launch
            .env("NOTIFY_SOCKET", self.directory.path().join("notify"))
            .start()
    }

    /// The next message.
    pub(crate) fn next(&self) -> String {
        self.receive().expect("a message in time")
    }

    /// What has come and was not read yet.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("it is a socket");
        let messages = std::iter::from_fn(|| self.receive().ok()).collect();
        self.socket.set_nonblocking(false).expect("it is a socket");
        messages
    }

    fn receive(&self) -> io::Result<String> {
        self.socket
            .set_read_timeout(Some(DEADLINE))
            .expect("it is not zero");
        let mut buffer = [0; 256];
        let length = self.socket.recv(&mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}
