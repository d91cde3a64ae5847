//! One request of each kind, and how its answer is told from any other.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::plan::Kind;

/// Events of one stream, and the pause between two of them.
const EVENTS: u32 = 10;
const EVENT_PAUSE: Duration = Duration::from_millis(100);
/// An upload leaves in so many pieces, so that whatever happens to the proxy happens in the middle of some.
const UPLOAD_PIECES: usize = 8;
/// Between two pieces of a body.
pub(crate) const PIECE_PAUSE: Duration = Duration::from_millis(20);

/// What is sent, and what must come back.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Bytes,
    /// How many bytes of the body leave at a time.
    pub(crate) piece: usize,
    /// Whether the connection is for this request alone.
    pub(crate) is_alone: bool,
    /// How long the request and its answer take by themselves: not counted as waiting.
    pub(crate) own_time: Duration,
    expected: Expected,
}

#[derive(Clone, Debug)]
enum Expected {
    /// A description of the request, by the app.
    Target,
    /// This document.
    Document(Value),
    /// The size and the digest of what was sent.
    Digest { size: usize, sha256: String },
    /// This text.
    Events(String),
}

/// What an answer is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Right,
    ServerError(String),
    Wrong(String),
}

impl Request {
    /// The request of this kind with this id; WebSockets have none.
    pub(crate) fn new(kind: Kind, id: String, upload_size: usize) -> Self {
        match kind {
            Kind::Get | Kind::H2Get | Kind::Websocket => Self::get(id),
            Kind::Fresh => Self {
                is_alone: true,
                ..Self::get(id)
            },
            Kind::Events => Self::events(id),
            Kind::Post | Kind::H2Post => Self::post(id),
            Kind::Upload => Self::upload(id, upload_size),
        }
    }

    fn get(id: String) -> Self {
        Self {
            path: format!("/request?id={id}"),
            id,
            method: "GET",
            content_type: None,
            body: Bytes::new(),
            piece: usize::MAX,
            is_alone: false,
            own_time: Duration::ZERO,
            expected: Expected::Target,
        }
    }

    fn events(id: String) -> Self {
        let events = (1..=EVENTS).map(|number| format!("data: {id} {number}\n\n"));
        Self {
            path: format!("/ticks/{EVENTS}?pause={}&id={id}", EVENT_PAUSE.as_millis()),
            expected: Expected::Events(events.collect()),
            own_time: EVENT_PAUSE * (EVENTS - 1),
            ..Self::get(id)
        }
    }

    fn post(id: String) -> Self {
        let document = json!({ "id": id, "text": format!("sent with {id}") });
        Self {
            method: "POST",
            path: "/echo".to_owned(),
            content_type: Some("application/json"),
            body: document.to_string().into(),
            expected: Expected::Document(document),
            ..Self::get(id)
        }
    }

    /// No two uploads are alike: the digest of one is no answer to another.
    fn upload(id: String, size: usize) -> Self {
        let line = format!("{id} is repeated until there is enough of it\n");
        let body: Vec<u8> = line.bytes().cycle().take(size).collect();
        let sha256 = Sha256::digest(&body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let piece = size.div_ceil(UPLOAD_PIECES).max(1);
        let pauses = size.div_ceil(piece).saturating_sub(1);
        Self {
            method: "POST",
            path: "/uploads".to_owned(),
            content_type: Some("application/octet-stream"),
            piece,
            own_time: PIECE_PAUSE.mul_f64(pauses as f64),
            expected: Expected::Digest { size, sha256 },
            body: body.into(),
            ..Self::get(id)
        }
    }

    /// Compares the answer with the only right one.
    pub(crate) fn judge(&self, answer: &Answer) -> Verdict {
        let is_right = match &self.expected {
            Expected::Target => answer.status == 200 && answer.json()["target"] == *self.path,
            Expected::Document(document) => answer.status == 201 && answer.json() == *document,
            Expected::Digest { size, sha256 } => {
                let told = answer.json();
                answer.status == 201 && told["size"] == *size && told["sha256"] == **sha256
            }
            Expected::Events(text) => answer.status == 200 && answer.body == text.as_bytes(),
        };
        match answer.status {
            _ if is_right => Verdict::Right,
            500.. => Verdict::ServerError(answer.describe()),
            _ => Verdict::Wrong(answer.describe()),
        }
    }
}
