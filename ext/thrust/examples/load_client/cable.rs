//! The course of one message through Action Cable: said in a room of this worker's own, and heard there again.
//!
//! A WebSocket may be closed at any time, and then its client comes back: such ends are counted, and a message that
//! had no echo is said again. Its first echo may still come then, and is no surprise.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ask::MAX_REPEATS;
use crate::connection::Fault;
use crate::course::{Course, Outcome};
use crate::websocket::{Refusal, WebSocket};

/// One worker's client, with the WebSocket it keeps.
pub(crate) struct Cable {
    address: SocketAddr,
    deadline: Duration,
    /// The channel and the room, as Action Cable wants it: JSON in a string.
    identifier: String,
    kept: Option<WebSocket>,
    /// A message that was said more than once.
    repeated: Option<String>,
}

enum Attempt {
    Heard,
    Closed,
    Over(Outcome),
}

impl From<Fault> for Attempt {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Closed { .. } | Fault::Broken { .. } => Self::Closed,
            Fault::Late { .. } => Self::Over(Outcome::Lost(fault.to_string())),
            Fault::Garbled { .. } => Self::Over(Outcome::Wrong(fault.to_string())),
        }
    }
}

impl Cable {
    pub(crate) fn new(address: SocketAddr, deadline: Duration, room: &str) -> Self {
        Self {
            address,
            deadline,
            identifier: json!({ "channel": "RoomChannel", "name": room }).to_string(),
            kept: None,
            repeated: None,
        }
    }

    /// Says `id` and waits until it is heard.
    pub(crate) async fn say(&mut self, id: &str) -> Course {
        let mut course = Course::default();
        let deadline = Instant::now() + self.deadline;
        loop {
            match self.attempt(id, deadline, &mut course).await {
                Attempt::Heard => return course.ended(Outcome::Right),
                Attempt::Over(outcome) => return course.ended(outcome),
                Attempt::Closed => {
                    course.closed += 1;
                    if course.repeated == MAX_REPEATS {
                        return course.ended(Outcome::Lost(format!("given up after {MAX_REPEATS} repeats")));
                    }
                    course.repeated += 1;
                    self.repeated = Some(id.to_owned());
                }
            }
        }
    }

    async fn attempt(&mut self, id: &str, deadline: Instant, course: &mut Course) -> Attempt {
        let mut socket = match self.kept.take() {
            Some(socket) => socket,
            None => match self.enter(deadline, course).await {
                Ok(socket) => socket,
                Err(attempt) => return attempt,
            },
        };
        match self.echo(&mut socket, id, deadline).await {
            Ok(attempt) => {
                if matches!(attempt, Attempt::Heard) {
                    self.kept = Some(socket);
                }
                attempt
            }
            Err(fault) => fault.into(),
        }
    }

    async fn enter(&self, deadline: Instant, course: &mut Course) -> Result<WebSocket, Attempt> {
        let mut socket = match WebSocket::open(self.address, "/cable", deadline).await {
            Ok(socket) => socket,
            Err(refusal) => return Err(Attempt::Over(refused(refusal, course))),
        };
        course.connections += 1;
        course.statuses.push(101);
        self.expect(&mut socket, "welcome", deadline).await?;
        let subscribe = json!({ "command": "subscribe", "identifier": self.identifier });
        socket.send(&subscribe.to_string(), deadline).await?;
        self.expect(&mut socket, "confirm_subscription", deadline).await?;
        Ok(socket)
    }

    async fn expect(&self, socket: &mut WebSocket, kind: &str, deadline: Instant) -> Result<(), Attempt> {
        match next(socket, deadline).await? {
            None => Err(Attempt::Closed),
            Some(message) if message["type"] == kind => Ok(()),
            Some(message) => Err(Attempt::Over(Outcome::Wrong(format!(
                "instead of {kind}: {message}"
            )))),
        }
    }

    async fn echo(&self, socket: &mut WebSocket, id: &str, deadline: Instant) -> Result<Attempt, Fault> {
        let data = json!({ "action": "say", "text": id }).to_string();
        let message = json!({ "command": "message", "identifier": self.identifier, "data": data });
        socket.send(&message.to_string(), deadline).await?;
        loop {
            let Some(message) = next(socket, deadline).await? else {
                return Ok(Attempt::Closed);
            };
            match message["message"]["text"].as_str() {
                Some(text) if text == id => return Ok(Attempt::Heard),
                Some(text) if Some(text) == self.repeated.as_deref() => {}
                _ => {
                    return Ok(Attempt::Over(Outcome::Wrong(format!(
                        "instead of {id}: {message}"
                    ))));
                }
            }
        }
    }
}

/// The next message that is no ping; `None` when the app or the proxy closes.
async fn next(socket: &mut WebSocket, deadline: Instant) -> Result<Option<Value>, Fault> {
    while let Some(text) = socket.receive(deadline).await? {
        let message: Value =
            serde_json::from_str(&text).map_err(|_| Fault::garbled("JSON", text.as_bytes()))?;
        match message["type"].as_str() {
            Some("ping") => {}
            Some("disconnect") => return Ok(None),
            _ => return Ok(Some(message)),
        }
    }
    Ok(None)
}

fn refused(refusal: Refusal, course: &mut Course) -> Outcome {
    match refusal {
        Refusal::Unreachable(error) => Outcome::Refused(format!("connecting failed: {error}")),
        Refusal::Broken(fault) => Outcome::Lost(format!("during the handshake: {fault}")),
        Refusal::Status(status) => {
            course.statuses.push(status);
            let detail = format!("status {status} for the handshake");
            if status >= 500 {
                Outcome::ServerError(detail)
            } else {
                Outcome::Wrong(detail)
            }
        }
    }
}
