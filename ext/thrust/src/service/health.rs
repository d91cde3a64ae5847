//! Whether the app answers HTTP: asked by ourselves, each time on a fresh connection.
//!
//! An app that accepts may still be loading, as each worker of a Puma cluster does by itself. A whole head in answer
//! shows that it has come further.

use std::fmt::{self, Display};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::{Instant, sleep, timeout};

use crate::error::chain;
use crate::http1::head::HeadError;
use crate::http1::inbound::Inbound;
use crate::http1::response;
use crate::stream::Stream;

/// Before the first probe; doubled after each, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long a probe may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a probe may take at least, however little is left of the whole.
const LEAST_PATIENCE: Duration = Duration::from_millis(50);
/// Most 1xx answers before the one that counts.
const MAX_INTERIM: usize = 8;
/// From here on a status says that the app is not well.
const UNWELL: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// What the app is asked, and which answers will do.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// Method and request target, for messages.
    asked: String,
    head: Vec<u8>,
    any_status: bool,
}

impl Check {
    /// `GET path`, to be answered with a status below 500, or without a path `HEAD /up`, which any answer will do:
    /// not every app has that page. `host` is what the `Host` field says; both were checked as settings.
    pub(crate) fn new(path: Option<&str>, host: &str) -> Self {
        let asked = path.map_or_else(|| "HEAD /up".to_owned(), |path| format!("GET {path}"));
        // Said to have come by TLS, so that force_ssl does not answer for the app.
        let head = format!(
            "{asked} HTTP/1.1\r\n\
             Host: {host}\r\n\
             User-Agent: thrust/{}\r\n\
             X-Forwarded-Proto: https\r\n\
             Connection: close\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        );
        Self {
            asked,
            head: head.into_bytes(),
            any_status: path.is_none(),
        }
    }

    fn judge(&self, status: StatusCode) -> Probe {
        if self.any_status || status < UNWELL {
            Probe::Healthy(status)
        } else {
            Probe::Unhealthy(status)
        }
    }
}

/// What became of one question.
#[derive(Debug)]
pub(crate) enum Probe {
    /// The app answered as it should.
    Healthy(StatusCode),
    /// The app answered that it is not well.
    Unhealthy(StatusCode),
    /// There was no answer.
    Failed(ProbeError),
}

/// What follows the question: `was answered with status 503, …`.
impl Display for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy(status) => write!(formatter, "was answered with status {}", status.as_u16()),
            Self::Unhealthy(status) => write!(
                formatter,
                "was answered with status {}; it has to be below {}",
                status.as_u16(),
                UNWELL.as_u16()
            ),
            Self::Failed(error) => write!(formatter, "was not answered: {}", chain(error)),
        }
    }
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeError {
    #[error("could not connect")]
    Connect(#[source] io::Error),
    #[error("the connection broke")]
    Broke(#[source] io::Error),
    #[error("the app closed the connection")]
    Closed,
    #[error("what came is no answer")]
    Malformed(#[source] HeadError),
    #[error("there were more than {MAX_INTERIM} interim answers")]
    TooManyInterim,
    #[error("nothing came within {0:?}")]
    Slow(Duration),
}

/// The app did not become ready in time.
#[derive(Debug, thiserror::Error)]
#[error("not ready within {limit:?}: the last {asked} {last}")]
pub(crate) struct NotReady {
    pub(crate) limit: Duration,
    /// The question: `GET /health`.
    pub(crate) asked: String,
    /// What became of it when it was asked last.
    pub(crate) last: Probe,
}

/// Asks until the app answers as it should; returns with which status.
///
/// Asks first after 50 ms, then with pauses that double up to 1 s. May be dropped at any time.
///
/// # Errors
///
/// [`NotReady`] once `limit` is over; with `None`, never.
pub(crate) async fn until_ready<C>(
    connect: impl Fn() -> C,
    check: &Check,
    limit: Option<Duration>,
) -> Result<StatusCode, NotReady>
where
    C: Future<Output = io::Result<Stream>>,
{
    let asked = &check.asked;
    let mut schedule = Schedule::new(limit);
    loop {
        let patience = schedule.next().await;
        let last = probe(&connect, check, patience).await;
        tracing::debug!("Readiness: {asked} {last}");
        if let Probe::Healthy(status) = last {
            return Ok(status);
        }
        if let Some(limit) = schedule.is_over() {
            let asked = asked.clone();
            return Err(NotReady { limit, asked, last });
        }
    }
}

/// When to probe, and for how long.
struct Schedule {
    started: Instant,
    limit: Option<Duration>,
    pause: Duration,
}

impl Schedule {
    fn new(limit: Option<Duration>) -> Self {
        Self {
            started: Instant::now(),
            limit,
            pause: FIRST_PAUSE,
        }
    }

    /// Waits until it is time for the next probe, which is never later than the end; how long that may take.
    async fn next(&mut self) -> Duration {
        sleep(self.pause.min(self.left())).await;
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        self.left().clamp(LEAST_PATIENCE, PATIENCE)
    }

    /// The limit, if it is reached.
    fn is_over(&self) -> Option<Duration> {
        self.limit.filter(|_| self.left().is_zero())
    }

    fn left(&self) -> Duration {
        self.limit.map_or(Duration::MAX, |limit| {
            limit.saturating_sub(self.started.elapsed())
        })
    }
}

/// Asks once, and waits for the answer no longer than `patience`.
pub(crate) async fn probe<C>(connect: impl Fn() -> C, check: &Check, patience: Duration) -> Probe
where
    C: Future<Output = io::Result<Stream>>,
{
    let answered = async {
        let stream = connect().await.map_err(ProbeError::Connect)?;
        ask(&stream, &check.head).await.map_err(ProbeError::Broke)?;
        answer(&stream).await
    };
    match timeout(patience, answered).await {
        Ok(Ok(status)) => check.judge(status),
        Ok(Err(error)) => Probe::Failed(error),
        Err(_) => Probe::Failed(ProbeError::Slow(patience)),
    }
}

async fn ask(stream: &Stream, mut request: &[u8]) -> io::Result<()> {
    while !request.is_empty() {
        let written = poll_fn(|cx| stream.poll_write(cx, &[IoSlice::new(request)])).await?;
        request = &request[written..];
    }
    Ok(())
}

/// The status of the final answer. What follows its head is left unread.
async fn answer(stream: &Stream) -> Result<StatusCode, ProbeError> {
    let mut inbound = Inbound::default();
    for _ in 0..=MAX_INTERIM {
        let head = next_head(stream, &mut inbound).await?;
        let status = response::parse(&head).map_err(ProbeError::Malformed)?.status;
        if !status.is_informational() {
            return Ok(status);
        }
    }
    Err(ProbeError::TooManyInterim)
}

async fn next_head(stream: &Stream, inbound: &mut Inbound) -> Result<Bytes, ProbeError> {
    loop {
        if let Some(head) = inbound.take_head().map_err(ProbeError::Malformed)? {
            return Ok(head);
        }
        let piece = poll_fn(|cx| stream.poll_read(cx, u64::MAX)).await;
        match piece.map_err(ProbeError::Broke)? {
            piece if piece.is_empty() => return Err(ProbeError::Closed),
            piece => inbound.push(piece),
        }
    }
}

#[cfg(test)]
mod tests;
