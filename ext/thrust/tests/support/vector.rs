//! Tables of requests written byte by byte: what the app saw, what the client saw, what became of the connection.
//!
//! One proxy serves a whole table, on one thread, so that whatever a vector leaves behind meets the next client. Each
//! vector is followed by a request on its own connection, if that lived, and by one of another client. All that fail
//! are told together.

use std::any::Any;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::witness::{Seen, Witness};
use super::{Launch, TestProxy, Wire, eventually};

/// A request, or several, on a connection of their own.
pub(crate) struct Vector {
    what: &'static str,
    bytes: Vec<u8>,
    answers: Vec<Told>,
    lives: bool,
    expected: Expected,
}

/// What the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// 200 and what the app says it was asked: method, target and body.
    Echo(String),
    /// This status, from us.
    Status(u16),
}

/// What the app must have seen.
#[derive(Default)]
pub(crate) struct Expected {
    /// Requests that came whole.
    pub(crate) whole: usize,
    /// What came behind them.
    pub(crate) rest: Rest,
    /// Lines that the first head has.
    pub(crate) lines: Vec<&'static str>,
    /// Names that it lacks.
    pub(crate) lacking: Vec<&'static str>,
}

/// What the app saw behind the last whole request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rest {
    #[default]
    Nothing,
    /// The beginning of one more, and never its end.
    Cut,
    /// The same, or nothing: a reset may overtake what came before it.
    PerhapsCut,
    /// One more that was whole when it went wrong, or less of it.
    PerhapsWhole,
}

/// Refused with this status; the app sees nothing, the connection ends.
pub(crate) fn refused(status: u16, what: &'static str, bytes: impl AsRef<[u8]>) -> Vector {
    Vector {
        what,
        bytes: bytes.as_ref().to_vec(),
        answers: vec![Told::Status(status)],
        lives: false,
        expected: Expected::default(),
    }
}

/// Refused with 400 in the middle of its body: the app sees a head and never an end, the connection ends.
pub(crate) fn cut(what: &'static str, bytes: impl AsRef<[u8]>) -> Vector {
    let mut vector = refused(400, what, bytes);
    vector.expected.rest = Rest::Cut;
    vector
}

/// Passed on; the app says what it was asked, the connection lives.
pub(crate) fn passes(echo: &str, what: &'static str, bytes: impl AsRef<[u8]>) -> Vector {
    let vector = Vector {
        answers: Vec::new(),
        lives: true,
        ..refused(0, what, bytes)
    };
    vector.then(echo)
}

/// Answered by us with this status; the app sees nothing, the connection lives.
pub(crate) fn ours(status: u16, what: &'static str, bytes: impl AsRef<[u8]>) -> Vector {
    Vector {
        lives: true,
        ..refused(status, what, bytes)
    }
}

impl Vector {
    /// One more request of it is passed on.
    pub(crate) fn then(mut self, echo: &str) -> Self {
        self.answers.push(Told::Echo(echo.to_owned()));
        self.expected.whole += 1;
        self
    }

    /// What follows is refused, and ends the connection.
    pub(crate) fn then_refused(mut self, status: u16) -> Self {
        self.answers.push(Told::Status(status));
        self.ends()
    }

    /// The connection ends after the last answer.
    pub(crate) fn ends(mut self) -> Self {
        self.lives = false;
        self
    }

    /// The app sees this line.
    pub(crate) fn has(mut self, line: &'static str) -> Self {
        self.expected.lines.push(line);
        self
    }

    /// The app sees no field of this name, nor one that Rack would take for it.
    pub(crate) fn lacks(mut self, name: &'static str) -> Self {
        self.expected.lacking.push(name);
        self
    }

    fn check(&self, proxy: &TestProxy, witness: &Witness) {
        let seen_before = witness.seen().len();
        let mut client = proxy.connect();
        // What was refused early may be answered before all of it was sent.
        let _ = client.try_send(&self.bytes);
        for (number, told) in self.answers.iter().enumerate() {
            let is_last = number + 1 == self.answers.len();
            self.check_answer(&mut client, told, is_last);
        }
        if self.lives {
            assert_eq!(
                client.get("/again").text(),
                "GET /again ",
                "on the same connection"
            );
        } else {
            client.expect_end();
        }
        check_bystander(proxy);
        self.expected.check(witness, seen_before);
    }

    fn check_answer(&self, client: &mut Wire, told: &Told, is_last: bool) {
        let answer = client.read_message().expect("an answer");
        let given = match told {
            Told::Echo(_) if answer.status() == 200 => Told::Echo(answer.text()),
            _ => Told::Status(answer.status()),
        };
        assert_eq!(&given, told, "the answer is {:?}", answer.head);
        assert!(
            answer.header("x-request-id").is_some(),
            "without an id: {}",
            answer.head
        );
        if let Told::Status(status @ 400..) = told {
            assert_eq!(
                answer.header("content-type").as_deref(),
                Some("text/plain; charset=utf-8")
            );
            assert!(
                answer.text().starts_with(&status.to_string()),
                "{}",
                answer.text()
            );
        }
        let framing = ["content-length", "transfer-encoding"].map(|name| answer.header_lines(name).len());
        assert_eq!(framing.iter().sum::<usize>(), 1, "{}", answer.head);
        let closes = answer.header("connection").as_deref() == Some("close");
        assert_eq!(
            closes,
            is_last && !self.lives,
            "announces its end: {}",
            answer.head
        );
    }
}

impl Expected {
    /// Asserts that it is what came to the app since it had seen `before` requests.
    pub(crate) fn check(&self, witness: &Witness, before: usize) {
        let vectors_own = || -> Vec<Seen> {
            let seen = witness.seen().into_iter().skip(before);
            seen.filter(|seen| !matches!(seen.target.as_str(), "/again" | "/next"))
                .collect()
        };
        let seen = match self.rest {
            // It may reach the app after its client was answered.
            Rest::Cut => eventually("the head of what was cut", || {
                Some(vectors_own()).filter(|seen| seen.len() > self.whole)
            }),
            _ => vectors_own(),
        };
        let most = self.whole + usize::from(self.rest != Rest::Nothing);
        assert!((self.whole..=most).contains(&seen.len()), "the app saw {seen:#?}");
        for (number, request) in seen.iter().enumerate() {
            assert_eq!(request.fault, None, "{request:#?}");
            let may_be_whole = number < self.whole || self.rest == Rest::PerhapsWhole;
            assert!(
                request.is_whole || number >= self.whole,
                "not whole: {request:#?}"
            );
            assert!(!request.is_whole || may_be_whole, "whole: {request:#?}");
        }
        for line in &self.lines {
            assert!(
                seen[0].lines().any(|given| given == *line),
                "no {line:?} in {:#?}",
                seen[0]
            );
        }
        for name in &self.lacking {
            assert!(!seen[0].has_field(name), "{name} in {:#?}", seen[0]);
        }
    }
}

/// Checks each vector at one proxy, and that each that was refused has its line in the log.
pub(crate) fn check_table(vectors: &[Vector]) {
    let witness = Witness::start();
    let proxy = start(&witness);

    check_all(
        vectors,
        |vector| vector.what,
        |vector| vector.check(&proxy, &witness),
    );

    let told = |vector: &Vector| match vector.answers.last() {
        Some(Told::Status(status @ 400..)) => Some(u64::from(*status)),
        _ => None,
    };
    check_log(&proxy, vectors.iter().filter_map(told).collect());
}

/// A proxy before the witness, with one thread and one pool for all.
pub(crate) fn start(witness: &Witness) -> TestProxy {
    Launch::before(witness.target())
        .env("THRUSTER_THREADS", "1")
        .start()
}

/// Runs `check` for each of `vectors`; panics in the end with the names of all that failed, and why.
pub(crate) fn check_all<V>(vectors: &[V], name: impl Fn(&V) -> &'static str, check: impl Fn(&V)) {
    let failures: Vec<_> = vectors
        .iter()
        .filter_map(|vector| {
            let caught = catch_unwind(AssertUnwindSafe(|| check(vector)));
            Some(format!("{}: {}", name(vector), message(&*caught.err()?)))
        })
        .collect();
    let (failed, all) = (failures.len(), vectors.len());
    assert!(
        failures.is_empty(),
        "{failed} of {all} failed:\n{}",
        failures.join("\n")
    );
}

/// Asserts that another client gets its own answer.
pub(crate) fn check_bystander(proxy: &TestProxy) {
    assert_eq!(
        proxy.connect().get("/next").text(),
        "GET /next ",
        "the next client"
    );
}

/// Asserts that the log has a line with an error for each of these statuses.
pub(crate) fn check_log(proxy: &TestProxy, mut refused: Vec<u64>) {
    let mut logged = eventually("a line for each that was refused", || {
        let lines = proxy.log_lines();
        let faulty = lines.iter().filter(|line| line["error"].is_string());
        let statuses = faulty.filter_map(|line| line["status"].as_u64());
        // Streams that were reset in the middle have lines, too.
        let statuses: Vec<_> = statuses.filter(|status| *status != 499).collect();
        (statuses.len() >= refused.len()).then_some(statuses)
    });
    logged.sort_unstable();
    refused.sort_unstable();
    assert_eq!(logged, refused, "the statuses of lines with an error");
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}
