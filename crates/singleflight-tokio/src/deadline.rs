//! What bounds a wait: tokio's clock.

use std::future::Future;
use std::time::Duration;

use singleflight_core::{Deadline, GroupRef, Undrained};
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep, sleep_until};

use crate::group::{Call, CallMany, Group};

/// Deadlines, by tokio's clock. The work and the wait end together: a follower leaves the flight, a
/// leader drops its work and hands the flight over. What the work has detached runs on: work that
/// blocks, by `spawn_blocking`, then runs beside its successor's. If it must not,
/// [`spawn`](Group::spawn) the call and put a timeout around the handle.
///
/// The clock does not draw on the budget that tokio gives a task for each poll: a work that uses it
/// up, such as a channel that always has a message, is bounded all the same. Tokio panics outside a
/// runtime whose timers are enabled.
impl<G: GroupRef, Q, M, P, X> Call<G, Q, M, P, X> {
    /// Gives up `timeout` after the call is first polled. A call whose time is up starts no work.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group: Group<u64, u64> = Group::new();
    /// let call = group.call(7).timeout(Duration::from_millis(1));
    /// assert_eq!(call.run(std::future::pending).await, Err(CallError::TimedOut));
    /// assert_eq!(group.in_flight(), 0, "the work is dropped");
    /// # }
    /// ```
    pub fn timeout(
        self,
        timeout: Duration,
    ) -> Call<G, Q, M, P, Deadline<impl Future<Output = ()>>> {
        self.give_up_on(after(timeout))
    }

    /// As [`timeout`](Self::timeout), at `deadline`.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    /// use std::time::Duration;
    /// use tokio::time::Instant;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group: Group<u64, u64> = Group::new();
    /// let now = Instant::now();
    /// let late = group.call(7).deadline(now).run(async || 42).await;
    /// assert_eq!(late, Err(CallError::TimedOut));
    /// let in_time = group.call(7).deadline(now + Duration::from_secs(60)).run(async || 42).await;
    /// assert_eq!(in_time, Ok(42));
    /// # }
    /// ```
    pub fn deadline(
        self,
        deadline: Instant,
    ) -> Call<G, Q, M, P, Deadline<impl Future<Output = ()>>> {
        self.give_up_on(at(deadline))
    }
}

/// Deadlines, by tokio's clock. See [`Call::timeout`].
impl<'a, K, V, S, I, X> CallMany<'a, K, V, S, I, X> {
    /// Gives up `timeout` after the call is first polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group: Group<u64, u64> = Group::new();
    /// let hung = async |_| std::future::pending::<Vec<_>>().await;
    /// let answers = group.call_many([1, 2]).timeout(Duration::from_millis(1)).run(hung).await;
    /// assert_eq!(answers.get(&2), Some(Err(&CallError::TimedOut)));
    /// # }
    /// ```
    pub fn timeout(
        self,
        timeout: Duration,
    ) -> CallMany<'a, K, V, S, I, Deadline<impl Future<Output = ()>>> {
        self.give_up_on(after(timeout))
    }

    /// Gives up at `deadline`.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    /// use tokio::time::Instant;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group: Group<u64, u64> = Group::new();
    /// let hung = async |_| std::future::pending::<Vec<_>>().await;
    /// let answers = group.call_many([1, 2]).deadline(Instant::now()).run(hung).await;
    /// assert_eq!(answers.get(&2), Some(Err(&CallError::TimedOut)));
    /// # }
    /// ```
    pub fn deadline(
        self,
        deadline: Instant,
    ) -> CallMany<'a, K, V, S, I, Deadline<impl Future<Output = ()>>> {
        self.give_up_on(at(deadline))
    }
}

async fn after(timeout: Duration) {
    // Tokio's timers want to be made inside the runtime: at the first poll. They round up to a
    // millisecond, also what is over.
    if !timeout.is_zero() {
        unconstrained(sleep(timeout)).await;
    }
}

async fn at(deadline: Instant) {
    if Instant::now() < deadline {
        unconstrained(sleep_until(deadline)).await;
    }
}

impl<K, V, S> Group<K, V, S> {
    /// Closes the group and waits until nothing is in flight, for `timeout` at most.
    ///
    /// # Errors
    ///
    /// What is left, by key; with its age if the group has `max_age` or `tell_ages`.
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
    /// use singleflight_tokio::Group;
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group: Group<&str, u32> = Group::new();
    /// let handle = group.spawn("stuck", std::future::pending);
    /// let left = group.drain(Duration::from_millis(1)).await.unwrap_err();
    /// assert_eq!(*left.flights[0].key(), "stuck");
    /// assert!(left.waited >= Duration::from_millis(1));
    /// # drop(handle);
    /// # }
    /// ```
    #[doc(alias = "shutdown")]
    pub async fn drain(&self, timeout: Duration) -> Result<(), Undrained<K>> {
        let started = Instant::now();
        match tokio::time::timeout(timeout, self.drained()).await {
            Ok(()) => Ok(()),
            Err(_) => self.shared().undrained(started.elapsed()),
        }
    }
}
