//! The group for threads: a newtype over the core's, with a `run` that blocks.

use std::hash::BuildHasher;

use singleflight_core::{CallError, Key, Outcome};

/// The core's group, as a thread's leader or follower reaches it.
pub(crate) type Shared<K, V, S> = singleflight_core::Group<K, V, S>;

singleflight_core::front_end! {
    /// A group for blocking threads.
    ///
    /// A cheaply cloned handle: clones share their flights. It dereferences to the core's
    /// [`Group`](singleflight_core::Group), which has `forget`, `in_flight`, `followers`,
    /// `flights`, `stats` and `join`; the methods here replace the core's async ones of the
    /// same names. `spawn` runs a call on a thread of its own, `drain` ends the group.
    ///
    /// # Blocking
    ///
    /// A follower parks its thread until the flight lands. Do not call it on a thread that
    /// polls tasks: it stops them all, for ever if one of them leads the flight. On tokio use
    /// `spawn_blocking`, on smol `unblock`, or give the same group to the async front end.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use singleflight_std::Group;
    ///
    /// let group: Group<String, usize> = Group::new();
    /// thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| assert_eq!(group.run("key", || "value".len()), 5));
    ///     }
    /// });
    /// assert_eq!(group.in_flight(), 0);
    /// ```
    pub struct Group;
}

impl<K: Eq, V: Clone, S: BuildHasher> Group<K, V, S> {
    /// Returns the value for `key`: runs `work` on this thread if nobody is running it, else
    /// waits for the one who is.
    ///
    /// Whatever the work returns is shared, an `Err` included. A lone call takes two locks
    /// and, in steady state, allocates nothing and clones nothing; if its key is given as a borrow, it
    /// takes three locks and makes the key.
    ///
    /// # Panics
    ///
    /// A panic in this call's work goes on unchanged. Panics with the [`CallError`] where
    /// there is no value: the leader panicked (see
    /// [`PanicPolicy`](singleflight_core::PanicPolicy)), or the call was refused.
    /// [`run_outcome`](Self::run_outcome) returns that as an error.
    ///
    /// # Blocking
    ///
    /// A follower parks its thread. See [`Group`].
    ///
    /// # Examples
    ///
    /// ```
    /// let group: singleflight_std::Group<u64, String> = Default::default();
    /// assert_eq!(group.run(7, || "seven".to_owned()), "seven");
    /// ```
    #[inline]
    pub fn run<Q, M>(&self, key: Q, work: impl FnOnce() -> V) -> V
    where
        Q: Key<K, M>,
    {
        self.run_outcome(key, work)
            .map_or_else(|error| error.raise(), Outcome::into_value)
    }

    /// As [`run`](Self::run), and says how the value came about: the caller's role and the
    /// number of followers.
    ///
    /// # Errors
    ///
    /// Whatever leaves this call without a value: see [`CallError`].
    ///
    /// # Panics
    ///
    /// A panic in this call's work goes on unchanged.
    ///
    /// # Blocking
    ///
    /// A follower parks its thread. See [`Group`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::{Group, Role};
    ///
    /// let group: Group<u64, u32> = Group::new();
    /// let outcome = group.run_outcome(7, || 42)?;
    /// assert_eq!((outcome.value, outcome.role, outcome.followers), (42, Role::Leader, 0));
    /// # Ok::<_, singleflight_std::CallError>(())
    /// ```
    #[inline]
    pub fn run_outcome<Q, M>(
        &self,
        key: Q,
        work: impl FnOnce() -> V,
    ) -> Result<Outcome<V>, CallError>
    where
        Q: Key<K, M>,
    {
        self.call(key).run(work)
    }
}

impl<K, T, E, S> Group<K, Result<T, E>, S>
where
    K: Eq,
    T: Clone,
    E: Clone,
    S: BuildHasher,
{
    /// As [`run`](Self::run), but an `Err` stays with the caller whose work returned it, and
    /// the flight is handed over: one of the waiting threads runs its own work.
    ///
    /// An `Err` of a flight that another call leads by [`run`](Self::run) is shared all the
    /// same: which entry point led decides.
    ///
    /// # Errors
    ///
    /// What this call's work returned, or what the work of a leader that shares errors did.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Blocking
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// let group: singleflight_std::Group<&str, Result<u32, &str>> = Default::default();
    /// assert_eq!(group.try_run("key", || Err("unreachable host")), Err("unreachable host"));
    /// assert_eq!(group.try_run("key", || Ok(42)), Ok(42));
    /// ```
    pub fn try_run<Q, M>(&self, key: Q, work: impl FnOnce() -> Result<T, E>) -> Result<T, E>
    where
        Q: Key<K, M>,
    {
        self.call(key)
            .keep_errors()
            .run(work)
            .map_or_else(|error| error.raise(), Outcome::into_value)
    }
}
