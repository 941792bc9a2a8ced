//! The heap: embedded-alloc's, with a count of what is taken from it.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;

use critical_section::Mutex;
use embedded_alloc::LlffHeap;

use crate::board::HEAP_BYTES;

/// What has been taken from the heap.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// How often a block was taken.
    pub allocations: u32,
    /// Bytes in blocks that were taken and not given back, as they were asked for.
    pub live: usize,
}

struct Counted {
    heap: LlffHeap,
    usage: Mutex<Cell<Usage>>,
}

#[global_allocator]
static HEAP: Counted = Counted {
    heap: LlffHeap::empty(),
    usage: Mutex::new(Cell::new(Usage {
        allocations: 0,
        live: 0,
    })),
};

/// Gives the heap its memory. To be called once, before anything is allocated.
pub fn start() {
    let heap = &HEAP.heap;
    // SAFETY: it is called once, or panics, and the memory is used by nothing else.
    unsafe {
        embedded_alloc::init!(heap, HEAP_BYTES);
    }
}

/// Returns what has been taken so far.
pub fn usage() -> Usage {
    critical_section::with(|section| HEAP.usage.borrow(section).get())
}

impl Counted {
    fn count(&self, change: impl FnOnce(&mut Usage)) {
        critical_section::with(|section| {
            let cell = self.usage.borrow(section);
            let mut usage = cell.get();
            change(&mut usage);
            cell.set(usage);
        });
    }
}

// SAFETY: every call goes on to `LlffHeap`, whose promises are these.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(|usage| {
            usage.allocations += 1;
            usage.live += layout.size();
        });
        // SAFETY: the caller's promises are those asked for.
        unsafe { self.heap.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.count(|usage| usage.live -= layout.size());
        // SAFETY: the caller's promises are those asked for.
        unsafe { self.heap.dealloc(block, layout) }
    }
}
