//! Which works this thread is inside of, so that a call from inside the work of its own
//! flight is refused instead of waiting for itself.
//!
//! A thread is inside a work while it calls it or polls its future. Works nest, so this is a
//! stack; entering and leaving write it, and only a call that would wait reads it. Two calls
//! for one key that are polled side by side in one task are never inside of each other.
//!
//! Without `std` there are no thread-locals, and nothing is tracked; nor under loom and
//! shuttle, whose threads share one of the system's.

#[cfg(all(feature = "std", not(any(loom, shuttle))))]
pub(crate) use tracked::{Around, Inside, Works, contains, enter, outside};
#[cfg(any(not(feature = "std"), loom, shuttle))]
pub(crate) use untracked::{Around, Inside, Works, contains, enter, outside};

#[cfg(all(feature = "std", not(any(loom, shuttle))))]
mod tracked {
    use std::cell::{Cell, RefCell};
    use std::mem;
    use std::vec::Vec;

    use crate::table::slot::{FlightId, Id};

    /// How many works stand in the block of the thread itself. Works that nest deeper stand on
    /// the heap.
    const INLINE: usize = 64;

    /// Tells a flight apart in the whole process: its group's address, its hash, by which its
    /// shard is known, and its id there.
    #[derive(Clone, Copy, PartialEq)]
    struct Place {
        group: usize,
        hash: u64,
        /// 0 for a flight that has ended: it is like no other.
        id: u64,
    }

    impl Place {
        #[inline]
        fn of(group: usize, FlightId { hash, id }: FlightId) -> Self {
            let id = id.number();
            Self { group, hash, id }
        }
    }

    /// The works that a thread is inside of. One thread-local without a destructor, so that its
    /// address is taken once.
    struct Stack {
        /// How many there are, below zero. The borrow tells the first to come: entering and
        /// looking whether there is another are one instruction.
        below: Cell<usize>,
        /// How many there were when a waker was called, below zero: it is not inside of those.
        waking: Cell<usize>,
        inline: [Cell<Place>; INLINE],
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
                waking: Cell::new(0),
                inline: [const { Cell::new(NOWHERE) }; INLINE],
            }
        };
        /// Works that found no inline place, and of batches all keys but the first; each with the
        /// depth of its work. Leaving a work only counts, so what stands here at the depth and
        /// beyond has been left. Whoever looks drops it.
        static SPILLED: RefCell<Vec<(usize, Spilled)>> = const { RefCell::new(Vec::new()) };
    }

    /// What stands on the heap.
    enum Spilled {
        One(Place),
        Others(Others),
    }

    /// The flights of a batch but the first.
    #[derive(Default)]
    struct Others {
        group: usize,
        /// Hash and id of each.
        flights: Vec<(u64, u64)>,
        /// Only somebody who asks has them sorted: most batches are never asked.
        are_sorted: bool,
    }

    impl Others {
        fn contain(&mut self, place: &Place) -> bool {
            if !mem::replace(&mut self.are_sorted, true) {
                self.flights.sort_unstable();
            }
            let flight = (place.hash, place.id);
            place.group == self.group && self.flights.binary_search(&flight).is_ok()
        }
    }

    impl Stack {
        /// How many works the thread is inside of.
        fn depth(&self) -> usize {
            0_usize.wrapping_sub(self.below.get())
        }

        /// How many of them are none of the waker's.
        fn hidden(&self) -> usize {
            0_usize.wrapping_sub(self.waking.get())
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
        enter_place(Place { group, hash, id })
    }

    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    fn enter_place(Place { group, hash, id }: Place) -> Inside {
        STACK.with(|stack| {
            let (below, is_first) = stack.below.get().overflowing_sub(1);
            stack.below.set(below);
            if is_first {
                stack.inline[0].set(Place { group, hash, id });
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
            match stack.inline.get(depth) {
                Some(inline) => inline.set(place),
                None => drop(spilled(depth, |spilled| {
                    spilled.push((depth, Spilled::One(place)));
                })),
            }
        });
    }

    /// Looks at the spilled works that stand above this depth. `None` while the thread is being torn
    /// down: nothing is tracked then.
    fn spilled<R>(depth: usize, look: impl FnOnce(&mut Vec<(usize, Spilled)>) -> R) -> Option<R> {
        let looked = SPILLED.try_with(|spilled| {
            let mut spilled = spilled.borrow_mut();
            let above = spilled.iter().rposition(|(other, _)| *other < depth);
            spilled.truncate(above.map_or(0, |last| last + 1));
            look(&mut spilled)
        });
        looked.ok()
    }

    /// The works of a batch, which are entered as one: that costs the same for any number of keys.
    #[derive(Default)]
    pub(crate) struct Works {
        first: Option<Place>,
        others: Others,
    }

    /// Says that this thread is inside the works of a batch, until it is dropped.
    #[must_use = "dropping it leaves the works"]
    pub(crate) struct BatchGuard<'a> {
        /// Where the others go back to, if they stand on the heap.
        others: Option<&'a mut Others>,
        /// How many inline places are taken.
        inline: usize,
    }

    /// So many works of a batch are entered one by one: that costs less than to hand them over.
    const FEW: usize = 16;

    impl Works {
        /// Makes room for so many works.
        pub(crate) fn with_capacity(works: usize) -> Self {
            Self {
                first: None,
                others: Others {
                    group: 0,
                    flights: Vec::with_capacity(works.saturating_sub(1)),
                    are_sorted: false,
                },
            }
        }

        /// Adds the work of a flight, of the same group as the others. `None` is one that has
        /// ended.
        #[inline]
        pub(crate) fn add(&mut self, flight: Option<(usize, FlightId)>) {
            let Some((group, flight)) = flight else {
                return;
            };
            let place = Place::of(group, flight);
            if self.first.is_none() {
                self.first = Some(place);
                self.others.group = group;
            } else {
                self.others.flights.push((place.hash, place.id));
                self.others.are_sorted = false;
            }
        }

        /// Enters them all, or none if there are none.
        pub(crate) fn enter(&mut self) -> BatchGuard<'_> {
            let Some(first) = self.first else {
                return BatchGuard {
                    others: None,
                    inline: 0,
                };
            };
            let count = 1 + self.others.flights.len();
            let entered = STACK.with(|stack| {
                let depth = stack.depth();
                let inline = stack.inline.get(depth..depth + count)?;
                if count > FEW {
                    return None;
                }
                inline[0].set(first);
                let group = first.group;
                for (inline, (hash, id)) in inline[1..].iter().zip(&self.others.flights) {
                    let (hash, id) = (*hash, *id);
                    inline.set(Place { group, hash, id });
                }
                stack.below.set(stack.below.get().wrapping_sub(count));
                Some(BatchGuard {
                    others: None,
                    inline: count,
                })
            });
            entered.unwrap_or_else(|| self.enter_spilled(first))
        }

        #[cold]
        fn enter_spilled(&mut self, first: Place) -> BatchGuard<'_> {
            mem::forget(enter_place(first));
            let mut others = None;
            if !self.others.flights.is_empty() {
                let depth = STACK.with(Stack::depth);
                let entered = &mut self.others;
                let noted = spilled(depth, |spilled| {
                    spilled.push((depth - 1, Spilled::Others(mem::take(entered))));
                });
                others = noted.map(|()| &mut self.others);
            }
            BatchGuard { others, inline: 1 }
        }
    }

    impl Drop for BatchGuard<'_> {
        #[inline]
        fn drop(&mut self) {
            if let Some(others) = &mut self.others {
                let depth = STACK.with(Stack::depth);
                // They were the last to come of those that are still there.
                if let Some(Some((_, Spilled::Others(last)))) = spilled(depth, Vec::pop) {
                    **others = last;
                }
            }
            STACK.with(|stack| stack.below.set(stack.below.get().wrapping_add(self.inline)));
        }
    }

    /// Calls wakers. They are code of other tasks and inside of none of the works that this thread
    /// is in: what a waker polls in place must not be taken for a call from inside the work that
    /// woke it.
    pub(crate) fn outside(wake: impl FnOnce()) {
        struct Outside(usize);

        impl Drop for Outside {
            fn drop(&mut self) {
                STACK.with(|stack| stack.waking.set(self.0));
            }
        }

        let _outside = STACK.with(|stack| Outside(stack.waking.replace(stack.below.get())));
        wake();
    }

    /// The works of a group that a thread was inside of when somebody looked.
    #[derive(Default)]
    pub(crate) struct Around(Vec<(u64, u64)>);

    impl Around {
        /// Looks again. Whether this thread is inside a work now that was not around then.
        pub(crate) fn has_grown(&mut self, group: usize) -> bool {
            let is_alone = STACK.with(|stack| stack.below.get() == 0);
            if is_alone {
                self.0.clear();
            }
            !is_alone && self.has_grown_inside(group)
        }

        #[cold]
        fn has_grown_inside(&mut self, group: usize) -> bool {
            let (hidden, depth) = STACK.with(|stack| (stack.hidden(), stack.depth()));
            let mut now = Vec::new();
            let mut add = |place: Place| {
                if place.group == group {
                    now.push((place.hash, place.id));
                }
            };
            STACK.with(|stack| {
                let inline = stack.inline.iter().take(depth).skip(hidden);
                inline.map(Cell::get).for_each(&mut add);
            });
            let _torn_down = spilled(depth, |spilled| {
                for (_, spilled) in spilled.iter().filter(|(depth, _)| *depth >= hidden) {
                    match spilled {
                        Spilled::One(place) => add(*place),
                        // The first of them stands for the others: it has no other place.
                        Spilled::Others(_) => {}
                    }
                }
            });
            let has_grown = now.iter().any(|place| !self.0.contains(place));
            self.0 = now;
            has_grown
        }
    }

    /// Whether this thread is inside the work of this flight.
    #[inline]
    pub(crate) fn contains(group: usize, flight: FlightId) -> bool {
        STACK.with(|stack| stack.below.get() != 0) && is_around(group, flight)
    }

    #[cold]
    fn is_around(group: usize, flight: FlightId) -> bool {
        let place = Place::of(group, flight);
        let (hidden, depth) = STACK.with(|stack| (stack.hidden(), stack.depth()));
        let is_inline = STACK.with(|stack| {
            let inline = stack.inline.iter().take(depth).skip(hidden);
            inline.map(Cell::get).any(|inline| inline == place)
        });
        let is = |(depth, spilled): &mut (usize, Spilled)| match spilled {
            _ if *depth < hidden => false,
            Spilled::One(other) => *other == place,
            Spilled::Others(others) => others.contain(&place),
        };
        is_inline || spilled(depth, |spilled| spilled.iter_mut().any(is)).unwrap_or(false)
    }
}

#[cfg(any(not(feature = "std"), loom, shuttle))]
mod untracked {
    use crate::table::slot::{FlightId, Id};

    #[must_use = "dropping it leaves the work"]
    pub(crate) struct Inside;

    #[inline]
    pub(crate) fn enter(_: usize, _: u64, _: Option<Id>) -> Inside {
        Inside
    }

    #[derive(Default)]
    pub(crate) struct Works(());

    #[expect(
        clippy::unused_self,
        reason = "the twin that notices has the same signatures"
    )]
    impl Works {
        pub(crate) fn with_capacity(_: usize) -> Self {
            Self(())
        }

        pub(crate) fn add(&mut self, _: Option<(usize, FlightId)>) {}

        pub(crate) fn enter(&mut self) -> Inside {
            Inside
        }
    }

    pub(crate) fn outside(wake: impl FnOnce()) {
        wake();
    }

    #[derive(Default)]
    pub(crate) struct Around(());

    #[expect(
        clippy::unused_self,
        reason = "the twin that notices has the same signatures"
    )]
    impl Around {
        pub(crate) fn has_grown(&mut self, _: usize) -> bool {
            false
        }
    }

    pub(crate) const fn contains(_: usize, _: FlightId) -> bool {
        false
    }
}
