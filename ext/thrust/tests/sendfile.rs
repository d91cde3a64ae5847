//! The file that the app names in X-Sendfile is sent in the place of its body.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

use self::support::{App, Launch, Message, TestTarget, Wire};

/// Too long for one read, and each part of it is like no other.
fn long() -> Vec<u8> {
    (0..700_000_u32).flat_map(u32::to_be_bytes).collect()
}

#[test]
fn the_file_comes_in_the_place_of_the_body_and_the_rest_of_the_answer_stays() {
    for content in [b"hello".to_vec(), long(), Vec::new()] {
        let place = Place::with("page.css", &content);
        let target = TestTarget::answering(format!(
            "HTTP/1.1 200 OK\r\nX-Sendfile: {}\r\nSet-Cookie: a=b\r\nCache-Control: private\r\n\
             Content-Disposition: attachment\r\nContent-Length: 4\r\n\r\nbody",
            place.path("page.css")
        ));
        let proxy = Launch::before(&target).start();

        let answer = proxy.connect().get("/");

        assert_eq!(answer.status(), 200);
        assert!(answer.body == content, "{} bytes", answer.body.len());
        for (name, value) in [
            ("content-type", "text/css; charset=utf-8"),
            ("content-length", &content.len().to_string()),
            ("accept-ranges", "bytes"),
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("set-cookie", "a=b"),
            ("cache-control", "private"),
            ("content-disposition", "attachment"),
        ] {
            assert_eq!(answer.header(name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(answer.header("x-sendfile"), None);
        let seen = &target.requests()[0];
        assert_eq!(seen.header_lines("x-sendfile-type"), ["X-Sendfile"]);
        let line = proxy.wait_for_log("Request");
        assert_eq!(line["resp_content_length"], content.len());
    }
}

#[test]
fn with_debug_on_the_log_says_which_file_is_sent() {
    let place = Place::with("page.css", b"hello");
    let target = app(&place.path("page.css"), "");
    let proxy = Launch::before(&target).env("DEBUG", "1").start();

    proxy.connect().get("/");

    let line = proxy.wait_for_log("X-Sendfile sending file");
    assert_eq!(line["path"], place.path("page.css"));
}

#[test]
fn what_the_app_says_of_the_file_holds() {
    let place = Place::with("page.css", b"not really gzip");
    let target = app(
        &place.path("page.css"),
        "Content-Type: text/x\r\nETag: \"mine\"\r\nContent-Encoding: gzip\r\n",
    );
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    let answer = client.get("/");

    assert_eq!(answer.text(), "not really gzip");
    for (name, value) in [
        ("content-type", "text/x"),
        ("etag", "\"mine\""),
        ("content-encoding", "gzip"),
        ("content-length", "15"),
    ] {
        assert_eq!(answer.header(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(ask(&mut client, "If-None-Match: \"mine\"").status(), 304);
}

#[test]
fn an_answer_without_the_field_and_one_of_another_status_pass() {
    let place = Place::with("page.txt", b"a file");
    let other = TestTarget::answering(
        "HTTP/1.1 418 Teapot\r\nContent-Type: a/b\r\nX-Sendfile: \r\nContent-Length: 4\r\n\r\nbody",
    );
    let missing = TestTarget::answering(format!(
        "HTTP/1.1 404 Not Found\r\nX-Sendfile: {}\r\nContent-Length: 0\r\n\r\n",
        place.path("page.txt")
    ));

    let answer = Launch::before(&other).start().connect().get("/");
    assert_eq!((answer.status(), answer.text().as_str()), (418, "body"));
    assert_eq!(answer.header("content-type").as_deref(), Some("a/b"));
    assert_eq!(answer.header("x-sendfile"), None);

    let proxy = Launch::before(&missing).start();
    let answer = ask(&mut proxy.connect(), "Range: bytes=0-1");
    assert_eq!((answer.status(), answer.text().as_str()), (404, "a file"));
}

#[test]
fn disabled_it_is_the_apps_own_body_and_nobody_learns_the_path() {
    let place = Place::with("page.txt", b"a file");
    let target = TestTarget::answering(format!(
        "HTTP/1.1 200 OK\r\nX-Sendfile: {}\r\nContent-Length: 4\r\n\r\nbody",
        place.path("page.txt")
    ));
    let proxy = Launch::before(&target).env("X_SENDFILE_ENABLED", "0").start();

    let answer = ask(&mut proxy.connect(), "X-Sendfile-Type: X-Sendfile");

    assert_eq!(answer.text(), "body");
    assert_eq!(answer.header("x-sendfile"), None);
    assert_eq!(target.requests()[0].header("x-sendfile-type"), None);
}

#[test]
fn ranges_are_sent() {
    let place = Place::with("page.txt", &(0..100).collect::<Vec<u8>>());
    let target = app(&place.path("page.txt"), "");
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();
    let mut range = |range: &str| {
        let answer = ask(&mut client, &format!("Range: {range}"));
        (answer.status(), answer.header("content-range"), answer.body)
    };

    let part = |text: &str| Some(text.to_owned());
    assert_eq!(range("bytes=0-4"), (206, part("bytes 0-4/100"), (0..5).collect()));
    assert_eq!(
        range("bytes=-3"),
        (206, part("bytes 97-99/100"), (97..100).collect())
    );
    assert_eq!(
        range("bytes=90-"),
        (206, part("bytes 90-99/100"), (90..100).collect())
    );
    assert_eq!(range("bytes=500-"), (416, part("bytes */100"), Vec::new()));
    assert_eq!(range("lines=1-2"), (200, None, (0..100).collect()));
    let (status, _, body) = range("bytes=0-0,98-");
    assert_eq!(status, 206);
    let text = String::from_utf8_lossy(&body);
    assert!(
        text.contains("Content-Range: bytes 0-0/100\r\n\r\n\0\r\n--"),
        "{text}"
    );
    assert!(
        text.contains("Content-Range: bytes 98-99/100\r\n\r\nbc\r\n--"),
        "{text}"
    );
    assert!(text.ends_with("--\r\n"));
}

#[test]
fn ranges_that_are_long_are_right_to_the_byte() {
    let content = long();
    let place = Place::with("video", &content);
    let target = app(&place.path("video"), "");
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    let one = ask(&mut client, "Range: bytes=1000001-2000000");
    let many = ask(&mut client, "Range: bytes=5-300004, 1000000-1500000");

    assert!(one.body == content[1_000_001..=2_000_000]);
    let boundary = many.header("content-type").unwrap();
    let boundary = boundary.rsplit_once('=').unwrap().1.as_bytes();
    let expected = [
        b"--",
        boundary,
        b"\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 5-300004/2800000\r\n\r\n",
        &content[5..=300_004],
        b"\r\n--",
        boundary,
        b"\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 1000000-1500000/2800000\r\n\r\n",
        &content[1_000_000..=1_500_000],
        b"\r\n--",
        boundary,
        b"--\r\n",
    ];
    assert!(many.body == expected.concat());
}

#[test]
fn a_file_comes_through_a_unix_socket_too() {
    let content = long();
    let place = Place::with("video", &content);
    let target = app(&place.path("video"), "");
    let path = place.path("socket");
    let _proxy = Launch::before(&target)
        .env("THRUSTER_BIND", format!("unix:{path}"))
        .start();

    let answer = Wire::connect_unix(path.as_ref()).get("/");

    assert!(answer.body == content, "{} bytes", answer.body.len());
}

#[test]
fn conditions_are_judged_by_the_file() {
    let place = Place::with("page.txt", b"a file");
    let target = app(&place.path("page.txt"), "");
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();
    let tag = client.get("/").header("etag").unwrap();

    for (fields, status, length) in [
        (format!("If-None-Match: {tag}"), 304, 0),
        (format!("If-None-Match: W/{tag}"), 304, 0),
        ("If-None-Match: *".into(), 304, 0),
        ("If-None-Match: \"other\"".into(), 200, 6),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT".into(), 304, 0),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT".into(), 200, 6),
        ("If-Match: \"other\"".into(), 412, 0),
        (format!("If-Range: {tag}\r\nRange: bytes=0-1"), 206, 2),
        ("If-Range: \"other\"\r\nRange: bytes=0-1".into(), 200, 6),
    ] {
        let answer = ask(&mut client, &fields);
        assert_eq!((answer.status(), answer.body.len()), (status, length), "{fields}");
        if status == 304 {
            assert_eq!(answer.header("etag").as_ref(), Some(&tag), "{fields}");
            assert_eq!(answer.header("content-type"), None, "{fields}");
        }
    }
}

#[test]
fn a_head_is_told_the_length_and_any_other_method_gets_the_file() {
    let place = Place::with("page.txt", b"a file");
    let target = app(&place.path("page.txt"), "");
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.read_head().unwrap();
    assert_eq!(
        (head.status(), head.header("content-length").as_deref()),
        (200, Some("6"))
    );

    for method in ["POST", "PUT", "DELETE", "PROPFIND"] {
        let answer = client.ask(format!(
            "{method} / HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\nRange: bytes=0-1\r\nContent-Length: 2\r\n\r\nhi"
        ));
        assert_eq!(
            (answer.status(), answer.text().as_str()),
            (200, "a file"),
            "{method}"
        );
    }
}

#[test]
fn a_path_is_taken_as_it_is() {
    let place = Place::with("a b%20c", b"a file");
    fs::create_dir(place.path("sub")).unwrap();
    for (path, status) in [
        (place.path("a b%20c"), 200),
        (place.path("sub/../a b%20c"), 200),
        (place.path("a%20b%2520c"), 404),
        (place.path("a b%20c/"), 404),
    ] {
        let target = app(&path, "");
        let proxy = Launch::before(&target).start();
        assert_eq!(proxy.connect().get("/../x/index.html").status(), status, "{path}");
    }
}

#[test]
fn a_relative_path_is_below_our_working_directory() {
    let place = Place::with("file", b"a file");
    let target = app("file", "");
    let directory = place.0.path().as_os_str();
    let proxy = Launch::before(&target)
        .through(["env".as_ref(), "-C".as_ref(), directory])
        .start();

    assert_eq!(proxy.connect().get("/").text(), "a file");
}

#[test]
fn what_is_there_now_is_sent() {
    let place = Place::with("file", b"one");
    let target = app(&place.path("file"), "");
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    assert_eq!(client.get("/").text(), "one");
    fs::write(place.path("file"), "another").unwrap();
    assert_eq!(client.get("/").text(), "another");
    fs::remove_file(place.path("file")).unwrap();
    assert_eq!(client.get("/").status(), 404);
    fs::write(place.path("file"), "back").unwrap();
    assert_eq!(client.get("/").text(), "back");
}

#[test]
fn a_missing_file_is_a_404_that_says_nothing_of_it_and_the_log_says_which() {
    let place = Place::with("file", b"");
    let path = place.path("secret-name");
    let target = app(
        &path,
        "Cache-Control: public, max-age=60\r\nETag: \"a\"\r\nContent-Type: image/png\r\n",
    );
    let proxy = Launch::before(&target).start();

    let answer = proxy.connect().get("/");

    assert_eq!(answer.status(), 404);
    assert!(!answer.text().contains("secret-name") && !answer.text().is_empty());
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    for name in ["etag", "x-sendfile"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    let line = proxy.wait_for_log("Request");
    let error = line["error"].as_str().unwrap();
    assert!(error.contains(&path) && error.contains("no such file"), "{error}");
}

#[test]
fn a_redirect_of_nginx_leads_to_the_directory_that_is_mapped() {
    let place = Place::with("a b", b"a file");
    let target = TestTarget::answering(
        "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /private/a%20b\r\nContent-Length: 0\r\n\r\n",
    );
    let mapping = format!("/private={}", place.0.path().display());
    let proxy = Launch::before(&target)
        .env("THRUST_SEND_FILE_HEADER", "X-Accel-Redirect")
        .env("THRUSTER_SENDFILE_MAPPINGS", mapping)
        .start();

    let answer = proxy.connect().get("/");

    assert_eq!(answer.text(), "a file");
    assert_eq!(answer.header("x-accel-redirect"), None);
    let seen = &target.requests()[0];
    assert_eq!(
        seen.header("x-sendfile-type").as_deref(),
        Some("X-Accel-Redirect")
    );
    let told = format!("{}/=/private/", place.0.path().display());
    assert_eq!(seen.header("x-accel-mapping"), Some(told));
}

#[test]
fn the_connection_to_the_app_is_kept_whatever_body_is_not_passed_on() {
    let place = Place::with("file", b"a file");
    let path = place.path("file");
    for (framing, kept) in [
        ("Content-Length: 0\r\n\r\n".to_owned(), true),
        ("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), true),
        (
            format!("Content-Length: 30000\r\n\r\n{}", "x".repeat(30_000)),
            true,
        ),
        (
            format!("Content-Length: 3000000\r\n\r\n{}", "x".repeat(3_000_000)),
            false,
        ),
    ] {
        let path = path.clone();
        let target = TestTarget::start(move |app: &mut App| {
            while app.read_request().is_some() {
                let answer = format!("HTTP/1.1 200 OK\r\nX-Sendfile: {path}\r\n{framing}");
                if app.wire.try_send(answer).is_err() {
                    return;
                }
            }
        });
        let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
        let mut client = proxy.connect();

        for _ in 0..5 {
            assert_eq!(client.get("/").text(), "a file");
        }

        // What is discarded while the next request comes is not there yet.
        assert_eq!(target.connections() < 5, kept, "{}", target.connections());
    }
}

/// An app that names this file, with these fields.
fn app(path: &str, fields: &str) -> TestTarget {
    TestTarget::answering(format!(
        "HTTP/1.1 200 OK\r\nX-Sendfile: {path}\r\n{fields}Content-Length: 0\r\n\r\n"
    ))
}

fn ask(client: &mut Wire, fields: &str) -> Message {
    client.ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"))
}

/// A directory with a file in it.
struct Place(TempDir);

impl Place {
    fn with(name: &str, content: &[u8]) -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary directory"));
        let path = PathBuf::from(place.path(name));
        fs::write(&path, content).expect("the directory is ours");
        let file = fs::File::options().write(true).open(&path).expect("it is there");
        let then = UNIX_EPOCH + Duration::from_secs(784_111_777);
        file.set_modified(then).expect("it is ours");
        place
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = Path::join(self.0.path(), name);
        path.to_str().expect("it is UTF-8").to_owned()
    }
}
