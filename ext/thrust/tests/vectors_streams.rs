//! Fields of requests over HTTP/2, and where such a request ends, frame by frame.

mod support;

use self::support::stream::{
    PROTOCOL_ERROR, Told, bad_field, broken, check_table, field, malformed, no_field, overfull, passes,
    plain, post, refused, refused_post, trailers,
};

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
        refused(431, "too much", &plain(&[("x", "y".repeat(16_000).as_str()); 5])),
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
        passes(
            "GET / ",
            "files",
            &plain(&[("x-sendfile-type", "evil"), ("x-accel-mapping", "/=/")]),
        )
        .has("X-Sendfile-Type: X-Sendfile")
        .lacks("x-accel-mapping"),
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
        post(
            "POST / ",
            "one of nothing that is not waited for",
            &[("content-length", "0"), ("expect", "100-continue")],
            &[b""],
        )
        .lacks("expect"),
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
