//! The group: its verbs.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::or;

use crate::call::Call;
use crate::engine::insist;
use crate::error::{CallError, ForgetError};
use crate::inner::Inner;
use crate::key::KeyBytes;
use crate::lease::{Lease, new_id};
use crate::outcome::{Outcome, Stats};
use crate::script;

/// The space in which calls with equal keys share one execution, in all processes that use the same
/// server and namespace.
///
/// `K` is the key, `V` the value; a value crosses by the group's [`Codec`](crate::Codec). Clones share everything.
pub struct Group<K: ?Sized, V> {
    pub(crate) inner: Arc<Inner<V>>,
    key: PhantomData<fn(&K)>,
}

impl<K: ?Sized, V> Group<K, V> {
    pub(crate) fn of(inner: Inner<V>) -> Self {
        Self {
            inner: Arc::new(inner),
            key: PhantomData,
        }
    }

    /// Returns what this group of this process has done so far.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let stats = reports.stats();
    /// println!("{} of other processes, {} alone", stats.received, stats.alone);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stats(&self) -> Stats {
        *self.inner.stats()
    }
}

impl<K: KeyBytes + ?Sized, V: Clone + Send + Sync + 'static> Group<K, V> {
    /// Returns the value for `key`: runs `work` if nobody is running it in any process, else waits
    /// for the one that does. Whatever the work returns is shared.
    ///
    /// The work is given its [`Lease`]. Nothing happens before the first poll.
    ///
    /// # Errors
    ///
    /// Whatever leaves the call without a value: see [`CallError`].
    ///
    /// # Panics
    ///
    /// A panic in this call's work goes on unchanged. Those who wait, here and elsewhere, receive
    /// [`LeaderPanicked`](CallError::LeaderPanicked) at once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future of a leader drops its work; a caller that waits in this process leads on,
    /// else one elsewhere within a round trip. Dropping that of another leaves the flight.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let report = reports.run("today", async |_lease| "made by a query".to_owned()).await?;
    /// assert!(report.starts_with("made"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run<W, F>(&self, key: &K, work: W) -> Result<V, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        self.call(key).run(work).await
    }

    /// As [`run`](Self::run), and says how the value came.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let outcome = reports.run_outcome("today", async |_lease| "made".to_owned()).await?;
    /// if let (Role::Leader, Ended::Lost) = (outcome.role, outcome.lease) {
    ///     println!("another process may have made it as well");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_outcome<W, F>(&self, key: &K, work: W) -> Result<Outcome<V>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        self.call(key).run_outcome(work).await
    }

    /// As [`run`](Self::run), but an `Err` stays with the caller whose work it was, and the next
    /// caller tries, in this process or another. After
    /// [`max_failures`](crate::Builder::max_failures) in a row, in all processes together, those who still
    /// wait receive [`TooManyFailures`](CallError::TooManyFailures).
    ///
    /// # Errors
    ///
    /// Outside, as [`run`](Self::run); inside, what this call's own work returned.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let made = async |_lease: Lease| std::fs::read_to_string("report.txt");
    /// let report = reports.try_run("today", made).await??;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn try_run<W, F, E>(&self, key: &K, work: W) -> Result<Result<V, E>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        self.call(key).try_run(work).await
    }

    /// Runs `work` if nobody is running it in any process; else returns `None` at once, or what a flight
    /// comes to that began in this process at that very moment. For refreshes: a second one would be
    /// for nothing.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// match reports.try_lead("today", async |_lease| "made anew".to_owned()).await? {
    ///     Some(outcome) => println!("refreshed: {}", outcome.value),
    ///     None => println!("somebody is at it"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn try_lead<W, F>(&self, key: &K, work: W) -> Result<Option<Outcome<V>>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        self.call(key).try_lead(work).await
    }

    /// Starts to describe a call with options.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let call = reports.call("today").timeout(Duration::from_secs(10));
    /// let report = call.run(async |_lease| "made".to_owned()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn call(&self, key: &K) -> Call<'_, V> {
        Call::new(&self.inner, self.inner.names.slot(key))
    }

    /// Lets the next call for `key` start afresh, in every process. Returns whether anything was in
    /// flight.
    ///
    /// Once it has returned, no call that begins anywhere receives a value whose work had begun
    /// before. The work goes on, and is told that its lease is lost; its value goes to callers of its
    /// process that came before the forget. All others join anew.
    ///
    /// # Errors
    ///
    /// If Redis did not confirm it. In this process it holds all the same.
    ///
    /// # Cancel safety
    ///
    /// If the future was polled and is dropped, the flight is forgotten in this process, and perhaps not
    /// elsewhere.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// // The database was written; who asks from now on does not see what was read before.
    /// reports.forget("today").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn forget(&self, key: &K) -> Result<bool, ForgetError> {
        let inner = &self.inner;
        let slot = inner.names.slot(key);
        let here = inner.flights.forget(&slot);
        let mut nonces = Vec::new();
        let send = || {
            nonces.push(new_id());
            let resends = inner.engine.resends();
            script::forget(&slot, &nonces, resends, &inner.settings)
        };
        match insist(&*inner.engine, send).await {
            // 3: the client has sent it twice, and the first was carried out.
            Ok(reply) => Ok(here || reply.code != 0),
            Err(failure) => Err(ForgetError(failure.to_string())),
        }
    }

    /// Refuses every new call of this process with [`Closed`](CallError::Closed), for good.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// reports.close();
    /// let refused = reports.run("today", async |_lease| "made".to_owned()).await;
    /// assert_eq!(refused, Err(CallError::Closed));
    /// # Ok(())
    /// # }
    /// ```
    pub fn close(&self) {
        self.inner.flights.close();
    }

    /// Closes the group and waits until this process has nothing in flight. When the time is up,
    /// the leases of what is left are given up, so that other processes lead on; returns how many
    /// flights that were.
    ///
    /// Giving a lease up takes a round trip after `at_most`, and as long as three answers may take
    /// where Redis does not answer; one lease comes after the other.
    ///
    /// # Cancel safety
    ///
    /// If the future was polled and is dropped, the group stays closed. Leases that were not given up end
    /// by themselves.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let left = reports.drain(Duration::from_secs(5)).await;
    /// println!("{left} works were left to other processes");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn drain(&self, at_most: Duration) -> usize {
        let inner = &self.inner;
        // It closes the group, too.
        or(inner.flights.drained(), inner.engine.sleep(at_most)).await;
        let left: Vec<_> = inner.leading().drain().collect();
        for (slot, id) in left {
            let message = script::abandon(&slot, &[id], false, None, &inner.settings);
            // If it does not come through, the lease ends by itself.
            let _answer = insist(&*inner.engine, || message.clone()).await;
        }
        inner.flights.in_flight()
    }
}

impl<K: ?Sized, V> Clone for Group<K, V> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            key: PhantomData,
        }
    }
}

impl<K: ?Sized, V> fmt::Debug for Group<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("settings", &self.inner.settings)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
