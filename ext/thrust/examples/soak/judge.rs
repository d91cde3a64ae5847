//! Compares what came with what may come.

use crate::content::Check;
use crate::order::{Expected, Order};
use crate::tally::{self, Tally};

/// How an answer ended.
#[derive(Debug)]
pub(crate) enum Came {
    /// To its end as its framing says, with this status and body.
    Whole(u16, Check),
    /// Its head and a part of its body, every byte of it right, and then an end that shows.
    Cut,
    /// What must never come.
    Wrong(String),
}

/// Counts the end of a request, or notes a finding; whether it was a right answer or a 502, so that more can follow.
pub(crate) fn judge(order: &Order, protocol: &str, came: Came, tally: &Tally) -> bool {
    let name = match (order.expected(), &came) {
        (Expected::Right | Expected::RightOrCut, Came::Whole(200, body)) if body.is_whole() => tally::RIGHT,
        (Expected::RightOrCut | Expected::Cut | Expected::BadGateway, Came::Whole(502, _)) => {
            tally::BAD_GATEWAY
        }
        (Expected::RightOrCut | Expected::Cut, Came::Cut) => tally::CUT,
        (Expected::Right, Came::Whole(502, _)) if !order.is_idempotent() => tally::CROSSED,
        _ => {
            let came = match came {
                Came::Whole(status, body) if body.is_whole() => {
                    format!("a whole answer with status {status}")
                }
                Came::Whole(status, body) => format!(
                    "status {status} and an end after {} bytes that looks whole",
                    body.seen
                ),
                Came::Cut => "a cut answer".to_owned(),
                Came::Wrong(what) => what,
            };
            tally.find(format!(
                "{protocol} {}: {came}, expected: {:?}",
                order.target(),
                order.expected()
            ));
            return false;
        }
    };
    tally.count(name);
    name != tally::CUT
}
