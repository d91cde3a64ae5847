//! HTTP/2 frames as bytes (RFC 9113 section 4), for what no library would send.

use super::{TestProxy, Wire};

/// What a client sends first, with empty SETTINGS.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

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
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", path),
    ];
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("texts are short"));
            block.extend_from_slice(text.as_bytes());
        }
    }
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)
}

/// The kind and payload of the next frame.
pub(crate) fn read(client: &mut Wire) -> (u8, Vec<u8>) {
    let head = client.read_exact(9);
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    (head[3], client.read_exact(length as usize))
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
