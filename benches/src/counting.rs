//! An allocator that counts what each thread takes and what it holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// Counts the allocations of each thread, and what is live, while it is told to.
#[derive(Debug)]
pub struct Counting {
    counts: AtomicBool,
}

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

impl Counting {
    /// Counts from the first allocation on.
    pub const fn always() -> Self {
        Self {
            counts: AtomicBool::new(true),
        }
    }

    /// Counts nothing until it is told to, so that it takes no time where times are measured.
    pub const fn when_told() -> Self {
        Self {
            counts: AtomicBool::new(false),
        }
    }

    /// Counts, or stops. A flag for one thread: what others allocate meanwhile may be missed.
    pub fn count(&self, counts: bool) {
        self.counts.store(counts, Ordering::Relaxed);
    }

    // A thread that is being torn down is not measured, and one that frees what another has
    // allocated wraps: only differences on one thread are looked at.

    #[inline]
    fn note_taken(&self, bytes: usize) {
        if self.counts.load(Ordering::Relaxed) {
            let _torn_down = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
            let _torn_down = LIVE.try_with(|live| live.set(live.get().wrapping_add(bytes)));
        }
    }

    #[inline]
    fn note_given_back(&self, bytes: usize) {
        if self.counts.load(Ordering::Relaxed) {
            let _torn_down = LIVE.try_with(|live| live.set(live.get().wrapping_sub(bytes)));
        }
    }
}

// SAFETY: every call is passed on to the system's allocator as it is; counting touches two
// thread-locals without destructors and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.note_taken(layout.size());
        // SAFETY: the caller keeps `alloc`'s contract, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.note_given_back(layout.size());
        // SAFETY: the caller keeps `dealloc`'s contract, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Returns how often this thread has allocated while its allocator counted.
pub fn allocations() -> usize {
    ALLOCATIONS.get()
}

/// Returns the bytes that this thread has taken and not given back. It wraps: look at
/// differences only, by `wrapping_sub`.
pub fn live() -> usize {
    LIVE.get()
}

/// Returns how often `run` allocated on this thread, with its result.
pub fn counted<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = allocations();
    let result = run();
    (allocations() - before, result)
}
