//! The app behind the proxies in `bench/`: as little work per request as an epoll loop allows.
//!
//! One thread, HTTP/1.1 with keep-alive and pipelining, answers made before the first request. It serves one
//! address, 127.0.0.1 at `$PORT`, and trusts its peers: what no proxy under test would send (a chunked upload, an
//! endless head) ends the connection.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /1k`, `/10k`, `/100k`, `/1m`, `/10m` | a page of that many KiB or MiB |
//! | `GET /send/NAME` | nothing, and in X-Sendfile and X-Accel-Redirect the file of that name in `$BENCH_FILES` |
//! | `GET /headers` | the head of the request as it came |
//! | `POST` anywhere, with Content-Length | the number of bytes received |
//! | anything else | 404 |

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;

/// What one read takes at most; uploads arrive in pieces of this size.
const READ_SIZE: usize = 256 * 1024;
const MAX_HEAD: usize = 64 * 1024;
const EVENTS: usize = 256;
/// Marks the listener among the events; no descriptor has this number.
const LISTENER: u64 = u64::MAX;

fn main() -> ExitCode {
    let Some(port) = std::env::var("PORT").ok().and_then(|port| port.parse().ok()) else {
        eprintln!("bench_app: PORT is not set to a port; start it as PORT=3000 bench_app");
        return ExitCode::FAILURE;
    };
    match App::listen(port).and_then(App::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_app: serving 127.0.0.1:{port} failed: {error}");
            ExitCode::FAILURE
        }
    }
}

struct App {
    listener: TcpListener,
    epoll: OwnedFd,
    pages: Pages,
    /// By descriptor number.
    connections: Vec<Option<Connection>>,
}

impl App {
    fn listen(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        Ok(Self {
            listener,
            epoll,
            pages: Pages::new()?,
            connections: Vec::new(),
        })
    }

    fn run(mut self) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        let mut scratch = vec![0; READ_SIZE];
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    number => self.serve(number, &mut scratch)?,
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let number = stream.as_raw_fd();
            epoll::add(
                &self.epoll,
                &stream,
                EventData::new_u64(number as u64),
                EventFlags::IN,
            )?;
            let index = number as usize;
            if self.connections.len() <= index {
                self.connections.resize_with(index + 1, || None);
            }
            self.connections[index] = Some(Connection::new(stream));
        }
    }

    fn serve(&mut self, number: u64, scratch: &mut [u8]) -> io::Result<()> {
        let slot = &mut self.connections[number as usize];
        let Some(connection) = slot else { return Ok(()) };
        // Dropping the stream also takes it out of the epoll set. Its errors are the peer's, not ours.
        let Ok(wanted) = connection.advance(&self.pages, scratch) else {
            *slot = None;
            return Ok(());
        };
        if connection.interest != wanted {
            connection.interest = wanted;
            epoll::modify(
                &self.epoll,
                &connection.stream,
                EventData::new_u64(number),
                wanted,
            )?;
        }
        Ok(())
    }
}

struct Connection {
    stream: TcpStream,
    interest: EventFlags,
    /// Bytes of a head that is not complete yet, or of requests waiting for their turn.
    input: Vec<u8>,
    upload: Option<Upload>,
    answer: Option<Answer>,
}

struct Upload {
    length: u64,
    left: u64,
}

struct Answer {
    bytes: Rc<[u8]>,
    sent: usize,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            interest: EventFlags::IN,
            input: Vec::new(),
            upload: None,
            answer: None,
        }
    }

    /// Goes on as far as the socket allows and returns what to wait for.
    ///
    /// # Errors
    ///
    /// When the connection is over: closed, broken, or not speaking the HTTP expected here.
    fn advance(&mut self, pages: &Pages, scratch: &mut [u8]) -> io::Result<EventFlags> {
        if !self.answer_all(pages)? {
            return Ok(EventFlags::OUT);
        }
        loop {
            let read = match self.stream.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(EventFlags::IN),
                Err(error) => return Err(error),
            };
            let rest = self.receive_upload(&scratch[..read]);
            self.input.extend_from_slice(&scratch[read - rest..read]);
            if !self.answer_all(pages)? {
                return Ok(EventFlags::OUT);
            }
            // A read that did not fill the buffer took all there was: asking again would only cost a system call.
            if read < scratch.len() {
                return Ok(EventFlags::IN);
            }
        }
    }

    /// Counts the upload's part of `bytes` and returns how many bytes after it are left.
    fn receive_upload(&mut self, bytes: &[u8]) -> usize {
        let Some(upload) = &mut self.upload else {
            return bytes.len();
        };
        let taken = upload.left.min(bytes.len() as u64);
        upload.left -= taken;
        bytes.len() - taken as usize
    }

    /// Answers every complete request received; false when the socket takes no more.
    fn answer_all(&mut self, pages: &Pages) -> io::Result<bool> {
        while self.write_answer()? {
            let bytes = match self.upload.take_if(|upload| upload.left == 0) {
                Some(done) => response("200 OK", done.length.to_string().as_bytes()),
                None if self.upload.is_some() => return Ok(true),
                None => match self.take_head()? {
                    None => return Ok(true),
                    Some(head) if head.starts_with(b"GET ") => pages.find(&head),
                    Some(head) => {
                        self.start_upload(&head)?;
                        continue;
                    }
                },
            };
            self.answer = Some(Answer { bytes, sent: 0 });
        }
        Ok(false)
    }

    fn start_upload(&mut self, head: &[u8]) -> io::Result<()> {
        let length = content_length(head).ok_or(ErrorKind::InvalidData)?;
        self.upload = Some(Upload { length, left: length });
        let mut received = std::mem::take(&mut self.input);
        let rest = self.receive_upload(&received);
        self.input = received.split_off(received.len() - rest);
        Ok(())
    }

    fn write_answer(&mut self) -> io::Result<bool> {
        let Some(answer) = &mut self.answer else {
            return Ok(true);
        };
        while answer.sent < answer.bytes.len() {
            match self.stream.write(&answer.bytes[answer.sent..]) {
                Ok(written) => answer.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.answer = None;
        Ok(true)
    }

    fn take_head(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.input.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            Some(end) => Ok(Some(self.input.drain(..end + 4).collect())),
            None if self.input.len() > MAX_HEAD => Err(ErrorKind::InvalidData.into()),
            None => Ok(None),
        }
    }
}

/// Whole answers, head and body, by path.
struct Pages {
    by_path: HashMap<Vec<u8>, Rc<[u8]>>,
    missing: Rc<[u8]>,
}

impl Pages {
    fn new() -> io::Result<Self> {
        let sizes = [
            ("/1k", 1),
            ("/10k", 10),
            ("/100k", 100),
            ("/1m", 1024),
            ("/10m", 10 * 1024),
        ];
        let page = |(path, kib): (&str, usize)| (path.into(), response("200 OK", &page(kib * 1024)));
        let mut by_path: HashMap<_, _> = sizes.map(page).into();
        if let Some(directory) = std::env::var_os("BENCH_FILES") {
            for entry in std::fs::read_dir(directory)? {
                let file = entry?.path();
                let name = file.file_name().unwrap_or_default().display().to_string();
                by_path.insert(format!("/send/{name}").into(), naming(&file, &name));
            }
        }
        Ok(Self {
            by_path,
            missing: response("404 Not Found", b"not found\n"),
        })
    }

    fn find(&self, head: &[u8]) -> Rc<[u8]> {
        let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        match self.by_path.get(path) {
            Some(answer) => Rc::clone(answer),
            None if path == b"/headers" => response("200 OK", head),
            None => Rc::clone(&self.missing),
        }
    }
}

/// Text whose period is a prime, so that a lost, doubled or moved piece shows in a comparison.
fn page(size: usize) -> Vec<u8> {
    (0..size).map(|position| b' ' + (position % 89) as u8).collect()
}

/// The headers are those a Rails page has, and say that nobody may store it.
fn response(status: &str, body: &[u8]) -> Rc<[u8]> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: max-age=0, private, must-revalidate\r\nETag: W/\"6f5902ac237024bdd0c176cb93063dc4\"\r\n\
         X-Frame-Options: SAMEORIGIN\r\nX-Runtime: 0.004210\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat().into()
}

/// Names the file to every kind of proxy at once; each takes what it knows and passes the other on.
fn naming(file: &Path, name: &str) -> Rc<[u8]> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 0\r\nX-Sendfile: {}\r\n\
         X-Accel-Redirect: /internal/{name}\r\nX-Frame-Options: SAMEORIGIN\r\nX-Runtime: 0.004210\r\n\r\n",
        file.display()
    );
    head.into_bytes().into()
}

fn content_length(head: &[u8]) -> Option<u64> {
    let head = std::str::from_utf8(head).ok()?;
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    })
}
