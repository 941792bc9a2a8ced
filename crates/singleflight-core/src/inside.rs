//! Which works this thread is inside of, so that a call from inside the work of its own
//! flight is refused instead of waiting for itself.
//!
//! A thread is inside a work while it calls it or polls its future. Works nest, so this is a
//! stack; entering and leaving write it, and only a call that would wait reads it. Two calls
//! for one key that are polled side by side in one task are never inside of each other.
//!
//! Without `std` there are no thread-locals, and nothing is noticed; nor under loom, whose
//! threads share one of the system's.

pub(crate) use imp::{Inside, contains, enter, leave_far};

#[cfg(all(feature = "std", not(loom)))]
mod imp {
    use std::cell::{Cell, RefCell};
    use std::vec::Vec;

    use crate::slot::Id;

    /// A flight, told apart in the whole process: its group's address, its hash, by which its
    /// shard is known, and its id there.
    type Place = (usize, u64, Option<Id>);

    /// How deep works nest before the stack moves to the heap.
    const SHALLOW: usize = 8;

    std::thread_local! {
        static DEPTH: Cell<usize> = const { Cell::new(0) };
        static NEAR: [Cell<Place>; SHALLOW] = const { [const { Cell::new((0, 0, None)) }; SHALLOW] };
        static FAR: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
    }

    /// Says that this thread is inside a work, until it is dropped, in the reverse order of
    /// entering.
    #[must_use = "dropping it leaves the work"]
    pub(crate) struct Inside(usize);

    impl Inside {
        /// Leaves the other one when this one is left. The other was entered later. Whoever
        /// does this with many calls `leave_far` afterwards.
        pub(crate) fn takes_along(&self, later: Self) {
            debug_assert!(later.0 > self.0, "works are left in reverse");
            core::mem::forget(later);
        }
    }

    impl Drop for Inside {
        #[inline]
        fn drop(&mut self) {
            DEPTH.set(self.0);
        }
    }

    /// Enters the work of a flight.
    #[inline]
    pub(crate) fn enter(group: usize, hash: u64, id: Option<Id>) -> Inside {
        let place = (group, hash, id);
        let depth = DEPTH.get();
        if depth < SHALLOW {
            NEAR.with(|near| near[depth].set(place));
        } else {
            enter_far(depth - SHALLOW, place);
        }
        DEPTH.set(depth + 1);
        Inside(depth)
    }

    #[cold]
    #[inline(never)]
    fn enter_far(index: usize, place: Place) {
        // Nothing is noticed while the thread is being torn down.
        let _torn_down = FAR.try_with(|far| {
            let mut far = far.borrow_mut();
            far.truncate(index);
            far.push(place);
        });
    }

    /// Gives back what a large batch has taken. (A nest of works deeper than eight leaves its
    /// thread a few words for the next such nest.)
    #[cold]
    #[inline(never)]
    pub(crate) fn leave_far() {
        let index = DEPTH.get().saturating_sub(SHALLOW);
        let _torn_down = FAR.try_with(|far| {
            let mut far = far.borrow_mut();
            far.truncate(index);
            far.shrink_to(4 * index);
        });
    }

    /// Whether this thread is inside the work of this flight.
    #[cold]
    pub(crate) fn contains(group: usize, hash: u64, id: Id) -> bool {
        let (depth, place) = (DEPTH.get(), (group, hash, Some(id)));
        let near = NEAR.with(|near| near.iter().take(depth).any(|cell| cell.get() == place));
        near || (depth > SHALLOW
            && FAR
                .try_with(|far| {
                    far.borrow()
                        .iter()
                        .take(depth - SHALLOW)
                        .any(|far| *far == place)
                })
                .unwrap_or(false))
    }
}

#[cfg(any(not(feature = "std"), loom))]
mod imp {
    use crate::slot::Id;

    #[must_use = "dropping it leaves the work"]
    pub(crate) struct Inside;

    impl Inside {
        #[expect(
            clippy::unused_self,
            reason = "the twin of the noticing version has the same signature"
        )]
        pub(crate) fn takes_along(&self, _: Self) {}
    }

    #[inline]
    pub(crate) fn enter(_: usize, _: u64, _: Option<Id>) -> Inside {
        Inside
    }

    pub(crate) const fn leave_far() {}

    pub(crate) const fn contains(_: usize, _: u64, _: Id) -> bool {
        false
    }
}
