//! The calls of threads.

use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use singleflight_core::{CallResult, Key, Outcome, Undrained};

use crate::call::Call;
use crate::group::Group;

impl<K: Eq, V: Clone, S: BuildHasher> Group<K, V, S> {
    /// Returns the value for `key`: runs `work` on this thread if nobody is running it, else
    /// waits for the one who is.
    ///
    /// Whatever the work returns is shared, an `Err` included. A lone call takes two locks
    /// and, in steady state, allocates nothing and clones nothing; if its key is given as a borrow,
    /// it takes three locks and makes the key.
    ///
    /// # Errors
    ///
    /// Whatever leaves this call without a value: the leader panicked (see
    /// [`PanicPolicy`](crate::PanicPolicy)), the call was refused, or another reason that
    /// [`CallError`](crate::CallError) lists.
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
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, String> = Group::new();
    /// assert_eq!(group.run(7, || "seven".to_owned())?, "seven");
    /// # Ok::<_, CallError>(())
    /// ```
    #[doc(alias = "do")]
    #[doc(alias = "get_with")]
    #[doc(alias = "get_or_init")]
    #[inline]
    pub fn run<Q, M>(&self, key: Q, work: impl FnOnce() -> V) -> CallResult<V>
    where
        Q: Key<K, M>,
    {
        self.shared().run_blocking(key, work)
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
    /// # Blocking
    ///
    /// A follower parks its thread. See [`Group`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::{CallError, Group, Role};
    ///
    /// let group: Group<u64, u32> = Group::new();
    /// let outcome = group.run_outcome(7, || 42)?;
    /// assert_eq!((outcome.value, outcome.role, outcome.followers), (42, Role::Leader, 0));
    /// # Ok::<_, CallError>(())
    /// ```
    #[doc(alias = "DoEx")]
    #[doc(alias = "do_ex")]
    #[inline]
    pub fn run_outcome<Q, M>(&self, key: Q, work: impl FnOnce() -> V) -> CallResult<Outcome<V>>
    where
        Q: Key<K, M>,
    {
        self.shared().run_outcome_blocking(key, work)
    }

    /// As [`run`](Self::run), for a work that may fail: an `Ok` is shared, an `Err` stays with the
    /// caller whose work returned it, and one of the waiting threads runs its own work. The error
    /// may be of any type, also one that cannot be cloned.
    ///
    /// After [`max_failures`](crate::Builder::max_failures) works in a row, 3 by default, those who
    /// still wait, by whichever entry point, receive
    /// [`TooManyFailures`](crate::CallError::TooManyFailures): N callers of a work that always fails
    /// pay for three failures.
    ///
    /// # Errors
    ///
    /// Outside, as [`run`](Self::run); inside, what this call's own work returned. `??` gives the
    /// value.
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
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<&str, u32> = Group::new();
    /// assert_eq!(group.try_run("key", || Err("unreachable host"))?, Err("unreachable host"));
    /// assert_eq!(group.try_run("key", || Ok::<_, &str>(42))?, Ok(42));
    /// # Ok::<_, CallError>(())
    /// ```
    #[doc(alias = "try_get_with")]
    #[doc(alias = "get_or_try_init")]
    #[inline]
    pub fn try_run<Q, M, E>(
        &self,
        key: Q,
        work: impl FnOnce() -> Result<V, E>,
    ) -> CallResult<Result<V, E>>
    where
        Q: Key<K, M>,
    {
        self.shared().try_run_blocking(key, work)
    }

    /// Starts to describe a call for `key`; the options combine.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, u32> = Group::new();
    /// let stuck = group.join(7)?;
    /// let late = group.call(7).timeout(Duration::from_millis(1)).run(|| 42);
    /// assert_eq!(late, Err(CallError::TimedOut));
    /// # drop(stuck);
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn call<Q, M>(&self, key: Q) -> Call<&Self, Q, M>
    where
        Q: Key<K, M>,
    {
        Call(singleflight_core::Group::call_owned(self, key))
    }
}

impl<K: Eq, V: Clone, S: BuildHasher> Group<K, V, S> {
    /// As [`call`](Self::call); the call owns a handle to the group, and borrows nothing from it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use singleflight_std::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let call = group.call_owned(7);
    /// drop(group); // the call has a handle of its own, and moves to another thread
    /// let thread = thread::spawn(move || call.run(|| 42));
    /// assert_eq!(thread.join().unwrap(), Ok(42));
    /// ```
    pub fn call_owned<Q, M>(&self, key: Q) -> Call<Self, Q, M>
    where
        Q: Key<K, M>,
    {
        Call(singleflight_core::Group::call_owned(self.clone(), key))
    }
}

impl<K, V, S> Group<K, V, S> {
    /// Closes the group and waits until nothing is in flight, for `timeout` at most.
    ///
    /// # Errors
    ///
    /// What is left, by key; with its age if the group has `max_age` or `tell_ages`.
    ///
    /// # Blocking
    ///
    /// Parks the calling thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_std::Group;
    ///
    /// let group: Group<&str, u32> = Group::new();
    /// let stuck = group.join("stuck");
    /// let left = group.drain(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(*left.flights[0].key(), "stuck");
    /// drop(stuck);
    /// assert!(group.drain(Duration::ZERO).is_ok());
    /// ```
    #[doc(alias = "shutdown")]
    pub fn drain(&self, timeout: Duration) -> Result<(), Undrained<K>> {
        let started = Instant::now();
        if self.shared().drained_blocking(started.checked_add(timeout)) {
            return Ok(());
        }
        self.shared().undrained(started.elapsed())
    }
}
