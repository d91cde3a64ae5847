//! Request and response heads: the same in any pieces, and never read in another way than by the plain reader.

use bytes::Bytes;
use http::{HeaderMap, Version};

use super::pieces::pieces;
use super::plain::{self, Field, Framing};
use crate::http1::encode::{self, Persistence};
use crate::http1::fields::Fields;
use crate::http1::head::HeadError;
use crate::http1::inbound::Inbound;
use crate::http1::{request, response};

/// Fields that concern only one hop, and those that frame: they never enter the map of headers.
const KEPT_OUT: [&str; 9] = [
    "connection",
    "transfer-encoding",
    "upgrade",
    "expect",
    "te",
    "proxy-authenticate",
    "proxy-authorization",
    "keep-alive",
    "proxy-connection",
];

/// Request heads, one behind the other.
pub fn request_heads(input: &[u8]) {
    for head in heads(input) {
        let Ok(ours) = request::parse(&head) else { continue };
        let (theirs, rest) = plain::request_head(&head).expect("what we accept, a strict reader accepts");

        assert!(rest.is_empty(), "a head ends where a strict reader ends it");
        assert_eq!(ours.method.as_str().as_bytes(), theirs.method);
        assert_eq!(ours.target.as_bytes(), theirs.target);
        assert_eq!(ours.version, version(theirs.minor));
        let mut expected = theirs.fields;
        if let Some(authority) = theirs.authority {
            expected.retain(|(name, _)| name != "host");
            expected.push(("host".to_owned(), authority));
        }
        compare(&ours.fields, theirs.framing, expected);
    }
}

/// Response heads, one behind the other; those that we accept are also written anew.
pub fn response_heads(input: &[u8]) {
    for head in heads(input) {
        let Ok(ours) = response::parse(&head) else {
            continue;
        };
        let (theirs, rest) = plain::response_head(&head).expect("what we accept, a strict reader accepts");

        assert!(rest.is_empty(), "a head ends where a strict reader ends it");
        assert_eq!(ours.status.as_u16(), theirs.status);
        assert_eq!(ours.version, version(theirs.minor));
        compare(&ours.fields, theirs.framing, theirs.fields);
        write_anew(&ours);
    }
}

/// The heads in `input`, up to one that is not whole or is refused: the same whether all comes at once or in pieces.
fn heads(input: &[u8]) -> Vec<Bytes> {
    let at_once = take_heads([Bytes::copy_from_slice(input)].into_iter());
    let in_pieces = take_heads(pieces(input));
    assert_eq!(at_once, in_pieces, "in pieces it is another");
    at_once.0
}

fn take_heads(reads: impl Iterator<Item = Bytes>) -> (Vec<Bytes>, Option<HeadError>) {
    let mut inbound = Inbound::default();
    let mut heads = Vec::new();
    for read in reads.filter(|read| !read.is_empty()) {
        inbound.push(read);
        loop {
            match inbound.take_head() {
                Ok(Some(head)) => heads.push(head),
                Ok(None) => break,
                Err(error) => return (heads, Some(error)),
            }
        }
    }
    (heads, None)
}

fn version(minor: u8) -> Version {
    match minor {
        0 => Version::HTTP_10,
        _ => Version::HTTP_11,
    }
}

/// Ours against every field that a plain reader has found.
fn compare(ours: &Fields, framing: Framing, theirs: Vec<Field>) {
    let read = match (ours.content_length, ours.chunked) {
        (None, false) => Framing::Unsaid,
        (Some(length), false) => Framing::Length(length),
        (None, true) => Framing::Chunked,
        (Some(_), true) => panic!("two fields mean framing"),
    };
    assert_eq!(read, framing);

    let named = plain::members(&plain::values(&theirs, "connection"));
    let dropped =
        |name: &String| KEPT_OUT.contains(&name.as_str()) || (named.contains(name) && !is_needed(name));
    let expected = theirs.into_iter().filter(|(name, _)| !dropped(name)).collect();
    assert_eq!(sorted(listed(&ours.headers)), sorted(expected));
}

/// Whether a field stays although `Connection` names it.
fn is_needed(name: &str) -> bool {
    matches!(name, "host" | "content-length")
}

fn listed(headers: &HeaderMap) -> Vec<Field> {
    let fields = headers.iter();
    fields
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

/// By name; the fields of one name stay in order.
fn sorted(mut fields: Vec<Field>) -> Vec<Field> {
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

/// What a client gets for it is read by a plain reader as it was meant.
fn write_anew(head: &response::ResponseHead) {
    let headers = &head.fields.headers;
    for (framing, read_as) in [
        (encode::Framing::Length(7), Framing::Length(7)),
        (encode::Framing::Chunked, Framing::Chunked),
        (encode::Framing::UntilClose, Framing::Unsaid),
    ] {
        let mut out = Vec::new();
        encode::response_head(
            &mut out,
            Version::HTTP_11,
            head.status,
            headers,
            framing,
            Persistence::Keep,
        );

        let (read, rest) = plain::response_head(&out).expect("what we write, a strict reader accepts");
        assert!(rest.is_empty(), "there is one answer in it");
        assert_eq!((read.status, read.framing), (head.status.as_u16(), read_as));
        let unframed = |fields: Vec<Field>| {
            let fields = fields.into_iter();
            sorted(
                fields
                    .filter(|(name, _)| !matches!(name.as_str(), "content-length" | "transfer-encoding"))
                    .collect(),
            )
        };
        assert_eq!(unframed(read.fields), unframed(listed(headers)));
    }
    if head.status.is_informational() {
        let out = encode::interim(head.status, headers);
        let (read, rest) = plain::response_head(&out).expect("what we write, a strict reader accepts");
        assert!(
            rest.is_empty() && read.framing == Framing::Unsaid,
            "an interim answer has no body"
        );
    }
}
