//! The hasher that a group has unless another is given, seeded by chance or by the caller.

use core::fmt;
use core::hash::{BuildHasher, Hasher};

use foldhash::fast::{FixedState, FoldHasher, RandomState};

/// The default hash builder of a group: fast, and seeded anew for each group.
///
/// It is foldhash, as in hashbrown, under a name of ours so that a new version of it is no
/// breaking change here.
///
/// # Hostile keys
///
/// It is not a cryptographic hash. Its seed is made of addresses (of the stack, a function and a
/// static) and of how many groups were made before; with the feature `std`, of the time and an
/// address of the heap too. Where an operating system places programs at random addresses, an
/// attacker who sees neither hashes nor timings cannot aim for collisions. On a device every run
/// may have the same seeds.
///
/// What collisions cost is told at [`Builder::hasher`](crate::Builder::hasher). Where keys come
/// from the network and that is too much, give `std::hash::RandomState` (`SipHash`, seeded by the
/// system) to [`Group::with_hasher`](crate::Group::with_hasher); on a device, a
/// [`SeededHashBuilder`] that is seeded from the device's own randomness.
#[derive(Clone, Default)]
pub struct DefaultHashBuilder(RandomState);

/// The [default hash builder](DefaultHashBuilder), seeded by the caller: in a constant, from
/// a device's randomness, or the same in every run of a test.
///
/// # Examples
///
/// ```
/// use core::hash::BuildHasher;
/// use singleflight_core::SeededHashBuilder;
///
/// let hash = |seed| SeededHashBuilder::new(seed).hash_one("key");
/// assert_eq!(hash(1), hash(1));
/// assert_ne!(hash(1), hash(2));
/// ```
#[derive(Clone)]
pub struct SeededHashBuilder(FixedState);

impl SeededHashBuilder {
    /// Makes a builder with this seed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::BuildHasher;
    /// use singleflight_core::SeededHashBuilder;
    ///
    /// const HASHER: SeededHashBuilder = SeededHashBuilder::new(7); // the same in every run
    /// assert_eq!(HASHER.hash_one("key"), SeededHashBuilder::new(7).hash_one("key"));
    /// assert_ne!(HASHER.hash_one("key"), SeededHashBuilder::new(8).hash_one("key"));
    /// ```
    pub const fn new(seed: u64) -> Self {
        Self(FixedState::with_seed(seed))
    }
}

impl BuildHasher for DefaultHashBuilder {
    type Hasher = DefaultHasher;

    #[inline]
    fn build_hasher(&self) -> DefaultHasher {
        DefaultHasher(self.0.build_hasher())
    }
}

impl fmt::Debug for DefaultHashBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultHashBuilder").finish_non_exhaustive()
    }
}

impl BuildHasher for SeededHashBuilder {
    type Hasher = DefaultHasher;

    #[inline]
    fn build_hasher(&self) -> DefaultHasher {
        DefaultHasher(self.0.build_hasher())
    }
}

impl fmt::Debug for SeededHashBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededHashBuilder").finish_non_exhaustive()
    }
}

/// The hasher that [`DefaultHashBuilder`] and [`SeededHashBuilder`] build.
#[derive(Clone)]
pub struct DefaultHasher(FoldHasher<'static>);

/// Forwards each integer width, so that an integer key takes the short way.
macro_rules! forward {
    ($($write:ident($ty:ty)),* $(,)?) => {$(
        #[inline]
        fn $write(&mut self, value: $ty) {
            self.0.$write(value);
        }
    )*};
}

impl Hasher for DefaultHasher {
    forward! {
        write(&[u8]), write_u8(u8), write_u16(u16), write_u32(u32), write_u64(u64),
        write_u128(u128), write_usize(usize), write_i8(i8), write_i16(i16), write_i32(i32),
        write_i64(i64), write_i128(i128), write_isize(isize),
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

impl fmt::Debug for DefaultHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultHasher").finish_non_exhaustive()
    }
}
