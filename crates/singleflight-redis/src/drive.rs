//! The one caller of its process that goes to Redis.
//!
//! ```text
//!            JOIN: nobody leads                    LAND carried out
//!   joining ────────────────────▶ leading ───────────────────────────▶ landed
//!    ▲   │                          │  │  LAND refused
//!    │   │ JOIN: another leads      │  └──────────────────────────────▶ lost
//!    │   ▼                          │  no answer until the lease has surely ended
//!    │ waiting ──▶ received         └─────────────────────────────────▶ unknown
//!    │   │ LOOK: gone
//!    └───┘
//! ```
//!
//! Joining and leading are values, `Claim` and `Held`: a caller that is dropped gives up what it may
//! hold. The lease in Redis is written by scripts only, and each compares what it is
//! about: JOIN makes it where there is none; RENEW prolongs, LAND and ABANDON remove it under its id;
//! FORGET removes it whatever its id; the server's clock ends it. A lease of another history of the
//! server is none. Every script may be sent again:
//!
//! | script | sent again | a late copy |
//! |---|---|---|
//! | JOIN | under a new id; finds the lease of an earlier one and takes it | finds its mark |
//! | LAND | finds the result, if somebody waited; else nobody can tell: `Unknown` | the lease is another's |
//! | LOOK | reads; writes an inbox into the lease that it looks at | the same |
//! | RENEW | has an absolute end, and only prolongs | the same |
//! | ABANDON | finds no lease | the lease is another's |
//! | FORGET | under a new nonce | finds its mark |
//!
//! The client of a cluster sends by itself again, under the same id: there JOIN and FORGET leave their own marks,
//! too, and a copy of JOIN that does not find its lease finds that. (A flush takes the marks along.)
//!
//! LAND keeps nothing when nobody waits, and the result where somebody does: then a repeated LAND
//! finds it. A lone caller whose answer was lost learns `Unknown`.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_lite::FutureExt as _;
use futures_lite::future::or;
use singleflight_core::Fence;

use crate::claim::{Flight, Held, Joined, join};
use crate::codec;
use crate::engine::{Reply, insist};
use crate::error::CallError;
use crate::inner::{Flights, Inner, Landing};
use crate::key::Slot;
use crate::lease::Lease;
use crate::outcome::{Alone, Ended, Outcome, Role};
use crate::script;
use crate::seeds::planted;
use crate::settings::WhenDown;

/// A caller on its way, and where the ends of its work are put.
pub(crate) struct Drive<'a, V, W, E> {
    pub(crate) inner: &'a Inner<V>,
    pub(crate) slot: &'a Slot,
    /// Of the flight of this process.
    pub(crate) fence: Fence<&'a Flights<V>>,
    /// Taken when it runs.
    pub(crate) work: &'a mut Option<W>,
    /// Where the work's error is put.
    pub(crate) error: &'a mut Option<E>,
    /// Set while the work runs: its time is its own.
    pub(crate) leads: &'a AtomicBool,
    /// Whether it waits for another process.
    pub(crate) waits: bool,
    /// Of the wait for another process, then of the work.
    #[cfg(feature = "metrics")]
    pub(crate) timing: singleflight_metrics::Timing,
}

/// An error that stays with its caller: the next one tries.
#[derive(Debug)]
pub(crate) struct Kept;

impl<V, W, F, E> Drive<'_, V, W, E>
where
    V: Clone + Send + Sync + 'static,
    W: FnOnce(Lease) -> F,
    F: Future<Output = Result<V, E>>,
{
    #[cfg_attr(
        not(feature = "metrics"),
        expect(unused_mut, reason = "what changes is a time that is measured")
    )]
    pub(crate) async fn run(mut self) -> Result<Landing<V>, Kept> {
        let Self { inner, slot, .. } = self;
        let mut takes_over = false;
        let why = loop {
            let flight = match join(inner, slot, self.waits).await {
                Ok(Joined::Leads(held)) => {
                    inner.stats().taken_over += u64::from(takes_over);
                    return self.lead(held).await;
                }
                Ok(Joined::Follows(..)) if !self.waits => return Ok(Landing::of(Ok(None))),
                Ok(Joined::Follows(flight)) => flight,
                Err(why) => break why,
            };
            #[cfg(feature = "metrics")]
            if !takes_over {
                self.timing = inner.meter.wait();
            }
            match inner.follow(slot, &flight).await {
                Ok(Some((payload, before))) => {
                    return match inner.receive(&payload, flight.traceparent) {
                        Ok(answer) => Ok(Landing { answer, before }),
                        Err(why) => self.alone(why).await,
                    };
                }
                Ok(None) => takes_over = true,
                Err(why) => break why,
            }
        };
        inner.stats().down += 1;
        match inner.settings.when_down {
            WhenDown::RunHere => self.alone(Alone::Down).await,
            WhenDown::Fail => Ok(Landing::of(Err(CallError::Down(why.into())))),
        }
    }

    /// The work, whose time is its own from now on.
    fn begins(&mut self) -> W {
        self.leads.store(true, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        {
            self.timing = self.inner.meter.work();
        }
        self.work.take().expect("a work is run once")
    }

    /// Runs the work without a lease.
    async fn alone(mut self, why: Alone) -> Result<Landing<V>, Kept> {
        self.inner.stats().alone += 1;
        // The planted bug does not say that it ran without a lease.
        let hides = planted("run-at-the-deadline");
        let work = self.begins();
        match work(Lease::new(hides.then_some(1), self.inner.engine.clone())).await {
            Ok(value) if hides => Ok(Landing::of(Ok(Some(Outcome {
                lease: Ended::Landed,
                ..Outcome::new(value, Role::Leader)
            })))),
            Ok(value) => Ok(Landing::of(Ok(Some(Outcome::new(value, Role::Alone(why)))))),
            Err(error) => {
                *self.error = Some(error);
                Err(Kept)
            }
        }
    }

    /// Runs the work while the lease is renewed, and lands.
    async fn lead(mut self, mut held: Held<'_, V>) -> Result<Landing<V>, Kept> {
        let inner = self.inner;
        // Until it is renewed, the lease may have been lost before the work began. Then another's work
        // may have begun earlier and land later: unless this one lands, its value is for its own
        // caller alone.
        held.before = 0;
        let (work, lease) = (self.begins(), held.lease.clone());
        // P1: the work's future is gone before anything is told.
        let result = {
            let run = AssertUnwindSafe(async move { work(lease).await }).catch_unwind();
            or(run, held.renewals()).await
        };
        #[cfg(feature = "metrics")]
        drop(std::mem::take(&mut self.timing));
        match result {
            Ok(Ok(value)) => {
                self.close();
                let payload = inner.payload(&value);
                let lease = held.land(&payload, true).await;
                match lease {
                    Ended::Lost => inner.stats().lost += 1,
                    Ended::Unknown => inner.stats().unknown += 1,
                    _ => inner.stats().landed_here += 1,
                }
                let (token, before) = (held.lease.token(), held.before);
                let answer = Ok(Some(Outcome {
                    lease,
                    token,
                    ..Outcome::new(value, Role::Leader)
                }));
                Ok(Landing { answer, before })
            }
            Ok(Err(error)) => {
                *self.error = Some(error);
                let followers = inner.flights.followers(self.slot).unwrap_or(0);
                let left = held.fail(followers > 0).await;
                let failures = left.and_then(|left| codec::failures(&left));
                let failures = failures.ok_or(Kept)?;
                Ok(Landing::of(Err(CallError::TooManyFailures { failures })))
            }
            Err(panic) => {
                held.land(&codec::panic(&*panic), false).await;
                drop(held);
                resume_unwind(panic)
            }
        }
    }

    /// Those who come to this process from now on start anew.
    fn close(&self) {
        if !self.fence.is_forgotten() {
            self.inner.flights.forget(self.slot);
        }
    }
}

impl<V: Clone + 'static> Inner<V> {
    /// Waits for a flight that another process leads. Returns what it has landed, and the last stamp at
    /// which it was led; or nothing if it is gone.
    async fn follow(&self, slot: &Slot, flight: &Flight) -> Result<Option<(Vec<u8>, u64)>, String> {
        let engine = &*self.engine;
        let inbox = engine.inbox();
        let (id, mut before) = (&flight.id, flight.before);
        let (mut stamp, mut looked) = (before, engine.now());
        loop {
            let polled = async {
                if planted("no-look-after-subscribing") {
                    pending::<()>().await;
                }
                engine.sleep(self.settings.poll).await;
                self.stats().polls += 1;
            };
            let begun = engine.now();
            let pushed = async {
                inbox.pushed(id, stamp).await;
                self.stats().pushes += 1;
            };
            let asked = self.newcomer(slot, before, looked);
            or(pushed, or(polled, asked)).await;
            if planted("run-at-the-deadline") && engine.now() >= begun + self.settings.poll {
                return Err(String::new());
            }
            let look = || {
                (stamp, looked) = (self.stamp(), engine.now());
                script::look(slot, id, &inbox.channel)
            };
            match insist(engine, look).await {
                Ok(Reply { code: 1, data, .. }) => return Ok(Some((data, before))),
                Ok(Reply { code: 0, .. }) => before = stamp,
                Ok(_) => return Ok(None),
                Err(failure) => return Err(failure.to_string()),
            }
        }
    }

    /// What this process lands.
    fn payload(&self, value: &V) -> Vec<u8> {
        let payload = codec::value(value, &*self.codec, self.settings.max_value);
        payload.unwrap_or_else(|| {
            self.stats().too_large += 1;
            codec::TOO_LARGE.to_vec()
        })
    }

    /// What another process has landed.
    fn receive(
        &self,
        payload: &[u8],
        traceparent: Option<Arc<str>>,
    ) -> Result<Result<Option<Outcome<V>>, CallError>, Alone> {
        let read = codec::read(payload, &*self.codec, self.settings.max_value);
        match &read {
            Ok(_) => self.stats().received += 1,
            Err(Alone::Undecodable) => self.stats().undecodable += 1,
            Err(_) => {}
        }
        let lease = Ended::Landed;
        Ok(read?.map(|value| {
            Some(Outcome {
                lease,
                traceparent,
                ..Outcome::new(value, Role::Remote)
            })
        }))
    }
}

impl<V> Landing<V> {
    /// One that counts for everybody.
    fn of(answer: Result<Option<Outcome<V>>, CallError>) -> Self {
        let before = u64::MAX;
        Self { answer, before }
    }
}
