//! Catching what a call throws, without a word on the terminal.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::thread;

thread_local! {
    /// How many calls this thread is inside of whose panics are going to be looked at.
    static CAUGHT: Cell<u32> = const { Cell::new(0) };
}

/// Keeps the hook from telling of panics that are caught here; all others are told.
pub(crate) fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CAUGHT.get() == 0 {
                tell(info);
            }
        }));
    });
}

pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> thread::Result<T> {
    CAUGHT.set(CAUGHT.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(run));
    CAUGHT.set(CAUGHT.get() - 1);
    result
}
