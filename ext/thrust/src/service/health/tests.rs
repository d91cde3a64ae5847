//! What is asked and how answers are judged, over real sockets; when it is asked, in virtual time.

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
        let stream = Stream::from(socket);
        let request = next_head(&stream, &mut Inbound::default()).await.unwrap();
        ask(&stream, answer.as_bytes()).await.unwrap();
        String::from_utf8(request.to_vec()).unwrap()
    };
    tokio::join!(app, probe(|| connected(&listener), check, PATIENCE))
}

async fn connected(listener: &TcpListener) -> io::Result<Stream> {
    TcpStream::connect(listener.local_addr()?).await.map(Stream::from)
}

async fn refused() -> io::Result<Stream> {
    Err(io::ErrorKind::ConnectionRefused.into())
}
