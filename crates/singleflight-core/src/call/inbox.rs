//! Which waits of a batch were woken, so that it looks at those and at no others.
//!
//! Each wait has a waker of its own, which puts the wait's number into the inbox and wakes the
//! batch's task. Wakers are called under the lock of a flight's signal: here they take one lock
//! of ours, and hold it while they write down a number.
//!
//! | | task | woken |
//! |---|---|---|
//! | the batch looks | set to that of this poll | emptied |
//! | a wait is woken | taken, and woken without the lock | one more |
//! | another is woken before the batch looks | none: it has been woken | one more |

use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

use crate::platform::sync::{self, Arc, Innermost, seeded};

/// What the waits of one batch put their numbers into.
pub(crate) struct Inbox(Arc<Innermost<Letters>>);

struct Letters {
    woken: Vec<usize>,
    /// The batch's task, as of its last poll, until it is woken.
    task: Option<Waker>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Innermost::new(Letters {
            woken: Vec::new(),
            task: None,
        })))
    }

    /// Makes the waker of the wait with this number.
    pub(crate) fn waker(&self, number: usize) -> Waker {
        let inbox = Arc::clone(&self.0);
        sync::waker(move || {
            let task = inbox.with(|letters| {
                letters.woken.push(number);
                letters.task.take()
            });
            if let Some(task) = task {
                task.wake();
            }
        })
    }

    /// Exchanges the numbers that have come in for an empty list. From now on `task` is woken.
    ///
    /// Both in one step: a number that comes later finds the task (P3).
    pub(crate) fn exchange(&self, task: &Waker, woken: &mut Vec<usize>) {
        // Cloned and dropped without the lock: it is other people's code.
        let task = task.clone();
        if seeded("task-after-letters") {
            self.0.with(|letters| mem::swap(&mut letters.woken, woken));
        }
        let before = self.0.with(|letters| {
            if !seeded("task-after-letters") {
                mem::swap(&mut letters.woken, woken);
            }
            letters.task.replace(task)
        });
        drop(before);
    }
}
