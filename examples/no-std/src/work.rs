//! The work that callers share, counted: how often it ran, and how often at once.

use core::cell::Cell;

/// What the executions of one step have done.
#[derive(Default)]
pub(crate) struct Work {
    runs: Cell<u64>,
    running: Cell<usize>,
    most: Cell<usize>,
}

/// One execution. It is over when this is dropped, be it by the end of the work or because
/// its caller was dropped.
#[must_use = "an execution lasts as long as this"]
pub(crate) struct Run<'a> {
    work: &'a Work,
    /// Which execution it is, from 1.
    pub(crate) number: u64,
}

impl Work {
    pub(crate) fn begin(&self) -> Run<'_> {
        let number = self.runs.get() + 1;
        self.runs.set(number);
        let running = self.running.get() + 1;
        self.running.set(running);
        self.most.set(self.most.get().max(running));
        Run { work: self, number }
    }

    /// How many executions there were.
    pub(crate) fn runs(&self) -> u64 {
        self.runs.get()
    }

    /// The most that there were at one instant.
    pub(crate) fn at_once(&self) -> usize {
        self.most.get()
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.work.running.set(self.work.running.get() - 1);
    }
}
