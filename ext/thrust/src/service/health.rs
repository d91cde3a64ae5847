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
mod tests {
    use std::cell::Cell;
    use std::net::Ipv4Addr;

    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn the_question_is_asked_as_a_browser_behind_tls_would() {
        let (request, probe) = answered_with(
            "HTTP/1.1 204 No Content\r\n\r\n",
            &Check::new(Some("/ok?a=b"), "h:81"),
        )
        .await;

        assert!(
            matches!(probe, Probe::Healthy(StatusCode::NO_CONTENT)),
            "{probe:?}"
        );
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            request,
            format!(
                "GET /ok?a=b HTTP/1.1\r\nHost: h:81\r\nUser-Agent: thrust/{version}\r\n\
                 X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
            )
        );
    }

    #[tokio::test]
    async fn a_page_that_was_named_has_to_answer_below_500() {
        let check = Check::new(Some("/health"), "localhost");

        let (_, missing) = answered_with("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n", &check).await;
        let (_, unwell) = answered_with("HTTP/1.0 503 Busy\r\n\r\nlater", &check).await;

        assert!(
            matches!(missing, Probe::Healthy(StatusCode::NOT_FOUND)),
            "{missing:?}"
        );
        assert_eq!(
            unwell.to_string(),
            "was answered with status 503; it has to be below 500"
        );
    }

    #[tokio::test]
    async fn any_answer_will_do_where_no_page_was_named() {
        let check = Check::new(None, "localhost");

        let (request, probe) = answered_with("HTTP/1.1 500 Oh\r\n\r\n", &check).await;

        assert!(
            request.starts_with("HEAD /up HTTP/1.1\r\nHost: localhost\r\n"),
            "{request}"
        );
        assert_eq!(probe.to_string(), "was answered with status 500");
        assert!(matches!(probe, Probe::Healthy(_)));
    }

    #[tokio::test]
    async fn interim_answers_are_none() {
        let check = Check::new(Some("/"), "localhost");
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        let eight = interim.repeat(8);

        let (_, hinted) = answered_with(&format!("{eight}HTTP/1.1 502 Bad\r\n\r\n"), &check).await;
        let (_, endless) = answered_with(&format!("{eight}{interim}"), &check).await;

        assert!(
            matches!(hinted, Probe::Unhealthy(StatusCode::BAD_GATEWAY)),
            "{hinted:?}"
        );
        assert!(
            matches!(endless, Probe::Failed(ProbeError::TooManyInterim)),
            "{endless:?}"
        );
    }

    #[tokio::test]
    async fn what_is_no_answer_is_said() {
        let check = Check::new(Some("/"), "localhost");

        let (_, ftp) = answered_with("220 ready\r\n\r\n", &check).await;
        let (_, half) = answered_with("HTTP/1.1 200 OK\r\nContent", &check).await;
        let (_, flood) = answered_with(&"a".repeat(70_000), &check).await;
        let refused = probe(refused, &check, PATIENCE).await;

        assert_eq!(
            ftp.to_string(),
            "was not answered: what came is no answer: malformed status line"
        );
        assert_eq!(
            half.to_string(),
            "was not answered: the app closed the connection"
        );
        assert!(
            matches!(flood, Probe::Failed(ProbeError::Malformed(_))),
            "{flood:?}"
        );
        assert_eq!(
            refused.to_string(),
            "was not answered: could not connect: connection refused"
        );
    }

    #[tokio::test]
    async fn an_app_that_is_silent_gets_its_time_and_no_more() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let patience = Duration::from_millis(20);

        let silent = probe(|| connected(&listener), &Check::new(None, "a"), patience).await;

        assert_eq!(silent.to_string(), "was not answered: nothing came within 20ms");
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_a_second() {
        let started = Instant::now();
        let mut schedule = Schedule::new(None);

        let mut asked = Vec::new();
        for _ in 0..8 {
            schedule.next().await;
            asked.push(started.elapsed().as_millis());
        }

        assert_eq!(asked, [50, 150, 350, 750, 1550, 2550, 3550, 4550]);
        assert!(schedule.is_over().is_none(), "without a limit it never is");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_may_take_five_seconds_or_what_is_left() {
        let limit = Duration::from_secs(8);
        let mut schedule = Schedule::new(Some(limit));

        let mut patiences = Vec::new();
        while schedule.is_over().is_none() {
            let patience = schedule.next().await;
            patiences.push(patience.as_millis());
            sleep(patience).await;
        }

        assert_eq!(patiences, [5000, 2850]);
        assert_eq!(schedule.is_over(), Some(limit));
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_of_the_time_there_is_a_last_probe() {
        let started = Instant::now();
        let check = Check::new(Some("/health"), "localhost");
        let tries = Cell::new(0);

        let error = until_ready(
            || {
                tries.set(tries.get() + 1);
                refused()
            },
            &check,
            Some(Duration::from_millis(200)),
        )
        .await
        .unwrap_err();

        assert_eq!((tries.get(), started.elapsed()), (3, Duration::from_millis(200)));
        assert_eq!(
            error.to_string(),
            "not ready within 200ms: the last GET /health was not answered: could not connect: connection refused"
        );
    }

    /// Asks an app that answers so and closes; what it was asked, and what became of it.
    async fn answered_with(answer: &str, check: &Check) -> (String, Probe) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let app = async {
            let (socket, _) = listener.accept().await.unwrap();
            let stream = Stream::new(socket);
            let request = next_head(&stream, &mut Inbound::default()).await.unwrap();
            ask(&stream, answer.as_bytes()).await.unwrap();
            String::from_utf8(request.to_vec()).unwrap()
        };
        tokio::join!(app, probe(|| connected(&listener), check, PATIENCE))
    }

    async fn connected(listener: &TcpListener) -> io::Result<Stream> {
        TcpStream::connect(listener.local_addr()?).await.map(Stream::new)
    }

    async fn refused() -> io::Result<Stream> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}
