//! What a thread keeps of memory that it needs again soon, and that the allocator would have to look for.

use std::cell::RefCell;

/// How many a thread keeps of one kind.
const KEPT: usize = 16;

/// A few things of one kind that nobody uses at the moment; one list a thread.
#[derive(Debug)]
pub(crate) struct Spares<T>(RefCell<Vec<T>>);

impl<T> Spares<T> {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// One of them, if there is one.
    pub(crate) fn take(&self) -> Option<T> {
        self.0.borrow_mut().pop()
    }

    /// Adds one, or drops it if there are enough.
    pub(crate) fn keep(&self, one: T) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < KEPT {
            kept.push(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_kept_and_given_out_again() {
        let spares = Spares::new();
        assert_eq!(spares.take(), None);

        (0..100).for_each(|number| spares.keep(number));

        assert_eq!(std::iter::from_fn(|| spares.take()).count(), KEPT);
    }
}
