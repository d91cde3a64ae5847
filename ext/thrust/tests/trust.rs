//! Who is believed about where a request comes from: anybody, as thruster believes, until the proxies are named.

mod support;

use http::Request;
use tokio::time::timeout;

use self::support::{DEADLINE, Launch, Message, TestProxy, TestTarget, Wire};

/// All that a client can say about where it comes from.
const WORDS: [(&str, &str); 13] = [
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Forwarded-Host", "public.example"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Port", "443"),
    ("X-Forwarded-Ssl", "on"),
    ("X-Forwarded-User", "admin"),
    ("Forwarded", "for=203.0.113.7;proto=https"),
    ("X-Real-Ip", "203.0.113.7"),
    ("Client-Ip", "203.0.113.7"),
    ("X-Client-Ip", "203.0.113.7"),
    ("True-Client-Ip", "203.0.113.7"),
    ("Cf-Connecting-Ip", "203.0.113.7"),
    ("X-Cluster-Client-Ip", "203.0.113.7"),
];

/// What we say ourselves of a request for `a` from 127.0.0.1.
const OURS: [(&str, &str); 3] = [
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Forwarded-Host", "a"),
    ("X-Forwarded-Proto", "http"),
];

/// Trusts the peers of these tests, among others.
const TRUSTING: [&str; 5] = [
    "private",
    "cloudflare, 127.0.0.1",
    "127.0.0.0/8",
    "::ffff:127.0.0.1",
    "0.0.0.0/0",
];

/// Does not.
const DISTRUSTING: [&str; 5] = ["none", "", "cloudflare", "10.0.0.0/8,::1", "::/0"];

#[test]
fn a_proxy_that_is_named_may_say_everything_and_is_named_itself() {
    for networks in TRUSTING {
        let (told, address) = told(&[("THRUSTER_TRUSTED_PROXIES", networks)]);

        let mut expected = WORDS.map(owned).to_vec();
        expected[0].1 = "203.0.113.7, 127.0.0.1".to_owned();
        expected[6].1 = "for=203.0.113.7;proto=https, for=127.0.0.1".to_owned();
        expected.sort();
        assert_eq!(told, expected, "{networks:?}");
        assert_eq!(address, "203.0.113.7", "{networks:?}");
    }
}

#[test]
fn once_proxies_are_named_nobody_else_is_believed() {
    for networks in DISTRUSTING {
        let (told, address) = told(&[("THRUSTER_TRUSTED_PROXIES", networks)]);

        assert_eq!(told, OURS.map(owned), "{networks:?}");
        assert!(address.starts_with("127.0.0.1:"), "{networks:?}: {address}");
    }
}

#[test]
fn without_forward_headers_nobody_is_believed_by_the_app() {
    let (told, address) = told(&[
        ("THRUSTER_TRUSTED_PROXIES", "private"),
        ("FORWARD_HEADERS", "off"),
    ]);

    assert_eq!(told, OURS.map(owned));
    assert_eq!(address, "203.0.113.7", "the log goes by the proxies alone");
}

#[test]
fn unless_proxies_are_named_the_app_is_told_what_thruster_tells_it() {
    let (on, _) = told(&[]);
    let (off, _) = told(&[("FORWARD_HEADERS", "off")]);

    let mut expected: Vec<_> = WORDS
        .map(owned)
        .into_iter()
        .filter(|(name, _)| name != "Forwarded")
        .collect();
    expected[0].1 = "203.0.113.7, 127.0.0.1".to_owned();
    expected.sort();
    assert_eq!(on, expected);
    for (name, value) in OURS.map(owned) {
        expected.retain(|(other, _)| *other != name);
        expected.push((name, value));
    }
    expected.sort();
    assert_eq!(off, expected);
}

#[test]
fn several_lines_become_one_and_garbage_of_a_trusted_proxy_passes_as_it_is() {
    let (target, proxy) = trusting("private");

    let seen = ask(
        &proxy,
        &target,
        "X-Forwarded-For: not, an address\r\nForwarded: for=_hidden\r\nX-Forwarded-For:\r\n\
         X-Forwarded-For: 203.0.113.7, [2001:db8::1]:80\r\nForwarded: for=\"[::1]:80\";by=x\r\n",
    );

    assert_eq!(
        seen.header_lines("x-forwarded-for"),
        ["not, an address, 203.0.113.7, [2001:db8::1]:80, 127.0.0.1"]
    );
    assert_eq!(
        seen.header_lines("forwarded"),
        ["for=_hidden, for=\"[::1]:80\";by=x, for=127.0.0.1"]
    );
    assert_eq!(proxy.wait_for_log("Request")["remote_addr"], "2001:db8::1");
}

#[test]
fn a_forwarded_that_would_swallow_our_word_is_dropped() {
    let (target, proxy) = trusting("private");

    let seen = ask(&proxy, &target, "Forwarded: for=\"203.0.113.7\r\n");

    assert_eq!(seen.header("forwarded"), None);
    assert_eq!(seen.header("x-forwarded-for").as_deref(), Some("127.0.0.1"));
}

#[test]
fn no_spelling_of_a_field_gets_round_the_rule() {
    for networks in ["private", "none"] {
        let (target, proxy) = trusting(networks);
        let fields: String = WORDS
            .iter()
            .map(|(name, value)| format!("{}: {value}\r\n", name.replace('-', "_")))
            .filter(|line| line.contains('_'))
            .collect();

        let seen = ask(&proxy, &target, &fields);

        assert_eq!(words(&seen), OURS.map(owned), "{networks}");
        assert!(!seen.head.contains('_'), "{}", seen.head);
    }
}

#[test]
fn who_comes_through_a_unix_socket_is_always_believed() {
    let (_directory, path) = support::socket_path();
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_BIND", format!("unix:{}", path.display()))
        .env("THRUSTER_TRUSTED_PROXIES", "none")
        .start();

    Wire::connect_unix(&path)
        .ask("GET / HTTP/1.1\r\nHost: a\r\nX-Real-Ip: 203.0.113.7\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n");

    let seen = target.requests().pop().unwrap();
    assert_eq!(seen.header("x-real-ip").as_deref(), Some("203.0.113.7"));
    assert_eq!(seen.header("x-forwarded-for").as_deref(), Some("203.0.113.7"));
    assert_eq!(proxy.wait_for_log("Request")["remote_addr"], "203.0.113.7");
}

#[tokio::test]
async fn over_http2_the_same_holds() {
    let (target, proxy) = trusting("none");
    let mut client = proxy.connect_http2().await;
    let request = WORDS
        .iter()
        .fold(Request::get("http://a/"), |request, (name, value)| {
            request.header(*name, *value)
        });

    let (answer, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
    let answer = timeout(DEADLINE, answer).await.unwrap().unwrap();

    assert_eq!(answer.status(), 200);
    assert_eq!(words(&target.requests()[0]), OURS.map(owned));
}

#[test]
fn networks_that_cannot_be_meant_stop_the_start() {
    for (networks, hint) in [
        (
            "private, 10.0.0.1/8",
            "\"10.0.0.1/8\" is an address inside the network 10.0.0.0/8",
        ),
        ("load-balancer", "\"load-balancer\" is no network"),
        ("none, private", "none stands alone"),
    ] {
        let output = support::thrust(&["true"], &[("THRUSTER_TRUSTED_PROXIES", networks)]);

        assert_eq!(output.code, 1, "{networks}");
        assert!(
            output.stderr.starts_with(&format!(
                "thrust: THRUSTER_TRUSTED_PROXIES is {networks:?}; {hint}"
            )),
            "{}",
            output.stderr
        );
    }
}

/// What the app is told when a client says all the [`WORDS`], in order, and what address the log has.
fn told(environment: &[(&str, &str)]) -> (Vec<(String, String)>, String) {
    let target = TestTarget::echoing();
    let launch = environment
        .iter()
        .fold(Launch::before(&target), |launch, (name, value)| {
            launch.env(name, value)
        });
    let proxy = launch.start();
    let fields: String = WORDS
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();

    let seen = ask(&proxy, &target, &fields);

    let line = proxy.wait_for_log("Request");
    let address = line["remote_addr"].as_str().expect("an address is text");
    (words(&seen), address.to_owned())
}

fn trusting(networks: &str) -> (TestTarget, TestProxy) {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .env("THRUSTER_TRUSTED_PROXIES", networks)
        .start();
    (target, proxy)
}

/// How the app saw a request with these fields.
fn ask(proxy: &TestProxy, target: &TestTarget, fields: &str) -> Message {
    proxy
        .connect()
        .ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    target.requests().pop().expect("it was asked")
}

/// The fields of a request that are not there without a proxy, in order.
fn words(request: &Message) -> Vec<(String, String)> {
    let fields = request.head.lines().filter_map(|line| line.split_once(": "));
    let mut words: Vec<_> = fields
        .filter(|(name, _)| !["Host", "X-Request-Id", "X-Request-Start", "X-Sendfile-Type"].contains(name))
        .map(owned)
        .collect();
    words.sort();
    words
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
