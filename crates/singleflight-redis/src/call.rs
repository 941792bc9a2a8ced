//! A call: it goes round until a flight answers that it may take.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::drive::caller;
use crate::error::CallError;
use crate::inner::Inner;
use crate::key::Slot;
use crate::lease::Lease;
use crate::local::{Answer, Landing, What};
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

    pub(crate) fn is_led_here(&self) -> bool {
        self.inner.local.is_led(&self.slot)
    }

    /// Ends the whole call after `duration`, a work of its own included: the lease is then given up,
    /// and the next caller leads. Without it only the wait is bounded, by the group's
    /// [`wait_at_most`](crate::Builder::wait_at_most).
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
    pub async fn run_outcome<W, F>(self, work: W) -> Result<Outcome<V>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = V>,
    {
        let work = |lease| async { Ok::<_, Infallible>(work(lease).await) };
        self.try_run_outcome(work)
            .await?
            .map_err(|never| match never {})
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
    pub async fn try_run_outcome<W, F, E>(self, work: W) -> Result<Result<Outcome<V>, E>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let answer = self.go(work, true).await?;
        Ok(answer.expect("a call that waits is answered"))
    }

    /// `None`: somebody else leads, and the call does not wait.
    pub(crate) async fn go<W, F, E>(
        self,
        work: W,
        waits: bool,
    ) -> Result<Option<Result<Outcome<V>, E>>, CallError>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let Self {
            inner,
            slot,
            timeout,
        } = self;
        let leads = AtomicBool::new(false);
        let begun = inner.engine.now();
        let (mut work, mut error) = (Some(work), None);
        loop {
            // Before the local flight is joined: see the head of this file.
            let arrived = inner.arrive(&slot);
            let expiry = inner.expiry(begun, timeout, &leads);
            let call = caller::Call {
                slot: &slot,
                work: &mut work,
                error: &mut error,
                leads: &leads,
                waits,
            };
            let drive = |door| inner.drive(door, call);
            let answer = inner.local.call(&slot, expiry, drive).await?;
            let (landing, is_own) = match answer {
                Answer::Own(landing) => (landing, true),
                Answer::Other(landing) => (Some(landing), false),
            };
            if let Some(error) = error {
                return Ok(Some(Err(error)));
            }
            let landing = landing.expect("a work that kept its error has it");
            let takes = is_own || arrived < landing.before || planted("late-newcomers-take");
            if !takes || !is_own && waits && matches!(landing.what, What::Busy) {
                inner.counts.rejoined.add();
                continue;
            }
            return match landing {
                Landing {
                    what: What::Busy, ..
                } => Ok(None),
                Landing {
                    what: What::Failed(error),
                    ..
                } => Err(error),
                Landing {
                    what: What::Value(value),
                    role,
                    lease,
                    token,
                    ..
                } => Ok(Some(Ok(Outcome {
                    value,
                    role: match role {
                        Role::Leader if !is_own => Role::Follower,
                        role => role,
                    },
                    lease,
                    token,
                }))),
            };
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
