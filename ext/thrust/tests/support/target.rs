//! An app that the test plays byte by byte, on a port of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::eventually;
use super::wire::{Message, Wire};

/// A server that runs a script for each connection, each on its own thread. Dropping it closes the port; a script
/// that has not ended goes on until its connection does.
pub(crate) struct TestTarget {
    port: u16,
    seen: Arc<Seen>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Message>>,
    connections: AtomicUsize,
    closing: AtomicBool,
}

impl TestTarget {
    /// Runs `script` for each connection that the proxy makes, once its first byte is there. The connection is closed
    /// when it returns.
    ///
    /// A script that panics, as on a read past its deadline, closes its connection; the panic is printed.
    pub(crate) fn start(script: impl Fn(&mut App) + Send + Sync + 'static) -> Self {
        Self::start_on(0, script)
    }

    /// Like [`TestTarget::start`], on this port, which must be free.
    pub(crate) fn start_on(port: u16, script: impl Fn(&mut App) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let seen = Arc::<Seen>::default();
        let acceptor = thread::spawn({
            let seen = Arc::clone(&seen);
            move || accept(&listener, &seen, &Arc::new(script))
        });
        Self {
            port,
            seen,
            acceptor: Some(acceptor),
        }
    }

    /// Answers every request, on as many connections as are made, with these bytes.
    pub(crate) fn answering(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::start(move |app| {
            while app.read_request().is_some() {
                if app.wire.try_send(&response).is_err() {
                    return;
                }
            }
        })
    }

    /// Answers every request with its own method, target and body: `POST /a hello`.
    pub(crate) fn echoing() -> Self {
        Self::start(|app| {
            while let Some(request) = app.read_request() {
                app.answer(format!(
                    "{} {} {}",
                    request.method(),
                    request.target(),
                    request.text()
                ));
            }
        })
    }

    /// Answers every request with this text, whatever was asked.
    pub(crate) fn saying(port: u16, text: &'static str) -> Self {
        Self::start_on(port, move |app| {
            while app.read_request().is_some() {
                app.answer(text);
            }
        })
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were made so far that carried anything.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// The requests that scripts have read so far, in the order in which they were read.
    pub(crate) fn requests(&self) -> Vec<Message> {
        self.seen.requests.lock().expect("no holder panics").clone()
    }

    /// Waits until `count` requests were read, and returns all.
    pub(crate) fn wait_for_requests(&self, count: usize) -> Vec<Message> {
        eventually(&format!("{count} requests to the app"), || {
            let requests = self.requests();
            (requests.len() >= count).then_some(requests)
        })
    }
}

impl Drop for TestTarget {
    fn drop(&mut self) {
        self.seen.closing.store(true, Ordering::SeqCst);
        // Wakes the acceptor, which then closes the port.
        let _ = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, seen: &Arc<Seen>, script: &Arc<impl Fn(&mut App) + Send + Sync + 'static>) {
    for stream in listener.incoming() {
        if seen.closing.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let (seen, script) = (Arc::clone(seen), Arc::clone(script));
        thread::spawn(move || {
            // The proxy looks whether the port is taken before it starts the command: that is no request.
            if !matches!(stream.peek(&mut [0]), Ok(1)) {
                return;
            }
            let number = seen.connections.fetch_add(1, Ordering::SeqCst);
            script(&mut App {
                wire: Wire::over(stream),
                number,
                seen,
            })
        });
    }
}

/// The app's end of one connection.
pub(crate) struct App {
    /// The connection itself, for what is said byte by byte.
    pub(crate) wire: Wire,
    /// Which connection this is; the first is 0.
    pub(crate) number: usize,
    seen: Arc<Seen>,
}

impl App {
    /// The next request with its body, recorded; `None` when the proxy closes the connection instead. Waits for its
    /// beginning as long as the connection lasts.
    pub(crate) fn read_request(&mut self) -> Option<Message> {
        self.record(Wire::read_message)
    }

    /// Like [`App::read_request`], but leaves the body unread.
    pub(crate) fn read_request_head(&mut self) -> Option<Message> {
        self.record(Wire::read_head)
    }

    /// Answers 200 with this body.
    pub(crate) fn answer(&mut self, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let mut response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        response.extend_from_slice(body);
        self.wire.send(response);
    }

    fn record(&mut self, read: impl Fn(&mut Wire) -> Option<Message>) -> Option<Message> {
        if !self.wire.wait_for_more() {
            return None;
        }
        let request = read(&mut self.wire)?;
        self.seen
            .requests
            .lock()
            .expect("no holder panics")
            .push(request.clone());
        Some(request)
    }
}
