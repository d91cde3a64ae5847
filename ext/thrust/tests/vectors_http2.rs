//! What a request over HTTP/2 asks for, and of whom, frame by frame: what is malformed ends its stream, and nothing
//! becomes a second request, or another one, over HTTP/1.
//!
//! Its fields and its end are in `vectors_streams.rs`.

mod support;

use self::support::stream::{
    PROTOCOL_ERROR, Told, check_table, get, malformed, ours, passes, plain, refused, undone, with,
};

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
        ours(
            "an asterisk for OPTIONS",
            &[
                (":method", "OPTIONS"),
                (":scheme", "http"),
                (":authority", "a"),
                (":path", "*"),
            ],
        ),
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
