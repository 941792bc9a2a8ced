//! The calls of a front end for tasks.

/// Makes the calls of a front end for tasks: those of the core's group, by the front end's own type,
/// and its builders `Call`, `CallMany` and `SpawnCall`.
///
/// It stands beside [`front_end!`](crate::front_end!). `open` and `close` are what stands around the
/// lines of an example, so that the runtime runs it. Pages and examples name what the front end adds:
/// `spawn`, `try_spawn`, `on`, `local`, `timeout`, `deadline` and `drain`.
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
            /// [`PanicPolicy`](crate::PanicPolicy)), the call was refused, or another reason that [`CallError`](crate::CallError) lists.
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
            /// [`TooManyFailures`](crate::CallError::TooManyFailures): N callers of a work that always
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
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let call = group.call_owned(7).run(async || 42);
            /// drop(group); // the call has a handle of its own
            /// assert_eq!(call.await?, 42);
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
            /// and does not return has [`NotReturned`](crate::CallError::NotReturned), and is handed over
            /// to whoever waits for it; keys that it was not given are dropped. Keys that are handed
            /// over to the batch while it waits are given to the work again, together.
            ///
            /// Two batches that overlap never wait for each other: what a batch has claimed lands
            /// before it waits.
            ///
            /// # Errors
            ///
            /// Each key has its own: see [`Answers`](crate::Answers).
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
            /// What the work returned. Each key has its own: see [`Answers`](crate::Answers).
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
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("{CallError, Group}")]
            /// use std::time::Duration;
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let hung = async |_| std::future::pending::<Vec<_>>().await;
            /// let late = group.call_many([1, 2]).timeout(Duration::from_millis(1)).run(hung).await;
            /// assert_eq!(late.get(&2), Some(Err(&CallError::TimedOut)));
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let handle = group.spawn(7, async || 42);
            /// group.drained().await;
            /// assert_eq!((group.in_flight(), group.is_closed()), (0, true));
            /// assert_eq!(handle.await?, 42, "what was in flight has landed");
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
        /// | [`spawn`](Self::spawn) | `V` | [`Spawned`](crate::Spawned), a future of `Result<V, CallError>` |
        /// | [`try_spawn`](Self::try_spawn) | `Result<V, E>` | [`TrySpawned`](crate::TrySpawned), a future of `Result<Result<V, E>, CallError>` |
        ///
        /// A call with a deadline is not spawned: put a timeout around its handle, which bounds the
        /// wait and nothing else.
        #[must_use = "a call does nothing until it is run"]
        pub struct Call<G: $crate::GroupRef, Q, M, P = $crate::ShareAll, X = $crate::NoDeadline>(
            pub(crate) $crate::Call<G, Q, M, P, X>,
        );

        impl<G: $crate::GroupRef, Q, M, P, X> Call<G, Q, M, P, X> {
            /// Shares only values that the predicate accepts. Another stays with the caller whose
            /// work made it and never reaches a second caller: the flight is handed over, and the
            /// refusal counts towards [`max_failures`](Builder::max_failures). Where nobody who
            /// waits can or may lead on, they receive [`NotShared`](crate::CallError::NotShared).
            ///
            /// For values that are often private it is cheaper to share a marker that says so, and
            /// to let callers who receive it go alone.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, &str> = Group::new();
            /// let is_public = |page: &&str| !page.contains("private");
            /// let page = group.call(7).share_if(is_public).run(async || "a private page").await?;
            /// assert_eq!(page, "a private page", "its own caller has it");
            /// assert_eq!(group.stats().landed, 0, "and nobody else could have had it");
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
            pub fn share_if<R>(self, predicate: R) -> Call<G, Q, M, R, X>
            where
                R: ::core::ops::Fn(&G::Value) -> bool,
            {
                Call(self.0.share_if(predicate))
            }

            /// Binds `fence` to the flight if this call comes to lead it. The fence must be of the
            /// same group: one of another is not bound.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, [bool; 2]> = Group::new();
            /// let fence = group.fence();
            /// let load = async || {
            ///     let before = fence.is_forgotten();
            ///     group.forget(7); // someone writes meanwhile
            ///     [before, fence.is_forgotten()]
            /// };
            /// assert_eq!(group.call(7).fence(&fence).run(load).await?, [false, true]);
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
            /// [`TimedOut`](crate::CallError::TimedOut) if the deadline came first, and whatever else
            /// leaves this call without a value: see [`CallError`](crate::CallError).
            ///
            /// # Panics
            ///
            /// A panic in this call's work goes on unchanged.
            ///
            /// # Cancel safety
            ///
            /// As [`Group::run`].
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            /// use std::time::Duration;
            ///
            /// let group: Group<u64, &str> = Group::new();
            /// let call = group.call(7).timeout(Duration::from_secs(60)).share_if(|page| !page.is_empty());
            /// assert_eq!(call.run(async || "seven").await?, "seven");
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("{Group, Role}")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let is_small = |value: &u64| *value < 10;
            /// let outcome = group.call(7).share_if(is_small).run_outcome(async || 42).await?;
            /// assert_eq!((outcome.value, outcome.role, outcome.followers), (42, Role::Leader, 0));
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            /// use std::time::Duration;
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let minute = Duration::from_secs(60);
            /// let failed = group.call(7).timeout(minute).try_run(async || Err("no route")).await?;
            /// assert_eq!(failed, Err("no route"));
            /// let made = group.call(7).timeout(minute).try_run(async || Ok::<_, &str>(42)).await?;
            /// assert_eq!(made, Ok(42));
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let failed = group.call(7).try_run_outcome(async || Err("no route")).await?;
            /// assert_eq!(failed, Err("no route"));
            /// let made = group.call(7).try_run_outcome(async || Ok::<_, &str>(42)).await?;
            /// assert!(made.is_ok_and(|outcome| outcome.is_leader() && outcome.value == 42));
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
            /// before the task is polled for that joins it, and it is wanted again; one who comes
            /// later runs its own work, after that.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            /// use std::time::Duration;
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let handle = group.call(7).while_wanted().spawn(std::future::pending);
            /// drop(handle); // nobody else waits: the task is cancelled
            /// assert!(group.drain(Duration::from_secs(60)).await.is_ok());
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
            pub fn while_wanted(self) -> SpawnCall<K, V, S, Q, M, P, Current> {
                self.spawnable().while_wanted()
            }

            pub(crate) fn spawnable(self) -> SpawnCall<K, V, S, Q, M, P, Current> {
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
        /// | [`timeout`](Self::timeout), [`deadline`](Self::deadline) | bound the call's time; keys whose values are not there by then have [`TimedOut`](crate::CallError::TimedOut) |
        /// | [`fence`](Self::fence) | the work can ask whether one of its keys was forgotten |
        #[must_use = "a call does nothing until it is run"]
        pub struct CallMany<'a, K, V, S, I, X = $crate::NoDeadline>(
            $crate::CallMany<'a, K, V, S, I, X>,
        );

        impl<'a, K, V, S, I, X> CallMany<'a, K, V, S, I, X> {
            /// Binds `fence` to the flights that this call leads, whenever its work is given keys.
            /// The fence must be of the same group: one of another is not bound.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, bool> = Group::new();
            /// let fence = group.fence();
            /// let load = async |keys: Vec<u64>| {
            ///     assert!(!fence.is_forgotten());
            ///     group.forget(2); // someone writes to one of them meanwhile
            ///     let is_old = fence.is_forgotten();
            ///     keys.into_iter().map(move |key| (key, is_old))
            /// };
            /// let answers = group.call_many([1, 2]).fence(&fence).run(load).await;
            /// assert_eq!(answers.get(&1), Some(Ok(&true)));
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
            /// Each key has its own: see [`Answers`](crate::Answers).
            ///
            /// # Panics
            ///
            /// As [`Group::run_many`].
            ///
            /// # Cancel safety
            ///
            /// As [`Group::run_many`].
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            /// use std::time::Duration;
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let load = async |keys: Vec<u64>| keys.into_iter().map(|key| (key, key * key));
            /// let answers = group.call_many([2, 3]).timeout(Duration::from_secs(60)).run(load).await;
            /// assert_eq!(answers.get(&3), Some(Ok(&9)));
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
            /// What the work returned. Each key has its own: see [`Answers`](crate::Answers).
            ///
            /// # Panics
            ///
            /// As [`Group::run_many`].
            ///
            /// # Cancel safety
            ///
            /// As [`Group::run_many`].
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let load = async |keys: Vec<u64>| match keys.contains(&0) {
            ///     true => Err("there is no row 0"),
            ///     false => Ok(keys.into_iter().map(|key| (key, key * key))),
            /// };
            /// let failed = group.call_many([0, 1]).try_run(load).await;
            /// assert_eq!(failed.err(), Some("there is no row 0"));
            /// let answers = group.call_many([1, 2]).try_run(load).await.unwrap();
            /// assert_eq!(answers.get(&2), Some(Ok(&4)));
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
            pub(crate) call: $crate::Spawnable<Group<K, V, S>, Q, M, P>,
            pub(crate) runtime: R,
        }

        /// Where a call is spawned that does not say where: by the runtime's own `spawn`.
        #[derive(Clone, Copy, Debug)]
        #[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
        pub struct Current;

        impl<K, V, S, Q, M, P, R> SpawnCall<K, V, S, Q, M, P, R> {
            /// Cancels the call when the last interested caller is gone. See
            /// [`Call::while_wanted`].
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            /// use std::time::Duration;
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let call = group.call(7).while_wanted(); // or by `on` or `local`
            /// let handle = call.while_wanted().spawn(std::future::pending);
            /// drop(handle); // nobody else waits: the task is cancelled
            /// assert!(group.drain(Duration::from_secs(60)).await.is_ok());
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
            pub fn while_wanted(mut self) -> Self {
                self.call = self.call.while_wanted();
                self
            }

            /// As [`Call::share_if`].
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, u64> = Group::new();
            /// let is_small = |value: &u64| *value < 10;
            /// let first = group.call(7).while_wanted().share_if(is_small).spawn(async || 42);
            /// let second = group.spawn(7, async || 5);
            /// assert_eq!((first.await?, second.await?), (42, 5), "the second call has run its own work");
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
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
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $open]
            #[doc = $crate::__use!("Group")]
            ///
            /// let group: Group<u64, bool> = Group::new();
            /// let fence = group.fence();
            /// let in_work = fence.clone();
            /// let call = group.call(7).while_wanted().fence(&fence);
            /// let handle = call.spawn(async move || in_work.is_forgotten());
            /// assert!(!handle.await?, "the call has bound it, and nobody has forgotten the flight");
            #[doc = $crate::__ok!()]
            #[doc = $close]
            /// ```
            pub fn fence<H>(mut self, fence: &$crate::Fence<H>) -> Self
            where
                H: $crate::GroupRef<Key = K, Value = V, Hasher = S>,
            {
                self.call = self.call.map(|call| call.fence(fence));
                self
            }

            pub(crate) fn with_runtime<N>(self, runtime: N) -> SpawnCall<K, V, S, Q, M, P, N> {
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
