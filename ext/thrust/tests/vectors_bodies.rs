//! Where an HTTP/1 request ends, byte by byte: everybody agrees, or it is refused.

mod support;

use self::support::vector::{Vector, check_table, cut, passes, refused};

/// What a smuggler would have the app take for the next request.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_length_is_digits_and_there_is_one() {
    let with = |length: &[u8]| {
        [
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:",
            length,
            b"\r\n\r\nhello",
        ]
        .concat()
    };
    let five = |what, length: &[u8]| passes("POST / hello", what, with(length)).has("Content-Length: 5");
    let no_length = |what, length: &[u8]| refused(400, what, with(length));
    check_table(&[
        five("one digit", b" 5"),
        five("no space", b"5"),
        five("spaces around it", b" \t5 \t"),
        five("zeros in front", b" 00005"),
        five("many zeros in front", b" 000000000000000000000000000005"),
        no_length("a plus", b" +5"),
        no_length("a minus", b" -5"),
        no_length("minus nothing", b" -0"),
        no_length("hexadecimal", b" 0x5"),
        no_length("octal", b" 0o5"),
        no_length("an exponent", b" 5e0"),
        no_length("a point", b" 5.0"),
        no_length("an underscore", b" 0_5"),
        no_length("a list that agrees", b" 5,5"),
        no_length("a list with a space", b" 5, 5"),
        no_length("a list that does not agree", b" 5, 6"),
        no_length("a list of one", b" 5,"),
        no_length("two words", b" 5 5"),
        no_length("a quote", b" \"5\""),
        no_length("a parameter", b" 5;a=b"),
        no_length("nothing", b""),
        no_length("a space", b" "),
        no_length("a word", b" five"),
        no_length("a digit of another script", "\u{96b}".as_bytes()),
        no_length("a superscript", b" \xb2"),
        no_length("a NUL behind it", b" 5\0"),
        no_length("a vertical tab before it", b" \x0b5"),
        no_length("a folded line", b"\r\n 5"),
        no_length("more than 64 bits", b" 18446744073709551616"),
        no_length("twenty digits", b" 99999999999999999999"),
        no_length("what wraps around to 5", b" 18446744073709551621"),
    ]);
}

#[test]
fn two_lengths_are_refused_in_every_spelling() {
    check_table(&[
        refused(400, "two that agree", {
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"
        }),
        refused(400, "two that do not", {
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 40\r\n\r\nhello"
        }),
        refused(400, "one of nothing", {
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 36\r\n\r\n".to_owned()
                + SMUGGLED
        }),
        refused(
            400,
            "in HTTP/1.0",
            "POST / HTTP/1.0\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        ),
        refused(
            400,
            "on GET",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        ),
        passes("GET /1 ", "behind a good request", {
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n\
             GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        })
        .then_refused(400),
        refused(
            400,
            "a space before the colon",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
        ),
        passes("POST / hello", "an underscore", {
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent_Length: 40\r\n\r\nhello"
        })
        .has("Content-Length: 5"),
        passes("POST / hello", "a name beside it", {
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Content-Length: 40\r\n\r\nhello"
        }),
        passes("POST / hello", "named by Connection", {
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello"
        })
        .has("Content-Length: 5"),
    ]);
}

#[test]
fn a_request_with_a_length_ends_there() {
    check_table(&[
        passes("GET /1 hello", "GET", {
            "GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        })
        .then("GET /2 "),
        passes("DELETE /1 hello", "DELETE", "DELETE /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
        passes("POST /1 ", "POST without one", "POST /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            .has("Content-Length: 0")
            .then("GET /2 "),
        passes("POST / hello", "HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhelloGET /smuggled HTTP/1.0\r\n\r\n")
            .ends(),
        passes("POST /1 hello", "a line end too many", {
            "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        })
        .then("GET /2 "),
        passes("POST /1 hello", "rubbish behind it", {
            "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloX-Rest: of something\r\n\r\n"
        })
        .then_refused(400),
        passes("GET /1 ", "rubbish behind a GET", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nhello\r\n\r\n").then_refused(400),
        passes("POST /1 GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", "a request as a body", {
            "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\n".to_owned() + SMUGGLED
        }),
    ]);
}

#[test]
fn the_only_coding_is_chunked_and_once() {
    let with = |coding: &[u8]| [b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:", coding, BODY].concat();
    let chunked =
        |what, coding: &[u8]| passes("POST / hello", what, with(coding)).has("Transfer-Encoding: chunked");
    let malformed = |what, coding: &[u8]| refused(400, what, with(coding));
    let unknown = |what, coding: &[u8]| refused(501, what, with(coding));
    check_table(&[
        chunked("as it should be", b" chunked"),
        chunked("capitals", b" CHUNKED"),
        chunked("no space", b"chunked"),
        chunked("spaces around it", b" \tchunked\t "),
        unknown("one letter more in front", b" xchunked"),
        unknown("one letter more behind", b" chunkedx"),
        unknown("quotes", b" \"chunked\""),
        unknown("half a quote", b" 'chunked"),
        unknown("a parameter", b" chunked;a=b"),
        unknown("a quality", b" chunked;q=0"),
        unknown("two words", b" x chunked"),
        unknown("a colon", b" :chunked"),
        unknown("identity", b" identity"),
        unknown("gzip", b" gzip"),
        unknown("gzip before it", b" gzip, chunked"),
        unknown("identity before it", b" identity, chunked"),
        unknown("identity behind it", b" chunked, identity"),
        unknown("bytes above ASCII", b" chunked\xa0"),
        malformed("twice", b" chunked, chunked"),
        malformed("a comma in front", b" ,chunked"),
        malformed("a comma behind", b" chunked,"),
        malformed("nothing", b""),
        malformed("a vertical tab in front", b" \x0bchunked"),
        malformed("a form feed behind", b" chunked\x0c"),
        malformed("a NUL behind", b" chunked\0"),
        malformed("a bare LF in front", b" \nchunked"),
        malformed("a bare CR behind", b" chunked\r"),
        malformed("a folded line", b"\r\n chunked"),
        malformed("a line folded with a tab", b" x\r\n\tchunked"),
        malformed("two fields", b" chunked\r\nTransfer-Encoding: chunked"),
        unknown("two fields, the second odd", b" chunked\r\nTransfer-Encoding: x"),
        unknown("two fields, the first odd", b" x\r\nTransfer-Encoding: chunked"),
        malformed("two fields, the first empty", b"\r\nTransfer-Encoding: chunked"),
    ]);
}

#[test]
fn nothing_but_its_name_makes_a_coding() {
    check_table(&[
        refused(400, "a space before the colon", {
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n".to_owned() + SMUGGLED
        }),
        refused(400, "a space before the name", {
            "POST / HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned() + SMUGGLED
        }),
        refused(400, "a control before the name", {
            "POST / HTTP/1.1\r\nHost: a\r\n\x0bTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned() + SMUGGLED
        }),
        refused(400, "behind a bare CR", {
            "POST / HTTP/1.1\r\nHost: a\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned() + SMUGGLED
        }),
        refused(400, "behind a bare LF", {
            "POST / HTTP/1.1\r\nHost: a\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned() + SMUGGLED
        }),
        passes("POST / ", "an underscore", "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n")
            .has("Content-Length: 0")
            .then_refused(400),
        passes("POST / hello", "an underscore beside a length", {
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer_Encoding: chunked\r\n\r\nhello"
        })
        .has("Content-Length: 5"),
        passes("POST / hello", "named by Connection", {
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\nhello\r\n0\r\n\r\n"
        })
        .has("Transfer-Encoding: chunked"),
        passes("POST / hello", "TE", {
            "POST / HTTP/1.1\r\nHost: a\r\nTE: chunked\r\nContent-Length: 5\r\n\r\nhello"
        })
        .lacks("te"),
    ]);
}

#[test]
fn a_length_beside_a_coding_is_refused() {
    let both = |fields: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n0\r\n\r\n{SMUGGLED}");
    check_table(&[
        refused(
            400,
            "the length first",
            both("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ),
        refused(
            400,
            "the coding first",
            both("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        ),
        refused(
            400,
            "a length of nothing",
            both("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
        ),
        refused(
            501,
            "an unknown coding",
            both("Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n"),
        ),
        refused(
            501,
            "identity",
            both("Content-Length: 5\r\nTransfer-Encoding: identity\r\n"),
        ),
        refused(400, "the length named by Connection", {
            both("Connection: Content-Length\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n")
        }),
        refused(400, "the coding named by Connection", {
            both("Connection: Transfer-Encoding\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n")
        }),
        refused(400, "HTTP/1.0", {
            "POST / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()
                + SMUGGLED
        }),
        refused(400, "HTTP/1.0 without the length", {
            "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned()
                + SMUGGLED
        }),
    ]);
}

#[test]
fn a_chunk_is_its_size_in_hexadecimal_and_so_many_bytes() {
    check_table(&[
        good("one", "5\r\nhello\r\n0\r\n\r\n"),
        good("two", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        good("zeros in front", "0005\r\nhello\r\n000\r\n\r\n"),
        good("an extension", "5;a=b\r\nhello\r\n0;c\r\n\r\n"),
        good("an extension in quotes", "5; a=\"b;c d\"\r\nhello\r\n0\r\n\r\n"),
        good(
            "an extension of bytes above ASCII",
            "5;\u{e4}\r\nhello\r\n0\r\n\r\n",
        ),
        good("an extension of nothing", "5;\r\nhello\r\n0\r\n\r\n"),
        good(
            "a long extension",
            &format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(250)),
        ),
        passes(
            "POST / 0123456789",
            "a letter",
            post("a\r\n0123456789\r\n0\r\n\r\n"),
        ),
        passes(
            "POST / 0123456789",
            "a capital",
            post("A\r\n0123456789\r\n0\r\n\r\n"),
        ),
        passes(
            "POST / 0\r\n\r\n",
            "what looks like an end",
            post("5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ),
        passes(
            "POST / hello",
            "a request behind it",
            post("5\r\nhello\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"),
        )
        .then("GET /2 "),
        bad("nothing", "\r\n5\r\nhello\r\n0\r\n\r\n"),
        bad("a word", "five\r\nhello\r\n0\r\n\r\n"),
        bad("0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        bad("a plus", "+5\r\nhello\r\n0\r\n\r\n"),
        bad("a minus", "-5\r\nhello\r\n0\r\n\r\n"),
        bad("a space in front", " 5\r\nhello\r\n0\r\n\r\n"),
        bad("a space behind", "5 \r\nhello\r\n0\r\n\r\n"),
        bad("a space before an extension", "5 ;a\r\nhello\r\n0\r\n\r\n"),
        bad("a tab behind", "5\t\r\nhello\r\n0\r\n\r\n"),
        bad("an underscore", "0_5\r\nhello\r\n0\r\n\r\n"),
        bad("a comma", "5,5\r\nhello\r\n0\r\n\r\n"),
        bad("a NUL", "5\0\r\nhello\r\n0\r\n\r\n"),
        bad("a digit of another script", "\u{96b}\r\nhello\r\n0\r\n\r\n"),
        bad("more than 64 bits", "FFFFFFFFFFFFFFFF1\r\nhello\r\n0\r\n\r\n"),
        bad(
            "what wraps around to 5",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
        ),
        bad("a bare LF behind the size", "5\nhello\r\n0\r\n\r\n"),
        bad("a bare LF in an extension", "5;a\nhello\r\n0\r\n\r\n"),
        bad("a bare CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        bad("a bare CR behind the size", "5\rhello\r\n0\r\n\r\n"),
        bad("a NUL in an extension", "5;a\0\r\nhello\r\n0\r\n\r\n"),
        bad("an extension without an end", &format!("5;{}", "x".repeat(1000))),
    ]);
}

#[test]
fn a_body_that_breaks_on_its_way_never_ends_for_the_app() {
    check_table(&[
        broken("no line end behind a chunk", "5\r\nhello0\r\n\r\n"),
        broken("one byte too many", "5\r\nhello!\r\n0\r\n\r\n"),
        broken("a bare LF behind a chunk", "5\r\nhello\n0\r\n\r\n"),
        broken("a bare CR behind a chunk", "5\r\nhello\r0\r\n\r\n"),
        broken("a bad size behind a good chunk", "5\r\nhello\r\n0x0\r\n\r\n"),
        broken("a bare LF behind the last size", "5\r\nhello\r\n0\n\r\n"),
        broken("a bare LF at the end", "5\r\nhello\r\n0\r\n\n"),
        broken(
            "two many extensions",
            &("1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n".repeat(1000) + "0\r\n\r\n"),
        ),
    ]);
}

#[test]
fn trailers_are_read_as_strictly_and_go_no_further() {
    let dropped = |what, trailers: &str| good(what, &format!("5\r\nhello\r\n0\r\n{trailers}\r\n"));
    let bad = |what, trailers: &str| broken(what, &format!("5\r\nhello\r\n0\r\n{trailers}\r\n"));
    check_table(&[
        dropped("one", "X-Sum: 1\r\n").lacks("x-sum"),
        dropped("a length", "Content-Length: 3\r\n").lacks("content-length"),
        dropped("a host", "Host: b\r\n").has("Host: a"),
        dropped("a coding", "Transfer-Encoding: chunked\r\n"),
        dropped("what names them", "Trailer: X-Sum\r\nX-Sum: 1\r\n").lacks("trailer"),
        bad("a folded line", "X-Sum: 1\r\n 2\r\n"),
        bad("a bare LF", "X-Sum: 1\nX: 2\r\n"),
        bad("a bare CR", "X-Sum: 1\rX: 2\r\n"),
        bad("a space before the colon", "X-Sum : 1\r\n"),
        bad("no name", ": 1\r\n"),
        bad("no colon", "GET /smuggled HTTP/1.1\r\n"),
        bad("a NUL", "X-Sum: \0\r\n"),
        bad("two lengths", "Content-Length: 3\r\nContent-Length: 3\r\n"),
        bad("an unknown coding", "Transfer-Encoding: x\r\n"),
        bad("too many", &"X: 1\r\n".repeat(129)),
        bad("too much", &format!("X-Sum: {}\r\n", "x".repeat(9000))),
    ]);
}

const BODY: &[u8] = b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

fn post(chunks: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
}

/// Chunks that say `hello`.
fn good(what: &'static str, chunks: &str) -> Vector {
    passes("POST / hello", what, post(chunks))
}

/// Chunks that are refused before there is anything to pass on.
fn bad(what: &'static str, chunks: &str) -> Vector {
    refused(400, what, post(chunks))
}

/// Chunks that are refused when something was passed on.
fn broken(what: &'static str, chunks: &str) -> Vector {
    cut(what, post(chunks))
}
