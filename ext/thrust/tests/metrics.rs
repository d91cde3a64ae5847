//! Metrics: each series moves when its thing happens, and only then.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

use serde_json::Value;
use thrust_api::client::Client;
use thrust_api::message::{Command, Outcome};
use thrust_api::snapshot::{Labels, Samples};

use self::support::{
    App, DEADLINE, Launch, Scrape, TestProxy, TestTarget, Wire, bench_app, cue, eventually, frames,
    without_an_app,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

#[test]
fn every_series_is_there_before_anything_has_happened() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).with_metrics().start();

    let scrape = proxy.scrape();

    for name in [
        "thrust_requests_total{method=\"GET\",status=\"2xx\"}",
        "thrust_requests_total{method=\"other\",status=\"5xx\"}",
        "thrust_requests_in_flight",
        "thrust_requests_held",
        "thrust_request_repeats_total",
        "thrust_request_duration_seconds_count",
        "thrust_request_first_byte_seconds_count",
        "thrust_request_queue_seconds_count",
        "thrust_received_bytes_total",
        "thrust_sent_bytes_total",
        "thrust_refusals_total{reason=\"framing\"}",
        "thrust_target_failures_total{reason=\"connect\"}",
        "thrust_clients_gone_total",
        "thrust_connections_accepted_total",
        "thrust_connections{carries=\"requests\"}",
        "thrust_connections{carries=\"event_streams\"}",
        "thrust_connections{carries=\"tunnels\"}",
        "thrust_pool_connections{state=\"idle\"}",
        "thrust_pool_connections{state=\"in_use\"}",
        "thrust_pool_connects_total",
        "thrust_log_lines_dropped_total",
        "thrust_child_restarts_total",
        "thrust_child_exits_total",
    ] {
        assert_eq!(scrape.value(name), 0.0, "{name}");
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        scrape.value(&format!("thrust_build_info{{version=\"{version}\"}}")),
        1.0
    );
}

#[test]
fn requests_count_by_method_and_class_of_status() {
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            let status = request.target().trim_start_matches('/');
            app.wire
                .send(format!("HTTP/1.1 {status} Some\r\nContent-Length: 2\r\n\r\nok"));
        }
    });
    let proxy = Launch::before(&target)
        .with_metrics()
        .env("THRUSTER_THREADS", "2")
        .start();
    let mut client = proxy.connect();
    for (method, status) in [
        ("GET", 200),
        ("GET", 201),
        ("GET", 404),
        ("POST", 302),
        ("PURGE", 500),
        ("get", 200),
    ] {
        let answer = client.ask(format!("{method} /{status} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(answer.status(), status);
    }
    // Another one, which may be served by another core.
    assert_eq!(proxy.connect().get("/204").status(), 204);

    let scrape = proxy.scrape_until("thrust_request_duration_seconds_count", 7.0);

    let count = |method: &str, status: &str| {
        scrape.value(&format!(
            "thrust_requests_total{{method=\"{method}\",status=\"{status}\"}}"
        ))
    };
    assert_eq!((count("GET", "2xx"), count("GET", "4xx")), (3.0, 1.0));
    assert_eq!(
        (count("POST", "3xx"), count("other", "5xx"), count("other", "2xx")),
        (1.0, 1.0, 1.0)
    );
    assert_eq!(scrape.sum("thrust_requests_total"), 7.0);
    assert_eq!(scrape.value("thrust_request_first_byte_seconds_count"), 7.0);
    assert_eq!(scrape.value("thrust_request_queue_seconds_count"), 0.0);
    assert!(scrape.value("thrust_request_duration_seconds_sum") > 0.0);
    assert_eq!(scrape.value("thrust_connections_accepted_total"), 2.0);
    assert_eq!(scrape.value("thrust_sent_bytes_total"), 12.0, "a 204 has no body");
    assert_eq!(scrape.value("thrust_requests_in_flight"), 0.0);
}

#[test]
fn a_refused_request_counts_by_its_reason() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).with_metrics().start();
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(17_000));
    let refused = [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", "line_end", 400),
        ("GET / HTTP/1.1\r\n\r\n", "host", 400),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "method", 405),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "framing",
            400,
        ),
        (&long, "target_too_long", 414),
    ];

    for (request, _, status) in &refused {
        assert_eq!(proxy.connect().ask(request).status(), *status);
    }

    let scrape = proxy.scrape_until("thrust_requests_total{method=\"other\",status=\"4xx\"}", 5.0);
    for (_, reason, _) in refused {
        let series = format!("thrust_refusals_total{{reason=\"{reason}\"}}");
        assert_eq!(scrape.value(&series), 1.0, "{series}");
    }
    assert_eq!(scrape.sum("thrust_refusals_total"), 5.0);
    assert_eq!(scrape.sum("thrust_target_failures_total"), 0.0);
    assert_eq!(scrape.value("thrust_pool_connects_total"), 0.0);
}

#[test]
fn what_the_app_does_wrong_counts_on_its_own_side() {
    let target = TestTarget::start(|app| {
        let answer = match app.read_request().expect("a request").target() {
            "/junk" => "no answer\r\n\r\n",
            "/cut" => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            _ => "",
        };
        app.wire.send(answer);
    });
    let proxy = Launch::before(&target).with_metrics().start();

    assert_eq!(proxy.connect().get("/junk").status(), 502);
    assert_eq!(proxy.connect().get("/close").status(), 502);
    let mut cut = proxy.connect();
    cut.send("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n");
    cut.read_to_end();

    let scrape = proxy.scrape_until("thrust_request_duration_seconds_count", 3.0);
    for reason in ["answer_malformed", "target_closed", "answer_cut"] {
        let series = format!("thrust_target_failures_total{{reason=\"{reason}\"}}");
        assert_eq!(scrape.value(&series), 1.0, "{series}");
    }
    assert_eq!(scrape.sum("thrust_target_failures_total"), 3.0);
    assert_eq!(scrape.sum("thrust_refusals_total"), 0.0);
    assert_eq!(
        scrape.value("thrust_requests_total{method=\"GET\",status=\"5xx\"}"),
        2.0
    );
    assert_eq!(scrape.value("thrust_sent_bytes_total"), 5.0 + own_pages(&proxy));
}

#[test]
fn an_answer_that_stands_still_counts_on_the_side_that_it_waits_for() {
    let target = TestTarget::start(|app| {
        let request = app.read_request().expect("a request");
        app.wire
            .send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        let _ = app.wire.try_send(vec![b'x'; 100]);
        while request.target() == "/untaken" && app.wire.try_send([b'x'; 100_000]).is_ok() {}
        app.wire.read_to_end();
    });
    let proxy = Launch::before(&target)
        .with_metrics()
        .env("HTTP_WRITE_TIMEOUT", "1s")
        .start();
    let mut waiting = proxy.connect();
    waiting.send("GET /stalled HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut lazy = proxy.connect();
    lazy.hold_little();
    lazy.send("GET /untaken HTTP/1.1\r\nHost: a\r\n\r\n");
    lazy.read_head().expect("an answer");

    let scrape = proxy.scrape_until("thrust_refusals_total{reason=\"answer_untaken\"}", 1.0);
    proxy.scrape_until("thrust_target_failures_total{reason=\"answer_stalled\"}", 1.0);
    assert_eq!(scrape.sum("thrust_refusals_total"), 1.0);
}

#[test]
fn a_client_that_leaves_counts_and_is_no_refusal() {
    let target = TestTarget::start(|app| {
        app.read_request();
        app.wire.read_to_end();
    });
    let proxy = Launch::before(&target).with_metrics().start();
    let mut client = proxy.connect();
    client.send(GET);
    target.wait_for_requests(1);
    let meanwhile = proxy.scrape();

    drop(client);

    let scrape = proxy.scrape_until("thrust_clients_gone_total", 1.0);
    assert_eq!(meanwhile.value("thrust_requests_in_flight"), 1.0);
    assert_eq!(meanwhile.value("thrust_pool_connections{state=\"in_use\"}"), 1.0);
    assert_eq!(scrape.value("thrust_requests_in_flight"), 0.0);
    assert_eq!(
        scrape.value("thrust_requests_total{method=\"GET\",status=\"4xx\"}"),
        1.0
    );
    assert_eq!(scrape.sum("thrust_refusals_total"), 0.0);
}

#[test]
fn a_repeated_request_counts_and_so_do_the_connections_to_the_app() {
    let target = TestTarget::start(|app| {
        app.read_request();
        app.answer("first");
        // Taken, and then lost.
        if app.number == 0 {
            app.read_request();
        } else {
            app.wire.read_to_end();
        }
    });
    let proxy = Launch::before(&target).with_metrics().start();
    let mut client = proxy.connect();
    assert_eq!(client.get("/one").text(), "first");
    let before = proxy.scrape_until("thrust_pool_connections{state=\"idle\"}", 1.0);

    assert_eq!(client.get("/two").text(), "first");

    let scrape = proxy.scrape_until("thrust_request_repeats_total", 1.0);
    assert_eq!(before.value("thrust_request_repeats_total"), 0.0);
    assert_eq!(before.value("thrust_pool_connects_total"), 1.0);
    assert_eq!(scrape.value("thrust_pool_connects_total"), 2.0);
    assert_eq!(scrape.sum("thrust_target_failures_total"), 0.0);
}

#[test]
fn bytes_count_in_both_directions_as_they_pass() {
    let (go, cue) = cue();
    let target = TestTarget::start(move |app| {
        app.read_request();
        app.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
        app.wire.send(vec![b'x'; 100_000]);
        cue.wait();
        app.wire.send(vec![b'x'; 200_000]);
    });
    let proxy = Launch::before(&target).with_metrics().start();
    let mut client = proxy.connect();

    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n");
    client.send(vec![b'x'; 70_000]);
    client.read_head().expect("an answer");
    client.skip(100_000);

    let half = proxy.scrape_until("thrust_sent_bytes_total", 100_000.0);
    assert_eq!(half.value("thrust_received_bytes_total"), 70_000.0);
    assert_eq!(half.value("thrust_requests_in_flight"), 1.0);
    go.send(()).unwrap();
    client.skip(200_000);
    assert_eq!(
        proxy
            .scrape_until("thrust_requests_in_flight", 0.0)
            .value("thrust_sent_bytes_total"),
        300_000.0
    );
}

#[test]
fn requests_of_every_version_count() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).with_metrics().start();
    let mut client = frames::connect(&proxy);

    client.send(frames::get(1, "/"));
    frames::read_next(&mut client, frames::HEADERS);

    let scrape = proxy.scrape_until("thrust_requests_total{method=\"GET\",status=\"2xx\"}", 1.0);
    assert_eq!(scrape.value("thrust_connections{carries=\"requests\"}"), 1.0);
}

#[test]
fn what_lasts_is_seen_while_it_lasts_and_is_not_slow() {
    let target = TestTarget::start(|app: &mut App| {
        let request = app.read_request().expect("a request");
        if request.target() == "/tunnel" {
            app.wire.send(SWITCH);
            let said = app.wire.read_exact(5);
            app.wire.send([&said[..], b", too"].concat());
        } else {
            app.wire.send([EVENTS, "data: 1\n\n"].concat());
        }
        app.wire.read_to_end();
    });
    let proxy = Launch::before(&target).with_metrics().start();
    let mut tunnel = proxy.connect();
    tunnel.send("GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    assert_eq!(tunnel.read_head().map(|head| head.status()), Some(101));
    tunnel.send("hello");
    assert_eq!(tunnel.read_exact(10), b"hello, too");
    let mut events = proxy.connect();
    events.send(GET);
    events.read_head().expect("an answer");

    let open = proxy.scrape_until("thrust_connections{carries=\"event_streams\"}", 1.0);
    drop((tunnel, events));
    let ended = proxy.scrape_until("thrust_requests_in_flight", 0.0);

    assert_eq!(open.value("thrust_connections{carries=\"tunnels\"}"), 1.0);
    assert_eq!(open.value("thrust_connections{carries=\"requests\"}"), 0.0);
    assert_eq!(open.value("thrust_requests_in_flight"), 2.0);
    assert_eq!(open.value("thrust_pool_connections{state=\"in_use\"}"), 0.0);
    assert_eq!(open.value("thrust_received_bytes_total"), 5.0);
    assert_eq!(ended.value("thrust_sent_bytes_total"), 10.0 + 9.0);
    assert_eq!(
        ended.value("thrust_requests_total{method=\"GET\",status=\"1xx\"}"),
        1.0
    );
    assert_eq!(
        ended.value("thrust_requests_total{method=\"GET\",status=\"2xx\"}"),
        1.0
    );
    assert_eq!(ended.value("thrust_request_duration_seconds_count"), 0.0);
    assert_eq!(ended.value("thrust_request_first_byte_seconds_count"), 2.0);
    assert_eq!(ended.value("thrust_clients_gone_total"), 0.0);
}

#[test]
fn who_waits_for_the_app_is_seen_and_counts_once_served() {
    let (proxy, port) = without_an_app(Launch::with_metrics);
    let mut client = proxy.connect();
    client.send(GET);

    let held = proxy.scrape_until("thrust_requests_held", 1.0);
    let _target = TestTarget::saying(port, "here");
    assert_eq!(client.read_message().expect("an answer").text(), "here");

    let served = proxy.scrape_until("thrust_requests_held", 0.0);
    assert_eq!(held.value("thrust_child_ready"), 0.0);
    assert_eq!(held.value("thrust_requests_in_flight"), 1.0);
    assert_eq!(served.value("thrust_child_ready"), 1.0);
    let ended = proxy.scrape_until("thrust_request_queue_seconds_count", 1.0);
    assert!(ended.value("thrust_request_queue_seconds_sum") > 0.0);
}

#[test]
fn log_lines_that_nobody_reads_are_counted() {
    let target = TestTarget::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let mut command = Launch::before(&target).with_metrics().command();
    let mut proxy = Killed(command.stdout(Stdio::piped()).spawn().expect("thrust runs"));
    let mut log = BufReader::new(proxy.0.stdout.take().expect("it is piped"));
    let mut port_in = |message: &str, field: &str| -> u16 {
        let mut line = String::new();
        loop {
            line.clear();
            log.read_line(&mut line).expect("the log is open");
            let line: Value = serde_json::from_str(&line).expect("lines are JSON");
            if line["msg"] == message {
                let place = line[field].as_str().expect("it is a text");
                return place
                    .rsplit(':')
                    .next()
                    .and_then(|port| port.parse().ok())
                    .expect("a port");
            }
        }
    };
    let (metrics, port) = (
        port_in("Metrics are served", "place"),
        port_in("Server started", "http"),
    );
    let mut client = Wire::connect(port);
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: {}\r\n\r\n",
        "x".repeat(8000)
    );

    eventually("lines are dropped", || {
        assert_eq!(client.ask(&request).text(), "ok");
        (Scrape::of(metrics).value("thrust_log_lines_dropped_total") > 0.0).then_some(())
    });
}

#[test]
fn no_request_can_make_a_new_series() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).with_metrics().start();
    let before = proxy.scrape();

    let mut client = proxy.connect();
    for number in 0..1000 {
        let head =
            format!("M{number} /{number}?{number} HTTP/1.1\r\nHost: h{number}\r\nX-{number}: a\r\n\r\n");
        assert_eq!(client.ask(head).status(), 200);
    }

    let after = proxy.scrape_until("thrust_requests_total{method=\"other\",status=\"2xx\"}", 1000.0);
    assert_eq!(after.names(), before.names());
}

#[test]
fn scrapes_under_load_are_consistent_and_end_at_the_right_sums() {
    const CLIENTS: usize = 4;
    const REQUESTS: usize = 500;
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target)
        .with_metrics()
        .env("THRUSTER_THREADS", "2")
        .start();
    let (port, metrics) = (proxy.port(), proxy.metrics_port());

    let mut last = 0.0;
    let mut watch = || {
        let scrape = Scrape::of(metrics);
        let ended = scrape.sum("thrust_requests_total");
        assert!(ended >= last, "{ended} after {last}");
        assert!(scrape.value("thrust_requests_in_flight") <= CLIENTS as f64);
        last = ended;
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(move || {
                    let mut client = Wire::connect(port);
                    (0..REQUESTS).for_each(|_| assert_eq!(client.get("/").text(), "GET / "));
                })
            })
            .collect();
        while !clients.iter().all(thread::ScopedJoinHandle::is_finished) {
            watch();
        }
    });

    let all = (CLIENTS * REQUESTS) as f64;
    let scrape = proxy.scrape_until("thrust_request_duration_seconds_count", all);
    assert_eq!(
        scrape.value("thrust_requests_total{method=\"GET\",status=\"2xx\"}"),
        all
    );
    assert_eq!(scrape.value("thrust_sent_bytes_total"), all * 6.0);
}

#[test]
fn a_restart_is_seen_and_the_port_stays() {
    let proxy = Launch::new([bench_app()])
        .env("THRUSTER_TARGET_PORT", "0")
        .env("THRUSTER_HEALTH_PATH", "/1k")
        .with_metrics()
        .start();
    let before = proxy.scrape_until("thrust_child_ready", 1.0);

    let restarted = proxy.restart(&[]);

    assert_eq!(restarted.code(), Some(0), "{restarted:?}");
    let after = proxy.scrape();
    let [was, is] = [&before, &after].map(|scrape| {
        ["up", "ready", "generation", "restarts_total", "exits_total"]
            .map(|name| scrape.value(&format!("thrust_child_{name}")))
    });
    assert_eq!((was, is), ([1.0, 1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 2.0, 1.0, 0.0]));
    let started = |scrape: &Scrape| scrape.value("thrust_child_start_time_seconds");
    assert!(started(&before) > 0.0 && started(&after) >= started(&before));
    assert!(before.value("process_start_time_seconds") <= started(&before));
}

#[test]
fn an_app_that_ends_by_itself_and_comes_again_is_seen() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let proxy = Launch::shell("test -e \"$ONCE\" && exec sleep 1000; touch \"$ONCE\"; exit 3")
        .env("ONCE", directory.path().join("once"))
        .env("THRUSTER_RESTART_ENABLED", "1")
        .with_metrics()
        .start();

    let scrape = proxy.scrape_until("thrust_child_generation", 2.0);

    assert_eq!(scrape.value("thrust_child_exits_total"), 1.0);
    assert_eq!(scrape.value("thrust_child_restarts_total"), 1.0);
    assert_eq!(scrape.value("thrust_child_up"), 1.0);
}

#[test]
fn the_control_socket_tells_the_same_as_data() {
    let target = TestTarget::echoing();
    let proxy = Launch::shell("echo \"socket $THRUSTER_CONTROL_SOCKET\"; exec sleep 1000")
        .env("THRUSTER_TARGET_PORT", target.port().to_string())
        .with_metrics()
        .start();
    let socket = proxy.wait_for_line("socket ");
    assert_eq!(proxy.connect().get("/").status(), 200);
    let scrape = proxy.scrape_until("thrust_request_duration_seconds_count", 1.0);

    let mut client = Client::connect(Path::new(&socket), DEADLINE).expect("it listens");
    let outcome = client.ask(&Command::Metrics, |_| ()).expect("an answer");

    let Outcome::Metrics(snapshot) = outcome else {
        panic!("another answer: {outcome:?}");
    };
    let mut series = 0;
    for family in &snapshot.families {
        let of = |labels: &Labels| match labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect()
        {
            labels if Vec::is_empty(&labels) => family.name.to_string(),
            labels => format!("{}{{{}}}", family.name, labels.join(",")),
        };
        match &family.samples {
            Samples::Counter(samples) | Samples::Gauge(samples) => {
                series += samples.len();
                for sample in samples.iter().filter(|_| family.name.starts_with("thrust_")) {
                    let name = of(&sample.labels);
                    assert_eq!(scrape.value(&name), sample.value, "{name}");
                }
            }
            Samples::Histogram(distributions) => {
                let [one] = &distributions[..] else {
                    panic!("{} has one distribution", family.name);
                };
                // The last bucket, the sum and the count.
                series += one.buckets.len() + 3;
                assert_eq!(scrape.value(&format!("{}_count", family.name)), one.count as f64);
                assert_eq!(scrape.value(&format!("{}_sum", family.name)), one.sum);
            }
        }
    }
    assert_eq!(series, scrape.names().len());
}

/// How long the pages are together that thrust has answered with itself.
fn own_pages(proxy: &TestProxy) -> f64 {
    let lines = proxy.wait_for_logs("Request", 3);
    let own = lines.iter().filter(|line| line["status"] == 502);
    own.map(|line| line["resp_content_length"].as_f64().expect("a number"))
        .sum()
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
