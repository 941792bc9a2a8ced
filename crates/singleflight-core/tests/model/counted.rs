//! Keys and values that are counted while they live, and compared by what they hold.

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
#[derive(Clone)]
pub(crate) struct Counted<T> {
    pub(crate) what: T,
    /// For its count alone.
    _alive: Rc<()>,
}

/// Counts the copies that live.
#[derive(Default)]
pub(crate) struct Tally(Rc<()>);

impl Tally {
    pub(crate) fn count<T>(&self, what: T) -> Counted<T> {
        Counted {
            what,
            _alive: Rc::clone(&self.0),
        }
    }

    pub(crate) fn alive(&self) -> usize {
        Rc::strong_count(&self.0) - 1
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
