//! Asks the app for an answer, and decides when it may be asked twice.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::asked::{Asked, Question};
use super::connection::{Connection, ReadError};
use super::pool::Slot;
use super::upload::Upload;
use super::{Options, Queue, Target, Upstream};
use crate::error::{BodyError, ProxyError};
use crate::exchange::Response;
use crate::http1::response::{self, ResponseHead};
use crate::stages::access_log::Entry;

/// Interim answers that an app may send before its final one.
const MAX_INTERIM: usize = 8;
/// How long an app has to ask for the body of a request that expects a 100; then we ask.
const CONTINUE_DELAY: Duration = Duration::from_secs(1);

/// Why this generation of the app did not answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It takes no more requests; its successor does.
    Superseded,
    /// Nobody listens where it should; the request was not sent.
    Refused,
    /// There will be no answer.
    Failed(ProxyError),
}

/// Why one attempt failed, and whether the app can have begun to act on the request.
struct FailedAttempt {
    error: ProxyError,
    /// Nothing was written.
    unsent: bool,
    /// No byte of an answer came, and the connection is what failed.
    unanswered: bool,
}

impl FailedAttempt {
    /// One that is not repeated: the app has begun to answer, or the client is gone.
    fn for_good(error: ProxyError) -> Self {
        Self {
            error,
            unsent: false,
            unanswered: false,
        }
    }

    /// One that the client is the reason of.
    fn by_client(error: BodyError) -> Self {
        Self::for_good(ProxyError::RequestBody(error))
    }
}

impl Upstream {
    /// Sends the request to the app and returns the head of its answer; both bodies stream.
    ///
    /// # Errors
    ///
    /// Only after [`Unanswered::Failed`] must the same request not be asked again.
    pub(crate) async fn ask(&self, asked: &mut Asked, entry: &mut Entry) -> Result<Response, Unanswered> {
        let idempotent = asked.question.idempotent;
        let (slot, mut kept) = match self.pool.queue() {
            None => self.pool.enter(idempotent).ok_or(Unanswered::Superseded)?,
            // Boxed: it is rare, and its size would weigh on every request.
            Some(queue) => Box::pin(self.enter_in_turn(&queue, asked, entry)).await?,
        };
        loop {
            let Some(upload) = &mut asked.upload else {
                unreachable!("a request is asked until it is answered, and not again");
            };
            let reused = kept.is_some();
            let failure = match self.attempt(kept.take(), upload, &asked.question, entry).await {
                Ok((connection, head)) => {
                    self.note_answer();
                    let upload = asked
                        .upload
                        .take()
                        .unwrap_or_else(|| unreachable!("it was there above"));
                    return self
                        .respond(connection, slot, head, upload, &asked.question)
                        .map_err(Unanswered::Failed);
                }
                Err(failure) => failure,
            };
            if !reused && self.is_refusal(&failure.error) {
                return Err(Unanswered::Refused);
            }
            let untouched = failure.unsent || asked.question.bodiless || upload.is_withheld();
            let harmless = failure.unsent || (reused && failure.unanswered && idempotent);
            // Once: a fresh connection fails for a reason that a third one would meet too.
            if asked.repeated || !untouched || !harmless {
                return Err(Unanswered::Failed(failure.error));
            }
            asked.repeated = true;
            entry.repeated();
            upload.restart();
        }
    }

    /// Lets the request in when it is its turn.
    async fn enter_in_turn(
        &self,
        queue: &Arc<Queue>,
        asked: &Asked,
        entry: &mut Entry,
    ) -> Result<(Slot, Option<Box<Connection>>), Unanswered> {
        let permit = match queue.try_pass() {
            Some(permit) => permit,
            None => {
                let since = Instant::now();
                let passed = queue.pass(asked).await;
                entry.queued(since.elapsed());
                passed?
            }
        };
        let entered = self.pool.enter(asked.question.idempotent);
        let (mut slot, kept) = entered.ok_or(Unanswered::Superseded)?;
        slot.keep(permit, queue.clone());
        Ok((slot, kept))
    }

    /// Whether the app is not there, rather than broken or far away.
    fn is_refusal(&self, error: &ProxyError) -> bool {
        matches!(error, ProxyError::Connect { source, .. } if self.target.is_local() && is_absence(source.kind()))
    }

    /// Sends the request once, on the connection that was kept or on a fresh one.
    async fn attempt(
        &self,
        kept: Option<Box<Connection>>,
        upload: &mut Upload,
        question: &Question,
        entry: &mut Entry,
    ) -> Result<(Box<Connection>, ResponseHead), FailedAttempt> {
        let connection = match kept {
            Some(connection) => connection,
            // Boxed: it is rare, and its size would weigh on every request.
            None => Box::pin(self.open(&question.options, entry))
                .await
                .map_err(|error| FailedAttempt {
                    unsent: matches!(error, ProxyError::Connect { .. }),
                    unanswered: false,
                    error,
                })?,
        };
        self.converse(connection, upload, question).await
    }

    async fn open(&self, options: &Options, entry: &mut Entry) -> Result<Box<Connection>, ProxyError> {
        let since = Instant::now();
        let connection = self.connect(options.connect_timeout).await;
        entry.connected(since.elapsed());
        connection
    }

    /// Sends the request until a final head comes.
    async fn converse(
        &self,
        mut connection: Box<Connection>,
        upload: &mut Upload,
        question: &Question,
    ) -> Result<(Box<Connection>, ResponseHead), FailedAttempt> {
        let target = &self.target;
        let mut interim = 0;
        loop {
            let event = self.next_event(&mut connection, upload, question).await;
            let begun = interim > 0 || !connection.inbound.is_empty();
            let head = match event.map_err(|error| failure(error, upload, begun, target))? {
                Event::Head(head) => head,
                Event::ContinueDue => {
                    upload.release();
                    question
                        .tell_client(StatusCode::CONTINUE, HeaderMap::new())
                        .await
                        .map_err(FailedAttempt::by_client)?;
                    continue;
                }
            };
            let head = response::parse(&head).map_err(|source| {
                FailedAttempt::for_good(ProxyError::MalformedAnswer {
                    target: target.clone(),
                    source,
                })
            })?;
            // A copy: a head that was borrowed would keep its room in this future while an interim answer is sent.
            let status = head.status;
            if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok((connection, head));
            }
            interim += 1;
            if interim > MAX_INTERIM {
                return Err(FailedAttempt::for_good(ProxyError::TooManyInterim {
                    target: target.clone(),
                    limit: MAX_INTERIM,
                }));
            }
            let telling = if status != StatusCode::CONTINUE {
                question.tell_client(status, into_headers(head))
            } else if upload.is_withheld() {
                upload.release();
                question.tell_client(status, HeaderMap::new())
            } else {
                // One that nobody waits for, or that comes after ours, means nothing to the client.
                continue;
            };
            telling.await.map_err(FailedAttempt::by_client)?;
        }
    }

    /// Drives the upload until the app says something or time is up.
    async fn next_event(
        &self,
        connection: &mut Connection,
        upload: &mut Upload,
        question: &Question,
    ) -> Result<Event, EventError> {
        let options = &*question.options;
        let withheld_until = upload.is_withheld().then(|| Instant::now() + CONTINUE_DELAY);
        poll_fn(|cx| {
            // First, because the app answers what it has got.
            if let Poll::Ready(Err(error)) = upload.poll(&connection.stream, cx) {
                return Poll::Ready(Err(EventError::Client(error)));
            }
            if let Poll::Ready(read) = connection.poll_head(cx) {
                return Poll::Ready(read.map(Event::Head).map_err(EventError::Read));
            }
            let booting = !self.has_answered();
            let due = match options.timeout {
                // The client's time runs, in the body.
                _ if upload.waits_for_client() => None,
                _ if booting => Some(question.arrived + options.boot_timeout),
                limit => limit.map(|limit| upload.last_byte() + limit),
            };
            let first = [due, withheld_until].into_iter().flatten().min();
            if connection.timer.poll(cx, first).is_pending() {
                Poll::Pending
            } else if first == due && booting {
                Poll::Ready(Err(EventError::Booting(options.boot_timeout)))
            } else if first == due {
                Poll::Ready(Err(EventError::Slow(options.timeout.unwrap_or_default())))
            } else {
                Poll::Ready(Ok(Event::ContinueDue))
            }
        })
        .await
    }
}

/// As a whole: what is left of a head that was taken apart would keep its room in a future.
fn into_headers(head: ResponseHead) -> HeaderMap {
    head.fields.headers
}

/// What the app did.
enum Event {
    Head(Bytes),
    /// It did not ask for the body in time.
    ContinueDue,
}

enum EventError {
    Client(BodyError),
    Read(ReadError),
    Slow(Duration),
    /// It is slow, and has never answered anything.
    Booting(Duration),
}

fn failure(error: EventError, upload: &Upload, answer_begun: bool, target: &Target) -> FailedAttempt {
    let target = target.clone();
    let (error, unanswered) = match error {
        EventError::Client(error) => (ProxyError::RequestBody(error), false),
        EventError::Slow(limit) => (ProxyError::TargetSlow { target, limit }, false),
        EventError::Booting(limit) => (ProxyError::Booting { target, limit }, false),
        EventError::Read(ReadError::Closed) => (ProxyError::TargetClosed { target }, true),
        EventError::Read(ReadError::Broke(source)) => (ProxyError::TargetBroke { target, source }, true),
        EventError::Read(ReadError::Malformed(source)) => {
            (ProxyError::MalformedAnswer { target, source }, false)
        }
    };
    FailedAttempt {
        error,
        unsent: unanswered && !upload.has_begun(),
        unanswered: unanswered && !answer_begun,
    }
}

/// Whether a connection that failed so shows that nobody listens. One is reset whose listener goes away in the middle.
fn is_absence(failed: ErrorKind) -> bool {
    matches!(
        failed,
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::NotFound
    )
}
