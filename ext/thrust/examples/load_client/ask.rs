//! The course of one request over HTTP/1.1: on the kept connection or a new one, repeated only as a browser would.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::answer::Answer;
use crate::connection::{Connection, Fault, State};
use crate::course::{Course, Outcome};
use crate::request::{PIECE_PAUSE, Request, Verdict};

/// More repeats of one request than this are a fault of their own.
pub(crate) const MAX_REPEATS: u32 = 5;

/// One worker's client, with the connection it keeps.
pub(crate) struct Http1 {
    address: SocketAddr,
    deadline: Duration,
    kept: Option<Connection>,
}

enum Attempt {
    Answered(Answer),
    /// The other side had closed the kept connection before the request was on it.
    TooLate,
    Over(Outcome),
}

impl Http1 {
    pub(crate) fn new(address: SocketAddr, deadline: Duration) -> Self {
        Self {
            address,
            deadline,
            kept: None,
        }
    }

    /// Sends the request and waits for its end, whatever that is.
    pub(crate) async fn ask(&mut self, request: &Request) -> Course {
        let mut course = Course::default();
        let deadline = Instant::now() + self.deadline;
        loop {
            match self.attempt(request, deadline, &mut course).await {
                Attempt::Answered(answer) => {
                    course.statuses.push(answer.status);
                    return course.ended(match request.judge(&answer) {
                        Verdict::Right => Outcome::Right,
                        Verdict::ServerError(detail) => Outcome::ServerError(detail),
                        Verdict::Wrong(detail) => Outcome::Wrong(detail),
                    });
                }
                Attempt::TooLate if course.repeated < MAX_REPEATS => course.repeated += 1,
                Attempt::TooLate => {
                    return course.ended(Outcome::Lost(format!("given up after {MAX_REPEATS} repeats")));
                }
                Attempt::Over(outcome) => return course.ended(outcome),
            }
        }
    }

    async fn attempt(&mut self, request: &Request, deadline: Instant, course: &mut Course) -> Attempt {
        let kept = self.kept.take().filter(|_| !request.is_alone);
        // A closed one is given up before anything is written on it: no repeat, only a new connection.
        let kept = kept.filter(|connection| connection.state() != State::Closed);
        let is_kept = kept.is_some();
        let mut connection = match kept {
            Some(mut connection) if connection.state() == State::Readable => {
                let detail = format!("bytes nobody had asked for: {:?}", connection.shown());
                return Attempt::Over(Outcome::Wrong(detail));
            }
            Some(connection) => connection,
            None => match Connection::open(self.address, deadline).await {
                Ok(connection) => {
                    course.connections += 1;
                    connection
                }
                Err(error) => return Attempt::Over(Outcome::Refused(format!("connecting failed: {error}"))),
            },
        };
        let (closed_before, answer) = exchange(&mut connection, request, deadline).await;
        match answer {
            Ok(_) if connection.state() == State::Readable => {
                let detail = format!("bytes after the answer: {:?}", connection.shown());
                Attempt::Over(Outcome::Wrong(detail))
            }
            Ok(answer) => {
                if answer.keeps_connection && !request.is_alone {
                    self.kept = Some(connection);
                }
                Attempt::Answered(answer)
            }
            Err(fault) if is_kept && closed_before && fault.is_without_a_byte() => Attempt::TooLate,
            Err(fault @ Fault::Garbled { .. }) => Attempt::Over(Outcome::Wrong(fault.to_string())),
            Err(fault) => Attempt::Over(Outcome::Lost(format!(
                "{fault} ({} connection)",
                if is_kept { "kept" } else { "new" }
            ))),
        }
    }
}

/// Writes the request and reads the answer, and says whether the other side had closed the connection by the end of the
/// first write. On loopback a FIN is seen as soon as it is sent. One that is there by then was sent before the request
/// arrived, or in the same few microseconds; whoever closes later had the request, or its beginning.
pub(crate) async fn exchange(
    connection: &mut Connection,
    request: &Request,
    deadline: Instant,
) -> (bool, Result<Answer, Fault>) {
    let mut bytes = head(request).into_bytes();
    let (first, rest) = request.body.split_at(request.body.len().min(request.piece));
    bytes.extend_from_slice(first);

    connection.begin();
    let mut written = connection.write(&bytes, deadline).await;
    let closed_before = written.is_err() || connection.state() == State::Closed;
    for piece in rest.chunks(request.piece) {
        if written.is_err() {
            break;
        }
        tokio::time::sleep(PIECE_PAUSE).await;
        written = connection.write(piece, deadline).await;
    }
    // After a failed write too: an answer may have come before the connection ended.
    (closed_before, Answer::read(connection, deadline).await)
}

fn head(request: &Request) -> String {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {}\r\n",
        request.method, request.path, request.id
    );
    if let Some(content_type) = request.content_type {
        head += &format!(
            "Content-Type: {content_type}\r\nContent-Length: {}\r\n",
            request.body.len()
        );
    }
    if request.is_alone {
        head += "Connection: close\r\n";
    }
    head + "\r\n"
}
