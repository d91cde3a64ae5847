//! Answers of the app that are broken, byte by byte: a 502 if the client was told nothing yet, else a break that nobody
//! takes for the end.
//!
//! Those that pass are in `vectors_relayed.rs`.

mod support;

use self::support::answer::Framed::{Chunks, Length};
use self::support::answer::{CHUNKED, bad, check_table, cut};

#[test]
fn an_answer_that_is_no_http_is_a_502() {
    check_table(&[
        bad("junk", "garbage\r\n\r\n"),
        bad("binary junk", "\0\x01\x02\x03\r\n\r\n"),
        bad("HTTP/0.9", "<html>hello</html>").closes(),
        bad("HTTP/0.9 with lines", "<html>\r\nhello\r\n\r\n</html>").closes(),
        // A GET on a kept connection is asked twice.
        bad("nothing", "").closes().by("POST"),
        bad("half a status line", "HTTP/1.1 2").closes(),
        bad("half a head", "HTTP/1.1 200 OK\r\nContent-Le").closes(),
        bad(
            "a head without its end",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        )
        .closes(),
        bad(
            "an empty line in front",
            "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ),
        bad("a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        bad("a version of two", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        bad("HTTP/1.2", "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"),
        bad("lower case", "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        bad("another protocol", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n"),
        bad("no status", "HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
        bad(
            "a status of words",
            "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a status of two digits",
            "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a status of four digits",
            "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a status below 100",
            "HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a status above 599",
            "HTTP/1.1 600 No\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a status with a sign",
            "HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n",
        ),
        bad("two spaces", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"),
        bad("a tab", "HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n"),
        bad("bare LFs", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
        bad(
            "a bare LF behind a field",
            "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a bare CR in the status line",
            "HTTP/1.1 200 OK\rA: b\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a bare CR in a field",
            "HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a folded line",
            "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a folded first line",
            "HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a space before the colon",
            "HTTP/1.1 200 OK\r\nName : a\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "no colon",
            "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
        ),
        bad("no name", "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 0\r\n\r\n"),
        bad(
            "a NUL in a value",
            "HTTP/1.1 200 OK\r\nA: b\0\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a control in a value",
            "HTTP/1.1 200 OK\r\nA: b\x1b\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "bytes above ASCII in a name",
            b"HTTP/1.1 200 OK\r\nA\xe4: b\r\nContent-Length: 0\r\n\r\n",
        ),
        bad(
            "a giant field",
            format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "a".repeat(70_000)),
        ),
        bad(
            "a giant reason",
            format!("HTTP/1.1 200 {}\r\n\r\n", "a".repeat(70_000)),
        ),
        bad(
            "too many fields",
            format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(129)),
        ),
        bad("a head without an end", "a".repeat(200_000)),
    ]);
}

#[test]
fn an_answer_whose_end_can_be_read_in_two_ways_is_a_502() {
    let length = |what, length: &str| {
        bad(
            what,
            format!("HTTP/1.1 200 OK\r\nContent-Length:{length}\r\n\r\nhello"),
        )
    };
    let coding = |what, coding: &str| {
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding:{coding}\r\n\r\n");
        bad(what, head + "5\r\nhello\r\n0\r\n\r\n")
    };
    check_table(&[
        length("two lengths", " 5\r\nContent-Length: 6"),
        length("two lengths that agree", " 5\r\nContent-Length: 5"),
        length("a list", " 5, 5"),
        length("a word", " five"),
        length("a plus", " +5"),
        length("a minus", " -5"),
        length("nothing", ""),
        length("hexadecimal", " 0x5"),
        length("a folded line", "\r\n 5"),
        length("more than 64 bits", " 18446744073709551621"),
        length("a length beside chunks", " 5\r\nTransfer-Encoding: chunked"),
        coding("chunks beside a length", " chunked\r\nContent-Length: 5"),
        coding("gzip and chunks", " gzip, chunked"),
        coding("chunks twice", " chunked, chunked"),
        coding("two fields", " chunked\r\nTransfer-Encoding: chunked"),
        coding("identity", " identity"),
        coding("no coding at all", ""),
        coding("one letter more", " xchunked"),
        coding("quotes", " \"chunked\""),
        coding("a folded line", "\r\n chunked"),
        bad(
            "chunks in HTTP/1.0",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
    ]);
}

#[test]
fn chunks_that_are_bad_from_the_start_are_a_502() {
    let chunks = |what, chunks: &str| bad(what, CHUNKED.to_owned() + chunks);
    check_table(&[
        chunks("a word", "five\r\nhello\r\n0\r\n\r\n"),
        chunks("0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        chunks("a minus", "-5\r\nhello\r\n0\r\n\r\n"),
        chunks("a space in front", " 5\r\nhello\r\n0\r\n\r\n"),
        chunks("a space behind", "5 \r\nhello\r\n0\r\n\r\n"),
        chunks("nothing", "\r\nhello\r\n0\r\n\r\n"),
        chunks("a bare LF", "5\nhello\r\n0\r\n\r\n"),
        chunks("more than 64 bits", "FFFFFFFFFFFFFFFF1\r\nhello\r\n0\r\n\r\n"),
        chunks("no chunks at all", "hello"),
        chunks("malformed trailers", "0\r\nA : b\r\n\r\n"),
    ]);
}

#[test]
fn an_answer_that_breaks_on_its_way_is_never_taken_for_whole() {
    let chunks = |what, seen, chunks: &str| cut(what, Chunks, seen, CHUNKED.to_owned() + chunks);
    check_table(&[
        cut(
            "too short",
            Length,
            "hello",
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello",
        )
        .closes(),
        cut(
            "too short by one",
            Length,
            "hello",
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
        )
        .closes(),
        chunks("no last chunk", "hello", "5\r\nhello\r\n").closes(),
        chunks("a chunk too short", "hello wor", "5\r\nhello\r\n6\r\n wor").closes(),
        chunks("a size too short", "hello", "5\r\nhello\r\n1").closes(),
        chunks("no end of the trailers", "hello", "5\r\nhello\r\n0\r\n").closes(),
        chunks("half a trailer", "hello", "5\r\nhello\r\n0\r\nX-Su").closes(),
        chunks("a bad size", "hello", "5\r\nhello\r\nbroken\r\n"),
        chunks("a size of 0x0", "hello", "5\r\nhello\r\n0x0\r\n\r\n"),
        chunks("a chunk too long", "hello", "5\r\nhello!\r\n0\r\n\r\n"),
        chunks("a bare LF behind a chunk", "hello", "5\r\nhello\n0\r\n\r\n"),
        chunks("a bare LF behind a size", "hello", "5\r\nhello\r\n0\n\r\n"),
        chunks("a bare LF in trailers", "hello", "5\r\nhello\r\n0\r\nA: b\n\r\n"),
        chunks(
            "a folded line in trailers",
            "hello",
            "5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
        ),
        chunks("a space in trailers", "hello", "5\r\nhello\r\n0\r\nA : b\r\n\r\n"),
        chunks(
            "two lengths in trailers",
            "hello",
            "5\r\nhello\r\n0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        ),
    ]);
}
