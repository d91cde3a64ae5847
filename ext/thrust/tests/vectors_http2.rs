//! Requests over HTTP/2, frame by frame: what is malformed ends its stream, and nothing becomes a second request, or
//! another one, over HTTP/1.
//!
//! Nothing is compressed, so that anything can be said. In names and values a character is a byte.

mod support;

use self::support::frames::{self, DATA, END_HEADERS, END_STREAM, HEADERS};
use self::support::vector::{self, Expected, Rest};
use self::support::{TestProxy, Wire, Witness};

/// A request on the first stream of a connection.
struct Vector {
    what: &'static str,
    frames: Vec<u8>,
    told: Told,
    expected: Expected,
}

/// What the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// 200 and what the app says it was asked: method, target and body.
    Echo(String),
    /// This status, from us.
    Status(u16),
    /// This status, from the library, which says nothing in the log.
    Unlogged(u16),
    /// The stream is reset.
    Reset(u32),
    /// The connection ends.
    GoAway(u32),
}

const PROTOCOL_ERROR: u32 = 1;

#[test]
fn pseudo_header_fields_are_there_once_and_first() {
    check_table(&[
        passes(
            "GET / ",
            "as it should be",
            &[
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
            ],
        ),
        passes(
            "GET / ",
            "in another order",
            &[
                (":path", "/"),
                (":authority", "a"),
                (":scheme", "http"),
                (":method", "GET"),
            ],
        ),
        malformed(
            "behind a field",
            &[
                (":method", "GET"),
                (":scheme", "http"),
                ("x", "y"),
                (":authority", "a"),
                (":path", "/"),
            ],
        ),
        malformed(
            "no method",
            &[(":scheme", "http"), (":authority", "a"), (":path", "/")],
        ),
        malformed(
            "no scheme",
            &[(":method", "GET"), (":authority", "a"), (":path", "/")],
        ),
        malformed(
            "no path",
            &[(":method", "GET"), (":scheme", "http"), (":authority", "a")],
        ),
        malformed(
            "two methods",
            &[
                (":method", "GET"),
                (":method", "POST"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
            ],
        ),
        malformed(
            "two schemes",
            &[
                (":method", "GET"),
                (":scheme", "http"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
            ],
        ),
        malformed(
            "two authorities",
            &[
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "a"),
                (":authority", "b"),
                (":path", "/"),
            ],
        ),
        malformed(
            "two paths",
            &[
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
                (":path", "/"),
            ],
        ),
        malformed(
            "a status",
            &[
                (":status", "200"),
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
            ],
        ),
        malformed(
            "a protocol",
            &[
                (":method", "GET"),
                (":protocol", "websocket"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
            ],
        ),
        undone(
            "an unknown one",
            &[
                (":method", "GET"),
                (":host", "a"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
            ],
        ),
        undone(
            "one in capitals",
            &[
                (":Method", "GET"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
            ],
        ),
        refused(
            405,
            "a tunnel",
            &[(":method", "CONNECT"), (":authority", "a:443")],
        ),
        malformed(
            "a tunnel with a path",
            &[
                (":method", "CONNECT"),
                (":scheme", "http"),
                (":authority", "a:443"),
                (":path", "/"),
            ],
        ),
        malformed(
            "a tunnel for a protocol",
            &[
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
            ],
        ),
        refused(
            405,
            "a mirror",
            &[
                (":method", "TRACE"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "/"),
            ],
        ),
    ]);
}

#[test]
fn a_method_is_a_token() {
    let of = |method: &'static str| {
        [
            (":method", method),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
        ]
    };
    check_table(&[
        passes("get / ", "lower case", &of("get")),
        passes("M-SEARCH / ", "a dash", &of("M-SEARCH")),
        undone("nothing", &of("")),
        undone("a space", &of("GET /x")),
        undone("a second request", &of("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET")),
        undone("a colon", &of("GET:")),
        undone("a NUL", &of("GET\0")),
        undone("bytes above ASCII", &of("G\u{cb}T")),
    ]);
}

#[test]
fn a_path_begins_with_a_slash_and_passes_byte_for_byte() {
    let of = |path: &str| {
        get(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", path),
        ])
    };
    let longest = format!("/{}", "a".repeat(16 * 1024 - 1));
    let passes = |echo: &str, what, path: &str| with(of(path), what, Told::Echo(echo.to_owned()));
    let refused = |status, what, path: &str| with(of(path), what, Told::Status(status));
    let malformed = |what, path: &str| with(of(path), what, Told::Reset(PROTOCOL_ERROR));
    let undone = |what, path: &str| with(of(path), what, Told::GoAway(PROTOCOL_ERROR));
    check_table(&[
        passes(
            "GET /a%2Fb//c/../d?q=%zz;x&y=? ",
            "odd ones",
            "/a%2Fb//c/../d?q=%zz;x&y=?",
        ),
        passes("GET //b/c ", "two slashes", "//b/c"),
        passes("GET /%00%0d%0a ", "escaped controls", "/%00%0d%0a"),
        passes("GET /\u{e4} ", "UTF-8", "/\u{c3}\u{a4}"),
        passes("GET /{\"a\"} ", "what should be escaped", "/{\"a\"}"),
        passes(&format!("GET {longest} "), "the longest", &longest),
        refused(414, "a longer one", &format!("{longest}a")),
        // The library cuts it off before we see it; what is left is the path.
        passes("GET /a ", "a fragment", "/a#b"),
        malformed("nothing", ""),
        refused(400, "a query alone", "?x"),
        refused(400, "an asterisk", "*"),
        malformed("no slash", "x"),
        malformed("an absolute one", "http://b/"),
        malformed("a space", "/a b"),
        malformed("a second request", "/ HTTP/1.1\r\nHost: b\r\n\r\nGET /smuggled"),
        malformed("a line end", "/a\r\nX: y"),
        malformed("a bare LF", "/a\nX: y"),
        malformed("a bare CR", "/a\rX: y"),
        malformed("a tab", "/a\tb"),
        malformed("a NUL", "/a\0"),
        malformed("a DEL", "/a\x7f"),
        undone("bytes above ASCII that are no UTF-8", "/\u{ff}"),
        ours(&[
            (":method", "OPTIONS"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "*"),
        ]),
    ]);
}

#[test]
fn a_scheme_is_http_or_https_and_says_nothing_more() {
    let of = |scheme: &'static str| {
        [
            (":method", "GET"),
            (":scheme", scheme),
            (":authority", "a"),
            (":path", "/"),
        ]
    };
    check_table(&[
        passes("GET / ", "https", &of("https")).has("X-Forwarded-Proto: http"),
        passes("GET / ", "capitals", &of("HTTP")),
        refused(400, "another one", &of("ftp")),
        refused(400, "nothing", &of("")),
        malformed("a target", &of("http://b/x?")),
        malformed("a space", &of("http /x")),
        malformed("a line end", &of("http\r\nX: y")),
        malformed("a second request", &of("http://b/ HTTP/1.1\r\n\r\n")),
    ]);
}

#[test]
fn there_is_one_authority_and_it_is_a_host() {
    let of = |authority: &'static str| {
        [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", authority),
            (":path", "/"),
        ]
    };
    let host = |host: &'static str| {
        [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            ("host", host),
        ]
    };
    check_table(&[
        passes("GET / ", "a name and a port", &of("Example.com:81")).has("Host: Example.com:81"),
        passes("GET / ", "an address of IPv6", &of("[::1]:80")).has("Host: [::1]:80"),
        refused(400, "userinfo", &of("user@a")),
        refused(400, "userinfo with a password", &of("a:80@b")),
        malformed("nothing", &of("")),
        malformed("a space", &of("a b")),
        malformed("a line end", &of("a\r\nX: y")),
        malformed(
            "a second request",
            &of("a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a"),
        ),
        malformed("a path", &of("a/b")),
        malformed("a query", &of("a?b")),
        malformed("a fragment", &of("a#b")),
        refused(400, "a list", &of("a,b")),
        malformed("two ports", &of("a:80:80")),
        refused(400, "a port of letters", &of("a:port")),
        refused(400, "a port alone", &of(":80")),
        malformed("an open bracket", &of("[::1")),
        refused(400, "a zone", &of("[fe80::1%25eth0]")),
        undone("bytes above ASCII", &of("\u{e4}")),
        passes("GET / ", "Host in its place", &host("a")).has("Host: a"),
        passes("GET / ", "an empty Host in its place", &host("")),
        refused(400, "a Host with userinfo", &host("user@a")),
        refused(400, "a Host with a path", &host("a/b")),
        refused(
            400,
            "neither",
            &[(":method", "GET"), (":scheme", "http"), (":path", "/")],
        ),
        refused(
            400,
            "two Hosts",
            &[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "/"),
                ("host", "a"),
                ("host", "a"),
            ],
        ),
        passes("GET / ", "a Host that agrees", &plain(&[("host", "a")])).has("Host: a"),
        refused(400, "a Host that does not", &plain(&[("host", "b")])),
        refused(400, "a Host that is empty", &plain(&[("host", "")])),
        refused(
            400,
            "two Hosts beside it",
            &plain(&[("host", "a"), ("host", "a")]),
        ),
    ]);
}

#[test]
fn a_field_is_a_name_in_lower_case_and_a_value_in_one_line() {
    check_table(&[
        field("a tab in a value", "x", "b\tc").has("X: b\tc"),
        field("a space in a value", "x", "b c").has("X: b c"),
        field("nothing as a value", "x", "").has("X: "),
        field("bytes above ASCII in a value", "x", "\u{e4}").has("X: \u{e4}"),
        no_field("a space in front of a value", "x", " b"),
        no_field("a space behind a value", "x", "b "),
        no_field("a tab in front of a value", "x", "\tb"),
        no_field("a tab behind a value", "x", "b\t"),
        bad_field("a line end in a value", "x", "b\r\nY: c"),
        bad_field(
            "a second request in a value",
            "x",
            "b\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a",
        ),
        bad_field("a bare LF in a value", "x", "b\nY: c"),
        bad_field("a bare CR in a value", "x", "b\rY: c"),
        bad_field("a NUL in a value", "x", "b\0"),
        bad_field("a control in a value", "x", "b\x01"),
        bad_field("a DEL in a value", "x", "b\x7f"),
        bad_field("capitals in a name", "X-Foo", "b"),
        bad_field("no name", "", "b"),
        bad_field("a space in a name", "x y", "b"),
        bad_field("a space behind a name", "x ", "b"),
        bad_field("a colon in a name", "x: y", "b"),
        bad_field("a line end in a name", "x: y\r\nz", "b"),
        bad_field("a NUL in a name", "x\0", "b"),
        bad_field("bytes above ASCII in a name", "x\u{e4}", "b"),
        refused(431, "too many", &plain(&[("x", "y"); 128])),
        oversized("too much", &plain(&[("x", "y".repeat(16_000).as_str()); 5])),
    ]);
}

#[test]
fn what_concerns_a_connection_has_no_place_in_a_stream() {
    check_table(&[
        malformed("Connection", &plain(&[("connection", "close")])),
        malformed("an empty Connection", &plain(&[("connection", "")])),
        malformed("Keep-Alive", &plain(&[("keep-alive", "timeout=5")])),
        malformed("Proxy-Connection", &plain(&[("proxy-connection", "keep-alive")])),
        malformed("Transfer-Encoding", &plain(&[("transfer-encoding", "chunked")])),
        malformed(
            "a Transfer-Encoding that looks like none",
            &plain(&[("transfer-encoding", "identity")]),
        ),
        malformed("Upgrade", &plain(&[("upgrade", "websocket")])),
        malformed("a TE that is not trailers", &plain(&[("te", "gzip")])),
        malformed(
            "a TE that is more than trailers",
            &plain(&[("te", "trailers, gzip")]),
        ),
        passes("GET / ", "TE", &plain(&[("te", "trailers")])).has("Te: trailers"),
        passes(
            "GET / ",
            "what is for proxies",
            &plain(&[("proxy-authorization", "b")]),
        )
        .lacks("proxy-authorization"),
        refused(417, "an unknown expectation", &plain(&[("expect", "200-ok")])),
        passes("GET / ", "a known one", &plain(&[("expect", "100-continue")])).lacks("expect"),
    ]);
}

#[test]
fn spellings_and_cookies_are_as_over_http_1() {
    check_table(&[
        passes(
            "GET / ",
            "the coding",
            &plain(&[("transfer_encoding", "chunked")]),
        )
        .lacks("transfer-encoding"),
        passes("GET / ", "the length", &plain(&[("content_length", "5")])).lacks("content-length"),
        passes("GET / ", "the address", &plain(&[("x_forwarded_for", "6.6.6.6")]))
            .has("X-Forwarded-For: 127.0.0.1"),
        passes("GET / ", "files", &plain(&[("x-sendfile-type", "X-Sendfile")])).lacks("x-sendfile-type"),
        passes(
            "GET / ",
            "crumbs",
            &plain(&[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]),
        )
        .has("Cookie: a=1; b=2"),
        passes("GET / ", "many crumbs", &plain(&[("cookie", "a=1"); 200])),
    ]);
}

#[test]
fn a_length_agrees_with_the_body() {
    check_table(&[
        post("POST / hello", "none", &[], &[b"hello"]).has("Transfer-Encoding: chunked"),
        post(
            "POST / hello",
            "one that is right",
            &[("content-length", "5")],
            &[b"hel", b"lo"],
        )
        .has("Content-Length: 5"),
        post("POST / ", "one of nothing", &[("content-length", "0")], &[b""]).has("Content-Length: 0"),
        passes(
            "GET / ",
            "one of nothing without a body",
            &plain(&[("content-length", "0")]),
        ),
        broken("too long", &[("content-length", "6")], &[b"hello"]),
        broken("too short", &[("content-length", "4")], &[b"hello"]),
        overfull(
            "too short by a frame",
            &[("content-length", "5")],
            &[b"hello", b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"],
        ),
        broken(
            "nothing where there is something",
            &[("content-length", "0")],
            &[b"hello"],
        ),
        malformed(
            "something where there is nothing",
            &plain(&[("content-length", "5")]),
        ),
        broken(
            "two that do not agree",
            &[("content-length", "5"), ("content-length", "6")],
            &[b"hello"],
        ),
        refused_post(
            "two that agree",
            &[("content-length", "5"), ("content-length", "5")],
        ),
        broken("a list", &[("content-length", "5, 5")], &[b"hello"]),
        broken("a plus", &[("content-length", "+5")], &[b"hello"]),
        broken("a space", &[("content-length", " 5")], &[b"hello"]),
        broken("nothing as a length", &[("content-length", "")], &[b"hello"]),
        broken(
            "more than 64 bits",
            &[("content-length", "18446744073709551621")],
            &[b"hello"],
        ),
    ]);
}

#[test]
fn trailers_end_a_request_and_go_no_further() {
    check_table(&[
        trailers("a sum", &[("x-sum", "1")], Told::Echo("POST / hello".to_owned())).lacks("x-sum"),
        trailers(
            "a length",
            &[("content-length", "9")],
            Told::Echo("POST / hello".to_owned()),
        )
        .lacks("content-length"),
        // The library ignores it.
        trailers(
            "a pseudo-header field",
            &[(":path", "/smuggled")],
            Told::Echo("POST / hello".to_owned()),
        ),
        trailers(
            "what concerns a connection",
            &[("transfer-encoding", "chunked")],
            Told::Reset(PROTOCOL_ERROR),
        ),
        trailers("a line end", &[("x", "a\r\nb: c")], Told::GoAway(PROTOCOL_ERROR)),
    ]);
}

/// The fields of an ordinary request, and these.
fn plain<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/"),
    ];
    all.extend_from_slice(fields);
    all
}

/// HEADERS that end their stream, in as many frames as it takes.
fn get(fields: &[(&str, &str)]) -> Vec<u8> {
    head(END_STREAM, fields)
}

fn head(flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    const CONTINUATION: u8 = 9;
    let block = frames::block(fields);
    let pieces: Vec<_> = block.chunks(16 * 1024).collect();
    let last = pieces.len() - 1;
    let frames = pieces.iter().enumerate().map(|(number, piece)| {
        let (kind, flags) = if number == 0 {
            (HEADERS, flags)
        } else {
            (CONTINUATION, 0)
        };
        let ends = if number == last { END_HEADERS } else { 0 };
        frames::frame(kind, flags | ends, 1, piece)
    });
    frames.collect::<Vec<_>>().concat()
}

fn with(frames: Vec<u8>, what: &'static str, told: Told) -> Vector {
    let expected = Expected {
        whole: usize::from(matches!(told, Told::Echo(_))),
        ..Expected::default()
    };
    Vector {
        what,
        frames,
        told,
        expected,
    }
}

/// Passed on; the app says what it was asked.
fn passes(echo: &str, what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(get(fields), what, Told::Echo(echo.to_owned()))
}

/// Answered by us.
fn refused(status: u16, what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(get(fields), what, Told::Status(status))
}

/// Larger than the library keeps.
fn oversized(what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(get(fields), what, Told::Unlogged(431))
}

/// Answered by us, and well.
fn ours(fields: &[(&str, &str)]) -> Vector {
    with(get(fields), "an asterisk for OPTIONS", Told::Status(200))
}

/// A stream error.
fn malformed(what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(get(fields), what, Told::Reset(PROTOCOL_ERROR))
}

/// What cannot even be a field: for the library an error of the connection.
fn undone(what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(get(fields), what, Told::GoAway(PROTOCOL_ERROR))
}

fn field(what: &'static str, name: &str, value: &str) -> Vector {
    passes("GET / ", what, &plain(&[(name, value)]))
}

fn no_field(what: &'static str, name: &str, value: &str) -> Vector {
    refused(400, what, &plain(&[(name, value)]))
}

fn bad_field(what: &'static str, name: &str, value: &str) -> Vector {
    undone(what, &plain(&[(name, value)]))
}

/// A POST with these fields, its body in these frames.
fn body(fields: &[(&str, &str)], pieces: &[&[u8]]) -> Vec<u8> {
    let mut all = plain(fields);
    all[0] = (":method", "POST");
    let mut frames = head(0, &all);
    for (number, piece) in pieces.iter().enumerate() {
        let ends = if number + 1 == pieces.len() { END_STREAM } else { 0 };
        frames.extend(frames::frame(DATA, ends, 1, piece));
    }
    frames
}

fn post(echo: &str, what: &'static str, fields: &[(&str, &str)], pieces: &[&[u8]]) -> Vector {
    with(body(fields, pieces), what, Told::Echo(echo.to_owned()))
}

fn refused_post(what: &'static str, fields: &[(&str, &str)]) -> Vector {
    with(body(fields, &[b"hello"]), what, Told::Status(400))
}

/// A stream error that shows when something may have been passed on.
fn broken(what: &'static str, fields: &[(&str, &str)], pieces: &[&[u8]]) -> Vector {
    let mut vector = with(body(fields, pieces), what, Told::Reset(PROTOCOL_ERROR));
    vector.expected.rest = Rest::PerhapsCut;
    vector
}

/// A stream error that shows when the app may have had all that it was promised.
fn overfull(what: &'static str, fields: &[(&str, &str)], pieces: &[&[u8]]) -> Vector {
    let mut vector = broken(what, fields, pieces);
    vector.expected.rest = Rest::PerhapsWhole;
    vector
}

fn trailers(what: &'static str, fields: &[(&str, &str)], told: Told) -> Vector {
    let mut frames = head(0, &{
        let mut all = plain(&[]);
        all[0] = (":method", "POST");
        all
    });
    frames.extend(frames::frame(DATA, 0, 1, b"hello"));
    frames.extend(get(fields));
    let rest = if matches!(told, Told::Echo(_)) {
        Rest::Nothing
    } else {
        Rest::PerhapsCut
    };
    let mut vector = with(frames, what, told);
    vector.expected.rest = rest;
    vector
}

impl Vector {
    fn has(mut self, line: &'static str) -> Self {
        self.expected.lines.push(line);
        self
    }

    fn lacks(mut self, name: &'static str) -> Self {
        self.expected.lacking.push(name);
        self
    }

    fn check(&self, proxy: &TestProxy, witness: &Witness) {
        let seen_before = witness.seen().len();
        let mut client = frames::connect(proxy);
        client.send(&self.frames);

        assert_eq!(told(&mut client, 1), self.told);

        if matches!(self.told, Told::GoAway(_)) {
            client.expect_end();
        } else {
            client.send(frames::get(3, "/again"));
            let answer = told(&mut client, 3);
            assert_eq!(
                answer,
                Told::Echo("GET /again ".to_owned()),
                "on the same connection"
            );
        }
        vector::check_bystander(proxy);
        self.expected.check(witness, seen_before);
    }
}

/// What becomes of this stream.
fn told(client: &mut Wire, stream: u32) -> Told {
    let mut status = None;
    let mut body = Vec::new();
    loop {
        let frame = frames::read_frame(client);
        let code = |from: usize| {
            let bytes = frame.payload[from..from + 4].try_into().expect("four bytes");
            u32::from_be_bytes(bytes)
        };
        match frame.kind {
            frames::GOAWAY => return Told::GoAway(code(4)),
            frames::RST_STREAM if frame.stream == stream => return Told::Reset(code(0)),
            HEADERS if frame.stream == stream => status = Some(frames::status(&frame.payload)),
            DATA if frame.stream == stream => body.extend_from_slice(&frame.payload),
            _ => continue,
        }
        if frame.flags & END_STREAM != 0 {
            let text = String::from_utf8_lossy(&body).into_owned();
            return match status.expect("a head before the end") {
                200 if !text.is_empty() => Told::Echo(text),
                status if text.is_empty() && status != 200 => Told::Unlogged(status),
                status => Told::Status(status),
            };
        }
    }
}

/// Checks each vector at one proxy, and that each that we refused has its line in the log.
fn check_table(vectors: &[Vector]) {
    let witness = Witness::start();
    let proxy = vector::start(&witness);

    vector::check_all(
        vectors,
        |vector| vector.what,
        |vector| vector.check(&proxy, &witness),
    );

    let refused = vectors.iter().filter_map(|vector| match vector.told {
        Told::Status(status @ 400..) => Some(u64::from(status)),
        _ => None,
    });
    vector::check_log(&proxy, refused.collect());
}
