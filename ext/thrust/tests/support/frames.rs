//! HTTP/2 frames as bytes (RFC 9113 section 4), for what no library would send.

use super::{TestProxy, Wire};

/// What a client sends first, with empty SETTINGS.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A connection on which the preface was sent.
pub(crate) fn connect(proxy: &TestProxy) -> Wire {
    let mut client = proxy.connect();
    client.send(PREFACE);
    client
}

/// Any frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("frames are short")
        .to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// SETTINGS by which no answer may send more than its head.
pub(crate) fn no_window() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])
}

/// GET of `path` as a HEADERS frame that ends its stream; nothing is compressed, so anything can be said.
pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    request(stream, END_STREAM, "GET", path)
}

/// The head of a request, with these flags besides the one that says that it is whole.
pub(crate) fn request(stream: u32, flags: u8, method: &str, path: &str) -> Vec<u8> {
    let fields = [
        (":method", method),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", path),
    ];
    frame(HEADERS, flags | END_HEADERS, stream, &block(&fields))
}

/// Fields as literals that are neither compressed nor remembered (RFC 7541 section 6.2.2). A character is a byte, so
/// that there is none that cannot be said.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            let bytes = text
                .chars()
                .map(|character| u8::try_from(character).expect("one byte"));
            length(&mut block, bytes.clone().count());
            block.extend(bytes);
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541 section 5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    let Some(mut left) = length.checked_sub(127) else {
        block.push(length as u8);
        return;
    };
    block.push(127);
    while left >= 128 {
        block.push(left as u8 | 128);
        left >>= 7;
    }
    block.push(left as u8);
}

/// The status that a block of fields begins with, if it is the first block on its connection.
pub(crate) fn status(block: &[u8]) -> u16 {
    match block {
        // The static table (RFC 7541 appendix A).
        [index @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(index - 0x88)],
        // A literal with the name of an indexed one: three digits in Huffman's code.
        [0x48 | 0x08 | 0x18, 0x82, first, second, ..] => unpacked([*first, *second, 0]),
        [0x48 | 0x08 | 0x18, 0x83, first, second, third, ..] => unpacked([*first, *second, *third]),
        _ => panic!("no status in {block:x?}"),
    }
}

/// Three digits in Huffman's code (RFC 7541 appendix B): 0 to 2 have five bits, the others six.
fn unpacked([first, second, third]: [u8; 3]) -> u16 {
    let mut left = u32::from_be_bytes([first, second, third, 0]);
    (0..3).fold(0, |number, _| {
        let (digit, bits) = match left >> 26 {
            code @ 0x19..=0x1f => (code - 0x16, 6),
            code => (code >> 1, 5),
        };
        let digit = u16::try_from(digit).ok().filter(|digit| *digit < 10);
        left <<= bits;
        number * 10 + digit.expect("digits")
    })
}

/// One frame, as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Takes the first frame out of `bytes`, if it is whole.
    pub(crate) fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<9>()?;
        let [a, b, c, kind, flags, stream @ ..] = *head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let payload = rest.get(..length)?.to_vec();
        bytes.drain(..9 + length);
        Some(Self {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }

    pub(crate) fn is(&self, kind: u8) -> bool {
        self.kind == kind
    }

    /// The error code that stands at `place` of the payload.
    pub(crate) fn code(&self, place: usize) -> u32 {
        let code = self.payload[place..].first_chunk().expect("a code is there");
        u32::from_be_bytes(*code)
    }
}

/// The next frame.
pub(crate) fn read_frame(client: &mut Wire) -> Frame {
    let mut bytes = client.read_exact(9);
    let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
    bytes.extend(client.read_exact(length as usize));
    Frame::take(&mut bytes).expect("it is whole")
}

/// A header block in as many frames as it needs; the stream ends with it.
pub(crate) fn in_frames(stream: u32, block: &[u8]) -> Vec<u8> {
    let mut pieces = block.chunks(16 * 1024).peekable();
    let mut bytes = Vec::new();
    let (mut kind, mut flags) = (HEADERS, END_STREAM);
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            flags |= END_HEADERS;
        }
        bytes.extend(frame(kind, flags, stream, piece));
        (kind, flags) = (CONTINUATION, 0);
    }
    bytes
}

/// More room for an answer, or with stream 0 for all.
pub(crate) fn window_update(stream: u32, room: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &room.to_be_bytes())
}

/// Takes a request back.
pub(crate) fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

/// The kind and payload of the next frame.
pub(crate) fn read(client: &mut Wire) -> (u8, Vec<u8>) {
    let frame = read_frame(client);
    (frame.kind, frame.payload)
}

/// The payload of the next frame of this kind.
pub(crate) fn read_next(client: &mut Wire, kind: u8) -> Vec<u8> {
    loop {
        let (other, payload) = read(client);
        if other == kind {
            return payload;
        }
    }
}
