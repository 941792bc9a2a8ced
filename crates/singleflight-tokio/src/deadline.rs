//! What bounds a wait: tokio's clock.

use std::future::Future;
use std::hash::BuildHasher;
use std::time::Duration;

use singleflight_core::{Call, CallError, Handle, Key, Outcome, Undrained};
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::group::Group;

/// Deadlines for [`Call`]s, by tokio's clock. The work and the wait end together: a follower
/// leaves the flight, a leader drops its work and hands the flight over. What the work has
/// detached runs on: work that blocks, by `spawn_blocking`, then runs beside its successor's. If it
/// must not, [`spawn`](Group::spawn) the call and put a timeout around the handle.
///
/// The clock does not draw on the budget that tokio gives a task for each poll: a work that uses it
/// up, such as a channel that always has a message, is bounded all the same.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use singleflight_tokio::{CallError, CallExt, Group};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let group: Group<&str, Result<u32, String>> = Group::new();
/// let outcome = group
///     .call("key")
///     .keep_errors()
///     .timeout(Duration::from_millis(1))
///     .run(std::future::pending)
///     .await;
/// assert_eq!(outcome.err(), Some(CallError::TimedOut));
/// # }
/// ```
pub trait CallExt<G: Handle, Q, M>: Sized {
    /// Gives up `timeout` after the call is first polled.
    fn timeout(self, timeout: Duration) -> Call<G, Q, M, impl Future<Output = ()>>;

    /// Gives up at `deadline`.
    fn deadline(self, deadline: Instant) -> Call<G, Q, M, impl Future<Output = ()>>;
}

impl<G: Handle, Q, M, X> CallExt<G, Q, M> for Call<G, Q, M, X> {
    fn timeout(self, timeout: Duration) -> Call<G, Q, M, impl Future<Output = ()>> {
        // Tokio's timers want to be made inside the runtime: at the first poll.
        self.give_up_on(async move {
            // They round up to a millisecond, also what is over.
            if !timeout.is_zero() {
                unconstrained(sleep(timeout)).await;
            }
        })
    }

    fn deadline(self, deadline: Instant) -> Call<G, Q, M, impl Future<Output = ()>> {
        self.give_up_on(async move {
            if Instant::now() < deadline {
                unconstrained(sleep_until(deadline)).await;
            }
        })
    }
}

impl<K: Eq, V: Clone, S: BuildHasher> Group<K, V, S> {
    /// As [`run_outcome`](singleflight_core::Group::run_outcome), for `timeout` at most after
    /// the call is first polled. For other options beside it, see [`CallExt`].
    ///
    /// # Errors
    ///
    /// [`TimedOut`](CallError::TimedOut), and whatever else leaves the call without a value.
    ///
    /// # Panics
    ///
    /// A panic in this call's work goes on unchanged. Tokio panics outside a runtime whose
    /// timers are enabled.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](singleflight_core::Group::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), singleflight_tokio::CallError> {
    /// let group: singleflight_tokio::Group<u64, u32> = Default::default();
    /// let outcome = group.run_timeout(7, Duration::from_secs(60), async || 42).await?;
    /// assert_eq!(outcome.value, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_timeout<Q, M, F, T>(
        &self,
        key: Q,
        timeout: Duration,
        work: F,
    ) -> impl Future<Output = Result<Outcome<V>, CallError>>
    where
        Q: Key<K, M>,
        F: FnOnce() -> T,
        T: Future<Output = V>,
    {
        self.call(key).timeout(timeout).run(work)
    }
}

impl<K, V, S> Group<K, V, S> {
    /// Closes the group and waits until nothing is in flight, or until `deadline`.
    ///
    /// # Errors
    ///
    /// What is left, by key and age.
    ///
    /// # Panics
    ///
    /// Tokio panics outside a runtime whose timers are enabled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting; the group stays closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use tokio::time::{Duration, Instant};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group: singleflight_tokio::Group<&str, u32> = Default::default();
    /// let handle = group.spawn("stuck", std::future::pending).unwrap();
    /// let deadline = Instant::now() + Duration::from_millis(1);
    /// let left = group.drain(deadline).await.unwrap_err();
    /// assert_eq!(*left.flights[0].key(), "stuck");
    /// assert!(left.waited >= Duration::from_millis(1));
    /// # drop(handle);
    /// # }
    /// ```
    pub async fn drain(&self, deadline: Instant) -> Result<(), Undrained<K>> {
        let started = Instant::now();
        match timeout_at(deadline, self.drained()).await {
            Ok(()) => Ok(()),
            Err(_) => self.undrained(started.elapsed()),
        }
    }
}
