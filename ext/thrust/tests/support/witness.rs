//! An app that reads as strictly as can be, writes down what it saw, and answers with what it was asked.

use std::io::Read;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::target::{App, TestTarget};

/// What the app was told of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The connection that it came on; the first is 0.
    pub(crate) connection: usize,
    /// The head as it came, bytes above 0x7f one character each.
    pub(crate) head: String,
    /// What was asked for.
    pub(crate) target: String,
    /// Whether its body came to the end.
    pub(crate) is_whole: bool,
    /// Why no proxy may send it.
    pub(crate) fault: Option<String>,
}

impl Seen {
    /// The lines of the head.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.head.split("\r\n")
    }

    /// Whether there is a field that Rack would take for this one.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        fields(&self.head).any(|(given, _)| as_rack_sees(given) == as_rack_sees(name))
    }
}

/// The app, and what it has seen.
pub(crate) struct Witness {
    target: TestTarget,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Witness {
    /// Listens on a port of its own. A request without a fault is answered with its method, target and body; after one
    /// with a fault the connection is closed.
    pub(crate) fn start() -> Self {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let target = TestTarget::start({
            let seen = Arc::clone(&seen);
            move |app| testify(app, &seen)
        });
        Self { target, seen }
    }

    /// What the proxy is started before.
    pub(crate) fn target(&self) -> &TestTarget {
        &self.target
    }

    /// All requests so far, in the order of their heads.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no holder panics").clone()
    }
}

fn testify(app: &mut App, all: &Mutex<Vec<Seen>>) {
    let mut reader = Reader {
        stream: app.wire.stream().try_clone().expect("a socket can be cloned"),
        ahead: Vec::new(),
    };
    while let Some(head) = reader.until(b"\r\n\r\n") {
        let head: String = head.iter().copied().map(char::from).collect();
        let mut words = head.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let framing = judge(&head);
        let number = {
            let mut all = all.lock().expect("no holder panics");
            all.push(Seen {
                connection: app.number,
                head,
                target: target.clone(),
                is_whole: false,
                fault: framing.clone().err(),
            });
            all.len() - 1
        };
        let Ok(framing) = framing else { return };
        match reader.body(framing) {
            Ok(Some(body)) => {
                all.lock().expect("no holder panics")[number].is_whole = true;
                let words = format!("{method} {target} ");
                // Back to the bytes that they were.
                let words = words.chars().map(|character| character as u8);
                let text: Vec<_> = words.chain(body).collect();
                // The proxy may be gone.
                let _ = app.wire.try_send(answer(&text));
            }
            Ok(None) => return,
            Err(fault) => {
                all.lock().expect("no holder panics")[number].fault = Some(fault);
                return;
            }
        }
    }
}

fn answer(text: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
    [head.as_bytes(), text].concat()
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(usize),
    Chunked,
}

/// How the body is delimited, if the head can be read in one way only, by anybody.
fn judge(head: &str) -> Result<Framing, String> {
    let lines: Vec<_> = head.trim_end_matches("\r\n").split("\r\n").collect();
    if lines.iter().any(|line| line.contains(['\r', '\n', '\0'])) {
        return Err("a control in a line".to_owned());
    }
    let words: Vec<_> = lines[0].split(' ').collect();
    if words.len() != 3 || words[2] != "HTTP/1.1" || words[1].contains(|c: char| c <= ' ' || c == '\x7f') {
        return Err(format!("the request line {:?}", lines[0]));
    }
    for line in &lines[1..] {
        let name = line.split_once(": ").map(|(name, _)| name).unwrap_or_default();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("the field {line:?}"));
        }
    }
    let values = |name: &str| -> Vec<&str> {
        fields(head)
            .filter(|(given, _)| as_rack_sees(given) == name)
            .map(|(_, value)| value)
            .collect()
    };
    let hosts = values("host");
    if hosts.len() != 1 {
        return Err(format!("{} hosts", hosts.len()));
    }
    match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) => Ok(Framing::Length(0)),
        ([length], []) if length.bytes().all(|digit| digit.is_ascii_digit()) => length
            .parse()
            .map(Framing::Length)
            .map_err(|error| error.to_string()),
        ([], ["chunked"]) => Ok(Framing::Chunked),
        (lengths, codings) => Err(format!("the framing {lengths:?} {codings:?}")),
    }
}

/// Names and values of a head.
fn fields(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(": "))
}

/// Rack makes environment variables of names: neither case nor `-` and `_` make a difference.
fn as_rack_sees(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Reads for as long as the connection lasts; the proxy decides when that is over.
struct Reader {
    stream: TcpStream,
    ahead: Vec<u8>,
}

impl Reader {
    /// Everything up to `end`, which is included; `None` if the connection ends before.
    fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.ahead.windows(end.len()).position(|window| window == end) {
                return Some(self.ahead.drain(..at + end.len()).collect());
            }
            self.fill()?;
        }
    }

    fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < length {
            self.fill()?;
        }
        Some(self.ahead.drain(..length).collect())
    }

    /// `None` if the connection ends before the body does. Chunks have no extensions, and no trailers follow.
    fn body(&mut self, framing: Framing) -> Result<Option<Vec<u8>>, String> {
        if let Framing::Length(length) = framing {
            return Ok(self.exactly(length));
        }
        let mut body = Vec::new();
        loop {
            let Some(line) = self.until(b"\r\n") else {
                return Ok(None);
            };
            let digits = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
            let size = Some(&digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let size = size.and_then(|digits| usize::from_str_radix(digits, 16).ok());
            let size = size.ok_or_else(|| format!("the chunk size {digits:?}"))?;
            let Some(chunk) = self.exactly(size + 2) else {
                return Ok(None);
            };
            match chunk.strip_suffix(b"\r\n") {
                Some(b"") => return Ok(Some(body)),
                Some(data) => body.extend_from_slice(data),
                None => return Err("a chunk without its line end".to_owned()),
            }
        }
    }

    fn fill(&mut self) -> Option<()> {
        let mut buffer = [0; 16 * 1024];
        let length = self.stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        self.ahead.extend_from_slice(&buffer[..length]);
        Some(())
    }
}
