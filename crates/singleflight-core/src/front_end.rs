//! What every front end is, written once: its group and builder here, the calls of tasks in `calls`.
//!
//! What is written here becomes part of the front end's crate. Its pages link to what that crate
//! exports under the names that the core has.

mod calls;

/// Makes the type of a front end: a cheaply cloned handle to a group, with its builder and every
/// method that needs no clock and no runtime. It is made from a core's group and gives it back, so
/// that several front ends can share one group.
///
/// The front end then adds what its runtime knows: calls
/// ([`front_end_calls!`](crate::front_end_calls!) writes those of tasks), spawning, clocks. The types
/// are called `Group` and `Builder`; they need `std`, as front ends do.
///
/// # Examples
///
/// A front end that answers every caller with its role:
///
/// ```
/// use singleflight_core::{Joined, Role, front_end};
///
/// front_end! {
///     /// A group that only says who would lead.
///     pub struct Group;
/// }
///
/// impl<K: Eq + std::hash::Hash, V> Group<K, V> {
///     fn role(&self, key: K) -> Role {
///         match self.join(key) {
///             Ok(Joined::Leader(_)) => Role::Leader,
///             _ => Role::Follower,
///         }
///     }
/// }
///
/// let group: Group<u64, ()> = Group::builder().max_followers(8).build();
/// assert_eq!(group.role(7), Role::Leader);
/// ```
#[macro_export]
macro_rules! front_end {
    ($(#[$attribute:meta])* pub struct Group;) => {
        $(#[$attribute])*
        #[doc(alias = "singleflight")]
        #[doc(alias = "dedup")]
        #[doc(alias = "stampede")]
        #[doc(alias = "dogpile")]
        pub struct Group<K, V, S = $crate::DefaultHashBuilder>(
            ::std::sync::Arc<$crate::Group<K, V, S>>,
        );

        impl<K, V> Group<K, V> {
            /// Makes a group with the default settings.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{Group, Joined}")]
            /// use std::sync::LazyLock;
            ///
            /// static USERS: LazyLock<Group<u64, String>> = LazyLock::new(Group::new);
            ///
            /// let _leader = USERS.join(7)?;
            /// assert!(matches!(USERS.join(7)?, Joined::Follower(_)));
            #[doc = $crate::__ok!()]
            /// ```
            #[must_use = "a group coalesces nothing until it is used"]
            pub fn new() -> Self {
                Self::from($crate::Group::new())
            }

            /// Starts to describe a group with other settings.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{Group, PanicPolicy}")]
            /// use std::time::Duration;
            ///
            /// let group: Group<String, u64> = Group::builder()
            ///     .max_followers(1_000)
            ///     .max_age(Duration::from_secs(60))
            ///     .panic_policy(PanicPolicy::HandOver)
            ///     .build();
            /// # assert_eq!(group.in_flight(), 0);
            /// ```
            pub fn builder() -> Builder<K, V> {
                Builder($crate::Builder::new())
            }
        }

        /// What invalidates, ends and observes flights.
        impl<K, V, S> Group<K, V, S>
        where
            K: ::core::cmp::Eq,
            S: ::core::hash::BuildHasher,
        {
            /// Lets the next call for `key` start afresh. Returns whether there was a flight to
            /// forget.
            ///
            /// The work goes on, and those who already wait receive its value; calls that come
            /// later do not join it, so two executions may overlap. Use it when what the work has
            /// read may have changed since. A work that stores what it has read can ask its
            /// [`Fence`](crate::Fence) whether it was forgotten.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{Group, Joined}")]
            ///
            /// let group: Group<u64, &str> = Group::new();
            /// let old = group.join(7)?;
            /// assert!(group.forget(7));
            /// assert!(matches!(group.join(7)?, Joined::Leader(_)));
            /// assert!(!group.forget(8), "nothing was in flight");
            /// # drop(old);
            #[doc = $crate::__ok!()]
            /// ```
            #[doc(alias = "invalidate")]
            #[doc(alias = "remove")]
            pub fn forget<Q, M>(&self, key: Q) -> bool
            where
                Q: $crate::Key<K, M>,
            {
                self.0.forget(key)
            }

            /// Forgets the flight of `key` unless someone waits for it. Returns whether the next
            /// call will start afresh: true if the flight was forgotten or there was none.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, &str> = Group::new();
            /// let leader = group.join(7)?;
            /// let follower = group.join(7)?;
            /// assert!(!group.forget_unshared(7), "a follower waits");
            /// drop(follower);
            /// assert!(group.forget_unshared(7));
            /// # drop(leader);
            #[doc = $crate::__ok!()]
            /// ```
            pub fn forget_unshared<Q, M>(&self, key: Q) -> bool
            where
                Q: $crate::Key<K, M>,
            {
                self.0.forget_unshared(key)
            }

            /// Returns how many callers wait for the flight of `key`, or `None` if there is no
            /// flight that a call could join.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// assert_eq!(group.followers(7), None);
            /// let _leader = group.join(7)?;
            /// assert_eq!(group.followers(7), Some(0));
            /// let _follower = group.join(7)?;
            /// assert_eq!(group.followers(7), Some(1));
            #[doc = $crate::__ok!()]
            /// ```
            pub fn followers<Q, M>(&self, key: Q) -> ::core::option::Option<usize>
            where
                Q: $crate::Key<K, M>,
            {
                self.0.followers(key)
            }

            /// Joins the flight of `key`, or starts one, and gives the handle from which calls are
            /// made: for those who land a flight from elsewhere. It registers at once.
            ///
            /// # Errors
            ///
            /// [`Closed`](crate::CallError::Closed) if the group is, [`Reentrant`](crate::CallError::Reentrant) if
            /// the call is made from inside the work of the flight,
            /// [`TooManyFollowers`](crate::CallError::TooManyFollowers) if the flight is full, and
            /// [`Full`](crate::CallError::Full) if a group of fixed capacity is.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{Group, Joined}")]
            ///
            /// let group: Group<u64, &str> = Group::new();
            /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
            /// assert_eq!(leader.complete("landed from elsewhere").followers, 0);
            #[doc = $crate::__ok!()]
            /// ```
            pub fn join<Q, M>(&self, key: Q) -> $crate::CallResult<$crate::Joined<&Self>>
            where
                Q: $crate::Key<K, M>,
            {
                $crate::Group::join_owned(self, key)
            }

            /// As [`join`](Self::join); the leader or follower owns a handle to the group, and
            /// borrows nothing.
            ///
            /// # Errors
            ///
            /// As [`join`](Self::join).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{Group, Joined}")]
            /// use std::thread;
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let Joined::Leader(leader) = group.join_owned(7)? else { unreachable!() };
            /// let thread = thread::spawn(move || leader.complete(42).value);
            /// assert_eq!(thread.join().unwrap(), 42);
            #[doc = $crate::__ok!()]
            /// ```
            pub fn join_owned<Q, M>(&self, key: Q) -> $crate::CallResult<$crate::Joined<Self>>
            where
                Q: $crate::Key<K, M>,
            {
                $crate::Group::join_owned(::core::clone::Clone::clone(self), key)
            }
        }

        impl<K, V, S> Group<K, V, S> {
            /// Makes a fence for one call, to be cloned into its work and given to the call. See
            /// [`Fence`](crate::Fence).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let fence = group.fence();
            /// let in_work = fence.clone();
            /// assert!(in_work.is_forgotten(), "it guards nothing until a call that leads has bound it");
            /// ```
            #[doc(alias = "lease")]
            pub fn fence(&self) -> $crate::Fence<Self> {
                $crate::Fence::new(::core::clone::Clone::clone(self))
            }

            /// Forgets every flight, as [`forget`](Self::forget) does for one; returns how many.
            ///
            /// Takes each shard's lock in turn: a flight that starts meanwhile may be missed.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{Group, Joined}")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let _old = [group.join(1)?, group.join(2)?];
            /// assert_eq!(group.forget_all(), 2);
            /// assert!(matches!(group.join(2)?, Joined::Leader(_)));
            #[doc = $crate::__ok!()]
            /// ```
            #[doc(alias = "clear")]
            pub fn forget_all(&self) -> usize {
                self.0.forget_all()
            }

            /// Lets no newcomer join a flight any more: for a follower that has waited too long and
            /// does not want to join it again. Nothing happens if it has ended.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{Group, Joined}")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let _leader = group.join(7)?;
            /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
            /// let flight = follower.flight_id();
            /// drop(follower); // it has waited too long
            /// group.close_to_newcomers(flight);
            /// assert!(matches!(group.join(7)?, Joined::Leader(_)));
            #[doc = $crate::__ok!()]
            /// ```
            pub fn close_to_newcomers(&self, flight: $crate::FlightId) {
                self.0.close_to_newcomers(flight);
            }

            /// Returns how many flights the group holds, led or vacant, the forgotten ones included.
            ///
            /// Takes each shard's lock in turn: a sum over moments that are not the same.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let leader = group.join(7)?;
            /// group.forget(7);
            /// assert_eq!(group.in_flight(), 1, "the work goes on");
            /// drop(leader);
            /// assert_eq!(group.in_flight(), 0);
            #[doc = $crate::__ok!()]
            /// ```
            pub fn in_flight(&self) -> usize {
                self.0.in_flight()
            }

            /// Lists what is in flight, for a person who debugs. In no order.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<String, u64> = Group::new();
            /// let _leader = group.join("users/7")?;
            /// let _follower = group.join("users/7")?;
            /// let flights = group.flights();
            /// assert_eq!((flights[0].key().as_str(), flights[0].followers()), ("users/7", 1));
            #[doc = $crate::__ok!()]
            /// ```
            pub fn flights(&self) -> ::std::vec::Vec<$crate::FlightInfo<K>> {
                self.0.flights()
            }

            /// Returns what the group has done so far. Takes each shard's lock in turn.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{Group, Joined}")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
            /// let _follower = group.join(7)?;
            /// assert_eq!(leader.complete(42).value, 42);
            /// let stats = group.stats();
            /// assert_eq!((stats.led, stats.followed, stats.landed), (1, 1, 1));
            #[doc = $crate::__ok!()]
            /// ```
            #[doc(alias = "metrics")]
            pub fn stats(&self) -> $crate::Stats {
                self.0.stats()
            }

            /// Refuses every new call with [`Closed`](crate::CallError::Closed), for good. Calls that
            /// lead or wait go on to their end; a follower may still lead on.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{CallError, Group, Joined}")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
            /// group.close();
            /// assert_eq!(group.join(7).err(), Some(CallError::Closed));
            /// assert_eq!(leader.complete(42).value, 42);
            #[doc = $crate::__ok!()]
            /// ```
            #[doc(alias = "shutdown")]
            pub fn close(&self) {
                self.0.close();
            }

            /// Whether the group was closed.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let handle = group.clone();
            /// assert!(!group.is_closed());
            /// handle.close();
            /// assert!(group.is_closed(), "it is the same group");
            /// ```
            pub fn is_closed(&self) -> bool {
                self.0.is_closed()
            }

            /// Returns the core's group behind this front end, to give it to another.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{Group, Joined}")]
            /// let group: Group<u64, u64> = Group::new();
            /// let other: Group<u64, u64> = Group::from(group.shared()); // of another front end
            /// let _leader = group.join(7)?;
            /// assert!(matches!(other.join(7)?, Joined::Follower(_)));
            #[doc = $crate::__ok!()]
            /// ```
            pub fn shared(&self) -> &::std::sync::Arc<$crate::Group<K, V, S>> {
                &self.0
            }
        }

        impl<K, V, S> $crate::GroupRef for Group<K, V, S> {
            type Key = K;
            type Value = V;
            type Hasher = S;

            #[inline]
            fn group(&self) -> &$crate::Group<K, V, S> {
                &self.0
            }
        }

        impl<K, V, S> $crate::GroupRef for &Group<K, V, S> {
            type Key = K;
            type Value = V;
            type Hasher = S;

            #[inline]
            fn group(&self) -> &$crate::Group<K, V, S> {
                &self.0
            }
        }

        impl<K, V, S> ::core::clone::Clone for Group<K, V, S> {
            /// Makes another handle to the same group.
            fn clone(&self) -> Self {
                Self(::std::sync::Arc::clone(&self.0))
            }
        }

        impl<K, V, S: ::core::default::Default> ::core::default::Default for Group<K, V, S> {
            fn default() -> Self {
                Self::from($crate::Group::with_hasher(S::default()))
            }
        }

        impl<K, V, S> ::core::convert::From<$crate::Group<K, V, S>> for Group<K, V, S> {
            fn from(group: $crate::Group<K, V, S>) -> Self {
                Self(::std::sync::Arc::new(group))
            }
        }

        impl<K, V, S> ::core::convert::From<::std::sync::Arc<$crate::Group<K, V, S>>>
            for Group<K, V, S>
        {
            fn from(group: ::std::sync::Arc<$crate::Group<K, V, S>>) -> Self {
                Self(group)
            }
        }

        /// A front end's group is made of another one's by `Group::from(other.shared())`.
        impl<K, V, S> ::core::convert::From<&::std::sync::Arc<$crate::Group<K, V, S>>>
            for Group<K, V, S>
        {
            fn from(group: &::std::sync::Arc<$crate::Group<K, V, S>>) -> Self {
                Self(::std::sync::Arc::clone(group))
            }
        }

        impl<K, V, S> ::core::convert::From<Group<K, V, S>>
            for ::std::sync::Arc<$crate::Group<K, V, S>>
        {
            fn from(group: Group<K, V, S>) -> Self {
                group.0
            }
        }

        impl<K, V, S> ::core::fmt::Debug for Group<K, V, S> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(&self.0, f)
            }
        }

        /// Makes a [`Group`] whose settings differ from the defaults. Made by [`Group::builder`];
        /// `K` and `V` are those of the group, and found by inference.
        #[must_use = "a builder does nothing until `build` is called"]
        pub struct Builder<K, V, S = $crate::DefaultHashBuilder>($crate::Builder<K, V, S>);

        impl<K, V, S> Builder<K, V, S> {
            /// Makes the group.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("Group")]
            ///
            /// let settings = Group::builder().max_followers(8);
            /// let first: Group<u64, u64> = settings.clone().build();
            /// let second: Group<u64, u64> = settings.build();
            /// let _leader = first.join(7)?;
            /// assert_eq!((first.in_flight(), second.in_flight()), (1, 0), "two groups");
            #[doc = $crate::__ok!()]
            /// ```
            #[must_use = "a group coalesces nothing until it is used"]
            pub fn build(self) -> Group<K, V, S> {
                Group::from(self.0.build())
            }

            /// Sets how many followers one flight may have. A call beyond that is refused at once
            /// with [`TooManyFollowers`](crate::CallError::TooManyFollowers). No limit by default.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{CallError, Group}")]
            ///
            /// let group: Group<u64, u64> = Group::builder().max_followers(1).build();
            /// let _leader = group.join(7)?;
            /// let _follower = group.join(7)?;
            /// assert_eq!(group.join(7).err(), Some(CallError::TooManyFollowers));
            #[doc = $crate::__ok!()]
            /// ```
            pub fn max_followers(self, most: u32) -> Self {
                Self(self.0.max_followers(most))
            }

            /// Sets after how many failed works in a row those who still wait, by whichever entry
            /// point, receive [`TooManyFailures`](crate::CallError::TooManyFailures), rather than that the
            /// next of them tries. At least 1; 3 by default. `u32::MAX` stands for no limit: N
            /// callers of a work that always fails then pay for N failures, one after another.
            ///
            /// What counts is an `Err` of a `try_` verb, a value that is not shared, a panic under
            /// [`PanicPolicy::HandOver`](crate::PanicPolicy::HandOver), and a key that a batch's work did not return. A leader
            /// that is lost is not counted, and does not end the row.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{CallError, Group, Joined}")]
            ///
            /// let group: Group<u64, u64> = Group::builder().max_failures(1).build();
            /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
            /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
            /// leader.fail(); // as `try_run` does with an `Err`
            /// let waited = follower.wait_blocking();
            /// assert_eq!(waited.err(), Some(CallError::TooManyFailures { failures: 1 }));
            #[doc = $crate::__ok!()]
            /// ```
            #[doc(alias = "retries")]
            pub fn max_failures(self, most: u32) -> Self {
                Self(self.0.max_failures(most))
            }

            /// Sets the age beyond which a flight is not joined any more: one newcomer leads a
            /// successor and the others join that. Those who wait for the old flight still receive
            /// its value if it comes. So a leader that is stuck holds its key no longer than this.
            ///
            /// It is exact to a millisecond, and lets [`Group::flights`] tell ages, as
            /// [`tell_ages`](Self::tell_ages) does. The clock is read once in each call.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{Group, Joined}")]
            /// use std::time::Duration;
            ///
            /// let most = Duration::from_millis(1);
            /// let group: Group<u64, u64> = Group::builder().max_age(most).build();
            /// let _stuck = group.join(7)?;
            /// while group.flights()[0].age().unwrap() <= most {
            ///     std::thread::yield_now();
            /// }
            /// assert!(matches!(group.join(7)?, Joined::Leader(_)), "it leads a successor");
            #[doc = $crate::__ok!()]
            /// ```
            #[doc(alias = "ttl")]
            pub fn max_age(self, age: ::std::time::Duration) -> Self {
                let ticks = ::core::primitive::u64::try_from(age.as_millis());
                let ticks = ticks.unwrap_or(::core::primitive::u64::MAX);
                Self(self.tell_ages().0.max_age(ticks, milliseconds))
            }

            /// Gives the group a clock, so that [`Group::flights`] tells ages. It is read once in
            /// each call.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, u64> = Group::builder().tell_ages().build();
            /// let _leader = group.join(7)?;
            /// assert!(group.flights()[0].age().is_some());
            #[doc = $crate::__ok!()]
            /// ```
            pub fn tell_ages(self) -> Self {
                let tick = ::std::time::Duration::from_millis(1);
                Self(self.0.clock(milliseconds).tick(tick))
            }

            /// Sets what a panic in the work does to the followers.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{Group, Joined, PanicPolicy}")]
            /// use std::panic::{AssertUnwindSafe, catch_unwind};
            ///
            /// let group: Group<u64, u64> = Group::builder().panic_policy(PanicPolicy::HandOver).build();
            /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
            /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
            /// let panics = || leader.lead_blocking(|| panic!("no route"));
            /// assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
            /// assert!(follower.wait_blocking().is_ok(), "it leads on");
            #[doc = $crate::__ok!()]
            /// ```
            pub fn panic_policy(self, policy: $crate::PanicPolicy) -> Self {
                Self(self.0.panic_policy(policy))
            }

            /// Sets the number of shards, each a lock with its part of the keys. It is rounded up
            /// to a power of two and kept within 1 and 65,536. The default is 16.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, u64> = Group::builder().shards(5).build();
            /// assert_eq!(group.shared().shards(), 8);
            /// ```
            pub fn shards(self, shards: usize) -> Self {
                Self(self.0.shards(shards))
            }

            /// Sets the hash builder. See the core's
            #[doc = ::core::concat!("[`Builder::hasher`](", ::core::stringify!($crate), "::Builder::hasher)")]
            /// for what is asked of it.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("Group")]
            /// use std::hash::{BuildHasher, RandomState};
            ///
            /// let system = RandomState::new(); // for keys that come from the network
            /// let group: Group<String, u64, _> = Group::builder().hasher(system.clone()).build();
            /// assert_eq!(group.shared().hasher().hash_one("key"), system.hash_one("key"));
            /// ```
            pub fn hasher<T>(self, hasher: T) -> Builder<K, V, T> {
                Builder(self.0.hasher(hasher))
            }

            /// Sets how many flights the group has places for, at least 2; their storage is taken
            /// when the group is built, and none later. A call that finds no room is refused at once
            /// with [`Full`](crate::CallError::Full). Such a group has one shard. No limit by default.
            ///
            /// # Panics
            ///
            /// `build` panics or aborts, as `Vec::with_capacity` does, if there is not that much memory.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $crate::__use!("{CallError, Group}")]
            ///
            /// let group: Group<u64, u64> = Group::builder().fixed_capacity(2).build();
            /// let _first = group.join(1)?;
            /// let _second = group.join(2)?;
            /// assert_eq!(group.join(3).err(), Some(CallError::Full));
            #[doc = $crate::__ok!()]
            /// ```
            pub fn fixed_capacity(self, flights: usize) -> Self {
                Self(self.0.fixed_capacity(flights))
            }
        }

        impl<K, V, S: ::core::clone::Clone> ::core::clone::Clone for Builder<K, V, S> {
            fn clone(&self) -> Self {
                Self(::core::clone::Clone::clone(&self.0))
            }
        }

        impl<K, V, S> ::core::fmt::Debug for Builder<K, V, S> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(&self.0, f)
            }
        }

        /// Reads the clock that groups have: milliseconds of the monotonic clock since it was first
        /// read.
        fn milliseconds() -> u64 {
            static FIRST: ::std::sync::LazyLock<::std::time::Instant> =
                ::std::sync::LazyLock::new(::std::time::Instant::now);
            ::core::primitive::u64::try_from(FIRST.elapsed().as_millis())
                .unwrap_or(::core::primitive::u64::MAX)
        }

    };
}

/// The first line of an example, which names the front end's crate.
#[doc(hidden)]
#[macro_export]
macro_rules! __use {
    ($names:literal) => {
        ::core::concat!("use ", ::core::env!("CARGO_CRATE_NAME"), "::", $names, ";")
    };
}

/// The last line of an example that may fail.
#[doc(hidden)]
#[macro_export]
macro_rules! __ok {
    () => {
        ::core::concat!(
            "# Ok::<_, ",
            ::core::env!("CARGO_CRATE_NAME"),
            "::CallError>(())"
        )
    };
}
