//! A call: it goes round until a flight answers that it may take.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, pending};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::drive::Drive;
use crate::error::CallError;
use crate::inner::Inner;
use crate::key::Slot;
use crate::lease::Lease;
use crate::outcome::{Outcome, Role};
use crate::seeds::planted;

/// A call whose options are being chosen. Made by [`Group::call`](crate::Group::call).
#[must_use = "a call does nothing until it is run"]
pub struct Call<'a, V> {
    inner: &'a Inner<V>,
    slot: Slot,
    timeout: Option<Duration>,
}

impl<'a, V: Clone + Send + Sync + 'static> Call<'a, V> {
    pub(crate) fn new(inner: &'a Inner<V>, slot: Slot) -> Self {
        Self {
            inner,
            slot,
            timeout: None,
        }
    }

    /// Ends the whole call after `duration`, a work of its own included: the lease is then given up,
    /// and the next caller leads. Without it only the wait is bounded, by the group's
    /// [`wait_at_most`](crate::Builder::wait_at_most).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let call = reports.call("today").timeout(Duration::from_secs(10));
    /// match call.run(async |_lease| "made".to_owned()).await {
    ///     Err(CallError::TimedOut) => println!("not within ten seconds"),
    ///     made => println!("{}", made?),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn timeout(mut self, duration: Duration) -> Self {
        self.timeout = Some(duration);
        self
    }

    /// Makes the call, as [`Group::run`](crate::Group::run).
    ///
    /// # Errors
    ///
    /// As [`Group::run`](crate::Group::run).
    ///
    /// # Panics
    ///
    /// As [`Group::run`](crate::Group::run).
    ///
    /// # Cancel safety
    ///
    /// As [`Group::run`](crate::Group::run).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let report = reports.call("today").run(async |_lease| "made".to_owned()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run<W, F>(self, work: W) -> Result<V, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        Ok(self.run_outcome(work).await?.value)
    }

    /// Makes the call, as [`Group::run_outcome`](crate::Group::run_outcome).
    ///
    /// # Errors
    ///
    /// As [`Group::run`](crate::Group::run).
    ///
    /// # Panics
    ///
    /// As [`Group::run`](crate::Group::run).
    ///
    /// # Cancel safety
    ///
    /// As [`Group::run`](crate::Group::run).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let outcome = reports.call("today").run_outcome(async |_lease| "made".to_owned()).await?;
    /// println!("{} by {:?}", outcome.value, outcome.role);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_outcome<W, F>(self, work: W) -> Result<Outcome<V>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        let work = async |lease| Ok::<_, Infallible>(work(lease).await);
        let Ok(outcome) = self.try_run_outcome(work).await?;
        Ok(outcome)
    }

    /// Makes the call, as [`Group::try_run`](crate::Group::try_run).
    ///
    /// # Errors
    ///
    /// As [`Group::try_run`](crate::Group::try_run).
    ///
    /// # Panics
    ///
    /// As [`Group::run`](crate::Group::run).
    ///
    /// # Cancel safety
    ///
    /// As [`Group::run`](crate::Group::run).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let made = async |_lease: Lease| std::fs::read_to_string("report.txt");
    /// let report = reports.call("today").try_run(made).await??;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn try_run<W, F, E>(self, work: W) -> Result<Result<V, E>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let outcome = self.try_run_outcome(work).await?;
        Ok(outcome.map(|outcome| outcome.value))
    }

    /// Makes the call, as [`Group::try_run`](crate::Group::try_run), and says how the value came.
    ///
    /// # Errors
    ///
    /// As [`Group::try_run`](crate::Group::try_run).
    ///
    /// # Panics
    ///
    /// As [`Group::run`](crate::Group::run).
    ///
    /// # Cancel safety
    ///
    /// As [`Group::run`](crate::Group::run).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # async fn example(reports: Group<str, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let made = async |_lease: Lease| std::fs::read_to_string("report.txt");
    /// let outcome = reports.call("today").try_run_outcome(made).await??;
    /// println!("{} by {:?}", outcome.value, outcome.role);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn try_run_outcome<W, F, E>(self, work: W) -> Result<Result<Outcome<V>, E>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let answer = self.go(work, true).await?;
        Ok(answer.map(|outcome| outcome.expect("a call that waits is answered")))
    }

    /// As [`Group::try_lead`](crate::Group::try_lead).
    pub(crate) async fn try_lead<W, F>(self, work: W) -> Result<Option<Outcome<V>>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        if self.inner.flights.followers(&self.slot).is_some() {
            return Ok(None);
        }
        let work = async |lease| Ok::<_, Infallible>(work(lease).await);
        let Ok(outcome) = self.go(work, false).await?;
        Ok(outcome)
    }

    /// `None`: somebody else leads, and the call does not wait.
    async fn go<W, F, E>(
        self,
        work: W,
        waits: bool,
    ) -> Result<Result<Option<Outcome<V>>, E>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let Self { inner, slot, .. } = &self;
        let leads = AtomicBool::new(false);
        let begun = inner.engine.now();
        let (mut work, mut error) = (Some(work), None);
        loop {
            // Before the flight of this process is joined: see the head of `inner.rs`.
            let arrived = inner.arrive(slot);
            let fence = inner.flights.fence();
            let call = inner.flights.call(slot.clone()).fence(&fence);
            let call = call.give_up_on(self.expiry(begun, &leads));
            let drive = Drive {
                inner,
                slot,
                fence,
                work: &mut work,
                error: &mut error,
                leads: &leads,
                waits,
                #[cfg(feature = "metrics")]
                timing: singleflight_metrics::Timing::default(),
            };
            let drives = AtomicBool::new(false);
            let outcome = call.try_run_outcome(|| {
                drives.store(true, Ordering::Relaxed);
                drive.run()
            });
            #[cfg(feature = "metrics")]
            let outcome = inner
                .meter
                .wait_until(outcome, || drives.load(Ordering::Relaxed));
            let outcome = outcome.await?;
            if let Some(error) = error {
                return Ok(Err(error));
            }
            let outcome = outcome.expect("a work that kept its error has it");
            let is_own = outcome.is_leader();
            let landing = outcome.value;
            let takes = is_own || arrived < landing.before || planted("late-newcomers-take");
            let is_answered = is_own || !waits || !matches!(landing.answer, Ok(None));
            if !takes || !is_answered {
                continue;
            }
            let mut answer = landing.answer?;
            if let Some(Outcome { role, .. }) = &mut answer {
                if *role == Role::Leader && !is_own {
                    *role = Role::Follower;
                }
            }
            return Ok(Ok(answer));
        }
    }

    /// When the call gives up.
    async fn expiry(&self, begun: Duration, leads: &AtomicBool) {
        let engine = &*self.inner.engine;
        let passed = engine.now().saturating_sub(begun);
        let wait = self.inner.settings.wait_at_most;
        let whole = self.timeout.unwrap_or(Duration::MAX);
        engine.sleep(wait.min(whole).saturating_sub(passed)).await;
        // A work of its own has its own time.
        if whole > wait && leads.load(Ordering::Relaxed) {
            if self.timeout.is_none() {
                pending::<()>().await;
            }
            engine.sleep(whole.saturating_sub(wait)).await;
        }
    }
}

impl<V> fmt::Debug for Call<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
