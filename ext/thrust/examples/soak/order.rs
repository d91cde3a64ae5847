//! One request and all that is to happen to it: written into its target, so that the app knows its part.

use std::fmt;
use std::str::FromStr;

use rand::RngExt;
use rand::rngs::SmallRng;

/// A request, what the app does with it, and what its client does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) id: u64,
    /// Bytes of the answer's body.
    pub(crate) size: u64,
    /// Bytes of the request's body, if it is a POST.
    pub(crate) upload: Option<u64>,
    pub(crate) framing: Framing,
    pub(crate) fate: Fate,
    /// How much of the answer's body, in bytes, comes before the app breaks it.
    pub(crate) cut: u64,
    /// Milliseconds between two pieces of the answer; with it, the answer is an event stream.
    pub(crate) pause: u64,
}

/// How the app delimits its answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Framing {
    Length,
    Chunked,
    /// By the end of the connection.
    Close,
}

/// What the app does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    /// Answers, as it should.
    Whole,
    /// Answers, and sends 103 Early Hints before.
    Hinted,
    /// Answers, and closes as it said.
    SaidClose,
    /// Answers, and closes without a word.
    SilentClose,
    /// Answers, and resets.
    SilentReset,
    /// Sends more than it had announced.
    Long,
    /// Answers before it has read the request's body, and closes.
    Early,
    /// Closes without an answer.
    NoAnswer,
    /// Resets without an answer.
    ResetFirst,
    /// Closes within the head.
    HalfHead,
    /// Sends what is no HTTP.
    Junk,
    /// Closes within the body.
    Cut,
    /// Resets within the body.
    CutReset,
    /// Sends a chunk that is none.
    BadChunk,
    /// Changes to another protocol, and echoes.
    Echo,
    /// Does not change the protocol, but answers.
    NoEcho,
}

/// What a client may see of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expected {
    /// All of it, and nothing else.
    Right,
    /// All of it, a 502, or that it was cut.
    RightOrCut,
    /// A 502, or that it was cut.
    Cut,
    /// A 502.
    BadGateway,
}

const FATES: [(Fate, &str, u32); 16] = [
    (Fate::Whole, "whole", 60),
    (Fate::Hinted, "hinted", 3),
    (Fate::SaidClose, "said-close", 4),
    (Fate::SilentClose, "silent-close", 3),
    (Fate::SilentReset, "silent-reset", 2),
    (Fate::Long, "long", 2),
    (Fate::Early, "early", 2),
    (Fate::NoAnswer, "no-answer", 3),
    (Fate::ResetFirst, "reset-first", 3),
    (Fate::HalfHead, "half-head", 2),
    (Fate::Junk, "junk", 2),
    (Fate::Cut, "cut", 4),
    (Fate::CutReset, "cut-reset", 4),
    (Fate::BadChunk, "bad-chunk", 2),
    (Fate::Echo, "echo", 0),
    (Fate::NoEcho, "no-echo", 0),
];

const FRAMINGS: [(Framing, &str); 3] = [
    (Framing::Length, "length"),
    (Framing::Chunked, "chunked"),
    (Framing::Close, "close"),
];

impl Order {
    /// A GET of a short page, whose answer closes the app's connection.
    pub(crate) fn hello(id: u64) -> Self {
        Self {
            id,
            size: 10,
            upload: None,
            framing: Framing::Length,
            fate: Fate::SaidClose,
            cut: 0,
            pause: 0,
        }
    }

    /// A GET of a page.
    pub(crate) fn get(id: u64, rng: &mut SmallRng) -> Self {
        let size = match rng.random_range(0..100) {
            0..5 => 0,
            5..80 => rng.random_range(1..4_000),
            80..97 => rng.random_range(4_000..200_000),
            _ => rng.random_range(200_000..4_000_000),
        };
        let mut order = Self {
            id,
            size,
            upload: None,
            framing: FRAMINGS[rng.random_range(0..FRAMINGS.len())].0,
            fate: fate(rng),
            cut: 0,
            pause: 0,
        };
        order.settle(rng);
        order
    }

    /// A POST with a body.
    pub(crate) fn post(id: u64, rng: &mut SmallRng) -> Self {
        let upload = match rng.random_range(0..100) {
            0..5 => 0,
            5..80 => rng.random_range(1..4_000),
            80..97 => rng.random_range(4_000..100_000),
            _ => rng.random_range(100_000..1_000_000),
        };
        let mut order = Self::get(id, rng);
        order.upload = Some(upload);
        order.size = order.size.min(4_000);
        order.settle(rng);
        order
    }

    /// A GET of an event stream.
    pub(crate) fn events(id: u64, rng: &mut SmallRng) -> Self {
        let mut order = Self::get(id, rng);
        order.size = rng.random_range(100..1_000);
        order.framing = Framing::Chunked;
        order.pause = rng.random_range(1..20);
        order.settle(rng);
        order
    }

    /// A GET that wants to change the protocol.
    pub(crate) fn tunnel(id: u64, rng: &mut SmallRng) -> Self {
        let fate = [Fate::Echo, Fate::Echo, Fate::Echo, Fate::NoEcho][rng.random_range(0..4)];
        let mut order = Self::get(id, rng);
        (order.fate, order.framing, order.size) = (fate, Framing::Length, rng.random_range(1..50_000));
        order
    }

    /// Makes the parts fit each other.
    fn settle(&mut self, rng: &mut SmallRng) {
        match self.fate {
            Fate::BadChunk => self.framing = Framing::Chunked,
            // Without a length, an end is an end.
            Fate::Cut if self.framing == Framing::Close => self.framing = Framing::Length,
            // What is too much must leave with the last of the answer: what comes later meets the next request.
            Fate::Long => (self.framing, self.size, self.pause) = (Framing::Length, self.size.min(4_000), 0),
            Fate::SilentClose | Fate::SilentReset => self.framing = Framing::Length,
            _ => {}
        }
        if matches!(self.fate, Fate::Cut | Fate::CutReset | Fate::BadChunk) {
            self.size = self.size.max(1);
        }
        self.cut = rng.random_range(0..self.size.max(1));
    }

    /// The target of its request.
    pub(crate) fn target(&self) -> String {
        format!("/{self}")
    }

    /// Whether a second one like it does no harm.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.upload.is_none()
    }

    pub(crate) fn expected(&self) -> Expected {
        match self.fate {
            Fate::Whole
            | Fate::Hinted
            | Fate::SaidClose
            | Fate::SilentClose
            | Fate::Long
            | Fate::Echo
            | Fate::NoEcho => Expected::Right,
            Fate::SilentReset | Fate::Early => Expected::RightOrCut,
            Fate::NoAnswer | Fate::ResetFirst | Fate::HalfHead | Fate::Junk => Expected::BadGateway,
            Fate::Cut | Fate::CutReset | Fate::BadChunk => Expected::Cut,
        }
    }
}

fn fate(rng: &mut SmallRng) -> Fate {
    let all: u32 = FATES.iter().map(|(_, _, weight)| weight).sum();
    let mut drawn = rng.random_range(0..all);
    for (fate, _, weight) in FATES {
        match drawn.checked_sub(weight) {
            Some(left) => drawn = left,
            None => return fate,
        }
    }
    Fate::Whole
}

impl fmt::Display for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = FATES
            .iter()
            .find(|(fate, ..)| *fate == self.fate)
            .map_or("", |(_, name, _)| name);
        let framing = FRAMINGS
            .iter()
            .find(|(framing, _)| *framing == self.framing)
            .map_or("", |(_, name)| name);
        let upload = self.upload.map_or("-".to_owned(), |size| size.to_string());
        write!(
            formatter,
            "{:x}/{}/{upload}/{framing}/{fate}/{}/{}",
            self.id, self.size, self.cut, self.pause
        )
    }
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let words: Vec<_> = text.split('/').collect();
        let [id, size, upload, framing, fate, cut, pause] = words[..] else {
            return Err(());
        };
        let number = |text: &str| text.parse().map_err(|_| ());
        Ok(Self {
            id: u64::from_str_radix(id, 16).map_err(|_| ())?,
            size: number(size)?,
            upload: (upload != "-").then(|| number(upload)).transpose()?,
            framing: FRAMINGS.iter().find(|(_, name)| *name == framing).ok_or(())?.0,
            fate: FATES.iter().find(|(_, name, _)| *name == fate).ok_or(())?.0,
            cut: number(cut)?,
            pause: number(pause)?,
        })
    }
}
