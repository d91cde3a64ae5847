//! Requests and answers with random faults in them: nothing panics, nobody else notices. Random, but the same in every
//! run.

mod support;

use self::support::{Launch, TestTarget, frames};

#[test]
fn no_bytes_of_a_client_make_it_panic() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).env("HTTP_READ_TIMEOUT", "1").start();
    let http2 = [frames::PREFACE, &frames::get(1, "/a"), &frames::get(3, "/b?c")].concat();
    let wholes: [&[u8]; 5] = [
        b"GET /a?b=c HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\nHEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\na\r\n0\r\nT: v\r\n\r\n",
        b"PUT http://b:1/x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
        &http2,
    ];

    let mut dice = Dice(1);
    for number in 0..600 {
        let sent = dice.mangled(wholes[number % wholes.len()]);
        let mut client = proxy.connect();
        // Refused bytes may be answered before all of them were sent.
        let _ = client.try_send(sent);
        if number % 3 > 0 {
            client.finish_sending();
            client.read_to_end();
        }
    }

    assert_eq!(proxy.connect().get("/alive").text(), "GET /alive ");
    assert!(proxy.error_lines().is_empty(), "{:?}", proxy.error_lines());
}

#[test]
fn no_bytes_of_an_app_make_it_panic_or_reach_the_next_client() {
    const MANGLED: &str = "/mangled/";
    let target = TestTarget::start(|app| {
        while let Some(request) = app.read_request() {
            let target = request.target();
            let wholes = [
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}",
                    target.len()
                ),
                format!(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{target}\r\n0\r\nT: v\r\n\r\n",
                    target.len()
                ),
                format!("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.0 200 OK\r\n\r\n{target}"),
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n".to_owned(),
            ];
            if let Some(number) = target.strip_prefix(MANGLED) {
                let seed = number.parse().unwrap();
                let answer = Dice(seed).mangled(wholes[seed as usize % wholes.len()].as_bytes());
                // What is longer than it says may be cut off.
                let _ = app.wire.try_send(answer);
                return;
            }
            app.wire.send(&wholes[0]);
        }
    });
    let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
    let mut other = proxy.connect();

    for number in 1..=400 {
        let mut client = proxy.connect();
        client.send(format!(
            "GET {MANGLED}{number} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ));
        client.read_to_end();

        let whole = format!("/whole/{number}");
        assert_eq!(other.get(&whole).text(), whole);
    }
    assert!(proxy.error_lines().is_empty(), "{:?}", proxy.error_lines());
}

/// Chance that is the same in every run (an LCG with Knuth's constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    /// `whole` with one to three faults.
    fn mangled(&mut self, whole: &[u8]) -> Vec<u8> {
        const PIECES: [&[u8]; 16] = [
            b"\r\n",
            b"\n",
            b"\r",
            b"\0",
            b" ",
            b":",
            b",",
            b"0\r\n\r\n",
            b"ffffffffffffffff",
            b"-1",
            b"\xff",
            b"Content-Length: 3\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Connection: upgrade\r\nUpgrade: x\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            &[b'x'; 20_000],
        ];
        let mut bytes = whole.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] = self.below(256) as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.splice(at..at, PIECES[self.below(PIECES.len())].iter().copied())),
                3 => drop(bytes.drain(at..bytes.len().min(at + 1 + self.below(8)))),
                _ => bytes.truncate(at + 1),
            }
            if bytes.is_empty() {
                break;
            }
        }
        bytes
    }
}
