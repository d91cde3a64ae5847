//! Tables of HTTP/2 requests written frame by frame, as [`super::vector`] has them of HTTP/1: what the app saw, what
//! the client saw, what became of the connection.
//!
//! Nothing is compressed, so that anything can be said. In names and values a character is a byte.

use super::frames::{self, DATA, END_HEADERS, END_STREAM, HEADERS};
use super::vector::{self, Expected, Rest};
use super::{TestProxy, Wire, Witness};

/// A request on the first stream of a connection.
pub(crate) struct Vector {
    what: &'static str,
    frames: Vec<u8>,
    told: Told,
    expected: Expected,
}

/// What the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// 200 and what the app says it was asked: method, target and body.
    Echo(String),
    /// This status, from us.
    Status(u16),
    /// The stream is reset.
    Reset(u32),
    /// The connection ends.
    GoAway(u32),
}

/// An error code (RFC 9113 section 7).
pub(crate) const PROTOCOL_ERROR: u32 = 1;

/// The fields of an ordinary request, and these.
pub(crate) fn plain<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/"),
    ];
    all.extend_from_slice(fields);
    all
}

/// HEADERS that end their stream, in as many frames as it takes.
pub(crate) fn get(fields: &[(&str, &str)]) -> Vec<u8> {
    head(END_STREAM, fields)
}

fn head(flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    const CONTINUATION: u8 = 9;
    let block = frames::block(fields);
    let pieces: Vec<_> = block.chunks(16 * 1024).collect();
    let last = pieces.len() - 1;
    let frames = pieces.iter().enumerate().map(|(number, piece)| {
        let (kind, flags) = if number == 0 {
            (HEADERS, flags)
        } else {
            (CONTINUATION, 0)
        };
        let ends = if number == last { END_HEADERS } else { 0 };
        frames::frame(kind, flags | ends, 1, piece)
    });
    frames.collect::<Vec<_>>().concat()
}

pub(crate) fn with(frames: Vec<u8>, what: &'static str, told: Told) -> Vector {
    let expected = Expected {
        whole: usize::from(matches!(told, Told::Echo(_))),
        ..Expected::default()
    };
    Vector {
        what,
        frames,
        told,
        expected,
    }
}

/// Passed on; the app says what it was asked.
pub(crate) fn passes(echo: &str, what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(get(fields), what, Told::Echo(echo.to_owned()))
}

/// Answered by us.
pub(crate) fn refused(status: u16, what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(get(fields), what, Told::Status(status))
}

/// Answered by us, and well.
pub(crate) fn ours(what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(get(fields), what, Told::Status(200))
}

/// A stream error.
pub(crate) fn malformed(what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(get(fields), what, Told::Reset(PROTOCOL_ERROR))
}

/// What cannot even be a field: for the library an error of the connection.
pub(crate) fn undone(what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(get(fields), what, Told::GoAway(PROTOCOL_ERROR))
}

pub(crate) fn field(what: &'static str, name: &str, value: &str) -> Vector {
    passes("GET / ", what, &plain(&[(name, value)]))
}

pub(crate) fn no_field(what: &'static str, name: &str, value: &str) -> Vector {
    refused(400, what, &plain(&[(name, value)]))
}

pub(crate) fn bad_field(what: &'static str, name: &str, value: &str) -> Vector {
    undone(what, &plain(&[(name, value)]))
}

/// A POST with these fields, its body in these frames.
fn body(fields: &[(&str, &str)], pieces: &[&[u8]]) -> Vec<u8> {
    let mut all = plain(fields);
    all[0] = (":method", "POST");
    let mut frames = head(0, &all);
    for (number, piece) in pieces.iter().enumerate() {
        let ends = if number + 1 == pieces.len() { END_STREAM } else { 0 };
        frames.extend(frames::frame(DATA, ends, 1, piece));
    }
    frames
}

pub(crate) fn post(echo: &str, what: &'static str, fields: &[(&str, &str)], pieces: &[&[u8]]) -> Vector {
    with(body(fields, pieces), what, Told::Echo(echo.to_owned()))
}

pub(crate) fn refused_post(what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(body(fields, &[b"hello"]), what, Told::Status(400))
}

/// A stream error that shows when something may have been passed on.
pub(crate) fn broken(what: &'static str, fields: &[(&str, &str)], pieces: &[&[u8]]) -> Vector {
    let mut vector = with(body(fields, pieces), what, Told::Reset(PROTOCOL_ERROR));
    vector.expected.rest = Rest::PerhapsCut;
    vector
}

/// A stream error that shows when the app may have had all that it was promised.
pub(crate) fn overfull(what: &'static str, fields: &[(&str, &str)], pieces: &[&[u8]]) -> Vector {
    let mut vector = broken(what, fields, pieces);
    vector.expected.rest = Rest::PerhapsWhole;
    vector
}

pub(crate) fn trailers(what: &'static str, fields: &[(&str, &str)], told: Told) -> Vector {
    let mut frames = head(0, &{
        let mut all = plain(&[]);
        all[0] = (":method", "POST");
        all
    });
    frames.extend(frames::frame(DATA, 0, 1, b"hello"));
    frames.extend(get(fields));
    let rest = if matches!(told, Told::Echo(_)) {
        Rest::Nothing
    } else {
        Rest::PerhapsCut
    };
    let mut vector = with(frames, what, told);
    vector.expected.rest = rest;
    vector
}

impl Vector {
    /// The app sees this line.
    pub(crate) fn has(mut self, line: &'static str) -> Self {
        self.expected.lines.push(line);
        self
    }

    /// The app sees no field of this name, nor one that Rack would take for it.
    pub(crate) fn lacks(mut self, name: &'static str) -> Self {
        self.expected.lacking.push(name);
        self
    }

    fn check(&self, proxy: &TestProxy, witness: &Witness) {
        let seen_before = witness.seen().len();
        let mut client = frames::connect(proxy);
        client.send(&self.frames);

        assert_eq!(told(&mut client, 1), self.told);

        if matches!(self.told, Told::GoAway(_)) {
            client.expect_end();
        } else {
            client.send(frames::get(3, "/again"));
            let answer = told(&mut client, 3);
            assert_eq!(
                answer,
                Told::Echo("GET /again ".to_owned()),
                "on the same connection"
            );
        }
        vector::check_bystander(proxy);
        self.expected.check(witness, seen_before);
    }
}

/// What becomes of this stream.
fn told(client: &mut Wire, stream: u32) -> Told {
    let mut status = None;
    let mut body = Vec::new();
    loop {
        let frame = frames::read_frame(client);
        let code = |from: usize| {
            let bytes = frame.payload[from..from + 4].try_into().expect("four bytes");
            u32::from_be_bytes(bytes)
        };
        match frame.kind {
            frames::GOAWAY => return Told::GoAway(code(4)),
            frames::RST_STREAM if frame.stream == stream => return Told::Reset(code(0)),
            HEADERS if frame.stream == stream => status = Some(frames::status(&frame.payload)),
            DATA if frame.stream == stream => body.extend_from_slice(&frame.payload),
            _ => continue,
        }
        if frame.flags & END_STREAM != 0 {
            let text = String::from_utf8_lossy(&body).into_owned();
            return match status.expect("a head before the end") {
                200 if !text.is_empty() => Told::Echo(text),
                status => Told::Status(status),
            };
        }
    }
}

/// Checks each vector at one proxy, and that each that we refused has its line in the log.
pub(crate) fn check_table(vectors: &[Vector]) {
    let witness = Witness::start();
    let proxy = vector::start(&witness);

    vector::check_all(
        vectors,
        |vector| vector.what,
        |vector| vector.check(&proxy, &witness),
    );

    let refused = vectors.iter().filter_map(|vector| match vector.told {
        Told::Status(status @ 400..) => Some(u64::from(status)),
        // Without a request of its own, but with a line.
        Told::GoAway(_) => Some(400),
        _ => None,
    });
    vector::check_log(&proxy, refused.collect());
}
