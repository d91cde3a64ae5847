//! Fields of HTTP/1 requests, byte by byte: each can be read in one way only, or is refused; which of them pass.

mod support;

use self::support::vector::{Vector, check_table, passes, refused};

#[test]
fn a_field_is_a_name_a_colon_and_a_value_in_one_line() {
    let fields = |count: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "A: b\r\n".repeat(count - 1)
        )
    };
    let value = |length: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "a".repeat(length));
    check_table(&[
        passes(
            "GET / ",
            "no space after the colon",
            "GET / HTTP/1.1\r\nHost:a\r\nX:b\r\n\r\n",
        )
        .has("X: b"),
        passes(
            "GET / ",
            "an empty value",
            "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n",
        )
        .has("X: "),
        passes(
            "GET / ",
            "a tab in a value",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\tc\r\n\r\n",
        )
        .has("X: b\tc"),
        passes(
            "GET / ",
            "a colon in a value",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b: c\r\n\r\n",
        )
        .has("X: b: c"),
        passes(
            "GET / ",
            "bytes above ASCII in a value",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe4\r\n\r\n",
        )
        .has("X: \u{e4}"),
        passes(
            "GET / ",
            "a token that looks odd",
            "GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+.^`|~: b\r\n\r\n",
        )
        .has("!#$%&'*+.^`|~: b"),
        passes("GET / ", "as many as may be", fields(128)),
        refused(431, "one more", fields(129)),
        passes("GET / ", "a long value", value(60_000)),
        refused(431, "a longer one", value(66_000)),
        refused(
            431,
            "no end in sight",
            format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}", "a".repeat(140_000)),
        ),
        refused(
            400,
            "a space before the colon",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        ),
        refused(
            400,
            "a tab before the colon",
            "GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n",
        ),
        refused(
            400,
            "a space in a name",
            "GET / HTTP/1.1\r\nHost: a\r\nX b: c\r\n\r\n",
        ),
        refused(400, "no name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
        refused(400, "no colon", "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"),
        refused(
            400,
            "a NUL in a name",
            "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n",
        ),
        refused(
            400,
            "bytes above ASCII in a name",
            b"GET / HTTP/1.1\r\nHost: a\r\nX\xe4: b\r\n\r\n",
        ),
        refused(
            400,
            "a quote in a name",
            "GET / HTTP/1.1\r\nHost: a\r\n\"X\": b\r\n\r\n",
        ),
        refused(
            400,
            "a slash in a name",
            "GET / HTTP/1.1\r\nHost: a\r\nX/Y: b\r\n\r\n",
        ),
        refused(
            400,
            "a folded line",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
        ),
        refused(
            400,
            "a line folded with a tab",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n",
        ),
        refused(
            400,
            "a first line that is folded",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        ),
        refused(400, "a line of spaces", "GET / HTTP/1.1\r\nHost: a\r\n  \r\n\r\n"),
        refused(
            400,
            "a NUL in a value",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n",
        ),
        refused(
            400,
            "a control in a value",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\x01c\r\n\r\n",
        ),
        refused(
            400,
            "a vertical tab in front of a value",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \x0bb\r\n\r\n",
        ),
        refused(
            400,
            "a DEL in a value",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\x7f\r\n\r\n",
        ),
        refused(
            400,
            "a CR in a value",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n",
        ),
        refused(
            400,
            "a CR at the end of a value",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n",
        ),
        refused(
            400,
            "a bare LF after a value",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n",
        ),
        refused(
            400,
            "a bare LF as the empty line",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
        ),
        refused(
            400,
            "a bare CR as the empty line",
            "GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n",
        ),
    ]);
}

#[test]
fn empty_lines_before_a_request_mean_nothing_but_are_counted() {
    let after = |count: usize| format!("{}GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n".repeat(count));
    check_table(&[
        passes("GET / ", "one", after(1)),
        passes("GET / ", "eight", after(8)),
        refused(400, "nine", after(9)),
        passes("POST /1 hello", "between two requests", {
            "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        })
        .then("GET /2 "),
        passes("POST /1 hello", "a bare LF between two requests", {
            "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        })
        .then_refused(400),
    ]);
}

#[test]
fn what_concerns_one_hop_ends_there_and_takes_nothing_else_with_it() {
    let get = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let hop = |what, fields: &str| passes("GET / ", what, get(fields)).lacks("connection");
    check_table(&[
        hop("a named field", "Connection: X-Hop\r\nX-Hop: 1\r\n").lacks("x-hop"),
        hop("a named field that stood before", "X-Hop: 1\r\nConnection: x-hop\r\nX-Hop: 2\r\n").lacks("x-hop"),
        hop("a name in a list", "Connection: a,, \tX-Hop ,b\r\nX-Hop: 1\r\n").lacks("x-hop"),
        hop("a name in the second list", "Connection: a\r\nX-Hop: 1\r\nConnection: X-Hop\r\n").lacks("x-hop"),
        hop("the peer's address", "Connection: X-Forwarded-For, X-Forwarded-Proto\r\nX-Forwarded-For: 6.6.6.6\r\n")
            .has("X-Forwarded-For: 127.0.0.1")
            .has("X-Forwarded-Proto: http"),
        hop("what is no name", "Connection: (, \"a b\", X-Kept;1\r\nX-Kept: 1\r\n").has("X-Kept: 1"),
        hop("what always ends", "Keep-Alive: 5\r\nProxy-Connection: a\r\nProxy-Authorization: b\r\nTE: gzip\r\n")
            .lacks("keep-alive")
            .lacks("proxy-connection")
            .lacks("proxy-authorization")
            .lacks("te"),
        hop("TE with trailers", "TE: gzip, Trailers\r\n").has("Te: trailers"),
        hop("the framing of a request without a body", "Connection: Content-Length\r\nContent-Length: 0\r\n"),
        hop("an upgrade without Connection", "Upgrade: websocket\r\n").lacks("upgrade"),
        hop("an upgrade to h2c", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n")
            .lacks("upgrade")
            .lacks("http2-settings"),
        hop("h2c behind another protocol", "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: H2C\r\n")
            .lacks("upgrade"),
        hop("h2c in a list", "Connection: Upgrade\r\nUpgrade: websocket,h2c\r\n").lacks("upgrade"),
        passes("GET / ", "an upgrade in HTTP/1.0", "GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            .lacks("upgrade")
            .ends(),
        passes("GET / ", "an upgrade that the app does not want", {
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        })
        .has("Upgrade: websocket")
        .has("Connection: Upgrade")
        .then("GET /2 "),
        passes("GET / ", "a close in a list", get("Connection: x, CLOSE\r\n")).ends(),
        passes("GET / ", "a close beside a keep-alive", get("Connection: keep-alive\r\nConnection: close\r\n")).ends(),
    ]);
}

#[test]
fn no_spelling_shadows_a_field_that_is_trusted() {
    let shadowed = |what, fields: &'static str| shadow(what, fields);
    check_table(&[
        shadowed("the address", "X_Forwarded_For: 6.6.6.6\r\n").has("X-Forwarded-For: 127.0.0.1"),
        shadowed("the address, half", "X-Forwarded_For: 6.6.6.6\r\n").has("X-Forwarded-For: 127.0.0.1"),
        shadowed("the scheme", "x_forwarded_proto: https\r\n").has("X-Forwarded-Proto: http"),
        shadowed("the host", "X_Forwarded_Host: evil\r\n").has("X-Forwarded-Host: a"),
        shadowed("the port", "X_Forwarded_Port: 1\r\n").lacks("x-forwarded-port"),
        shadowed("TLS", "X_Forwarded_Ssl: on\r\n").lacks("x-forwarded-ssl"),
        shadowed("the address again", "X_Real_IP: 6.6.6.6\r\n").lacks("x-real-ip"),
        shadowed("the length", "Content_Length: 5\r\n").lacks("content-length"),
        shadowed("the coding", "Transfer_Encoding: chunked\r\n").lacks("transfer-encoding"),
        shadowed("the type", "Content_Type: text/evil\r\n").lacks("content-type"),
        shadowed("files", "X_Sendfile_Type: evil\r\nX-Accel_Mapping: /=/\r\n")
            .has("X-Sendfile-Type: X-Sendfile")
            .lacks("x-accel-mapping"),
        shadowed("nothing", "My_Own: kept\r\n").has("My_own: kept"),
    ]);
}

#[test]
fn nothing_is_expected_but_a_100_where_a_body_follows() {
    check_table(&[
        passes(
            "POST / ",
            "without a body",
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        )
        .lacks("expect"),
        passes("POST / hello", "in HTTP/1.0", {
            "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"
        })
        .lacks("expect")
        .ends(),
        refused(
            417,
            "another one",
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 0\r\n\r\n",
        ),
        refused(
            417,
            "an empty one",
            "POST / HTTP/1.1\r\nHost: a\r\nExpect:\r\nContent-Length: 0\r\n\r\n",
        ),
        refused(
            417,
            "a list",
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\nContent-Length: 0\r\n\r\n",
        ),
        refused(417, "two", {
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"
        }),
    ]);
}

/// A request with these fields, which passes.
fn shadow(what: &'static str, fields: &str) -> Vector {
    passes(
        "GET / ",
        what,
        format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"),
    )
}
