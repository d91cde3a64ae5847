//! The sockets with a supervisor that the test plays.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as Stream;
use std::thread;

use serde_json::{Value, json};
use thrust_api::client::{Client, ClientError};
use thrust_api::message::{FailureKind, MAX_LINE, Outcome, Restarted, Step};

use super::*;

/// Long, because the machine may be busy; no passing test waits it out.
const DEADLINE: Duration = Duration::from_secs(20);

fn directory() -> (tempfile::TempDir, Option<Directory>) {
    let place = tempfile::tempdir().unwrap();
    let directory = Directory::open_in(&[place.path().to_owned()]);
    assert!(directory.is_some());
    (place, directory)
}

fn socket(control: &Control) -> PathBuf {
    control.directory().unwrap().join(SOCKET)
}

fn restarted(generation: u64) -> Outcome {
    Outcome::Restarted(Restarted {
        generation,
        child: 9,
        took: Duration::from_millis(250),
    })
}

/// What somebody says on a socket, on a thread of its own, and what comes of it.
fn aside<T: Send + 'static>(speak: impl FnOnce() -> T + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::task::spawn_blocking(speak)
}

fn connect(socket: &Path) -> Stream {
    let stream = Stream::connect(socket).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn read_line(stream: &mut impl BufRead) -> Value {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
}

async fn next(asked: &mut mpsc::Receiver<Asked>) -> Asked {
    let asked = tokio::time::timeout(DEADLINE, asked.recv()).await;
    asked.expect("a command in time").expect("the sockets are open")
}

#[tokio::test]
async fn a_command_gets_its_progress_and_its_answer_and_then_the_next_one_does() {
    let (_place, directory) = directory();
    let (control, mut asked) = Control::start(directory);
    let path = socket(&control);

    let asker = aside(move || {
        let mut client = Client::connect(&path, DEADLINE).unwrap();
        let mut steps = Vec::new();
        let first = client
            .ask(&Command::Restart { timeout: None }, |progress| {
                steps.push(progress)
            })
            .unwrap();
        let second = client.ask(&Command::Status, |_| ()).unwrap_err();
        (steps, first, second)
    });
    let first = next(&mut asked).await;
    assert_eq!(
        (first.command, first.through),
        (Command::Restart { timeout: None }, None)
    );
    first.reply.progress(Step::Starting, "Starting generation 2");
    first.reply.progress(Step::Switching, "Switching");
    first.reply.ok(restarted(2));
    let second = next(&mut asked).await;
    assert_eq!(second.command, Command::Status);
    second.reply.error(FailureKind::Busy, "later");

    let (steps, first, second) = asker.await.unwrap();
    assert_eq!(
        steps.iter().map(|progress| progress.step).collect::<Vec<_>>(),
        [Step::Starting, Step::Switching]
    );
    assert_eq!(steps[0].text, "Starting generation 2");
    assert_eq!(first, restarted(2));
    assert!(
        matches!(second, ClientError::Failed(failure) if failure.kind == FailureKind::Busy && failure.message == "later")
    );
}

#[tokio::test]
async fn the_socket_tells_the_generation() {
    let (_place, directory) = directory();
    let (mut control, mut asked) = Control::start(directory);
    let second = control.open_generation(2).unwrap();
    let third = control.open_generation(3).unwrap();
    assert_eq!(second.file_name().unwrap(), "generation-2.sock");

    for (path, generation) in [(&third, 3), (&second, 2)] {
        let mut stream = connect(path);
        stream.write_all(&Command::Status.to_line()).unwrap();
        assert_eq!(next(&mut asked).await.through, Some(generation));
    }

    control.close_generation(2);
    assert!(!second.exists());
    assert!(third.exists());
}

#[tokio::test]
async fn every_command_is_answered_even_if_nobody_does() {
    let (_place, directory) = directory();
    let (control, mut asked) = Control::start(directory);
    let path = socket(&control);

    let asker = aside(move || {
        let mut client = Client::connect(&path, DEADLINE).unwrap();
        [(), ()].map(|()| client.ask(&Command::Status, |_| ()).unwrap_err())
    });
    drop(next(&mut asked).await);
    drop(asked);

    let kinds = asker.await.unwrap().map(|error| match error {
        ClientError::Failed(failure) => failure.kind,
        other => panic!("{other}"),
    });
    assert_eq!(kinds, [FailureKind::Internal, FailureKind::Unavailable]);
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_told_and_the_next_one_is_read() {
    let (_place, directory) = directory();
    let (control, mut asked) = Control::start(directory);
    let path = socket(&control);

    let asker = aside(move || {
        let mut stream = BufReader::new(connect(&path));
        let lines =
            "nonsense\n{\"version\":9,\"command\":\"status\"}\n{\"version\":1,\"command\":\"dance\"}\n";
        stream.get_mut().write_all(lines.as_bytes()).unwrap();
        let kinds = [(); 3].map(|()| read_line(&mut stream)["kind"].take());
        // In two pieces, and with a newline as Windows writes it.
        stream.get_mut().write_all(b"{\"version\":1,").unwrap();
        stream
            .get_mut()
            .write_all(b"\"command\":\"status\"}\r\n")
            .unwrap();
        kinds
    });
    let command = next(&mut asked).await.command;

    assert_eq!(command, Command::Status);
    assert_eq!(
        asker.await.unwrap(),
        ["malformed", "unsupported_version", "unknown_command"]
    );
}

#[tokio::test]
async fn a_line_without_end_is_refused_when_it_is_too_long() {
    let (_place, directory) = directory();
    let (control, _asked) = Control::start(directory);
    let path = socket(&control);

    let asker = aside(move || {
        let mut stream = connect(&path);
        let mut answer = String::new();
        // All that may be a line and does not end, so that nothing is unread when the connection is closed.
        stream.write_all(&vec![b' '; MAX_LINE]).unwrap();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str::<Value>(&answer).unwrap()
    });

    let answer = asker.await.unwrap();
    assert_eq!(answer["kind"], "malformed");
    assert_eq!(answer["message"], "the line is longer than 1048576 bytes");
}

#[tokio::test]
async fn an_asker_who_leaves_or_does_not_read_stops_nothing() {
    let (_place, directory) = directory();
    let (control, mut asked) = Control::start(directory);
    let path = socket(&control);

    let mut deaf = connect(&path);
    deaf.write_all(&Command::Status.to_line()).unwrap();
    let reply = next(&mut asked).await.reply;
    let long = "x".repeat(MAX_LINE);
    for _ in 0..100 {
        reply.progress(Step::Waiting, long.as_str());
    }
    reply.ok(restarted(2));
    let mut gone = connect(&path);
    gone.write_all(&Command::Status.to_line()).unwrap();
    drop(gone);
    let reply = next(&mut asked).await.reply;
    reply.progress(Step::Waiting, "still");
    reply.ok(restarted(3));

    let mut other = connect(&path);
    other.write_all(&Command::Status.to_line()).unwrap();
    assert_eq!(next(&mut asked).await.command, Command::Status);
}

#[tokio::test]
async fn one_connection_too_many_is_told_to_come_back() {
    let (_place, directory) = directory();
    let (control, mut asked) = Control::start(directory);
    let path = socket(&control);

    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = connect(&path);
        stream.write_all(&Command::Status.to_line()).unwrap();
        next(&mut asked).await.reply.ok(restarted(1));
        open.push(stream);
    }
    let refusal = aside(move || read_line(&mut BufReader::new(connect(&path))));

    assert_eq!(refusal.await.unwrap()["kind"], "busy");
}

#[tokio::test(start_paused = true)]
async fn a_long_command_is_heard_of_and_a_silent_connection_is_closed() {
    let (_place, directory) = directory();
    let (control, mut asked) = Control::start(directory);

    let stream = connect(&socket(&control));
    (&stream).write_all(&Command::Status.to_line()).unwrap();
    let reply = next(&mut asked).await.reply;
    let mut lines = BufReader::new(stream);
    tokio::time::sleep(thrust_api::message::HEARTBEAT * 2 + REST).await;
    reply.ok(restarted(2));
    tokio::time::sleep(DEADLINE * 3).await;

    let words = [(); 4].map(|()| read_line(&mut lines)["reply"].take());
    assert_eq!(words, ["alive", "alive", "ok", "error"]);
    assert_eq!(lines.read(&mut [0]).unwrap(), 0);
}

#[tokio::test]
async fn the_sockets_the_lock_and_an_open_command_go_on_in_another_image() {
    let (_place, directory) = directory();
    let (mut control, mut asked) = Control::start(directory);
    let (path, of_second) = (socket(&control), control.open_generation(2).unwrap());

    let mut under_way = connect(&path);
    let upgrade = Command::Upgrade { timeout: None };
    under_way.write_all(&upgrade.to_line()).unwrap();
    let reply = next(&mut asked).await.reply;
    reply.progress(Step::Replacing, "Replacing");
    let connection = reply.into_inherited().await.unwrap();
    let inherited = control.into_inherited().unwrap().unwrap();
    drop(asked);
    // Comes while nobody accepts.
    let mut between = connect(&of_second);
    between.write_all(&Command::Status.to_line()).unwrap();

    let (control, mut asked) = Control::adopt(inherited).unwrap();
    let reply = control.adopt_asker(connection).unwrap();
    reply.ok(restarted(2));
    assert_eq!(next(&mut asked).await.through, Some(2));
    let answers = aside(move || {
        let mut under_way = BufReader::new(under_way);
        [(); 2].map(|()| read_line(&mut under_way)["reply"].take())
    });
    assert_eq!(answers.await.unwrap(), ["progress", "ok"]);

    let mut late = connect(&path);
    late.write_all(&Command::Status.to_line()).unwrap();
    assert_eq!(next(&mut asked).await.through, None);
    let directory = control.directory().unwrap().to_owned();
    drop(control);
    assert!(!directory.exists());
}

#[tokio::test]
async fn without_a_directory_nothing_is_asked_and_nothing_fails() {
    let (mut control, mut asked) = Control::start(None);

    assert_eq!(control.open_generation(1), None);
    control.close_generation(1);
    assert!(matches!(asked.try_recv(), Err(mpsc::error::TryRecvError::Empty)));
    assert!(control.into_inherited().unwrap().is_none());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn somebody_else_is_turned_away_with_a_reason() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can be somebody else");
        return;
    }
    let (place, directory) = directory();
    let (control, _asked) = Control::start(directory);
    let path = socket(&control);
    // Every door is opened, so that only the question who it is stands in the way.
    for directory in [
        place.path(),
        path.parent().unwrap().parent().unwrap(),
        path.parent().unwrap(),
    ] {
        std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();

    let asker = thread::spawn(move || {
        // Of this thread only: the raw call, unlike libc's, leaves the other threads what they are.
        let nobody = rustix::process::Uid::from_raw(65534);
        rustix::thread::set_thread_uid(nobody).unwrap();
        read_line(&mut BufReader::new(connect(&path)))
    });
    let answer = aside(move || asker.join().unwrap()).await.unwrap();

    assert_eq!(
        (&answer["reply"], &answer["kind"]),
        (&json!("error"), &json!("forbidden"))
    );
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .starts_with("user 65534 may not ask"),
        "{answer}"
    );
}
