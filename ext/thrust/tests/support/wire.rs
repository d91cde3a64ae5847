//! One end of a raw connection: writes what it is given, reads with a deadline, parses only as much as tests ask.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::DEADLINE;

/// A request that is not answered after this long is held; each one that is not would be answered at once.
const HELD: Duration = Duration::from_millis(50);

/// A connection to the proxy, or one that the proxy made to the app. Everything panics rather than wait too long.
pub(crate) struct Wire {
    stream: TcpStream,
    /// What was read beyond what was asked for.
    ahead: Vec<u8>,
    /// Whether the other side broke the connection.
    reset: bool,
}

impl Wire {
    /// Connects to a port of this machine.
    pub(crate) fn connect(port: u16) -> Self {
        Self::connect_to((Ipv4Addr::LOCALHOST, port))
    }

    /// Connects to an address.
    pub(crate) fn connect_to(address: impl Into<SocketAddr>) -> Self {
        let address = address.into();
        let stream = TcpStream::connect_timeout(&address, DEADLINE);
        Self::over(stream.unwrap_or_else(|error| panic!("cannot connect to {address}: {error}")))
    }

    /// Connects to a Unix socket.
    pub(crate) fn connect_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path);
        let stream = stream.unwrap_or_else(|error| panic!("cannot connect to {}: {error}", path.display()));
        Self::over_unix(stream)
    }

    /// Takes over a connection that was accepted.
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP stream has the option");
        Self::with(stream)
    }

    /// Takes over a connection that was accepted on a Unix socket.
    pub(crate) fn over_unix(stream: UnixStream) -> Self {
        // All that a test does with a stream is the same for both kinds.
        Self::with(TcpStream::from(OwnedFd::from(stream)))
    }

    fn with(stream: TcpStream) -> Self {
        stream
            .set_write_timeout(Some(DEADLINE))
            .expect("the deadline is not zero");
        Self {
            stream,
            ahead: Vec::new(),
            reset: false,
        }
    }

    /// The stream itself, for what this type does not do.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Writes all of it, in one segment if it fits.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the other side takes what is sent");
    }

    /// Like [`Wire::send`], for a peer that may have hung up.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Writes it in pieces of `size` bytes, each on its way before the next.
    pub(crate) fn send_in_pieces(&mut self, bytes: impl AsRef<[u8]>, size: usize) {
        for piece in bytes.as_ref().chunks(size) {
            self.send(piece);
        }
    }

    /// Writes the same piece again and again until the other side has taken none of it for `time`; how many bytes it
    /// took in all.
    pub(crate) fn send_until_stuck(&mut self, piece: &[u8], time: Duration) -> usize {
        self.stream
            .set_write_timeout(Some(time))
            .expect("the time is not zero");
        let mut taken = 0;
        loop {
            match self.stream.write(piece) {
                Ok(count) => taken += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) => panic!("writing failed after {taken} bytes: {error}"),
            }
        }
        self.stream
            .set_write_timeout(Some(DEADLINE))
            .expect("the deadline is not zero");
        taken
    }

    /// Says that nothing more will be written: FIN. Reading goes on.
    pub(crate) fn finish_sending(&mut self) {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("the connection is open");
    }

    /// Makes the coming close break the connection: RST instead of FIN.
    pub(crate) fn reset_on_close(&self) {
        let at_once = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&self.stream, at_once).expect("a TCP stream has the option");
    }

    /// Makes the kernel hold little for this end, so that the other side soon has to wait.
    pub(crate) fn hold_little(&self) {
        let options = socket2::SockRef::from(&self.stream);
        options
            .set_recv_buffer_size(16 * 1024)
            .and_then(|()| options.set_send_buffer_size(16 * 1024))
            .expect("a TCP stream has the options");
    }

    /// Sends a whole request and reads the answer, which must not be one to HEAD.
    pub(crate) fn ask(&mut self, request: impl AsRef<[u8]>) -> Message {
        self.send(request);
        self.read_message()
            .expect("an answer before the end of the connection")
    }

    /// Sends a request without a body and reads the answer.
    pub(crate) fn get(&mut self, path: &str) -> Message {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: example.com\r\n\r\n"))
    }

    /// Exactly `length` bytes.
    pub(crate) fn read_exact(&mut self, length: usize) -> Vec<u8> {
        while self.ahead.len() < length {
            assert!(
                self.fill(),
                "the connection ended before {length} bytes: {}",
                self.shown()
            );
        }
        self.ahead.drain(..length).collect()
    }

    /// Reads `length` bytes that only matter by their number.
    pub(crate) fn skip(&mut self, length: u64) {
        let mut left = length;
        while left > 0 {
            if self.ahead.is_empty() {
                assert!(self.fill(), "the connection ended {left} bytes before {length}");
            }
            let count = self.ahead.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.ahead.drain(..count);
            left -= count as u64;
        }
    }

    /// Everything up to `end`, which is included; `None` if the connection ends before its first byte.
    pub(crate) fn read_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let mut searched = 0;
        loop {
            if let Some(at) = find(&self.ahead[searched..], end) {
                return Some(self.ahead.drain(..searched + at + end.len()).collect());
            }
            searched = self.ahead.len().saturating_sub(end.len());
            if !self.fill() {
                assert!(
                    self.ahead.is_empty(),
                    "the connection ended in the middle: {}",
                    self.shown()
                );
                return None;
            }
        }
    }

    /// Everything until the other side closes.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.ahead)
    }

    /// Asserts that the other side closes, or resets, and sends nothing before.
    pub(crate) fn expect_end(&mut self) {
        let rest = self.read_to_end();
        assert!(
            rest.is_empty(),
            "there was more: {}",
            String::from_utf8_lossy(&rest)
        );
    }

    /// Whether the other side has broken the connection: RST, not FIN.
    pub(crate) fn was_reset(&self) -> bool {
        self.reset
    }

    /// Waits for the other side to close, whatever it sends before; whether it broke the connection: RST, not FIN.
    pub(crate) fn is_reset_in_the_end(&mut self) -> bool {
        self.read_to_end();
        self.reset
    }

    /// Waits, without a deadline, for the next byte; `false` if the connection ends before it. For the side that waits
    /// for as long as the other lives.
    pub(crate) fn wait_for_more(&mut self) -> bool {
        !self.ahead.is_empty() || self.fill_within(None) == Some(true)
    }

    /// Whether nothing at all comes for `time`: to show that an answer is held back.
    pub(crate) fn is_silent_for(&mut self, time: Duration) -> bool {
        self.ahead.is_empty() && self.fill_within(Some(time)).is_none()
    }

    /// Whether what was asked on it waits for the app.
    pub(crate) fn is_held(&mut self) -> bool {
        self.is_silent_for(HELD)
    }

    /// A head without its body; `None` if the connection ends before it begins.
    pub(crate) fn read_head(&mut self) -> Option<Message> {
        let head = self.read_until(b"\r\n\r\n")?;
        Some(Message::of_head(String::from_utf8_lossy(&head).into_owned()))
    }

    /// A request, or an answer to anything but HEAD, with its body; `None` if the connection ends before it begins.
    pub(crate) fn read_message(&mut self) -> Option<Message> {
        let mut message = self.read_head()?;
        message.body = self.read_body(&message);
        Some(message)
    }

    /// The body that follows `head`: by its length, in chunks, or up to the end of the connection.
    pub(crate) fn read_body(&mut self, head: &Message) -> Vec<u8> {
        if head
            .header("transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
        {
            return self.read_chunks();
        }
        let length = head
            .header("content-length")
            .map(|length| length.parse().expect("a length is a number"));
        match length {
            Some(length) => self.read_exact(length),
            None if head.has_body_without_length() => self.read_to_end(),
            None => Vec::new(),
        }
    }

    fn read_chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = self.read_line();
            let size = size
                .split(';')
                .next()
                .and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
            match size.expect("a chunk begins with its size") {
                0 => break,
                size => body.extend(self.read_exact(size)),
            }
            assert_eq!(self.read_exact(2), b"\r\n", "a chunk ends with its line");
        }
        while !self.read_line().is_empty() {}
        body
    }

    fn read_line(&mut self) -> String {
        let mut line = self
            .read_until(b"\r\n")
            .expect("a line before the end of the connection");
        line.truncate(line.len() - 2);
        String::from_utf8_lossy(&line).into_owned()
    }

    /// Reads more; `false` at the end of the connection.
    fn fill(&mut self) -> bool {
        self.fill_within(Some(DEADLINE))
            .unwrap_or_else(|| panic!("nothing came for {DEADLINE:?}; so far: {}", self.shown()))
    }

    /// Like [`Wire::fill`]; `None` if nothing comes in time.
    fn fill_within(&mut self, time: Option<Duration>) -> Option<bool> {
        let mut buffer = [0; 64 * 1024];
        self.stream.set_read_timeout(time).expect("the time is not zero");
        match self.stream.read(&mut buffer) {
            Ok(0) => Some(false),
            Ok(length) => {
                self.ahead.extend_from_slice(&buffer[..length]);
                Some(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.reset = true;
                Some(false)
            }
            Err(error) => panic!("reading failed: {error}; so far: {}", self.shown()),
        }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.ahead).into_owned()
    }
}

/// A request or an answer as it stood on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The head with its lines' ends, exactly as received.
    pub(crate) head: String,
    /// The body, freed of its framing; empty if it was not read.
    pub(crate) body: Vec<u8>,
}

impl Message {
    fn of_head(head: String) -> Self {
        Self {
            head,
            body: Vec::new(),
        }
    }

    /// The request line or the status line.
    pub(crate) fn first_line(&self) -> &str {
        self.head.split("\r\n").next().unwrap_or_default()
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> u16 {
        let status = self
            .first_line()
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.get(2..5)?.parse().ok());
        status.unwrap_or_else(|| panic!("no status line: {}", self.head))
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> &str {
        self.first_line().split(' ').next().unwrap_or_default()
    }

    /// The target of a request, as it was sent.
    pub(crate) fn target(&self) -> &str {
        self.first_line().split(' ').nth(1).unwrap_or_default()
    }

    /// The value of the header, its lines joined by commas; `None` without one. Names match in any case.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values = self.header_lines(name);
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The value of each line of the header.
    pub(crate) fn header_lines(&self, name: &str) -> Vec<&str> {
        let lines = self
            .head
            .split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        lines
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn has_body_without_length(&self) -> bool {
        self.first_line().starts_with("HTTP/") && !matches!(self.status(), 100..=199 | 204 | 304)
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
