//! What the client of a request does, which its app does not know.

use rand::RngExt;
use rand::rngs::SmallRng;

use crate::order::Order;

/// What the client does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Patience {
    /// Sends the whole request and reads the whole answer.
    Whole,
    /// The same, but reads slowly.
    Slow,
    /// Leaves within the head, the request's body, while it waits, or within the answer; `true` with a reset.
    Leaves(Moment, bool),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Moment {
    Head,
    Upload,
    Waiting,
    Answer,
}

impl Patience {
    /// How the client of a request like `order` behaves.
    pub(crate) fn draw(order: &Order, rng: &mut SmallRng) -> Self {
        let moment = match rng.random_range(0..100) {
            0..3 => Moment::Head,
            3..6 if order.upload.is_some_and(|size| size > 0) => Moment::Upload,
            6..9 => Moment::Waiting,
            9..14 => Moment::Answer,
            14..18 => return Self::Slow,
            _ => return Self::Whole,
        };
        Self::Leaves(moment, rng.random_bool(0.5))
    }
}
