//! Answers of the app that pass, byte by byte: whole for clients of every version, and whatever is left over reaches
//! nobody.
//!
//! Those that are broken are in `vectors_answers.rs`.

mod support;

use self::support::answer::Framed::{Chunks, Length, Nothing};
use self::support::answer::{CHUNKED, bad, check_table, whole};
use self::support::{Launch, TestTarget};

#[test]
fn an_answer_is_whole_for_everybody_however_it_is_delimited() {
    check_table(&[
        whole(
            "a length",
            200,
            Length,
            "hello",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        ),
        whole(
            "a length of nothing",
            200,
            Length,
            "",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ),
        whole(
            "zeros in front",
            200,
            Length,
            "hello",
            "HTTP/1.1 200 OK\r\nContent-Length: 0005\r\n\r\nhello",
        ),
        whole(
            "chunks",
            200,
            Chunks,
            "hello",
            CHUNKED.to_owned() + "2\r\nhe\r\n003\r\nllo\r\n0\r\n\r\n",
        ),
        whole(
            "chunks of nothing",
            200,
            Length,
            "",
            CHUNKED.to_owned() + "0\r\n\r\n",
        ),
        whole(
            "extensions",
            200,
            Chunks,
            "hello",
            CHUNKED.to_owned() + "5;a=\"b c\"\r\nhello\r\n0;d\r\n\r\n",
        ),
        whole("capitals", 200, Chunks, "hello", {
            "HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        }),
        whole(
            "the end of the connection",
            200,
            Chunks,
            "hello",
            "HTTP/1.1 200 OK\r\n\r\nhello",
        )
        .closes()
        .ends(),
        whole(
            "a close",
            200,
            Length,
            "hello",
            "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 5\r\n\r\nhello",
        )
        .ends(),
        whole(
            "HTTP/1.0",
            200,
            Length,
            "hello",
            "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        )
        .ends(),
        whole("HTTP/1.0 that stays", 200, Length, "hello", {
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"
        }),
        whole(
            "HTTP/1.0 that ends",
            200,
            Chunks,
            "hello",
            "HTTP/1.0 200 OK\r\n\r\nhello",
        )
        .closes()
        .ends(),
        whole(
            "no reason",
            200,
            Length,
            "hello",
            "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
        ),
        whole(
            "an empty reason",
            200,
            Length,
            "hello",
            "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello",
        ),
        whole(
            "an odd status",
            299,
            Length,
            "hello",
            b"HTTP/1.1 299 So\xe4 la la\r\nContent-Length: 5\r\n\r\nhello",
        ),
        whole("bytes above ASCII in a value", 200, Length, "hello", {
            b"HTTP/1.1 200 OK\r\nA: \xe4\r\nContent-Length: 5\r\n\r\nhello"
        }),
        whole("a length that Connection names", 200, Length, "hello", {
            "HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello"
        }),
        whole("a coding spelt otherwise", 200, Length, "hello", {
            "HTTP/1.1 200 OK\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello"
        }),
        whole("an upgrade that is only offered", 200, Length, "hello", {
            "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello"
        }),
    ]);
}

#[test]
fn what_follows_an_answer_reaches_nobody() {
    let wrong = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong";
    let head = |what, says: &str| whole(what, 200, Nothing, "", says).by("HEAD");
    check_table(&[
        whole("more than its length", 200, Length, "right", {
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright and more"
        })
        .ends(),
        whole(
            "a line end more",
            200,
            Length,
            "right",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright\r\n",
        )
        .ends(),
        whole("another answer", 200, Length, "right", {
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright".to_owned() + wrong
        })
        .ends(),
        whole("another answer behind nothing", 200, Length, "", {
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned() + wrong
        })
        .ends(),
        whole("another answer behind chunks", 200, Chunks, "right", {
            CHUNKED.to_owned() + "5\r\nright\r\n0\r\n\r\n" + wrong
        })
        .ends(),
        whole("204", 204, Nothing, "", "HTTP/1.1 204 No Content\r\n\r\n"),
        whole(
            "204 with a length of nothing",
            204,
            Nothing,
            "",
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        ),
        whole(
            "204 and bytes",
            204,
            Nothing,
            "",
            "HTTP/1.1 204 No Content\r\n\r\nwrong",
        )
        .ends(),
        whole(
            "204 and a body",
            204,
            Nothing,
            "",
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nwrong",
        )
        .ends(),
        whole("204 and chunks", 204, Nothing, "", {
            "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwrong\r\n0\r\n\r\n"
        })
        .ends(),
        whole("204 that only announces a body", 204, Nothing, "", {
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"
        })
        .ends(),
        whole(
            "204 and another answer",
            204,
            Nothing,
            "",
            "HTTP/1.1 204 No Content\r\n\r\n".to_owned() + wrong,
        )
        .ends(),
        whole(
            "304",
            304,
            Nothing,
            "",
            "HTTP/1.1 304 Not Modified\r\nEtag: \"a\"\r\n\r\n",
        ),
        whole(
            "304 with a length",
            304,
            Nothing,
            "",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        ),
        whole(
            "304 and a body",
            304,
            Nothing,
            "",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nwrong",
        )
        .ends(),
        whole(
            "304 and another answer",
            304,
            Nothing,
            "",
            "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned() + wrong,
        )
        .ends(),
        head(
            "HEAD with a length",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        ),
        head("HEAD with chunks", CHUNKED),
        head("HEAD without either", "HTTP/1.1 200 OK\r\n\r\n"),
        head(
            "HEAD and a body",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong",
        )
        .ends(),
        head(
            "HEAD and chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwrong\r\n0\r\n\r\n",
        )
        .ends(),
    ]);
}

#[test]
fn interim_answers_reach_who_knows_them_and_never_without_end() {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    check_table(&[
        whole("103", 200, Length, "hello", hint.to_owned() + OK).after(&[103]),
        whole("103 twice", 200, Length, "hello", hint.repeat(2) + OK).after(&[103, 103]),
        whole(
            "102",
            200,
            Length,
            "hello",
            "HTTP/1.1 102 Processing\r\n\r\n".to_owned() + OK,
        )
        .after(&[102]),
        whole(
            "a 100 that nobody waits for",
            200,
            Length,
            "hello",
            "HTTP/1.1 100 Continue\r\n\r\n".to_owned() + OK,
        ),
        whole("eight", 200, Length, "hello", hint.repeat(8) + OK).after(&[103; 8]),
        bad("nine", hint.repeat(9) + OK).after(&[103; 8]),
        bad("nothing else", hint).after(&[103]).closes(),
        bad(
            "a hint with a body",
            "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello".to_owned() + OK,
        )
        .after(&[103]),
        bad("a hint, then junk", hint.to_owned() + "garbage\r\n\r\n").after(&[103]),
        bad("101 that nobody asked for", SWITCH),
        bad("101 behind a hint", hint.to_owned() + SWITCH).after(&[103]),
        bad("101 and an answer", SWITCH.to_owned() + OK),
        whole("a refused upgrade", 200, Length, "hello", OK).asking(UPGRADE),
    ]);
}

#[test]
fn a_protocol_changes_only_if_client_and_app_say_so() {
    let switching = [
        ("as it should be", UPGRADE, "websocket", true),
        (
            "capitals",
            "Connection: upgrade\r\nUpgrade: WEBSOCKET\r\n",
            "websocket",
            true,
        ),
        (
            "one of a list",
            "Connection: Upgrade\r\nUpgrade: a, websocket\r\n",
            "websocket",
            true,
        ),
        ("another protocol", UPGRADE, "other", false),
        ("no protocol", UPGRADE, "", false),
        ("two protocols", UPGRADE, "websocket, other", false),
        ("h2c", "Connection: Upgrade\r\nUpgrade: h2c\r\n", "h2c", false),
        ("no Connection", "Upgrade: websocket\r\n", "websocket", false),
        ("Connection alone", "Connection: Upgrade\r\n", "websocket", false),
    ];
    let target = TestTarget::start(move |app| {
        while let Some(request) = app.read_request() {
            let Ok(number) = request.target()[1..].parse::<usize>() else {
                app.answer("right");
                continue;
            };
            let (_, _, protocol, _) = switching[number];
            app.wire.send(SWITCH.replace("websocket", protocol));
            if app.wire.wait_for_more() {
                let ping = app.wire.read_exact(4);
                app.wire.send(ping);
            }
            return;
        }
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();

    for (number, (what, asks, _, switches)) in switching.into_iter().enumerate() {
        let mut client = proxy.connect();
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n{asks}\r\n"));
        let answer = client.read_head().unwrap();

        assert_eq!(answer.status(), if switches { 101 } else { 502 }, "{what}");
        if switches {
            client.send("ping");
            assert_eq!(client.read_exact(4), b"ping", "{what}");
        } else {
            client.read_body(&answer);
            assert_eq!(
                client.get("/next").text(),
                "right",
                "on the same connection: {what}"
            );
        }
        assert_eq!(proxy.connect().get("/next").text(), "right", "{what}");
    }
}

#[test]
fn trailers_reach_who_wants_them_without_what_may_not_stand_there() {
    let sums = |what, trailers: &str| {
        let says = format!("{CHUNKED}5\r\nhello\r\n0\r\n{trailers}\r\n");
        let vector = whole(what, 200, Chunks, "hello", says);
        vector.asking("TE: trailers\r\n")
    };
    check_table(&[
        sums("one", "X-Sum: 1\r\n").with_trailers(&[("x-sum", "1")]),
        sums("two", "X-Sum: 1\r\nX-Sum: 2\r\n").with_trailers(&[("x-sum", "1"), ("x-sum", "2")]),
        sums("a length", "Content-Length: 3\r\nX-Sum: 1\r\n").with_trailers(&[("x-sum", "1")]),
        sums("a coding", "Transfer-Encoding: chunked\r\nX-Sum: 1\r\n").with_trailers(&[("x-sum", "1")]),
        sums("a cookie", "Set-Cookie: a=b\r\nX-Sum: 1\r\n").with_trailers(&[("x-sum", "1")]),
        sums(
            "what concerns a connection",
            "Connection: X-Hop\r\nX-Hop: 1\r\nX-Sum: 1\r\n",
        )
        .with_trailers(&[("x-sum", "1")]),
        whole(
            "one without a body",
            200,
            Chunks,
            "",
            CHUNKED.to_owned() + "0\r\nX-Sum: 1\r\n\r\n",
        )
        .asking("TE: trailers\r\n")
        .with_trailers(&[("x-sum", "1")]),
        sums("nothing that may stand there", "Content-Type: a\r\n"),
    ]);
}

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
