//! The course of one request over HTTP/2 with prior knowledge: a stream of the connection that all workers share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::Reason;
use h2::client::{SendRequest, handshake};
use tokio::sync::Mutex;
use tokio::time::timeout_at;

use crate::answer::Answer;
use crate::ask::MAX_REPEATS;
use crate::connection::Connection;
use crate::course::{Course, Outcome};
use crate::request::{Request, Verdict};

/// A connection that is replaced when it takes no more streams.
#[derive(Clone)]
pub(crate) struct Http2 {
    address: SocketAddr,
    deadline: Duration,
    kept: Arc<Mutex<Option<Kept>>>,
    made: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Kept {
    number: u64,
    sender: SendRequest<Bytes>,
}

enum Attempt {
    Answered(Answer),
    /// The server has said that it did not look at the stream.
    NotTaken,
    Over(Outcome),
}

impl Http2 {
    pub(crate) fn new(address: SocketAddr, deadline: Duration) -> Self {
        Self {
            address,
            deadline,
            kept: Arc::default(),
            made: Arc::default(),
        }
    }

    /// Sends the request and waits for its end, whatever that is.
    pub(crate) async fn ask(&self, request: &Request) -> Course {
        let mut course = Course::default();
        let deadline = Instant::now() + self.deadline;
        loop {
            let attempt = timeout_at(deadline.into(), self.attempt(request, deadline, &mut course)).await;
            match attempt {
                Ok(Attempt::Answered(answer)) => {
                    course.statuses.push(answer.status);
                    return course.ended(match request.judge(&answer) {
                        Verdict::Right => Outcome::Right,
                        Verdict::ServerError(detail) => Outcome::ServerError(detail),
                        Verdict::Wrong(detail) => Outcome::Wrong(detail),
                    });
                }
                Ok(Attempt::NotTaken) if course.repeated < MAX_REPEATS => course.repeated += 1,
                Ok(Attempt::NotTaken) => {
                    return course.ended(Outcome::Lost(format!("given up after {MAX_REPEATS} repeats")));
                }
                Ok(Attempt::Over(outcome)) => return course.ended(outcome),
                Err(_) => return course.ended(Outcome::Lost("no answer by the deadline".to_owned())),
            }
        }
    }

    async fn attempt(&self, request: &Request, deadline: Instant, course: &mut Course) -> Attempt {
        let kept = match self.ready(deadline, course).await {
            Ok(kept) => kept,
            Err(outcome) => return Attempt::Over(outcome),
        };
        match exchange(kept.sender, request).await {
            Ok(answer) => Attempt::Answered(answer),
            Err(error) if was_not_taken(&error) => {
                self.give_up(kept.number).await;
                Attempt::NotTaken
            }
            Err(error) => {
                self.give_up(kept.number).await;
                Attempt::Over(Outcome::Lost(error.to_string()))
            }
        }
    }

    /// A connection that takes streams. Nothing was written on one that does not, so a new one is no repeat.
    async fn ready(&self, deadline: Instant, course: &mut Course) -> Result<Kept, Outcome> {
        let mut slot = self.kept.lock().await;
        if let Some(Kept { number, sender }) = slot.take()
            && let Ok(sender) = sender.ready().await
        {
            return Ok(slot.insert(Kept { number, sender }).clone());
        }
        let connection = Connection::open(self.address, deadline).await;
        let connection =
            connection.map_err(|error| Outcome::Refused(format!("connecting failed: {error}")))?;
        course.connections += 1;
        let (sender, driver) = handshake(connection.into_stream())
            .await
            .map_err(|error| Outcome::Lost(format!("the handshake failed: {error}")))?;
        // Its errors are those of the streams, which report them.
        tokio::spawn(driver);
        let sender = sender.ready().await;
        let sender =
            sender.map_err(|error| Outcome::Lost(format!("a new connection takes no stream: {error}")))?;
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Ok(slot.insert(Kept { number, sender }).clone())
    }

    async fn give_up(&self, number: u64) {
        self.kept.lock().await.take_if(|kept| kept.number == number);
    }
}

async fn exchange(sender: SendRequest<Bytes>, request: &Request) -> Result<Answer, h2::Error> {
    let mut sender = sender.ready().await?;
    let (answer, mut body) = sender.send_request(message(request), request.body.is_empty())?;
    // The connection would stay open as long as somebody may still send.
    drop(sender);
    if !request.body.is_empty() {
        body.send_data(request.body.clone(), true)?;
    }
    let (head, mut stream) = answer.await?.into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    Ok(Answer {
        status: head.status.as_u16(),
        body,
        keeps_connection: true,
    })
}

fn message(request: &Request) -> http::Request<()> {
    let mut message = http::Request::builder()
        .method(request.method)
        .uri(format!("http://localhost{}", request.path))
        .header("x-request-id", &request.id);
    if let Some(content_type) = request.content_type {
        message = message
            .header("content-type", content_type)
            .header("content-length", request.body.len());
    }
    message
        .body(())
        .expect("method, path and fields are made of ASCII letters")
}

/// A GOAWAY becomes the error of the streams above the last one that the server took, and of no other (RFC 9113,
/// section 6.8); REFUSED_STREAM says the same of one stream (section 8.7).
fn was_not_taken(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM))
}
