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

    /// How many words a place takes: its group's address, its hash, by which its shard is
    /// known, and its id there tell a flight apart in the whole process. The fourth is unused:
    /// it makes the depth wrap where a place begins.
    const PLACE: u8 = 4;

    /// As many words as a `u8` can name, and the rest of a place that begins at the last: no
    /// bounds are checked. So works nest 63 deep and are told apart; at every 64th the stack
    /// begins anew, and those around are forgotten.
    const WORDS: usize = (1 << u8::BITS) + PLACE as usize;

    /// The works that a thread is inside of. One thread-local, so that its address is taken once.
    struct Stack {
        /// In words.
        depth: Cell<u8>,
        words: [Cell<u64>; WORDS],
    }

    std::thread_local! {
        static STACK: Stack = const {
            Stack {
                depth: Cell::new(0),
                words: [const { Cell::new(0) }; WORDS],
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
            let at = usize::from(depth);
            stack.words[at].set(group as u64);
            stack.words[at + 1].set(hash);
            stack.words[at + 2].set(id.map_or(0, Id::number));
            stack.depth.set(depth.wrapping_add(PLACE));
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
    #[inline]
    pub(crate) fn contains(group: usize, hash: u64, id: Id) -> bool {
        STACK.with(|stack| stack.depth.get() != 0) && is_around(group, hash, id)
    }

    #[cold]
    fn is_around(group: usize, hash: u64, id: Id) -> bool {
        let place = [group as u64, hash, id.number()];
        let stacked = STACK.with(|stack| {
            let depth = usize::from(stack.depth.get());
            let mut places = stack.words[..depth].chunks_exact(PLACE.into());
            places.any(|words| {
                words
                    .iter()
                    .map(Cell::get)
                    .zip(place)
                    .all(|(one, other)| one == other)
            })
        });
        stacked
            || MORE
                .try_with(|more| more.borrow().contains(&(group, hash, id)))
                .unwrap_or(false)
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
