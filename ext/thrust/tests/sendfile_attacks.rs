//! What must not be sent is not, what changes while it is sent is noticed, and whoever reads slowly costs little.

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::Request;
use tokio::time::timeout;

use self::support::{DEADLINE, Launch, TestTarget};

const MEGABYTE: u64 = 1024 * 1024;

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    support::make_pipe(&path("fifo"));
    let _socket = UnixListener::bind(path("socket")).unwrap();
    fs::write(path("index.html"), "an index").unwrap();
    symlink(path("fifo"), path("link")).unwrap();
    let target = naming();
    let proxy = Launch::before(&target).start();

    for (file, status) in [
        (path("fifo"), 403),
        (path("link"), 403),
        (path("socket"), 403),
        ("/dev/zero".into(), 403),
        ("/dev/null".into(), 403),
        (path(""), 404),
        (path("index.html/"), 404),
        (path(&"x".repeat(300)), 404),
    ] {
        let answer = proxy.connect().get(file.to_str().unwrap());
        assert_eq!(answer.status(), status, "{}", file.display());
        assert!(!answer.text().contains("index"), "{}", answer.text());
    }
}

#[test]
fn with_roots_nothing_outside_of_them_is_sent() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    for name in ["files", "files-more", "other"] {
        fs::create_dir(path(name)).unwrap();
    }
    for name in [
        "files/good",
        "files/%2e%2e",
        "files-more/bad",
        "other/good",
        "bad",
    ] {
        fs::write(path(name), name).unwrap();
    }
    symlink(path("bad"), path("files/file")).unwrap();
    symlink(path("files-more"), path("files/directory")).unwrap();
    symlink(path("other"), path("current")).unwrap();
    let target = naming();
    let roots = format!("{},{}", path("files"), path("current"));
    let proxy = Launch::before(&target)
        .env("THRUSTER_SENDFILE_ROOTS", roots)
        .start();

    for (file, status) in [
        ("files/good", 200),
        ("current/good", 200),
        ("other/good", 200),
        ("files/../files/good", 200),
        ("files/%2e%2e", 200),
        ("bad", 403),
        ("files/../bad", 403),
        ("files/%2e%2e/bad", 404),
        ("files/good%00", 404),
        ("files-more/bad", 403),
        ("files/file", 403),
        ("files/directory/bad", 403),
        ("files/directory/../bad", 403),
    ] {
        assert_eq!(proxy.connect().get(&path(file)).status(), status, "{file}");
    }
    let lines = proxy.wait_for_logs("Request", 13);
    let errors: Vec<_> = lines.iter().filter_map(|line| line["error"].as_str()).collect();
    let why = format!("the file {:?} cannot be sent: it lies outside", path("bad"));
    assert!(errors.iter().any(|error| error.starts_with(&why)), "{errors:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn without_roots_nothing_of_the_system_and_nothing_of_ours_is_sent() {
    let place = tempfile::tempdir().unwrap();
    let link = place.path().join("link");
    symlink("/proc/self/environ", &link).unwrap();
    let runtime = tempfile::tempdir().unwrap();
    let target = naming();
    let proxy = Launch::before(&target)
        .env("RUNTIME_DIRECTORY", runtime.path())
        .start();
    let ours = find(runtime.path(), "thrust.json");

    for file in [
        "/proc/self/environ".as_ref(),
        link.as_path(),
        "/sys/kernel/mm/transparent_hugepage/enabled".as_ref(),
        &ours,
    ] {
        if file.exists() {
            let answer = proxy.connect().get(file.to_str().unwrap());
            assert_eq!(answer.status(), 403, "{}", file.display());
        }
    }
}

#[test]
fn what_a_client_says_names_no_file() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_SENDFILE_HEADER", "X-Accel-Redirect")
        .start();

    let answer = proxy.connect().ask(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Sendfile: /etc/passwd\r\nX-Accel-Redirect: /etc/passwd\r\n\
         X-Sendfile-Type: X-Sendfile\r\nX-Accel-Mapping: /=/\r\nX-Thruster-Secret: guessed\r\n\r\n",
    );

    assert_eq!(answer.text(), "GET / ");
    for name in ["x-sendfile-type", "x-accel-mapping", "x-thruster-secret"] {
        assert_eq!(target.requests()[0].header(name), None, "{name}");
    }
}

#[test]
fn a_link_that_is_turned_round_all_the_time_never_leads_outside() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    fs::create_dir(path("root")).unwrap();
    fs::write(path("root/good"), "good").unwrap();
    fs::write(path("bad"), "bad").unwrap();
    let target = naming();
    let proxy = Launch::before(&target)
        .env("THRUSTER_SENDFILE_ROOTS", path("root"))
        .start();
    let stop = AtomicBool::new(false);

    let seen: BTreeSet<_> = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for aim in ["bad", "root/good"] {
                    symlink(path(aim), path("root/new")).unwrap();
                    fs::rename(path("root/new"), path("root/link")).unwrap();
                }
            }
        });
        let mut client = proxy.connect();
        let mut ask = || client.get(path("root/link").to_str().unwrap());
        let seen = (0..500).map(|_| ask()).filter(|answer| answer.status() == 200);
        let seen = seen.map(|answer| answer.text()).collect();
        stop.store(true, Ordering::Relaxed);
        seen
    });

    assert!(seen.iter().all(|text| text == "good"), "{seen:?}");
}

#[test]
fn every_answer_about_a_file_ends_where_the_next_one_begins() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    let content: Vec<u8> = (0..700_000_u32).flat_map(u32::to_be_bytes).collect();
    fs::write(&path, &content).unwrap();
    let target = naming();
    let proxy = Launch::before(&target).start();
    let tag = proxy
        .connect()
        .get(path.to_str().unwrap())
        .header("etag")
        .unwrap();
    let whole = content.len();
    let cases = [
        ("GET", String::new(), 200, Some(whole)),
        ("GET", format!("If-None-Match: {tag}\r\n"), 304, Some(0)),
        ("GET", "Range: bytes=99999999-\r\n".to_owned(), 416, Some(0)),
        ("HEAD", String::new(), 200, None),
        ("HEAD", "Range: bytes=0-1,5-6\r\n".to_owned(), 200, None),
        ("GET", "Range: bytes=0-1,100000-2000000\r\n".to_owned(), 206, None),
        ("GET", "Range: bytes=0-,0-\r\n".to_owned(), 200, Some(whole)),
        (
            "GET",
            format!("Range: bytes={}\r\n", ["0-0"; 1000].join(",")),
            200,
            Some(whole),
        ),
        ("GET", "If-Match: \"x\"\r\n".to_owned(), 412, Some(0)),
        (
            "GET",
            format!("If-Range: W/{tag}\r\nRange: bytes=0-1\r\n"),
            200,
            Some(whole),
        ),
        (
            "POST",
            "Content-Length: 0\r\nRange: bytes=0-1\r\n".to_owned(),
            200,
            Some(whole),
        ),
        (
            "GET",
            "TE: trailers\r\nRange: bytes=-1\r\n".to_owned(),
            206,
            Some(1),
        ),
    ];
    let mut client = proxy.connect();

    let requests: Vec<_> = cases
        .iter()
        .map(|(method, fields, ..)| {
            format!("{method} {} HTTP/1.1\r\nHost: a\r\n{fields}\r\n", path.display())
        })
        .collect();
    client.send(requests.concat());

    for (method, fields, status, length) in cases {
        let head = client.read_head().unwrap();
        assert_eq!(head.status(), status, "{method} {fields:.60}");
        if method == "HEAD" {
            continue;
        }
        let body = client.read_body(&head);
        assert!(
            length.is_none_or(|length| body.len() == length),
            "{method} {fields:.60}"
        );
        assert!(length != Some(whole) || body == content, "{method} {fields:.60}");
    }
    assert_eq!(client.get("/nothing").status(), 404);
}

#[tokio::test]
async fn a_file_comes_over_http_2_as_over_http_1() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    let content: Vec<u8> = (0..700_000_u32).flat_map(u32::to_be_bytes).collect();
    fs::write(&path, &content).unwrap();
    let target = naming();
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect_http2().await;

    for (range, status, expected) in [
        ("", 200, &content[..]),
        ("bytes=5-9", 206, &content[5..10]),
        ("bytes=1000001-2000000", 206, &content[1_000_001..2_000_001]),
        ("bytes=9000000-", 416, &[]),
    ] {
        let (status_of, body) = get(&mut client, &path, range).await.unwrap();
        assert_eq!(status_of, status, "{range}");
        assert!(body == expected, "{range}: {} bytes", body.len());
    }
    assert_eq!(get(&mut client, place.path(), "").await.unwrap().0, 404);
}

#[tokio::test]
async fn a_file_that_is_cut_short_while_it_is_sent_breaks_the_answer() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    let sparse = File::create(&path).unwrap();
    sparse.set_len(256 * MEGABYTE).unwrap();
    let target = naming();
    let proxy = Launch::before(&target).start();

    let mut slow = proxy.connect();
    slow.send(format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", path.display()));
    slow.read_head().unwrap();
    slow.skip(MEGABYTE);
    let mut client = proxy.connect_http2().await;
    let request = Request::get(format!("http://a{}", path.display()));
    let (answer, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    body.data().await.unwrap().unwrap();
    sparse.set_len(2 * MEGABYTE).unwrap();

    assert!((slow.read_to_end().len() as u64) < 255 * MEGABYTE);
    let reading = async {
        while let Some(piece) = body.data().await {
            body.flow_control().release_capacity(piece?.len())?;
        }
        Ok::<_, h2::Error>(())
    };
    assert!(timeout(DEADLINE, reading).await.unwrap().is_err(), "a reset");
    for line in proxy.wait_for_logs("Request", 2) {
        let error = line["error"].as_str().unwrap();
        assert!(
            error.contains("became shorter") && error.contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_is_replaced_while_it_is_sent_is_sent_to_its_end() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    fs::write(&path, vec![b'a'; 64 * MEGABYTE as usize]).unwrap();
    let target = naming();
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.send(format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", path.display()));
    let head = client.read_head().unwrap();
    fs::write(place.path().join("new"), "b").unwrap();
    fs::rename(place.path().join("new"), &path).unwrap();
    let body = client.read_body(&head);

    assert_eq!(body.len() as u64, 64 * MEGABYTE);
    assert!(body.iter().all(|byte| *byte == b'a'));
    assert_eq!(client.get(path.to_str().unwrap()).text(), "b");
}

#[test]
fn a_client_that_takes_nothing_more_of_a_file_is_the_one_to_blame() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    File::create(&path).unwrap().set_len(64 * MEGABYTE).unwrap();
    let target = naming();
    let proxy = Launch::before(&target)
        .env("THRUSTER_HTTP_WRITE_TIMEOUT", "1")
        .start();
    let mut client = proxy.connect();
    client.hold_little();

    client.send(format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", path.display()));

    let line = proxy.wait_for_log("Request");
    let error = line["error"].as_str().unwrap();
    assert!(error.starts_with("the client took nothing more"), "{error}");
}

/// A gigabyte to each of so many clients.
#[cfg(target_os = "linux")]
const SLOW: usize = 50;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn clients_that_read_slowly_cost_a_descriptor_and_no_memory_and_the_app_is_free() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    File::create(&path).unwrap().set_len(1024 * MEGABYTE).unwrap();
    let target = naming();
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    let name = path.to_str().unwrap();
    assert_eq!(proxy.connect().get("/nothing").status(), 404);
    let (before, descriptors) = (
        support::usage::memory(&proxy),
        support::usage::descriptors(&proxy),
    );

    let mut slow: Vec<_> = (0..SLOW).map(|_| proxy.connect()).collect();
    for client in &mut slow {
        client.hold_little();
        client.send(format!("GET {name} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.read_head().unwrap().status(), 200);
        client.skip(1000);
    }
    assert_eq!(
        proxy.connect().get("/nothing").status(),
        404,
        "others are answered"
    );
    let (after, more) = (
        support::usage::memory(&proxy),
        support::usage::descriptors(&proxy),
    );
    let mut others = Vec::new();
    for _ in 0..SLOW {
        let mut client = proxy.connect_http2().await;
        let request = Request::get(format!("http://a{name}")).body(()).unwrap();
        let (answer, _) = client.send_request(request, true).unwrap();
        let mut body = answer.await.unwrap().into_body();
        body.data().await.unwrap().unwrap();
        others.push((client, body));
    }
    let over_http_2 = support::usage::memory(&proxy);

    assert!(after - before < MEGABYTE * 2, "{before} {after}");
    assert!(more - descriptors <= 2 * SLOW + 2, "{descriptors} {more}");
    assert!(
        over_http_2 - after < SLOW as u64 * 384 * 1024,
        "{after} {over_http_2}"
    );
    assert!(target.connections() < 10, "the app's connections are used again");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_http_2_client_with_hundreds_of_files_that_it_hardly_takes_costs_little() {
    const CONNECTIONS: u64 = 2;
    const STREAMS: usize = 250;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    File::create(&path).unwrap().set_len(1024 * MEGABYTE).unwrap();
    let target = naming();
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    assert_eq!(proxy.connect().get("/nothing").status(), 404);
    let before = support::usage::memory(&proxy);

    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = proxy
            .connect_http2_with(Builder::new().initial_window_size(1))
            .await;
        for _ in 0..STREAMS {
            let request = Request::get(format!("http://a{}", path.display()));
            client = client.ready().await.unwrap();
            let (answer, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
            let mut body = answer.await.unwrap().into_body();
            assert_eq!(body.data().await.unwrap().unwrap().len(), 1);
            held.push((client.clone(), body));
        }
    }
    let after = support::usage::memory(&proxy);

    assert!(after - before < CONNECTIONS * 8 * MEGABYTE, "{before} {after}");
    assert_eq!(
        proxy.connect().get("/nothing").status(),
        404,
        "others are answered"
    );
}

/// An app that names the file that is asked for.
fn naming() -> TestTarget {
    TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            let file = request.target().to_owned();
            app.wire.send(format!(
                "HTTP/1.1 200 OK\r\nX-Sendfile: {file}\r\nContent-Length: 0\r\n\r\n"
            ));
        }
    })
}

fn find(directory: &Path, name: &str) -> PathBuf {
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("it is ours") {
            let path = entry.expect("it is ours").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.file_name().is_some_and(|found| found == name) {
                return path;
            }
        }
    }
    panic!("no {name} below {}", directory.display());
}

/// The status and the body.
async fn get(client: &mut SendRequest<Bytes>, path: &Path, range: &str) -> Result<(u16, Vec<u8>), h2::Error> {
    let mut request = Request::get(format!("http://a{}", path.display()));
    if !range.is_empty() {
        request = request.header("range", range);
    }
    let reading = async {
        let (answer, _) = client.send_request(request.body(()).expect("it is a request"), true)?;
        let (parts, mut stream) = answer.await?.into_parts();
        let mut body = Vec::new();
        while let Some(piece) = stream.data().await {
            let piece = piece?;
            stream.flow_control().release_capacity(piece.len())?;
            body.extend_from_slice(&piece);
        }
        Ok((parts.status.as_u16(), body))
    };
    timeout(DEADLINE, reading).await.expect("an answer in time")
}
