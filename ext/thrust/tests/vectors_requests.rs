//! What an HTTP/1 request asks for, and of whom, byte by byte: it can be read in one way only, or is refused.
//!
//! Its fields are in `vectors_fields.rs`, where it ends in `vectors_bodies.rs`.

mod support;

use self::support::vector::{check_table, ours, passes, refused};

#[test]
fn a_request_line_is_three_words_and_nothing_else() {
    check_table(&[
        refused(400, "HTTP/0.9, as it was", "GET /\r\n\r\n"),
        refused(400, "no version", "GET / \r\nHost: a\r\n\r\n"),
        refused(400, "no version, but fields", "GET /\r\nHost: a\r\n\r\n"),
        refused(400, "no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "an empty target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(
            400,
            "two spaces before the target",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(
            400,
            "two spaces before the version",
            "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(400, "a space in front", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "a space at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        refused(400, "a word more", "GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(
            400,
            "a space in the target",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(
            400,
            "a tab after the method",
            "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(
            400,
            "a tab after the target",
            "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(
            400,
            "a tab in the target",
            "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(400, "a vertical tab", "GET\x0b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "a form feed", "GET /\x0c HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "a NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(
            400,
            "a DEL in the target",
            "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(
            400,
            "a NUL before the version",
            "GET / \0HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(400, "a CR in the middle", "GET /\rX HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "a CR too many", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        refused(400, "a bare LF at the end", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        refused(400, "bare LFs only", "GET / HTTP/1.1\nHost: a\n\n"),
        refused(400, "a bare LF in front", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "what TLS begins with", "\x16\x03\x01\x02\0\r\n\r\n"),
        refused(400, "an answer", "HTTP/1.1 200 OK\r\nHost: a\r\n\r\n"),
        refused(414, "no end in sight", "G".repeat(20_000)),
    ]);
}

#[test]
fn the_version_is_1_1_or_1_0_in_capitals() {
    check_table(&[
        refused(505, "HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        refused(505, "HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        refused(505, "HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        refused(505, "HTTP/9.9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n"),
        refused(400, "lower case", "GET / http/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "HTTP/1", "GET / HTTP/1\r\nHost: a\r\n\r\n"),
        refused(400, "HTTP/1.", "GET / HTTP/1.\r\nHost: a\r\n\r\n"),
        refused(400, "HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        refused(400, "HTTP/01.1", "GET / HTTP/01.1\r\nHost: a\r\n\r\n"),
        refused(400, "HTTP/1,1", "GET / HTTP/1,1\r\nHost: a\r\n\r\n"),
        refused(400, "HTTP/ 1.1", "GET / HTTP/ 1.1\r\nHost: a\r\n\r\n"),
        refused(400, "HTTP/1.1x", "GET / HTTP/1.1x\r\nHost: a\r\n\r\n"),
        refused(400, "HTTPS/1.1", "GET / HTTPS/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "ICY", "GET / ICY/1.1\r\nHost: a\r\n\r\n"),
        passes("GET / ", "HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n").ends(),
        passes(
            "GET / ",
            "HTTP/1.0 that stays",
            "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        ),
        passes("GET /1 ", "the preface of HTTP/2 as the second request", {
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
        })
        .then_refused(505),
    ]);
}

#[test]
fn a_method_is_any_token_but_those_that_make_tunnels_or_mirrors() {
    check_table(&[
        passes("get / ", "lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        passes("M-SEARCH / ", "a dash", "M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n"),
        passes(
            "!#$%&'*+.^_`|~ / ",
            "odd ones",
            "!#$%&'*+.^_`|~ / HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(400, "a parenthesis", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "an at sign", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "a colon", "GET: / HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "quotes", "\"GET\" / HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "a NUL", "G\0T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "bytes above ASCII", b"G\xcbT / HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(405, "CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        refused(
            405,
            "CONNECT with a path",
            "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
        ),
        refused(405, "TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(
            405,
            "TRACE with a body",
            "TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        ),
        refused(405, "CONNECT in HTTP/1.0", "CONNECT a:443 HTTP/1.0\r\n\r\n"),
    ]);
}

#[test]
fn a_target_is_a_path_that_passes_byte_for_byte() {
    let longest = format!("/{}", "a".repeat(16 * 1024 - 1));
    check_table(&[
        passes("GET /a%2Fb//c/../d/./e ", "dots and slashes", "GET /a%2Fb//c/../d/./e HTTP/1.1\r\nHost: a\r\n\r\n"),
        passes("GET /?q=%zz&b=2;a?c ", "a query", "GET /?q=%zz&b=2;a?c HTTP/1.1\r\nHost: a\r\n\r\n"),
        passes("GET /? ", "an empty query", "GET /? HTTP/1.1\r\nHost: a\r\n\r\n"),
        passes("GET //b/c ", "two slashes", "GET //b/c HTTP/1.1\r\nHost: a\r\n\r\n").has("Host: a"),
        passes("GET /<>\"`{}|\\^ ", "odd ones", "GET /<>\"`{}|\\^ HTTP/1.1\r\nHost: a\r\n\r\n"),
        passes("GET /%00%0d%0a ", "escaped controls", "GET /%00%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n"),
        passes("GET /\u{e4} ", "UTF-8", "GET /\u{e4} HTTP/1.1\r\nHost: a\r\n\r\n"),
        passes("GET /\u{fffd}\u{fffd} ", "no UTF-8", b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n"),
        passes("GET /@a:80 ", "what looks like an authority", "GET /@a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
        passes(
            &format!("GET {longest} "),
            "the longest",
            format!("GET {longest} HTTP/1.1\r\nHost: a\r\n\r\n"),
        ),
        refused(414, "a longer one", format!("GET {longest}a HTTP/1.1\r\nHost: a\r\n\r\n")),
        refused(400, "a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "a fragment alone", "GET # HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "no slash", "GET foo HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "a query alone", "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "a backslash in front", "GET \\a HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "an authority", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "an asterisk", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "an asterisk and more", "OPTIONS *a HTTP/1.1\r\nHost: a\r\n\r\n"),
        ours(200, "an asterisk for OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        ours(200, "the same in absolute form", "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"),
        ours(200, "the same with a body that nobody reads", {
            "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 41\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\nhello"
        })
        .ends(),
        passes("OPTIONS /a ", "OPTIONS of a path", "OPTIONS /a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ]);
}

#[test]
fn the_authority_of_an_absolute_target_is_the_host() {
    check_table(&[
        passes(
            "GET /x ",
            "another host",
            "GET http://b:82/x HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .has("Host: b:82"),
        passes(
            "GET /x ",
            "the scheme in capitals",
            "GET HTTP://b/x HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .has("Host: b"),
        passes("GET /x ", "https", "GET https://b/x HTTP/1.1\r\nHost: a\r\n\r\n").has("Host: b"),
        passes("GET / ", "no path", "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n").has("Host: b"),
        passes(
            "GET /?q ",
            "a query without a path",
            "GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .has("Host: b"),
        passes(
            "GET /@c ",
            "an at sign in the path",
            "GET http://b/@c HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .has("Host: b"),
        passes(
            "GET / ",
            "HTTP/1.0 without Host",
            "GET http://b/ HTTP/1.0\r\n\r\n",
        )
        .has("Host: b")
        .ends(),
        refused(400, "no Host beside it", "GET http://b/ HTTP/1.1\r\n\r\n"),
        refused(
            400,
            "two Hosts beside it",
            "GET http://b/ HTTP/1.1\r\nHost: b\r\nHost: b\r\n\r\n",
        ),
        refused(
            400,
            "a malformed Host beside it",
            "GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n",
        ),
        refused(400, "another scheme", "GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(
            400,
            "a scheme that is code",
            "GET javascript:a HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(400, "one slash", "GET http:/b HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "no host", "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(
            400,
            "no host, but a path",
            "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(
            400,
            "no host, but a port",
            "GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(400, "userinfo", "GET http://user@b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(
            400,
            "userinfo with a password",
            "GET http://a:80@b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(
            400,
            "a port that is none",
            "GET http://b:x/ HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        refused(400, "a backslash", "GET http://b\\c/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(400, "a fragment", "GET http://b#c HTTP/1.1\r\nHost: a\r\n\r\n"),
        refused(
            400,
            "an open bracket",
            "GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
    ]);
}

#[test]
fn there_is_one_host_and_it_is_a_host() {
    check_table(&[
        passes(
            "GET / ",
            "a name and a port",
            "GET / HTTP/1.1\r\nHost: Example.com:81\r\n\r\n",
        )
        .has("Host: Example.com:81"),
        passes(
            "GET / ",
            "a port of no digits",
            "GET / HTTP/1.1\r\nHost: a:\r\n\r\n",
        )
        .has("Host: a:"),
        passes(
            "GET / ",
            "an address",
            "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        )
        .has("Host: 127.0.0.1"),
        passes(
            "GET / ",
            "an address of IPv6",
            "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        )
        .has("Host: [::1]:80"),
        passes(
            "GET / ",
            "spaces around it",
            "GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n",
        )
        .has("Host: a"),
        passes("GET / ", "none in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n").ends(),
        passes("GET / ", "an empty one", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        passes(
            "GET / ",
            "named by Connection",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n",
        )
        .has("Host: a"),
        refused(400, "none", "GET / HTTP/1.1\r\n\r\n"),
        refused(
            400,
            "two that agree",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        ),
        refused(
            400,
            "two that do not",
            "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
        ),
        refused(
            400,
            "two, of which one is empty",
            "GET / HTTP/1.1\r\nHost: a\r\nHost:\r\n\r\n",
        ),
        refused(
            400,
            "two in HTTP/1.0",
            "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        ),
        refused(400, "a list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        refused(400, "a comma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
        refused(400, "a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        refused(400, "a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        refused(400, "a backslash", "GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n"),
        refused(400, "a query", "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"),
        refused(400, "a fragment", "GET / HTTP/1.1\r\nHost: a#b\r\n\r\n"),
        refused(400, "userinfo", "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n"),
        refused(400, "a scheme", "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"),
        refused(
            400,
            "bytes above ASCII",
            b"GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n",
        ),
        refused(400, "a port of letters", "GET / HTTP/1.1\r\nHost: a:port\r\n\r\n"),
        refused(400, "a port with a sign", "GET / HTTP/1.1\r\nHost: a:+80\r\n\r\n"),
        refused(400, "a port alone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
        refused(400, "a colon alone", "GET / HTTP/1.1\r\nHost: :\r\n\r\n"),
        refused(400, "two ports", "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n"),
        refused(
            400,
            "IPv6 without brackets",
            "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n",
        ),
        refused(400, "an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        refused(
            400,
            "brackets around nothing",
            "GET / HTTP/1.1\r\nHost: []\r\n\r\n",
        ),
        refused(
            400,
            "more behind the bracket",
            "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n",
        ),
        refused(400, "a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n"),
        refused(
            400,
            "an address of the future",
            "GET / HTTP/1.1\r\nHost: [v1.a]\r\n\r\n",
        ),
    ]);
}
