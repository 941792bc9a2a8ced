//! What works make: values that say which execution made them, and are counted.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Stamp;

/// What a work returns. It is the value type of every group.
pub type Made = Result<Value, Fault>;

/// Counts the values of a round. The counters are read when no call is under way.
#[derive(Debug, Default)]
pub(crate) struct ValueCount {
    made: AtomicI64,
    cloned: AtomicI64,
    dropped: AtomicI64,
}

impl ValueCount {
    /// Returns how many values were made or cloned and not dropped; negative if more were
    /// dropped than there ever were.
    pub(crate) fn alive(&self) -> i64 {
        let count = |counter: &AtomicI64| counter.load(Ordering::Relaxed);
        count(&self.made) + count(&self.cloned) - count(&self.dropped)
    }

    fn count(counter: &AtomicI64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a work makes. It owns memory, so that a value that leaks is missed, and one that is
/// read before it is whole is seen by a sanitizer.
pub struct Value {
    values: Arc<ValueCount>,
    content: Box<Content>,
}

#[derive(Clone, Copy)]
struct Content {
    key: u64,
    execution: Stamp,
    /// It is its caller's own.
    is_private: bool,
    /// Follows from the others.
    seal: u64,
}

/// The key of what a batch made for all of its keys.
pub(crate) const EVERY_KEY: u64 = u64::MAX;

impl Value {
    pub(crate) fn new(values: &Arc<ValueCount>, key: u64, execution: Stamp) -> Self {
        ValueCount::count(&values.made);
        let content = Content {
            key,
            execution,
            is_private: false,
            seal: seal(key, execution, false),
        };
        Self {
            values: Arc::clone(values),
            content: Box::new(content),
        }
    }

    /// Makes it its caller's own.
    pub(crate) fn into_private(mut self) -> Self {
        let Content { key, execution, .. } = *self.content;
        self.content.is_private = true;
        self.content.seal = seal(key, execution, true);
        self
    }

    /// Whether it is its caller's own.
    pub(crate) fn is_private(&self) -> bool {
        self.content.is_private
    }

    /// Returns the execution that made it, unless it is not what that execution made for `key`.
    pub(crate) fn execution(&self, key: u64) -> Option<Stamp> {
        let content = &*self.content;
        let is_whole = content.seal == seal(content.key, content.execution, content.is_private);
        let is_for = content.key == key || content.key == EVERY_KEY;
        (is_whole && is_for).then_some(content.execution)
    }
}

fn seal(key: u64, execution: Stamp, is_private: bool) -> u64 {
    let seal = (key ^ execution.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    seal ^ u64::from(is_private)
}

impl Clone for Value {
    fn clone(&self) -> Self {
        ValueCount::count(&self.values.cloned);
        Self {
            values: Arc::clone(&self.values),
            content: self.content.clone(),
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        ValueCount::count(&self.values.dropped);
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Content { key, execution, .. } = *self.content;
        write!(f, "Value of execution {execution} for key {key}")
    }
}

/// What a work that fails returns, as a value that is shared.
#[derive(Clone, Debug)]
pub struct Fault(pub(crate) Value);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the work failed, as it was told to")
    }
}

impl Error for Fault {}

/// What a work fails with that is its caller's own: a group cannot share it, for it cannot be cloned.
#[derive(Debug)]
pub struct OwnFault(pub(crate) Value);
