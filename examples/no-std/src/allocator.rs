//! A small allocator over a fixed arena, which reuses what was freed and counts.
//!
//! A request is rounded up to a power of two. A freed block goes to the list of its size
//! and the next request of that size takes it from there; only when the list is empty is
//! something cut off the untouched end of the arena. Blocks are never split or joined, which
//! is enough for a program that makes the same sizes again and again.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::ptr;

/// How many bytes there are in all.
const ARENA: usize = 256 * 1024;
/// The strictest alignment that can be asked for.
const MAX_ALIGN: usize = 4096;
/// The smallest block: a freed one has to hold a pointer.
const SMALLEST: usize = 16;
/// One list for each power of two from the smallest block to the whole arena.
const LISTS: usize = (ARENA / SMALLEST).trailing_zeros() as usize + 1;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::new();

/// What has been asked of the allocator so far.
pub(crate) fn usage() -> Usage {
    Usage {
        allocations: ALLOCATOR.allocations.get(),
        live: ALLOCATOR.live.get(),
        taken: ALLOCATOR.taken.get(),
    }
}

/// Counts from the start of the program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// How often memory was asked for. Growing a block counts too.
    pub(crate) allocations: usize,
    /// How many bytes are in use, as they were asked for.
    pub(crate) live: usize,
    /// How much of the arena was ever cut off. It never goes down.
    pub(crate) taken: usize,
}

struct Allocator {
    arena: Arena,
    /// The freed blocks of each size, the last freed first.
    free: [Cell<*mut Free>; LISTS],
    taken: Cell<usize>,
    allocations: Cell<usize>,
    live: Cell<usize>,
}

/// What stands in a block that is free.
struct Free {
    next: *mut Free,
}

/// Aligned so strictly that a block whose offset is a multiple of its size is aligned to
/// its size, up to `MAX_ALIGN`.
#[repr(C, align(4096))]
struct Arena(UnsafeCell<MaybeUninit<[u8; ARENA]>>);

const _: () = assert!(align_of::<Arena>() == MAX_ALIGN && size_of::<Free>() <= SMALLEST);

// SAFETY: the program has one thread and installs no signal handler, so nothing can come
// upon the allocator while it is at work. (Firmware whose interrupt handlers allocate must
// take a critical section here.)
unsafe impl Sync for Allocator {}

impl Allocator {
    const fn new() -> Self {
        Self {
            arena: Arena(UnsafeCell::new(MaybeUninit::uninit())),
            free: [const { Cell::new(ptr::null_mut()) }; LISTS],
            taken: Cell::new(0),
            allocations: Cell::new(0),
            live: Cell::new(0),
        }
    }

    /// The size of the block that serves a request, and the list of its like.
    fn block(&self, layout: Layout) -> Option<(usize, &Cell<*mut Free>)> {
        let least = layout.size().max(layout.align()).max(SMALLEST);
        if layout.align() > MAX_ALIGN || least > ARENA {
            return None;
        }
        let size = least.next_power_of_two();
        let list = (size / SMALLEST).trailing_zeros() as usize;
        Some((size, &self.free[list]))
    }

    /// Cuts a block off the untouched end of the arena.
    fn cut(&self, size: usize) -> *mut u8 {
        let start = self.taken.get().next_multiple_of(size);
        if start + size > ARENA {
            return ptr::null_mut();
        }
        self.taken.set(start + size);
        // SAFETY: `start` was just seen to lie inside the arena.
        unsafe { self.arena.0.get().cast::<u8>().add(start) }
    }
}

// SAFETY: a block lies inside the arena, is as large and as aligned as was asked for, and
// belongs to one owner at a time: it is cut off once, and afterwards it is either with the
// program or in the list of its size. Nothing here panics or allocates.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((size, list)) = self.block(layout) else {
            return ptr::null_mut();
        };
        let first = list.get();
        let block = if first.is_null() {
            self.cut(size)
        } else {
            // SAFETY: what stands in the list was put there by `dealloc`, which wrote a
            // `Free` into it, and nobody has owned it since.
            list.set(unsafe { (*first).next });
            first.cast()
        };
        if !block.is_null() {
            self.allocations.set(self.allocations.get() + 1);
            self.live.set(self.live.get() + layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some((_, list)) = self.block(layout) else {
            return;
        };
        #[expect(
            clippy::cast_ptr_alignment,
            reason = "every block is a multiple of its size from the start of the arena"
        )]
        let block = block.cast::<Free>();
        // SAFETY: the caller gives the block back; it has room for a `Free` and is aligned
        // for one.
        unsafe { block.write(Free { next: list.get() }) };
        list.set(block);
        self.live.set(self.live.get() - layout.size());
    }
}
