//! A client that means harm over HTTP/2: it sends frames as fast as they are taken.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::frames::{self, Frame};
use super::{TestProxy, eventually};

/// A client that means harm: what it is sent is read all the time, so that nothing waits for it.
pub(crate) struct Attacker {
    stream: TcpStream,
    seen: Arc<Mutex<Vec<Frame>>>,
    reader: Option<JoinHandle<()>>,
}

impl Attacker {
    /// Sends the preface.
    pub(crate) fn connect(proxy: &TestProxy) -> Self {
        let stream = frames::connect(proxy)
            .stream()
            .try_clone()
            .expect("a descriptor is free");
        let seen = Arc::<Mutex<Vec<Frame>>>::default();
        let reader = thread::spawn({
            let (mut stream, seen) = (stream.try_clone().expect("a descriptor is free"), seen.clone());
            stream
                .set_read_timeout(None)
                .expect("a TCP stream has the option");
            move || {
                let (mut bytes, mut piece) = (Vec::new(), [0; 16 * 1024]);
                while let Ok(count @ 1..) = stream.read(&mut piece) {
                    bytes.extend_from_slice(&piece[..count]);
                    let mut seen = seen.lock().expect("no holder panics");
                    while let Some(frame) = Frame::take(&mut bytes) {
                        seen.push(frame);
                    }
                }
            }
        });
        Self {
            stream,
            seen,
            reader: Some(reader),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the proxy takes it");
    }

    /// Whether the connection is still open.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends the same again and again, at most so many times, until the proxy has had enough.
    pub(crate) fn flood(&mut self, bytes: &[u8], times: usize) {
        for _ in 0..times {
            if !self.try_send(bytes) {
                return;
            }
        }
    }

    /// Waits for so many frames of a kind.
    pub(crate) fn wait_for(&self, kind: u8, count: usize) {
        eventually(&format!("{count} frames of kind {kind}"), || {
            let seen = self.seen.lock().expect("no holder panics");
            (seen.iter().filter(|frame| frame.is(kind)).count() >= count).then_some(())
        });
    }

    /// Waits for the proxy to end the connection; the error code that it gave.
    pub(crate) fn code(&self) -> Option<u32> {
        eventually("the end of the connection", || {
            let reader = self.reader.as_ref()?;
            reader.is_finished().then_some(())
        });
        let seen = self.seen.lock().expect("no holder panics");
        let last = seen.iter().rev().find(|frame| frame.is(frames::GOAWAY));
        last.map(|frame| frame.code(4))
    }

    /// Hangs up; all that was received.
    pub(crate) fn end(mut self) -> Vec<Frame> {
        self.hang_up();
        self.seen.lock().expect("no holder panics").clone()
    }

    fn hang_up(&mut self) {
        // Fails if the proxy was first.
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it reads to the end");
        }
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.hang_up();
    }
}
