//! The load client of the system tests notices whatever a proxy can do wrong: each fault is played by a script.

#[path = "../examples/load_client/answer.rs"]
mod answer;
#[path = "../examples/load_client/ask.rs"]
mod ask;
#[path = "../examples/load_client/cable.rs"]
mod cable;
#[path = "../examples/load_client/connection.rs"]
mod connection;
#[path = "../examples/load_client/course.rs"]
mod course;
#[path = "../examples/load_client/http2.rs"]
mod http2;
#[path = "../examples/load_client/ids.rs"]
mod ids;
#[path = "../examples/load_client/plan.rs"]
mod plan;
#[path = "../examples/load_client/request.rs"]
mod request;
#[path = "../examples/load_client/run.rs"]
mod run;
mod support;
#[path = "../examples/load_client/tally.rs"]
mod tally;
#[path = "../examples/load_client/websocket.rs"]
mod websocket;

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use self::connection::Connection;
use self::plan::{Kind, Plan};
use self::request::Request;
use self::support::{App, DEADLINE, Message, TestTarget, frames};
use self::tally::Report;

/// Requests that a script answers before it ends the run.
const ENOUGH: usize = 5;

#[test]
fn the_answer_to_its_own_request_is_right() {
    let report = load(&["--load", "get=1,post=1,upload=1,fresh=1"], |app| {
        while let Some(request) = app.read_request() {
            answer_well(app, &request);
        }
    });

    assert!(report.ok, "{report:?}");
    assert_eq!(report.total.right, report.total.sent);
    assert!(report.kinds.values().all(|counts| counts.right > 0), "{report:?}");
    assert!(report.total.longest.is_some());
}

#[test]
fn the_answer_to_another_request_is_wrong() {
    let report = load(&["--load", "get=1"], |app| {
        while app.read_request().is_some() {
            app.answer(json!({ "target": "/request?id=another" }).to_string());
        }
    });

    assert_all(&report, "wrong");
    assert!(report.failures[0].detail.contains("another"), "{report:?}");
}

#[test]
fn an_answer_that_comes_twice_is_wrong() {
    let report = load(&["--load", "get=1"], |app| {
        while let Some(request) = app.read_request() {
            let body = json!({ "target": request.target() }).to_string();
            let once = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            app.wire.send(format!("{once}{once}"));
        }
    });

    assert_all(&report, "wrong");
}

#[test]
fn an_upload_of_which_a_byte_was_changed_is_wrong() {
    let report = load(&["--load", "upload=1"], |app| {
        while let Some(mut request) = app.read_request() {
            request.body[1000] ^= 1;
            answer_well(app, &request);
        }
    });

    assert_all(&report, "wrong");
}

#[test]
fn an_event_stream_without_its_last_event_is_wrong() {
    let report = load(&["--load", "events=1"], |app| {
        while let Some(request) = app.read_request() {
            let id = request.header("x-request-id").expect("each has one");
            app.answer(
                (1..10)
                    .map(|number| format!("data: {id} {number}\n\n"))
                    .collect::<String>(),
            );
        }
    });

    assert_all(&report, "wrong");
}

#[test]
fn a_body_that_is_not_framed_as_its_head_says_is_wrong() {
    let report = load(&["--load", "get=1"], |app| {
        while app.read_request().is_some() {
            app.wire
                .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n");
        }
    });

    assert_all(&report, "wrong");
}

#[test]
fn a_status_that_blames_the_server_is_told_from_one_that_blames_the_client() {
    let report = load(&["--load", "get=1,post=1"], |app| {
        while let Some(request) = app.read_request() {
            let status = if request.method() == "GET" {
                "503 Down"
            } else {
                "404 Gone"
            };
            app.wire
                .send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        }
    });

    assert!(!report.ok);
    let (get, post) = (&report.kinds["get"], &report.kinds["post"]);
    assert_eq!((get.server_errors, get.statuses[&503]), (get.sent, get.sent));
    assert_eq!((post.wrong, post.statuses[&404]), (post.sent, post.sent));
}

#[test]
fn a_connection_that_ends_instead_of_an_answer_has_lost_the_request() {
    let report = load(&["--load", "get=1"], |app| {
        app.read_request();
    });

    assert_all(&report, "lost");
    assert_eq!(report.total.repeated, 0);
}

#[test]
fn a_kept_connection_that_ends_after_the_request_was_read_has_lost_it() {
    let report = load(&["--load", "get=1"], |app| {
        let first = app.read_request().expect("a request");
        answer_well(app, &first);
        app.read_request();
        // So that the client has looked at the connection after its write.
        app.wire.is_silent_for(Duration::from_millis(50));
    });

    assert!(report.total.lost > 0, "{report:?}");
    assert_eq!(report.total.repeated, 0, "{report:?}");
    assert!(report.failures[0].detail.contains("kept"), "{report:?}");
}

#[test]
fn an_answer_that_ends_too_early_is_lost() {
    let report = load(&["--load", "get=1"], |app| {
        app.read_request();
        app.wire
            .send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
    });

    assert_all(&report, "lost");
}

#[test]
fn an_answer_that_does_not_come_in_time_is_lost() {
    let report = load(&["--load", "get=1", "--deadline", "0.05"], |app| {
        while app.read_request().is_some() {}
    });

    assert_all(&report, "lost");
}

#[test]
fn a_connection_closed_between_two_requests_costs_nothing_but_a_new_one() {
    let report = load(&["--load", "get=1"], |app| {
        let request = app.read_request().expect("a request");
        answer_well(app, &request);
    });

    assert!(report.ok, "{report:?}");
    assert!(report.total.connections > 1);
}

#[tokio::test]
async fn a_request_written_after_the_fin_is_known_to_be() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let deadline = Instant::now() + DEADLINE;
    let mut connection = Connection::open(listener.local_addr().unwrap(), deadline)
        .await
        .unwrap();
    drop(listener.accept().unwrap());

    let request = Request::new(Kind::Get, "1".to_owned(), 0);
    let (closed_before, answer) = ask::exchange(&mut connection, &request, deadline).await;

    assert!(closed_before);
    assert!(answer.unwrap_err().is_without_a_byte());
}

#[test]
fn nobody_to_connect_to_is_a_failure_unless_that_is_the_end() {
    let gone = TestTarget::answering("").port();
    let port = |arguments: &[&str]| run(gone, arguments, &CancellationToken::new());

    let failed = port(&["--load", "get=1", "--seconds", "0.1"]);
    let ended = port(&["--load", "get=1", "--until-refused"]);

    assert_eq!((failed.total.sent, failed.failures[0].what), (0, "refused"));
    assert_eq!((ended.total.refused, ended.failures.len()), (1, 0));
}

#[test]
fn a_request_that_the_app_saw_twice_or_never_is_found() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let ledger = Mutex::new(File::create(&path).unwrap());
    let times = |id: &str| match id.rsplit('-').next() {
        Some("1") => 0,
        Some("2") => 2,
        _ => 1,
    };

    let report = load(&["--load", "post=1", "--ids", &path], move |app| {
        while let Some(request) = app.read_request() {
            let id = request.header("x-request-id").expect("each has one");
            let lines = format!("{id}\n").repeat(times(&id));
            ledger.lock().unwrap().write_all(lines.as_bytes()).unwrap();
            answer_well(app, &request);
        }
    });

    assert!(!report.ok);
    assert_eq!((report.total.doubled, report.total.unseen), (1, 1), "{report:?}");
    assert_eq!(report.total.right, report.total.sent);
}

#[test]
fn a_websocket_that_closes_is_opened_again_and_its_message_repeated() {
    let report = load(&["--load", "websocket=1"], |app| {
        app.read_request();
        app.wire.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        );
        say(app, &json!({ "type": "welcome" }));
        hear(app);
        say(app, &json!({ "type": "confirm_subscription" }));
        let message = hear(app);
        if app.number > 0 {
            let data: Value = serde_json::from_str(message["data"].as_str().unwrap()).unwrap();
            say(app, &json!({ "type": "ping" }));
            say(app, &json!({ "message": { "text": data["text"] } }));
        }
    });

    assert!(report.ok, "{report:?}");
    assert_eq!(report.total.closed, report.total.repeated);
    assert!(report.total.closed > 0);
}

#[test]
fn a_stream_that_the_server_did_not_take_is_repeated() {
    let report = load(&["--load", "h2_get=1"], |app| {
        receive_stream(app);
        app.wire.send(frames::frame(frames::GOAWAY, 0, 0, &[0; 8]));
    });

    assert!(report.total.repeated > 0, "{report:?}");
    assert!(report.failures[0].detail.contains("given up"), "{report:?}");
}

#[test]
fn a_stream_whose_connection_ends_is_lost() {
    let report = load(&["--load", "h2_get=1"], receive_stream);

    assert_all(&report, "lost");
    assert_eq!(report.total.repeated, 0);
}

#[test]
fn a_plan_with_a_fault_is_refused() {
    let plan = |arguments: &[&str]| Plan::from_arguments([&["load_client"], arguments].concat());

    assert!(plan(&["http://127.0.0.1:80", "--load", "get=1@2.5,post=2"]).is_ok());
    for faulty in [
        &["http://127.0.0.1:80", "--load", "gets=1"][..],
        &["http://127.0.0.1:80", "--load", "get"],
        &["http://127.0.0.1:80", "--rate", "0"],
        &["https://127.0.0.1:80"],
        &[],
    ] {
        assert!(plan(faulty).is_err(), "{faulty:?}");
    }
}

/// Runs the client against the script until that has met enough connections or requests.
fn load(arguments: &[&str], script: impl Fn(&mut App) + Send + Sync + 'static) -> Report {
    let target = TestTarget::start(script);
    let stop = CancellationToken::new();
    let enough = || target.connections() >= ENOUGH || target.requests().len() >= 4 * ENOUGH;
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            run(
                target.port(),
                &[&["--rate", "100", "--upload-size", "20000"], arguments].concat(),
                &stop,
            )
        });
        support::eventually("enough requests", || enough().then_some(()));
        stop.cancel();
        running.join().expect("the client does not panic")
    })
}

fn run(port: u16, arguments: &[&str], stop: &CancellationToken) -> Report {
    let url = format!("http://127.0.0.1:{port}");
    let plan = Plan::from_arguments([&["load_client", &url], arguments].concat()).expect("a good plan");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    runtime.block_on(run::run(plan, stop.clone(), || {}))
}

/// What the example app answers.
fn answer_well(app: &mut App, request: &Message) {
    let (status, body) = match request.target() {
        "/echo" => (201, request.text()),
        "/uploads" => {
            let digest = Sha256::digest(&request.body);
            let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            (
                201,
                json!({ "size": request.body.len(), "sha256": sha256 }).to_string(),
            )
        }
        target => (200, json!({ "target": target }).to_string()),
    };
    app.wire.send(format!(
        "HTTP/1.1 {status} Fine\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assert_all(report: &Report, what: &str) {
    assert!(!report.ok);
    let failed = match what {
        "wrong" => report.total.wrong,
        _ => report.total.lost,
    };
    assert_eq!((failed, report.total.right), (report.total.sent, 0), "{report:?}");
    assert!(report.failures.iter().all(|failure| failure.what == what));
}

fn say(app: &mut App, message: &Value) {
    let text = message.to_string();
    let length = u8::try_from(text.len()).expect("messages are short");
    app.wire.send([&[0x81, length], text.as_bytes()].concat());
}

/// A client's frame, which is masked.
fn hear(app: &mut App) -> Value {
    let length = usize::from(app.wire.read_exact(2)[1] & 0x7f);
    let length = match length {
        126 => usize::from_str_radix(&hex(&app.wire.read_exact(2)), 16).expect("it is hexadecimal"),
        length => length,
    };
    let mask = app.wire.read_exact(4);
    let masked = app.wire.read_exact(length);
    let text: Vec<u8> = masked
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    serde_json::from_slice(&text).expect("JSON in a frame")
}

/// Reads up to the first request of an HTTP/2 connection.
fn receive_stream(app: &mut App) {
    app.wire.send(frames::frame(frames::SETTINGS, 0, 0, &[]));
    app.wire.read_exact(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len());
    frames::read_next(&mut app.wire, frames::HEADERS);
}
