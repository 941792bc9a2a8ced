//! Which works this thread is inside of, so that a call from inside the work of its own
//! flight is refused instead of waiting for itself.
//!
//! A thread is inside a work while it calls it or polls its future. Works nest, so this is a
//! stack; entering and leaving write it, and only a call that would wait reads it. Two calls
//! for one key that are polled side by side in one task are never inside of each other.
//!
//! Without `std` there are no thread-locals, and nothing is noticed; nor under loom, whose
//! threads share one of the system's.

pub(crate) use imp::{Inside, InsideMore, contains, enter, enter_more};

#[cfg(all(feature = "std", not(loom)))]
mod imp {
    use std::cell::{Cell, RefCell};
    use std::vec::Vec;

    use crate::slot::Id;

    /// How deep works nest and are still told apart: what a `u8` can count, so that no bounds
    /// are checked. Of a deeper nest the outermost works are forgotten.
    const DEEPEST: usize = 1 << u8::BITS;

    /// A flight, told apart in the whole process: its group's address, its hash, by which its
    /// shard is known, and its id there. Of a size that is found by a shift.
    #[repr(align(32))]
    struct Place {
        group: Cell<usize>,
        hash: Cell<u64>,
        id: Cell<Option<Id>>,
    }

    impl Place {
        const fn nowhere() -> Self {
            Self {
                group: Cell::new(0),
                hash: Cell::new(0),
                id: Cell::new(None),
            }
        }

        fn is(&self, group: usize, hash: u64, id: Id) -> bool {
            self.group.get() == group && self.hash.get() == hash && self.id.get() == Some(id)
        }
    }

    /// The works that a thread is inside of. One thread-local, so that its address is taken once.
    struct Stack {
        depth: Cell<u8>,
        places: [Place; DEEPEST],
    }

    std::thread_local! {
        static STACK: Stack = const {
            Stack {
                depth: Cell::new(0),
                places: [const { Place::nowhere() }; DEEPEST],
            }
        };
        /// Of batches: their keys but the first.
        static MORE: RefCell<Vec<(usize, u64, Id)>> = const { RefCell::new(Vec::new()) };
    }

    /// Says that this thread is inside a work, until it is dropped, in the reverse order of
    /// entering.
    #[must_use = "dropping it leaves the work"]
    pub(crate) struct Inside(u8);

    impl Drop for Inside {
        #[inline]
        fn drop(&mut self) {
            STACK.with(|stack| stack.depth.set(self.0));
        }
    }

    /// Enters the work of a flight.
    #[inline]
    pub(crate) fn enter(group: usize, hash: u64, id: Option<Id>) -> Inside {
        STACK.with(|stack| {
            let depth = stack.depth.get();
            let place = &stack.places[usize::from(depth)];
            place.group.set(group);
            place.hash.set(hash);
            place.id.set(id);
            stack.depth.set(depth.wrapping_add(1));
            Inside(depth)
        })
    }

    /// Says that this thread is inside the work of a batch, until it is dropped.
    #[must_use = "dropping it leaves the work"]
    pub(crate) struct InsideMore(usize);

    impl Drop for InsideMore {
        fn drop(&mut self) {
            // Nothing is noticed while the thread is being torn down.
            let _torn_down = MORE.try_with(|more| {
                let mut more = more.borrow_mut();
                more.truncate(self.0);
                more.shrink_to(4 * self.0);
            });
        }
    }

    /// Enters the work of all these flights at once.
    pub(crate) fn enter_more(flights: impl Iterator<Item = (usize, u64, Id)>) -> InsideMore {
        let entered = MORE.try_with(|more| {
            let before = more.borrow().len();
            more.borrow_mut().extend(flights);
            before
        });
        InsideMore(entered.unwrap_or(0))
    }

    /// Whether this thread is inside the work of this flight.
    #[cold]
    pub(crate) fn contains(group: usize, hash: u64, id: Id) -> bool {
        let stacked = STACK.with(|stack| {
            let mut inside = stack.places.iter().take(stack.depth.get().into());
            inside.any(|place| place.is(group, hash, id))
        });
        stacked
            || MORE
                .try_with(|more| more.borrow().contains(&(group, hash, id)))
                .unwrap_or(false)
    }
}

#[cfg(any(not(feature = "std"), loom))]
mod imp {
    use crate::slot::Id;

    #[must_use = "dropping it leaves the work"]
    pub(crate) struct Inside;

    #[inline]
    pub(crate) fn enter(_: usize, _: u64, _: Option<Id>) -> Inside {
        Inside
    }

    #[must_use = "dropping it leaves the work"]
    pub(crate) struct InsideMore;

    pub(crate) fn enter_more(_: impl Iterator<Item = (usize, u64, Id)>) -> InsideMore {
        InsideMore
    }

    pub(crate) const fn contains(_: usize, _: u64, _: Id) -> bool {
        false
    }
}
