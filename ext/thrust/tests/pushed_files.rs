//! What a push says about files holds from the next request on.

mod support;

use std::fs;
use std::path::Path;

use rustix::process::{Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use self::support::{Launch, Pushed, TestTarget, configure};

#[test]
fn which_files_the_app_may_name_follows_a_push() {
    let (place, target) = before_a_file();
    let elsewhere = tempfile::tempdir().unwrap();
    let pushed = Pushed::before(&target, &[]);
    let status = || pushed.proxy.connect().get("/").status();
    assert_eq!(status(), 200);

    pushed.push(&[("sendfile_roots", text(elsewhere.path()))]);
    assert_eq!(status(), 403);
    pushed.push(&[("sendfile_roots", text(place.path()))]);
    assert_eq!(status(), 200);
}

#[test]
fn whether_and_how_files_are_named_follows_a_push() {
    let (_place, target) = before_a_file();
    let pushed = Pushed::before(&target, &[("x_sendfile_enabled", "off")]);
    let body = || pushed.proxy.connect().get("/").text();
    assert_eq!(body(), "the app's");

    pushed.push(&[
        ("sendfile_header", "X-Accel-Redirect"),
        ("sendfile_mappings", "/a=/srv"),
    ]);
    assert_eq!(body(), "a file", "the other header is still understood");

    let seen = target.requests().pop().unwrap();
    assert_eq!(
        seen.header("x-sendfile-type").as_deref(),
        Some("X-Accel-Redirect")
    );
    assert_eq!(seen.header("x-accel-mapping").as_deref(), Some("/srv/=/a/"));
}

#[test]
fn the_app_gets_the_secret_once_its_middleware_is_there_and_no_client_can_say_it() {
    let target = TestTarget::echoing();
    let pushed = Pushed::start(Launch::before(&target));
    let mut client = pushed.proxy.connect();
    let mut ask = || {
        client.ask(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Thruster-Secret: guessed\r\nX_Thruster_Secret: guessed\r\n\r\n",
        );
        let seen = target.requests().pop().unwrap();
        let lines = seen.header_lines("x-thruster-secret");
        lines.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    pushed.push(&[]);
    assert_eq!(ask(), [""; 0]);

    let mut message = configure(&[]);
    message["app"] = json!({ "sendfile": true });
    let reply = pushed.say(1, &message);

    let secret = reply["configured"]["sendfile_secret"].as_str().unwrap();
    assert!(secret.len() >= 32, "{secret}");
    assert_eq!(ask(), [secret]);
}

#[test]
fn where_public_files_are_and_what_is_said_of_them_follows_a_push() {
    let public = tempfile::tempdir().unwrap();
    fs::create_dir(public.path().join("packs")).unwrap();
    for name in ["file.txt", "home.html", "packs/app-0a1b2c3d.js"] {
        fs::write(public.path().join(name), name).unwrap();
    }
    let target = TestTarget::echoing();
    let pushed = Pushed::before(&target, &[]);
    let get = |path: &str| pushed.proxy.connect().get(path);
    assert_eq!(get("/file.txt").text(), "GET /file.txt ");

    pushed.push(&[
        ("public_path", text(public.path())),
        ("public_index", "home"),
        ("public_headers", "X-Robots-Tag: none"),
        ("assets_prefix", "/packs"),
        ("relative_url_root", "/shop"),
    ]);

    let file = get("/shop/file.txt");
    assert_eq!(file.text(), "file.txt");
    assert_eq!(file.header("x-robots-tag").as_deref(), Some("none"));
    assert_eq!(get("/shop/").text(), "home.html");
    assert_eq!(get("/file.txt").text(), "GET /file.txt ");
    let asset = get("/shop/packs/app-0a1b2c3d.js")
        .header("cache-control")
        .unwrap();
    assert!(asset.ends_with("immutable"), "{asset}");

    pushed.push(&[]);
    assert_eq!(get("/shop/file.txt").text(), "GET /shop/file.txt ");
}

#[test]
fn public_files_are_left_to_an_app_that_wants_https_unless_they_are_asked_for_by_it() {
    let public = tempfile::tempdir().unwrap();
    fs::write(public.path().join("file.txt"), "a file").unwrap();
    let target = TestTarget::echoing();
    let ask = |proto: &str, more: &[(&str, &str)]| {
        let settings = [
            &[("public_path", text(public.path())), ("public_https_only", "on")],
            more,
        ]
        .concat();
        let pushed = Pushed::before(&target, &settings);
        let request = format!("GET /file.txt HTTP/1.1\r\nHost: a\r\n{proto}\r\n");
        pushed.proxy.connect().ask(request).text()
    };

    assert_eq!(ask("", &[]), "GET /file.txt ");
    assert_eq!(ask("X-Forwarded-Proto: http\r\n", &[]), "GET /file.txt ");
    assert_eq!(ask("X-Forwarded-Proto: https\r\n", &[]), "a file");
    let unbelieved = [("trusted_proxies", "none")];
    assert_eq!(ask("X-Forwarded-Proto: https\r\n", &unbelieved), "GET /file.txt ");
}

#[test]
fn while_the_app_is_started_again_public_files_are_sent_as_it_said_last() {
    let public = tempfile::tempdir().unwrap();
    fs::write(public.path().join("file.txt"), "a file").unwrap();
    let pushed = Pushed::start(Launch::generations().env("THRUSTER_RESTART_ENABLED", "on"));
    let app = TestTarget::saying(pushed.proxy.app_port(1), "the app's");
    let get = || pushed.proxy.connect().get("/file.txt");
    let say = |generation, fields| {
        let settings = [("public_path", text(public.path())), ("public_headers", fields)];
        let reply = pushed.say(generation, &configure(&settings));
        assert_eq!(reply["reply"], "ok", "{reply}");
    };
    assert_eq!(get().text(), "the app's", "nobody has said where files are");
    say(1, "X-By: the first");

    drop(app);
    kill_process(pushed.proxy.child(), Signal::KILL).unwrap();
    pushed
        .proxy
        .wait_for_log("Starting the upstream process again after a pause");
    let file = get();
    assert_eq!(
        (file.text().as_str(), file.header("x-by").as_deref()),
        ("a file", Some("the first"))
    );

    say(2, "X-By: the second");
    assert_eq!(get().header("x-by").as_deref(), Some("the second"));
}

/// An app that names a file in a place of its own.
fn before_a_file() -> (TempDir, TestTarget) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let path = place.path().join("file");
    fs::write(&path, "a file").expect("it is ours");
    let target = TestTarget::answering(format!(
        "HTTP/1.1 200 OK\r\nX-Sendfile: {}\r\nContent-Length: 9\r\n\r\nthe app's",
        text(&path)
    ));
    (place, target)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("it is UTF-8")
}
