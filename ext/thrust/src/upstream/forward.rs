//! Asks the app for an answer, and decides when it may be asked twice.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use tokio::time::Instant;

use super::answer::{AnswerBody, Tunnel};
use super::connection::{Connection, ReadError};
use super::headers;
use super::upload::Upload;
use super::{Target, Upstream};
use crate::body::Body;
use crate::connection::Interim;
use crate::error::{BodyError, ProxyError};
use crate::exchange::{Client, Request, Response};
use crate::http1::decode::BodyDecoder;
use crate::http1::encode;
use crate::http1::fields::{Fields, tokens};
use crate::http1::response::{self, ResponseHead};

/// Interim answers that an app may send before its final one.
const MAX_INTERIM: usize = 8;
/// How long an app has to ask for the body of a request that expects a 100; then we ask.
const CONTINUE_DELAY: Duration = Duration::from_secs(1);

/// What of a request is needed while the app is asked, and to read its answer.
struct Question {
    head: Vec<u8>,
    is_head: bool,
    /// Whether a second identical request does no harm (RFC 9110 section 9.2.2).
    idempotent: bool,
    /// Whether there is no body that could be half sent.
    bodiless: bool,
    upgrade: Option<HeaderValue>,
    interim: Option<Interim>,
}

impl Question {
    /// Passes an interim answer on, if the client's connection can take one.
    ///
    /// Boxed: it is rare, and its size would weigh on every request.
    fn tell_client(
        &self,
        status: StatusCode,
        headers: HeaderMap,
    ) -> impl Future<Output = Result<(), Failure>> + use<> {
        let sending = self
            .interim
            .clone()
            .map(|interim| (interim, encode::interim(status, &headers)));
        Box::pin(async move {
            let Some((interim, message)) = sending else {
                return Ok(());
            };
            let sent = interim.send(message).await;
            sent.map_err(|error| Failure {
                error: ProxyError::RequestBody(error),
                unsent: false,
                unanswered: false,
            })
        })
    }
}

/// A failure, and whether the app can have begun to act on the request.
struct Failure {
    error: ProxyError,
    /// Nothing was written.
    unsent: bool,
    /// No byte of an answer came, and the connection is what failed.
    unanswered: bool,
}

impl Upstream {
    /// Sends `request` to the app and returns the head of its answer; both bodies stream.
    ///
    /// # Errors
    ///
    /// The app cannot be reached, does not answer in time, or what it answers is no HTTP; the request's body cannot
    /// be read.
    pub(crate) async fn forward(
        &self,
        request: Box<Request>,
        client: &Client,
    ) -> Result<Response, ProxyError> {
        let head = headers::request_head(&request, client, &self.options);
        let mut upload = Box::new(Upload::new(&head, request.body, request.expects_continue));
        let question = Question {
            head,
            is_head: request.method == Method::HEAD,
            idempotent: is_idempotent(&request.method, &request.headers),
            bodiless: upload.is_bodiless(),
            upgrade: request.upgrade,
            interim: request.interim,
        };

        let mut kept = self.pool.take(question.idempotent);
        let mut repeated = false;
        loop {
            let reused = kept.is_some();
            let failure = match self.attempt(kept.take(), &mut upload, &question).await {
                Ok((connection, head)) => return self.respond(connection, head, upload, &question),
                Err(failure) => failure,
            };
            let untouched = failure.unsent || question.bodiless || upload.is_held();
            let harmless = failure.unsent || (reused && failure.unanswered && question.idempotent);
            // Once: a fresh connection fails for a reason that a third one would meet too.
            if repeated || !untouched || !harmless {
                return Err(failure.error);
            }
            repeated = true;
            upload.restart(&question.head);
        }
    }

    /// Sends the request once, on the connection that was kept or on a fresh one.
    async fn attempt(
        &self,
        kept: Option<Box<Connection>>,
        upload: &mut Upload,
        question: &Question,
    ) -> Result<(Box<Connection>, ResponseHead), Failure> {
        let connection = match kept {
            Some(connection) => connection,
            // Boxed: it is rare, and its size would weigh on every request.
            None => Box::pin(self.connect()).await.map_err(|error| Failure {
                unsent: matches!(error, ProxyError::Connect { .. }),
                unanswered: false,
                error,
            })?,
        };
        self.ask(connection, upload, question).await
    }

    /// Sends the request until a final head comes.
    async fn ask(
        &self,
        mut connection: Box<Connection>,
        upload: &mut Upload,
        question: &Question,
    ) -> Result<(Box<Connection>, ResponseHead), Failure> {
        let target = self.options.target;
        let mut interim = 0;
        loop {
            let event = self.next_event(&mut connection, upload).await;
            let begun = interim > 0 || !connection.inbound.is_empty();
            let head = match event.map_err(|error| failure(error, upload, begun, target))? {
                Event::Head(head) => head,
                Event::ContinueDue => {
                    upload.release();
                    question
                        .tell_client(StatusCode::CONTINUE, HeaderMap::new())
                        .await?;
                    continue;
                }
            };
            let answered = |error| Failure {
                error,
                unsent: false,
                unanswered: false,
            };
            let head = response::parse(&head)
                .map_err(|source| answered(ProxyError::MalformedAnswer { target, source }))?;
            if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok((connection, head));
            }
            interim += 1;
            if interim > MAX_INTERIM {
                return Err(answered(ProxyError::TooManyInterim {
                    target,
                    limit: MAX_INTERIM,
                }));
            }
            if head.status == StatusCode::CONTINUE {
                // One that nobody waits for, or that comes after ours, means nothing to the client.
                if upload.is_held() {
                    upload.release();
                    question
                        .tell_client(StatusCode::CONTINUE, HeaderMap::new())
                        .await?;
                }
            } else {
                question.tell_client(head.status, head.fields.headers).await?;
            }
        }
    }

    /// Drives the upload until the app says something or time is up.
    async fn next_event(
        &self,
        connection: &mut Connection,
        upload: &mut Upload,
    ) -> Result<Event, EventError> {
        let held_until = upload.is_held().then(|| Instant::now() + CONTINUE_DELAY);
        poll_fn(|cx| {
            // First, because the app answers what it has got.
            if let Poll::Ready(Err(error)) = upload.poll(&connection.stream, cx) {
                return Poll::Ready(Err(EventError::Client(error)));
            }
            if let Poll::Ready(read) = connection.poll_head(cx) {
                return Poll::Ready(read.map(Event::Head).map_err(EventError::Read));
            }
            let due = match self.options.timeout {
                // The client's time runs, in the body.
                _ if upload.waits_for_client() => None,
                limit => limit.map(|limit| upload.last_byte() + limit),
            };
            let first = [due, held_until].into_iter().flatten().min();
            if connection.timer.poll(cx, first).is_pending() {
                Poll::Pending
            } else if first == due {
                Poll::Ready(Err(EventError::Slow(self.options.timeout.unwrap_or_default())))
            } else {
                Poll::Ready(Ok(Event::ContinueDue))
            }
        })
        .await
    }

    /// Makes our answer from the app's head (RFC 9112 section 6.3).
    fn respond(
        &self,
        mut connection: Box<Connection>,
        head: ResponseHead,
        upload: Box<Upload>,
        question: &Question,
    ) -> Result<Response, ProxyError> {
        let ResponseHead {
            status,
            version,
            fields,
        } = head;
        let Fields {
            mut headers,
            content_length,
            chunked,
            connection: options,
            upgrade,
            ..
        } = fields;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            if !is_asked_for(question.upgrade.as_ref(), upgrade.as_ref()) {
                return Err(ProxyError::UnaskedUpgrade {
                    target: self.options.target,
                });
            }
            return Ok(response(
                status,
                headers,
                Box::new(Tunnel::new(connection, upgrade)).into(),
            ));
        }

        let decoder = match content_length {
            _ if question.is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => {
                BodyDecoder::Over
            }
            _ if chunked => BodyDecoder::chunked(),
            Some(length) => BodyDecoder::length(length),
            None => BodyDecoder::UntilClose,
        };
        if status == StatusCode::NO_CONTENT {
            headers.remove(http::header::CONTENT_LENGTH);
        }
        let keep = match version {
            Version::HTTP_10 => options.keep_alive && !options.close,
            _ => !options.close,
        } && !matches!(decoder, BodyDecoder::UntilClose);
        // A body that must not be there may still come, and would be taken for the next answer.
        let keep = keep && !(status == StatusCode::NO_CONTENT && (chunked || content_length > Some(0)));

        // The whole of a short answer came with its head: the connection is free before the client is answered.
        if upload.is_sent()
            && let Some(whole) = take_whole(&decoder, connection.inbound.unread())
        {
            if keep && connection.inbound.is_empty() {
                self.pool.give_back(connection);
            }
            return Ok(response(status, headers, whole.into()));
        }
        let body = AnswerBody::new(connection, decoder, upload, keep.then(|| self.pool.clone()));
        Ok(response(status, headers, Box::new(body).into()))
    }
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
}

fn failure(error: EventError, upload: &Upload, answer_begun: bool, target: Target) -> Failure {
    let (error, unanswered) = match error {
        EventError::Client(error) => (ProxyError::RequestBody(error), false),
        EventError::Slow(limit) => (ProxyError::TargetSlow { target, limit }, false),
        EventError::Read(ReadError::Closed) => (ProxyError::TargetClosed { target }, true),
        EventError::Read(ReadError::Broke(source)) => (ProxyError::TargetBroke { target, source }, true),
        EventError::Read(ReadError::Malformed(source)) => {
            (ProxyError::MalformedAnswer { target, source }, false)
        }
    };
    Failure {
        error,
        unsent: unanswered && !upload.has_begun(),
        unanswered: unanswered && !answer_begun,
    }
}

fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The body, if all of it is there already.
fn take_whole(decoder: &BodyDecoder, unread: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(decoder.left()?).ok()?;
    (unread.len() >= length).then(|| unread.split_to(length))
}

/// Whether sending the request twice has the effect of sending it once.
fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    ) || headers.contains_key("idempotency-key")
        || headers.contains_key("x-idempotency-key")
}

/// Whether the app changes to one of the protocols that the client named.
fn is_asked_for(asked: Option<&HeaderValue>, given: Option<&HeaderValue>) -> bool {
    let (Some(asked), Some(given)) = (asked, given) else {
        return false;
    };
    tokens(asked).any(|protocol| protocol.eq_ignore_ascii_case(given.as_bytes().trim_ascii()))
}
