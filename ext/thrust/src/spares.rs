//! What a thread keeps of memory that it needs again soon, and that the allocator would have to look for.

use std::cell::{Cell, RefCell};

/// How many a thread keeps of one kind.
const KEPT: usize = 16;

/// A few things of one kind that nobody uses at the moment; one list a thread.
#[derive(Debug)]
pub(crate) struct Spares<T> {
    kept: RefCell<Vec<T>>,
    made: Cell<usize>,
}

impl<T> Spares<T> {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self {
            kept: RefCell::new(Vec::new()),
            made: Cell::new(0),
        }
    }

    /// One of them, if there is one.
    pub(crate) fn take(&self) -> Option<T> {
        self.kept.borrow_mut().pop()
    }

    /// One of them, or one that `make` makes, unless as many as are kept were made: more would be made and dropped all
    /// the time while many are in use.
    pub(crate) fn take_or_make(&self, make: impl FnOnce() -> T) -> Option<T> {
        let made = self.made.get();
        self.take().or_else(|| {
            (made < KEPT).then(|| {
                self.made.set(made + 1);
                make()
            })
        })
    }

    /// Adds one, or drops it if there are enough.
    pub(crate) fn keep(&self, one: T) {
        let mut kept = self.kept.borrow_mut();
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

    #[test]
    fn no_more_are_made_than_are_kept() {
        let spares = Spares::new();

        let made: Vec<_> = std::iter::from_fn(|| spares.take_or_make(|| 1)).collect();
        made.iter().for_each(|one| spares.keep(*one));

        assert_eq!(made.len(), KEPT);
        assert_eq!(spares.take_or_make(|| 2), Some(1));
    }
}
