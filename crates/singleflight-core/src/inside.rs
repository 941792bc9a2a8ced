//! Which works this thread is inside of, so that a call from inside the work of its own
//! flight is refused instead of waiting for itself.
//!
//! A thread is inside a work while it calls it or polls its future. Works nest, so this is a
//! stack; entering and leaving write it, and only a call that would wait reads it. Two calls
//! for one key that are polled side by side in one task are never inside of each other.
//!
//! Without `std` there are no thread-locals, and nothing is noticed; nor under loom and
//! shuttle, whose threads share one of the system's.

#[cfg(all(feature = "std", not(any(loom, shuttle))))]
pub(crate) use noticed::{Inside, InsideMore, contains, enter, enter_more};
#[cfg(any(not(feature = "std"), loom, shuttle))]
pub(crate) use unnoticed::{Inside, InsideMore, contains, enter, enter_more};

#[cfg(all(feature = "std", not(any(loom, shuttle))))]
mod noticed {
    use std::cell::{Cell, RefCell};
    use std::vec::Vec;

    use crate::slot::Id;

    /// How many works stand in the block of the thread itself. Works that nest deeper stand on
    /// the heap.
    const NEAR: usize = 64;

    /// Tells a flight apart in the whole process: its group's address, its hash, by which its
    /// shard is known, and its id there.
    #[derive(Clone, Copy, PartialEq)]
    struct Place {
        group: usize,
        hash: u64,
        /// 0 for a flight that has ended: it is like no other.
        id: u64,
    }

    /// The works that a thread is inside of. One thread-local without a destructor, so that its
    /// address is taken once.
    struct Stack {
        /// How many there are, below zero. The borrow tells the first to come: entering and
        /// looking whether there is another are one instruction.
        below: Cell<usize>,
        near: [Cell<Place>; NEAR],
    }

    const NOWHERE: Place = Place {
        group: 0,
        hash: 0,
        id: 0,
    };

    std::thread_local! {
        static STACK: Stack = const {
            Stack {
                below: Cell::new(0),
                near: [const { Cell::new(NOWHERE) }; NEAR],
            }
        };
        /// Works that found no near place, and of batches all keys but the first; each with the
        /// depth of its work. Leaving a work only writes the depth, so what stands here at the
        /// depth and beyond has been left. Whoever looks drops it.
        static FAR: RefCell<Vec<(usize, Place)>> = const { RefCell::new(Vec::new()) };
    }

    impl Stack {
        /// How many works the thread is inside of.
        fn depth(&self) -> usize {
            0_usize.wrapping_sub(self.below.get())
        }
    }

    /// Says that this thread is inside a work, until it is dropped, in the reverse order of
    /// entering.
    #[must_use = "dropping it leaves the work"]
    pub(crate) struct Inside(());

    impl Drop for Inside {
        #[inline]
        fn drop(&mut self) {
            STACK.with(|stack| stack.below.set(stack.below.get().wrapping_add(1)));
        }
    }

    /// Enters the work of a flight.
    #[inline]
    pub(crate) fn enter(group: usize, hash: u64, id: Option<Id>) -> Inside {
        let id = id.map_or(0, Id::number);
        STACK.with(|stack| {
            let (below, is_first) = stack.below.get().overflowing_sub(1);
            stack.below.set(below);
            if is_first {
                stack.near[0].set(Place { group, hash, id });
            } else {
                place_deeper(group, hash, id);
            }
        });
        Inside(())
    }

    /// Notes a work that was entered from inside another. Of an ABI that never unwinds, so that a
    /// lone call, which does not come here, need not prepare for it.
    #[cold]
    #[inline(never)]
    extern "C" fn place_deeper(group: usize, hash: u64, id: u64) {
        let place = Place { group, hash, id };
        STACK.with(|stack| {
            let depth = stack.depth() - 1;
            match stack.near.get(depth) {
                Some(near) => near.set(place),
                None => drop(far(depth, |far| far.push((depth, place)))),
            }
        });
    }

    /// Looks at the far works that stand above this depth. `None` while the thread is being torn
    /// down: nothing is noticed then.
    fn far<R>(depth: usize, look: impl FnOnce(&mut Vec<(usize, Place)>) -> R) -> Option<R> {
        let looked = FAR.try_with(|far| {
            let mut far = far.borrow_mut();
            let above = far.iter().rposition(|(other, _)| *other < depth);
            far.truncate(above.map_or(0, |last| last + 1));
            look(&mut far)
        });
        looked.ok()
    }

    /// Says that the work that was entered last is that of a batch, until it is dropped.
    #[must_use = "dropping it leaves the work"]
    pub(crate) struct InsideMore(usize);

    impl Drop for InsideMore {
        fn drop(&mut self) {
            let _torn_down = far(self.0, |far| far.shrink_to(4 * far.len()));
        }
    }

    /// Enters the work of all these flights: it is the one that was entered last.
    pub(crate) fn enter_more(flights: impl Iterator<Item = (usize, u64, Id)>) -> InsideMore {
        let depth = STACK.with(Stack::depth);
        let last = depth.saturating_sub(1);
        let flights = flights.map(|(group, hash, id)| {
            let id = id.number();
            (last, Place { group, hash, id })
        });
        let _torn_down = far(depth, |far| far.extend(flights));
        InsideMore(last)
    }

    /// Whether this thread is inside the work of this flight.
    #[inline]
    pub(crate) fn contains(group: usize, hash: u64, id: Id) -> bool {
        STACK.with(|stack| stack.below.get() != 0) && is_around(group, hash, id)
    }

    #[cold]
    fn is_around(group: usize, hash: u64, id: Id) -> bool {
        let id = id.number();
        let place = Place { group, hash, id };
        let depth = STACK.with(Stack::depth);
        let is_near = STACK.with(|stack| {
            let near = &stack.near[..depth.min(NEAR)];
            near.iter().any(|near| near.get() == place)
        });
        let is_far = |far: &mut Vec<(usize, Place)>| far.iter().any(|(_, far)| *far == place);
        is_near || far(depth, is_far).unwrap_or(false)
    }
}

#[cfg(any(not(feature = "std"), loom, shuttle))]
mod unnoticed {
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
