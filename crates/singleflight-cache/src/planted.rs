//! Bugs that the tests plant, to see themselves fail. Elsewhere there are none.

/// Whether a bug is planted.
#[cfg(not(test))]
#[inline]
pub(crate) const fn planted(_: &str) -> bool {
    false
}

#[cfg(test)]
pub(crate) use of_tests::{planted, with};

#[cfg(test)]
mod of_tests {
    use std::cell::Cell;

    std::thread_local! {
        static BUG: Cell<&'static str> = const { Cell::new("") };
    }

    pub(crate) fn planted(bug: &str) -> bool {
        BUG.get() == bug
    }

    /// Runs with a bug planted on this thread.
    pub(crate) fn with<T>(bug: &'static str, run: impl FnOnce() -> T) -> T {
        BUG.set(bug);
        let result = run();
        BUG.set("");
        result
    }
}
