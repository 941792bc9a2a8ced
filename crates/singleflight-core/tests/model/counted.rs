//! Keys and values that are counted while they live, and compared by what they hold.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

/// Where a value or an error comes from: no two works make the same.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Made {
    pub(crate) party: usize,
    pub(crate) key: u8,
    /// How many works the party has finished before.
    pub(crate) round: usize,
}

/// Something of which the copies are counted.
pub(crate) struct Counted<T> {
    pub(crate) what: T,
    tally: Tally,
}

/// Counts the copies that live by its own, and how many were made by cloning.
#[derive(Clone, Default)]
pub(crate) struct Tally(Rc<Cell<usize>>);

impl Tally {
    pub(crate) fn count<T>(&self, what: T) -> Counted<T> {
        let tally = self.clone();
        Counted { what, tally }
    }

    pub(crate) fn alive(&self) -> usize {
        Rc::strong_count(&self.0) - 1
    }

    pub(crate) fn clones(&self) -> usize {
        self.0.get()
    }
}

impl<T: Clone> Clone for Counted<T> {
    fn clone(&self) -> Self {
        self.tally.0.set(self.tally.0.get() + 1);
        self.tally.count(self.what.clone())
    }
}

impl<T: PartialEq> PartialEq for Counted<T> {
    fn eq(&self, other: &Self) -> bool {
        self.what == other.what
    }
}

impl<T: Eq> Eq for Counted<T> {}

impl<T: Hash> Hash for Counted<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.what.hash(state);
    }
}
