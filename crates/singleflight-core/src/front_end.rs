//! What every front end is, written once.

/// Makes the type of a front end: a cheaply cloned handle to a group, with its builder and every
/// method that needs no clock and no runtime. It is made from a core's group and gives it back, so
/// that several front ends can share one group.
///
/// The front end then adds what its runtime knows: calls
/// ([`front_end_calls!`](crate::front_end_calls) writes those of tasks), spawning, clocks. The types
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
            /// [`Fence`] whether it was forgotten.
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
            /// [`Closed`](CallError::Closed) if the group is, [`Reentrant`](CallError::Reentrant) if
            /// the call is made from inside the work of the flight,
            /// [`TooManyFollowers`](CallError::TooManyFollowers) if the flight is full, and
            /// [`Full`](CallError::Full) if a group of fixed capacity is.
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
            pub fn join_owned<Q, M>(&self, key: Q) -> $crate::CallResult<$crate::Joined<Self>>
            where
                Q: $crate::Key<K, M>,
            {
                $crate::Group::join_owned(::core::clone::Clone::clone(self), key)
            }
        }

        impl<K, V, S> Group<K, V, S> {
            /// Makes a fence for one call, to be cloned into its work and given to the call. See
            /// [`Fence`].
            #[doc(alias = "lease")]
            pub fn fence(&self) -> $crate::Fence<Self> {
                $crate::Fence::new(::core::clone::Clone::clone(self))
            }

            /// Forgets every flight, as [`forget`](Self::forget) does for one; returns how many.
            ///
            /// Takes each shard's lock in turn: a flight that starts meanwhile may be missed.
            #[doc(alias = "clear")]
            pub fn forget_all(&self) -> usize {
                self.0.forget_all()
            }

            /// Lets no newcomer join a flight any more: for a follower that has waited too long and
            /// does not want to join it again. Nothing happens if it has ended.
            pub fn close_to_newcomers(&self, flight: $crate::FlightId) {
                self.0.close_to_newcomers(flight);
            }

            /// Returns how many flights the group holds, led or vacant, the forgotten ones included.
            ///
            /// Takes each shard's lock in turn: a sum over moments that are not the same.
            pub fn in_flight(&self) -> usize {
                self.0.in_flight()
            }

            /// Lists what is in flight, for a person who debugs. In no order.
            pub fn flights(&self) -> ::std::vec::Vec<$crate::FlightInfo<K>> {
                self.0.flights()
            }

            /// Returns what the group has done so far. Takes each shard's lock in turn.
            #[doc(alias = "metrics")]
            pub fn stats(&self) -> $crate::Stats {
                self.0.stats()
            }

            /// Refuses every new call with [`Closed`](CallError::Closed), for good. Calls that
            /// lead or wait go on to their end; a follower may still lead on.
            #[doc(alias = "shutdown")]
            pub fn close(&self) {
                self.0.close();
            }

            /// Whether the group was closed.
            pub fn is_closed(&self) -> bool {
                self.0.is_closed()
            }

            /// Returns the core's group behind this front end, to give it to another.
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
            #[must_use = "a group coalesces nothing until it is used"]
            pub fn build(self) -> Group<K, V, S> {
                Group::from(self.0.build())
            }

            /// Sets how many followers one flight may have. A call beyond that is refused at once
            /// with [`TooManyFollowers`](CallError::TooManyFollowers). No limit by default.
            pub fn max_followers(self, most: u32) -> Self {
                Self(self.0.max_followers(most))
            }

            /// Sets after how many failed works in a row those who still wait, by whichever entry
            /// point, receive [`TooManyFailures`](CallError::TooManyFailures), rather than that the
            /// next of them tries. At least 1; 3 by default. `u32::MAX` stands for no limit: N
            /// callers of a work that always fails then pay for N failures, one after another.
            ///
            /// What counts is an `Err` of a `try_` verb, a value that is not shared, a panic under
            /// [`PanicPolicy::HandOver`], and a key that a batch's work did not return. A leader
            /// that is lost is not counted, and does not end the row.
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
            #[doc(alias = "ttl")]
            pub fn max_age(self, age: ::std::time::Duration) -> Self {
                let ticks = ::core::primitive::u64::try_from(age.as_millis());
                let ticks = ticks.unwrap_or(::core::primitive::u64::MAX);
                Self(self.tell_ages().0.max_age(ticks, milliseconds))
            }

            /// Gives the group a clock, so that [`Group::flights`] tells ages. It is read once in
            /// each call.
            pub fn tell_ages(self) -> Self {
                let tick = ::std::time::Duration::from_millis(1);
                Self(self.0.clock(milliseconds).tick(tick))
            }

            /// Sets what a panic in the work does to the followers.
            pub fn panic_policy(self, policy: $crate::PanicPolicy) -> Self {
                Self(self.0.panic_policy(policy))
            }

            /// Sets the number of shards, each a lock with its part of the keys. It is rounded up
            /// to a power of two and kept within 1 and 65,536. The default is 16.
            pub fn shards(self, shards: usize) -> Self {
                Self(self.0.shards(shards))
            }

            /// Sets the hash builder. See the core's
            #[doc = ::core::concat!("[`Builder::hasher`](", ::core::stringify!($crate), "::Builder::hasher)")]
            /// for what is asked of it.
            pub fn hasher<T>(self, hasher: T) -> Builder<K, V, T> {
                Builder(self.0.hasher(hasher))
            }

            /// Sets how many flights the group has places for, at least 2; their storage is taken
            /// now and none later. A call that finds no room is refused at once with
            /// [`Full`](CallError::Full). Such a group has one shard. No limit by default.
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

/// Makes the calls of a front end for tasks: those of the core's group, by the front end's own type,
/// and its builders `Call`, `CallMany` and `SpawnCall`.
///
/// It stands beside [`front_end!`](crate::front_end). `open` and `close` are what stands around the
/// lines of an example, so that the runtime runs it.
#[macro_export]
macro_rules! front_end_calls {
    (open: $open:literal, close: $close:literal) => {
        impl<K, V, S> Group<K, V, S>
        where
            K: ::core::cmp::Eq,
            V: ::core::clone::Clone,
            S: ::core::hash::BuildHasher,
        {
            /// Returns the value for `key`: runs `work` in the caller's task if nobody is running
            /// it, else waits for the one who is.
            ///
            /// Whatever the work returns is shared, an `Err` included. If the leader is dropped
            /// before its work is done, the first waiting call to be polled runs its own.
            ///
            /// Nothing is registered before the first poll, and `work` is not called unless this
            /// call leads. A lone call takes two locks and, in steady state, allocates nothing and
            /// clones nothing; if its key is given as a borrow, it takes three locks and makes the
            /// key.
            ///
            /// # Errors
            ///
            /// Whatever leaves this call without a value: the leader panicked (see
            /// [`PanicPolicy`]), the call was refused, or another reason that [`CallError`] lists.
            ///
            /// # Panics
            ///
            /// A panic in this call's work goes on unchanged.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future of a leader drops the work and hands the flight over; dropping
            /// that of a follower leaves the flight. What the work has detached runs on: work that
            /// blocks, on a thread of its own, then runs beside its successor's. If it must not,
            /// [`spawn`](Self::spawn) the call.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("{CallError, Group}")]
            ///
            /// let group: Group<String, usize> = Group::new();
            /// let length = group.run("key", async || "value".len()).await?;
            /// assert_eq!(length, 5);
            /// # Ok::<_, CallError>(())
            #[doc = $close]
            /// ```
            #[doc(alias = "do")]
            #[doc(alias = "get_with")]
            #[doc(alias = "get_or_init")]
            #[inline]
            pub fn run<Q, M, F, T>(
                &self,
                key: Q,
                work: F,
            ) -> impl ::core::future::Future<Output = $crate::CallResult<V>>
            where
                Q: $crate::Key<K, M>,
                F: ::core::ops::FnOnce() -> T,
                T: ::core::future::Future<Output = V>,
            {
                self.shared().run(key, work)
            }

            /// As [`run`](Self::run), and says how the value came about: the caller's role and the
            /// number of followers. Go's `DoEx`.
            ///
            /// # Errors
            ///
            /// As [`run`](Self::run).
            ///
            /// # Panics
            ///
            /// A panic in this call's work goes on unchanged.
            ///
            /// # Cancel safety
            ///
            /// As [`run`](Self::run).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("{CallError, Group, Role}")]
            ///
            /// let group: Group<u64, u32> = Group::new();
            /// let outcome = group.run_outcome(7, async || 42).await?;
            /// assert_eq!((outcome.value, outcome.role, outcome.followers), (42, Role::Leader, 0));
            /// # Ok::<_, CallError>(())
            #[doc = $close]
            /// ```
            #[doc(alias = "DoEx")]
            #[doc(alias = "do_ex")]
            #[inline]
            pub fn run_outcome<Q, M, F, T>(
                &self,
                key: Q,
                work: F,
            ) -> impl ::core::future::Future<Output = $crate::CallResult<$crate::Outcome<V>>>
            where
                Q: $crate::Key<K, M>,
                F: ::core::ops::FnOnce() -> T,
                T: ::core::future::Future<Output = V>,
            {
                self.shared().run_outcome(key, work)
            }

            /// As [`run`](Self::run), for a work that may fail: an `Ok` is shared, an `Err` stays
            /// with the caller whose work returned it, and the next waiting call runs its own work.
            /// The error may be of any type, also one that cannot be cloned.
            ///
            /// After [`max_failures`](Builder::max_failures) works in a row, 3 by default, those who
            /// still wait, by whichever entry point, receive
            /// [`TooManyFailures`](CallError::TooManyFailures): N callers of a work that always
            /// fails pay for three failures.
            ///
            /// # Errors
            ///
            /// Outside, as [`run`](Self::run); inside, what this call's own work returned. In a
            /// function that returns either, `group.try_run(key, work).await?` is the last
            /// expression, and `.await??` gives the value.
            ///
            /// # Panics
            ///
            /// A panic in this call's work goes on unchanged.
            ///
            /// # Cancel safety
            ///
            /// As [`run`](Self::run).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("{CallError, Group}")]
            ///
            /// let group: Group<&str, u32> = Group::new();
            /// let failed = group.try_run("key", async || Err("unreachable host")).await?;
            /// assert_eq!(failed, Err("unreachable host"));
            /// let loaded = group.try_run("key", async || Ok::<_, &str>(42)).await?;
            /// assert_eq!(loaded, Ok(42));
            /// # Ok::<_, CallError>(())
            #[doc = $close]
            /// ```
            #[doc(alias = "try_get_with")]
            #[doc(alias = "get_or_try_init")]
            #[inline]
            pub fn try_run<Q, M, F, T, E>(
                &self,
                key: Q,
                work: F,
            ) -> impl ::core::future::Future<
                Output = $crate::CallResult<::core::result::Result<V, E>>,
            >
            where
                Q: $crate::Key<K, M>,
                F: ::core::ops::FnOnce() -> T,
                T: ::core::future::Future<Output = ::core::result::Result<V, E>>,
            {
                self.shared().try_run(key, work)
            }

            /// Starts to describe a call for `key`; the options combine. Nothing is registered
            /// before the call is run and polled, or spawned.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("{CallError, Group}")]
            /// use std::time::Duration;
            ///
            /// let group: Group<&str, u32> = Group::new();
            /// let late = group
            ///     .call("key")
            ///     .timeout(Duration::from_millis(1))
            ///     .run(std::future::pending)
            ///     .await;
            /// assert_eq!(late, Err(CallError::TimedOut));
            /// # Ok::<_, CallError>(())
            #[doc = $close]
            /// ```
            pub fn call<Q, M>(&self, key: Q) -> Call<&Self, Q, M>
            where
                Q: $crate::Key<K, M>,
            {
                Call($crate::Group::call_owned(self, key))
            }

            /// As [`call`](Self::call); the call's future owns a handle to the group, and borrows
            /// nothing from it.
            pub fn call_owned<Q, M>(&self, key: Q) -> Call<Self, Q, M>
            where
                Q: $crate::Key<K, M>,
            {
                Call($crate::Group::call_owned(::core::clone::Clone::clone(self), key))
            }
        }

        /// Many keys at once.
        impl<K, V, S> Group<K, V, S>
        where
            K: ::core::clone::Clone + ::core::cmp::Eq + ::core::hash::Hash,
            V: ::core::clone::Clone,
            S: ::core::hash::BuildHasher,
        {
            /// Returns the values for many keys: gives those that nobody is loading to `work` in one
            /// call, and waits for those who load the rest.
            ///
            /// The work is given distinct keys, and returns values by key. A key that it was given
            /// and does not return has [`NotReturned`](CallError::NotReturned), and is handed over
            /// to whoever waits for it; keys that it was not given are dropped. Keys that are handed
            /// over to the batch while it waits are given to the work again, together.
            ///
            /// Two batches that overlap never wait for each other: what a batch has claimed lands
            /// before it waits.
            ///
            /// # Errors
            ///
            /// Each key has its own: see [`Answers`].
            ///
            /// # Panics
            ///
            /// A panic in the work goes on unchanged; those who wait for the keys that the work was
            /// given are told, or handed over to, as the group's policy has it.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future drops the work, hands over the keys that it was given and leaves
            /// the flights that it waited for.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("{CallError, Group}")]
            /// use std::collections::HashMap;
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let load = async |keys: Vec<u64>| keys.into_iter().map(|key| (key, key * key));
            /// let squares: HashMap<u64, u64> = group.run_many([2, 3, 2], load).await.into_all()?;
            /// assert_eq!(squares, HashMap::from([(2, 4), (3, 9)]));
            /// # Ok::<_, CallError>(())
            #[doc = $close]
            /// ```
            #[doc(alias = "DoX")]
            #[doc(alias = "batch")]
            #[doc(alias = "dataloader")]
            pub fn run_many<I, F, T, R>(
                &self,
                keys: I,
                work: F,
            ) -> impl ::core::future::Future<Output = $crate::Answers<K, V>>
            where
                I: ::core::iter::IntoIterator<Item = K>,
                F: ::core::ops::FnMut(::std::vec::Vec<K>) -> T,
                T: ::core::future::Future<Output = R>,
                R: ::core::iter::IntoIterator<Item = (K, V)>,
            {
                self.shared().run_many(keys, work)
            }

            /// As [`run_many`](Self::run_many) for a work that may fail as a whole: the error is its
            /// own caller's, at once. The keys that the work was given are handed over, and those
            /// that the batch waits for are left.
            ///
            /// # Errors
            ///
            /// What the work returned. Each key has its own: see [`Answers`].
            ///
            /// # Panics
            ///
            /// As [`run_many`](Self::run_many).
            ///
            /// # Cancel safety
            ///
            /// As [`run_many`](Self::run_many).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("{CallError, Group}")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let failed = async |_: Vec<u64>| Err::<Vec<_>, _>("no route");
            /// assert_eq!(group.try_run_many([1, 2], failed).await.err(), Some("no route"));
            /// # Ok::<_, CallError>(())
            #[doc = $close]
            /// ```
            pub fn try_run_many<I, F, T, R, E>(
                &self,
                keys: I,
                work: F,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<$crate::Answers<K, V>, E>,
            >
            where
                I: ::core::iter::IntoIterator<Item = K>,
                F: ::core::ops::FnMut(::std::vec::Vec<K>) -> T,
                T: ::core::future::Future<Output = ::core::result::Result<R, E>>,
                R: ::core::iter::IntoIterator<Item = (K, V)>,
            {
                self.shared().try_run_many(keys, work)
            }

            /// Starts to describe a call for many keys; the options combine.
            pub fn call_many<I>(&self, keys: I) -> CallMany<'_, K, V, S, I>
            where
                I: ::core::iter::IntoIterator<Item = K>,
            {
                CallMany(self.shared().call_many(keys))
            }
        }

        impl<K, V, S> Group<K, V, S> {
            /// Closes the group and waits until nothing is in flight.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future stops the waiting; the group stays closed.
            pub async fn drained(&self) {
                self.shared().drained().await;
            }
        }

        /// A call whose options are being chosen. Made by [`Group::call`] and [`Group::call_owned`].
        ///
        /// | option | effect |
        /// |---|---|
        /// | [`timeout`](Self::timeout), [`deadline`](Self::deadline) | bound the call's time |
        /// | [`share_if`](Self::share_if) | a value that the predicate refuses stays with its caller |
        /// | [`fence`](Self::fence) | the work can ask whether its flight was forgotten |
        /// | [`while_wanted`](Self::while_wanted), [`on`](Self::on), [`local`](Self::local) | of a call that is going to be spawned |
        ///
        /// | verb | what the work gives | what the call returns |
        /// |---|---|---|
        /// | [`run`](Self::run) | `V` | `Result<V, CallError>` |
        /// | [`run_outcome`](Self::run_outcome) | `V` | `Result<Outcome<V>, CallError>` |
        /// | [`try_run`](Self::try_run) | `Result<V, E>` | `Result<Result<V, E>, CallError>` |
        /// | [`try_run_outcome`](Self::try_run_outcome) | `Result<V, E>` | `Result<Result<Outcome<V>, E>, CallError>` |
        /// | [`spawn`](Self::spawn) | `V` | [`Spawned`], a future of `Result<V, CallError>` |
        /// | [`try_spawn`](Self::try_spawn) | `Result<V, E>` | [`TrySpawned`], a future of `Result<Result<V, E>, CallError>` |
        ///
        /// A call with a deadline is not spawned: put a timeout around its handle, which bounds the
        /// wait and nothing else.
        #[must_use = "a call does nothing until it is run"]
        pub struct Call<G: $crate::GroupRef, Q, M, P = $crate::ShareAll, X = $crate::NoDeadline>(
            $crate::Call<G, Q, M, P, X>,
        );

        impl<G: $crate::GroupRef, Q, M, P, X> Call<G, Q, M, P, X> {
            /// Shares only values that the predicate accepts. Another stays with the caller whose
            /// work made it and never reaches a second caller: the flight is handed over, and the
            /// refusal counts towards [`max_failures`](Builder::max_failures). Where nobody who
            /// waits can or may lead on, they receive [`NotShared`](CallError::NotShared).
            ///
            /// For values that are often private it is cheaper to share a marker that says so, and
            /// to let callers who receive it go alone.
            pub fn share_if<R>(self, predicate: R) -> Call<G, Q, M, R, X>
            where
                R: ::core::ops::Fn(&G::Value) -> bool,
            {
                Call(self.0.share_if(predicate))
            }

            /// Binds `fence` to the flight if this call comes to lead it. The fence must be of the
            /// same group: one of another is not bound.
            pub fn fence<H>(self, fence: &$crate::Fence<H>) -> Self
            where
                H: $crate::GroupRef<Key = G::Key, Value = G::Value, Hasher = G::Hasher>,
            {
                Self(self.0.fence(fence))
            }

            /// Gives up when `expiry` is ready: a deadline of another kind.
            pub(crate) fn give_up_on<Y: ::core::future::Future<Output = ()>>(
                self,
                expiry: Y,
            ) -> Call<G, Q, M, P, $crate::Deadline<Y>> {
                Call(self.0.give_up_on(expiry))
            }
        }

        impl<K, V, S, G, Q, M, P, X> Call<G, Q, M, P, X>
        where
            K: ::core::cmp::Eq,
            V: ::core::clone::Clone,
            S: ::core::hash::BuildHasher,
            G: $crate::GroupRef<Key = K, Value = V, Hasher = S>,
            Q: $crate::Key<K, M>,
            P: $crate::Shares<V>,
            X: $crate::Limit<G>,
        {
            /// Makes the call. See [`Group::run`].
            ///
            /// # Errors
            ///
            /// [`TimedOut`](CallError::TimedOut) if the deadline came first, and whatever else
            /// leaves this call without a value: see [`CallError`].
            ///
            /// # Panics
            ///
            /// A panic in this call's work goes on unchanged.
            ///
            /// # Cancel safety
            ///
            /// As [`Group::run`].
            pub fn run<F, T>(self, work: F) -> impl ::core::future::Future<Output = $crate::CallResult<V>>
            where
                F: ::core::ops::FnOnce() -> T,
                T: ::core::future::Future<Output = V>,
            {
                self.0.run(work)
            }

            /// Makes the call, and says how the value came about. See [`Group::run_outcome`].
            ///
            /// # Errors
            ///
            /// As [`run`](Self::run).
            ///
            /// # Panics
            ///
            /// A panic in this call's work goes on unchanged.
            ///
            /// # Cancel safety
            ///
            /// As [`Group::run`].
            pub fn run_outcome<F, T>(
                self,
                work: F,
            ) -> impl ::core::future::Future<Output = $crate::CallResult<$crate::Outcome<V>>>
            where
                F: ::core::ops::FnOnce() -> T,
                T: ::core::future::Future<Output = V>,
            {
                self.0.run_outcome(work)
            }

            /// Makes the call for a work that may fail. See [`Group::try_run`].
            ///
            /// # Errors
            ///
            /// As [`run`](Self::run); inside, what this call's own work failed with.
            ///
            /// # Panics
            ///
            /// A panic in this call's work goes on unchanged.
            ///
            /// # Cancel safety
            ///
            /// As [`Group::run`].
            pub fn try_run<F, T, E>(
                self,
                work: F,
            ) -> impl ::core::future::Future<
                Output = $crate::CallResult<::core::result::Result<V, E>>,
            >
            where
                F: ::core::ops::FnOnce() -> T,
                T: ::core::future::Future<Output = ::core::result::Result<V, E>>,
            {
                self.0.try_run(work)
            }

            /// As [`try_run`](Self::try_run), and says how the value came about.
            ///
            /// # Errors
            ///
            /// As [`try_run`](Self::try_run).
            ///
            /// # Panics
            ///
            /// A panic in this call's work goes on unchanged.
            ///
            /// # Cancel safety
            ///
            /// As [`Group::run`].
            pub fn try_run_outcome<F, T, E>(
                self,
                work: F,
            ) -> impl ::core::future::Future<
                Output = $crate::CallResult<::core::result::Result<$crate::Outcome<V>, E>>,
            >
            where
                F: ::core::ops::FnOnce() -> T,
                T: ::core::future::Future<Output = ::core::result::Result<V, E>>,
            {
                self.0.try_run_outcome(work)
            }
        }

        impl<K, V, S, G, Q, M, P> Call<G, Q, M, P>
        where
            G: $crate::GroupRef<Key = K, Value = V, Hasher = S>
                + ::core::borrow::Borrow<Group<K, V, S>>,
        {
            /// Makes it a call that is going to be spawned, and cancelled when the last interested
            /// caller is gone, of whatever entry point: its future is dropped. A caller who comes
            /// meanwhile runs its own work, after that.
            pub fn while_wanted(self) -> SpawnCall<K, V, S, Q, M, P, Current> {
                self.spawnable().while_wanted()
            }

            fn spawnable(self) -> SpawnCall<K, V, S, Q, M, P, Current> {
                let owned = |group: G| ::core::clone::Clone::clone(group.borrow());
                SpawnCall {
                    call: self.0.by_group(owned).spawnable(),
                    runtime: Current,
                }
            }
        }

        impl<G: $crate::GroupRef, Q, M, P, X> ::core::fmt::Debug for Call<G, Q, M, P, X> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(&self.0, f)
            }
        }

        /// A call for many keys whose options are being chosen. Made by [`Group::call_many`].
        ///
        /// | option | effect |
        /// |---|---|
        /// | [`timeout`](Self::timeout), [`deadline`](Self::deadline) | bound the call's time; keys whose values are not there by then have [`TimedOut`](CallError::TimedOut) |
        /// | [`fence`](Self::fence) | the work can ask whether one of its keys was forgotten |
        #[must_use = "a call does nothing until it is run"]
        pub struct CallMany<'a, K, V, S, I, X = $crate::NoDeadline>(
            $crate::CallMany<'a, K, V, S, I, X>,
        );

        impl<'a, K, V, S, I, X> CallMany<'a, K, V, S, I, X> {
            /// Binds `fence` to the flights that this call leads, whenever its work is given keys.
            /// The fence must be of the same group: one of another is not bound.
            pub fn fence<H>(self, fence: &$crate::Fence<H>) -> Self
            where
                H: $crate::GroupRef<Key = K, Value = V, Hasher = S>,
            {
                Self(self.0.fence(fence))
            }

            pub(crate) fn give_up_on<Y: ::core::future::Future<Output = ()>>(
                self,
                expiry: Y,
            ) -> CallMany<'a, K, V, S, I, $crate::Deadline<Y>> {
                CallMany(self.0.give_up_on(expiry))
            }
        }

        impl<K, V, S, I, X> CallMany<'_, K, V, S, I, X>
        where
            K: ::core::clone::Clone + ::core::cmp::Eq + ::core::hash::Hash,
            V: ::core::clone::Clone,
            S: ::core::hash::BuildHasher,
            I: ::core::iter::IntoIterator<Item = K>,
            X: for<'g> $crate::Limit<&'g $crate::Group<K, V, S>>,
        {
            /// Makes the call. See [`Group::run_many`].
            ///
            /// # Errors
            ///
            /// Each key has its own: see [`Answers`].
            ///
            /// # Panics
            ///
            /// As [`Group::run_many`].
            ///
            /// # Cancel safety
            ///
            /// As [`Group::run_many`].
            pub fn run<F, T, R>(
                self,
                work: F,
            ) -> impl ::core::future::Future<Output = $crate::Answers<K, V>>
            where
                F: ::core::ops::FnMut(::std::vec::Vec<K>) -> T,
                T: ::core::future::Future<Output = R>,
                R: ::core::iter::IntoIterator<Item = (K, V)>,
            {
                self.0.run(work)
            }

            /// Makes the call for a work that may fail as a whole. See [`Group::try_run_many`].
            ///
            /// # Errors
            ///
            /// What the work returned. Each key has its own: see [`Answers`].
            ///
            /// # Panics
            ///
            /// As [`Group::run_many`].
            ///
            /// # Cancel safety
            ///
            /// As [`Group::run_many`].
            pub fn try_run<F, T, R, E>(
                self,
                work: F,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<$crate::Answers<K, V>, E>,
            >
            where
                F: ::core::ops::FnMut(::std::vec::Vec<K>) -> T,
                T: ::core::future::Future<Output = ::core::result::Result<R, E>>,
                R: ::core::iter::IntoIterator<Item = (K, V)>,
            {
                self.0.try_run(work)
            }
        }

        impl<K, V, S, I, X> ::core::fmt::Debug for CallMany<'_, K, V, S, I, X> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(&self.0, f)
            }
        }

        /// A call that is going to be spawned. Made by [`Call::while_wanted`], [`Call::on`] and
        /// [`Call::local`].
        #[must_use = "a call does nothing until it is spawned"]
        pub struct SpawnCall<K, V, S, Q, M, P, R> {
            call: $crate::Spawnable<Group<K, V, S>, Q, M, P>,
            runtime: R,
        }

        /// Where a call is spawned that does not say where: by the runtime's own `spawn`.
        #[derive(Clone, Copy, Debug)]
        #[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
        pub struct Current;

        impl<K, V, S, Q, M, P, R> SpawnCall<K, V, S, Q, M, P, R> {
            /// Cancels the call when the last interested caller is gone. See
            /// [`Call::while_wanted`].
            pub fn while_wanted(mut self) -> Self {
                self.call = self.call.while_wanted();
                self
            }

            /// As [`Call::share_if`].
            pub fn share_if<F>(self, predicate: F) -> SpawnCall<K, V, S, Q, M, F, R>
            where
                F: ::core::ops::Fn(&V) -> bool,
            {
                SpawnCall {
                    call: self.call.map(|call| call.share_if(predicate)),
                    runtime: self.runtime,
                }
            }

            /// As [`Call::fence`].
            pub fn fence<H>(mut self, fence: &$crate::Fence<H>) -> Self
            where
                H: $crate::GroupRef<Key = K, Value = V, Hasher = S>,
            {
                self.call = self.call.map(|call| call.fence(fence));
                self
            }

            fn with_runtime<N>(self, runtime: N) -> SpawnCall<K, V, S, Q, M, P, N> {
                SpawnCall {
                    call: self.call,
                    runtime,
                }
            }
        }

        impl<K, V, S, Q, M, P, R> ::core::fmt::Debug for SpawnCall<K, V, S, Q, M, P, R> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(&self.call, f)
            }
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
