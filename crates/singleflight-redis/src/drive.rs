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
//! Each state is a value: joining is a `Claim`, leading a `Held`, waiting a
//! place in the inbox. The lease in Redis is written by scripts only, and each compares what it is
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
//! LAND keeps nothing when nobody waits, and the result where somebody does: then a repeated LAND
//! finds it. A lone caller whose answer was lost learns `Unknown`.

mod follow;
mod lead;

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use singleflight_core::Fence;

use crate::claim::{Claim, Joined};
use crate::error::CallError;
use crate::inner::{Flights, Inner, Landing};
use crate::key::Slot;
use crate::lease::Lease;
use crate::outcome::{Alone, Ended, Outcome, Role};
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
}

/// An error that stays with its caller: the next one tries.
#[derive(Clone, Debug)]
pub(crate) struct Kept;

/// How a wait for another process ended.
enum Followed {
    Received(Vec<u8>, u64),
    Gone,
}

impl<V, W, F, E> Drive<'_, V, W, E>
where
    V: Clone + Send + Sync + 'static,
    W: FnOnce(Lease) -> F,
    F: Future<Output = Result<V, E>>,
{
    pub(crate) async fn run(self) -> Result<Landing<V>, Kept> {
        let mut takes_over = false;
        loop {
            let why = match Claim::join(self.inner, self.slot, self.waits).await {
                Ok(Joined::Leads(held)) => {
                    if takes_over {
                        self.inner.counts.taken_over.add();
                    }
                    return self.lead(held).await;
                }
                Ok(Joined::Follows(..)) if !self.waits => return Ok(Landing::of(Ok(None))),
                Ok(Joined::Follows(id, before)) => {
                    match self.inner.follow(self.slot, id, before).await {
                        Ok(Followed::Received(payload, before)) => {
                            return match self.inner.receive(&payload, before) {
                                Ok(landing) => Ok(landing),
                                Err(why) => self.alone(why).await,
                            };
                        }
                        Ok(Followed::Gone) => {
                            takes_over = true;
                            continue;
                        }
                        Err(why) => why,
                    }
                }
                Err(why) => why,
            };
            self.inner.counts.down.add();
            return match self.inner.settings.when_down {
                WhenDown::RunHere => self.alone(Alone::Down).await,
                WhenDown::Fail => Ok(Landing::of(Err(CallError::Down(why.into())))),
            };
        }
    }

    /// Runs the work without a lease.
    async fn alone(mut self, why: Alone) -> Result<Landing<V>, Kept> {
        self.inner.counts.alone.add();
        // The planted bug does not say that it ran without a lease.
        let hides = planted("run-at-the-deadline");
        let (role, lease) = match why {
            _ if hides => (Role::Leader, Ended::Landed),
            why => (Role::Alone(why), Ended::None),
        };
        let work = self.begins();
        match work(Lease::new(hides.then_some(1), self.inner.engine.clone())).await {
            Ok(value) => Ok(Landing::of(Ok(Some(Outcome {
                value,
                role,
                lease,
                token: None,
            })))),
            Err(error) => {
                *self.error = Some(error);
                Err(Kept)
            }
        }
    }

    /// The work, whose time is its own from now on.
    fn begins(&mut self) -> W {
        self.leads.store(true, Ordering::Relaxed);
        self.work.take().expect("a work is run once")
    }
}

impl<V> Landing<V> {
    /// One that counts for everybody.
    fn of(answer: Result<Option<Outcome<V>>, CallError>) -> Self {
        let before = u64::MAX;
        Self { answer, before }
    }
}
