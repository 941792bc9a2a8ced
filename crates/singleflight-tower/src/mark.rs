//! A mark that a request is inside of a flight of some layer, for the case that it comes to that layer
//! again: another task may bring it, where the core's own check sees nothing.
//!
//! A layer's mark is one of 64 types without a size, which cost no allocation of their own. Two layers
//! that have the same one and stand in one stack are taken for one: the inner one then lets requests go
//! alone.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Extensions;

/// The number of a layer's mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(usize);

#[derive(Clone)]
struct Inside<const N: u8>;

macro_rules! marks {
    ($($n:literal)*) => {
        /// How many there are.
        const MARKS: usize = [$($n),*].len();

        impl Mark {
            /// Marks a request that goes into the work of a flight.
            pub(crate) fn put(self, extensions: &mut Extensions) {
                match self.0 {
                    $($n => drop(extensions.insert(Inside::<$n>)),)*
                    _ => {}
                }
            }

            /// Whether a request comes from inside of a flight.
            pub(crate) fn is_in(self, extensions: &Extensions) -> bool {
                match self.0 {
                    $($n => extensions.get::<Inside<$n>>().is_some(),)*
                    _ => false,
                }
            }
        }
    };
}

marks!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
);

impl Mark {
    /// The next one.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // Nothing is ordered by it.
        Self(NEXT.fetch_add(1, Ordering::Relaxed) % MARKS)
    }
}
