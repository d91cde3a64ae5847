//! Files of public/ are sent without asking the app, and everything else is the app's.

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use self::support::{Launch, Message, TestProxy, TestTarget, eventually, without_an_app};

#[test]
fn what_is_in_the_directory_is_sent_and_the_rest_is_the_apps() {
    let (proxy, target, _public) = before(&[
        ("robots.txt", "robots"),
        ("about.html", "about"),
        ("index.html", "index"),
        ("docs/index.html", "docs"),
        ("a b.css", "style"),
    ]);
    let mut client = proxy.connect();

    for (path, text) in [
        ("/robots.txt?query", "robots"),
        ("/about", "about"),
        ("/about.html", "about"),
        ("/", "index"),
        ("/docs", "docs"),
        ("/docs/", "docs"),
        ("/a%20b.css", "style"),
        ("/other", "GET /other "),
        ("/docs.txt", "GET /docs.txt "),
    ] {
        assert_eq!(client.get(path).text(), text, "{path}");
    }
    assert_eq!(target.requests().len(), 2);
    assert_eq!(proxy.wait_for_logs("Request", 9)[0]["resp_content_length"], 6);
}

#[test]
fn only_a_get_or_head_without_a_body_is_about_a_file() {
    let (proxy, target, _public) = before(&[("file.txt", "a file")]);
    let mut client = proxy.connect();

    client.send("HEAD /file.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.read_head().unwrap();
    assert_eq!(head.header("content-length").as_deref(), Some("6"));
    assert_eq!(target.requests().len(), 0);

    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = client.ask(format!(
            "{method} /file.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        ));
        assert_eq!(answer.text(), format!("{method} /file.txt "));
    }
    let upload = client.ask("GET /file.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(upload.text(), "GET /file.txt hi");
}

#[test]
fn a_file_is_described_and_answers_conditions_and_ranges() {
    let (proxy, _target, _public) = before(&[("page.html", "0123456789")]);
    let mut client = proxy.connect();

    let whole = client.get("/page.html");
    let tag = whole.header("etag").unwrap();
    let date = whole.header("last-modified").unwrap();

    assert_eq!(
        whole.header("content-type").as_deref(),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(whole.header("content-length").as_deref(), Some("10"));
    assert_eq!(whole.header("accept-ranges").as_deref(), Some("bytes"));
    assert_eq!(whole.header("vary"), None);
    for (fields, status, text) in [
        (format!("If-None-Match: {tag}"), 304, ""),
        (format!("If-Modified-Since: {date}"), 304, ""),
        ("If-Match: \"other\"".to_owned(), 412, ""),
        ("Range: bytes=2-3".to_owned(), 206, "23"),
        ("Range: bytes=20-".to_owned(), 416, ""),
    ] {
        let answer = ask(&proxy, "/page.html", &fields);
        assert_eq!(
            (answer.status(), answer.text().as_str()),
            (status, text),
            "{fields}"
        );
    }
}

#[test]
fn a_compressed_sibling_is_sent_to_whoever_takes_it() {
    let (proxy, _target, _public) = before(&[
        ("app.js", "plain"),
        ("app.js.br", "brotli"),
        ("app.js.zst", "zstandard"),
        ("app.js.gz", "gzip"),
        ("only.css", "plain"),
        ("only.css.gz", "gzip"),
        ("archive.zip", "zip"),
        ("archive.zip.gz", "gzip"),
    ]);

    for (path, accept, coding, text) in [
        ("/app.js", "gzip, deflate, br, zstd", Some("br"), "brotli"),
        ("/app.js", "gzip, br;q=0.5", Some("gzip"), "gzip"),
        ("/app.js", "zstd", Some("zstd"), "zstandard"),
        ("/app.js", "identity", None, "plain"),
        ("/only.css", "br, gzip", Some("gzip"), "gzip"),
        ("/only.css", "br", None, "plain"),
    ] {
        let answer = ask(&proxy, path, &format!("Accept-Encoding: {accept}"));
        assert_eq!(
            answer.header("content-encoding").as_deref(),
            coding,
            "{path} {accept}"
        );
        assert_eq!(answer.text(), text, "{path} {accept}");
        assert_eq!(
            answer.header("vary").as_deref(),
            Some("Accept-Encoding"),
            "{path} {accept}"
        );
        assert!(answer.header("content-type").unwrap().starts_with("text/"));
    }
    let tag = |accept| ask(&proxy, "/app.js", &format!("Accept-Encoding: {accept}")).header("etag");
    assert_ne!(tag("gzip"), tag("br"));
    let archive = ask(&proxy, "/archive.zip", "Accept-Encoding: gzip");
    assert_eq!((archive.text().as_str(), archive.header("vary")), ("zip", None));
}

#[test]
fn digested_assets_never_change_and_every_file_has_the_headers_that_are_set() {
    let files = &[
        ("assets/app-0a1b2c3d.js", "digested"),
        ("assets/app.js", "not"),
        ("app-0a1b2c3d.js", "not"),
    ];
    let (proxy, _target, _public) = before_with(files, |launch| {
        launch.env("THRUSTER_PUBLIC_HEADERS", "X-Robots-Tag: none\nContent-Length: 1")
    });
    let (strict, _target, _strict) = before_with(files, |launch| {
        launch.env("THRUSTER_PUBLIC_HEADERS", "cache-control: no-cache")
    });
    let (timed, _target, _timed) = before_with(files, |launch| {
        launch.env("THRUSTER_PUBLIC_HEADERS", "cache-control: public, max-age=60")
    });

    for (path, cached) in [
        (
            "/assets/app-0a1b2c3d.js",
            Some("public, max-age=31536000, immutable"),
        ),
        ("/assets/app.js", None),
        ("/app-0a1b2c3d.js", None),
    ] {
        let answer = proxy.connect().get(path);
        assert_eq!(answer.header("cache-control").as_deref(), cached, "{path}");
        assert_eq!(answer.header_lines("x-robots-tag"), ["none"]);
        assert_eq!(answer.header_lines("content-length").len(), 1);
        let answer = strict.connect().get(path);
        assert_eq!(
            answer.header("cache-control").as_deref(),
            Some("no-cache"),
            "{path}"
        );
        let answer = timed.connect().get(path);
        assert_eq!(
            answer.header("cache-control").as_deref(),
            cached.or(Some("public, max-age=60")),
            "{path}"
        );
    }
}

#[test]
fn hidden_files_and_what_lies_outside_are_the_apps_to_answer() {
    let (proxy, target, public) = before(&[
        ("public/.env", "secret"),
        ("public/.git/config", "secret"),
        ("public/.well-known/security.txt", "contact"),
        ("public/file.txt", "a file"),
        ("outside.txt", "secret"),
    ]);
    symlink(
        public.path().join("outside.txt"),
        public.path().join("public/link.txt"),
    )
    .unwrap();
    symlink(public.path(), public.path().join("public/up")).unwrap();
    symlink("loop.txt", public.path().join("public/loop.txt")).unwrap();
    symlink("/proc/self/environ", public.path().join("public/environ.txt")).unwrap();
    fs::create_dir(public.path().join("public/directory.html")).unwrap();
    #[cfg(target_os = "linux")]
    support::make_pipe(&public.path().join("public/fifo.txt"));
    drop(proxy);
    let proxy = Launch::before(&target)
        .env("THRUSTER_PUBLIC_PATH", public.path().join("public"))
        .start();
    let mut client = proxy.connect();

    assert_eq!(client.get("/.well-known/security.txt").text(), "contact");
    for path in [
        "/.env",
        "/.git/config",
        "/%2egit/config",
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/x/../file.txt",
        "/file.txt%00",
        "/file.txt%00.html",
        "/link.txt",
        "/up/outside.txt",
        "/fifo.txt",
        "//file.txt",
        "/\\..\\outside.txt",
        "/..%5coutside.txt",
        "/%252e%252e/outside.txt",
        "/x%2f..%2f..%2foutside.txt",
        "/%c0%ae%c0%ae/outside.txt",
        "/./file.txt",
        "/file.txt%2f..%2ffile.txt",
        "/file.txt//",
        "/file.txt%20",
        "/file.txt.",
        "/loop.txt",
        "/environ.txt",
        "/directory",
        "/directory.html",
        "/directory.html/",
    ] {
        assert_eq!(client.get(path).text(), format!("GET {path} "));
    }
}

#[test]
fn a_file_that_is_added_replaced_or_removed_is_noticed() {
    let (proxy, _target, public) = before(&[("old.txt", "one"), ("gone.txt", "here")]);
    let text = |path: &str| proxy.connect().get(path).text();
    assert_eq!(
        (text("/old.txt"), text("/gone.txt")),
        ("one".into(), "here".into())
    );
    assert_eq!(text("/new.txt"), "GET /new.txt ");

    fs::write(public.path().join("old.txt"), "two").unwrap();
    fs::write(public.path().join("new.txt"), "new").unwrap();
    fs::remove_file(public.path().join("gone.txt")).unwrap();

    eventually("all three", || {
        let all = ["/old.txt", "/new.txt", "/gone.txt"].map(text);
        (all == ["two", "new", "GET /gone.txt "]).then_some(())
    });
}

#[test]
fn a_file_that_is_written_over_in_its_place_comes_as_it_is_now() {
    let (proxy, _target, public) = before(&[("sitemap.xml", "")]);
    let mut tags = Vec::new();

    for (letter, length) in [
        ("a", 50_000),
        ("b", 90_000),
        ("c", 20_000),
        ("d", 300_000),
        ("e", 40_000),
    ] {
        let content = letter.repeat(length);
        fs::write(public.path().join("sitemap.xml"), &content).unwrap();
        // The empty one was small, and those are kept as they were.
        if letter == "a" {
            eventually("the first", || {
                (proxy.connect().get("/sitemap.xml").text() == content).then_some(())
            });
        }
        let answer = proxy.connect().get("/sitemap.xml");

        assert!(answer.text() == content, "{letter}: {} bytes", answer.body.len());
        let tag = answer.header("etag").unwrap();
        assert!(!tags.contains(&tag), "{tag}");
        tags.push(tag);
    }
}

#[test]
fn below_a_relative_root_files_are_looked_for_without_it() {
    let (proxy, _target, _public) = before_with(&[("file.txt", "a file")], |launch| {
        launch.env("THRUSTER_RELATIVE_URL_ROOT", "/shop")
    });

    assert_eq!(proxy.connect().get("/shop/file.txt").text(), "a file");
    for path in ["/file.txt", "/shopfile.txt", "/shop"] {
        assert_eq!(proxy.connect().get(path).text(), format!("GET {path} "));
    }
}

#[test]
fn files_are_sent_while_there_is_no_app() {
    let public = directory(&[("file.txt", "a file")]);
    let (proxy, _port) = without_an_app(|launch| launch.env("THRUSTER_PUBLIC_PATH", public.path()));

    assert_eq!(proxy.connect().get("/file.txt").text(), "a file");
}

#[test]
fn a_large_file_comes_whole_to_many_at_once() {
    let content = "0123456789abcdef".repeat(64 * 1024);
    let (proxy, target, _public) = before(&[("large.txt", &content)]);
    let mut clients: Vec<_> = (0..20).map(|_| proxy.connect()).collect();

    for client in &mut clients {
        client.send("GET /large.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    for client in &mut clients {
        assert!(client.read_message().unwrap().text() == content);
    }
    assert_eq!(target.connections(), 0);
}

/// A proxy before an app that echoes, with these files in its public directory.
fn before(files: &[(&str, &str)]) -> (TestProxy, TestTarget, TempDir) {
    before_with(files, |launch| launch)
}

fn before_with(
    files: &[(&str, &str)],
    configure: impl FnOnce(Launch) -> Launch,
) -> (TestProxy, TestTarget, TempDir) {
    let public = directory(files);
    let target = TestTarget::echoing();
    let launch = Launch::before(&target).env("THRUSTER_PUBLIC_PATH", public.path());
    (configure(launch).start(), target, public)
}

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("it is below the directory")).expect("it is ours");
        fs::write(path, content).expect("it is ours");
    }
    directory
}

fn ask(proxy: &TestProxy, path: &str, fields: &str) -> Message {
    proxy
        .connect()
        .ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"))
}
