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
//! The lease in Redis is written by scripts only, and each compares what it is about: JOIN makes it
//! where there is none; RENEW prolongs, LAND and ABANDON remove it under its id; FORGET removes it
//! whatever its id; the server's clock ends it. A lease of another history of the server
//! is none. Every script may be sent again:
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

pub(crate) mod caller;
mod follow;
mod lead;

use std::future::Future;
use std::sync::atomic::Ordering;

use self::caller::Call;
use self::follow::Followed;
use self::lead::Held;
use crate::claim::{Claim, millis};
use crate::engine::{Failure, Id, Message, Verb};
use crate::error::CallError;
use crate::inner::Inner;
use crate::key::Slot;
use crate::lease::{Lease, new_id};
use crate::local::{Door, Kept, Landing, What};
use crate::outcome::{Alone, Ended, Role};
use crate::seeds::planted;
use crate::settings::WhenDown;
enum Joined {
    Led(Box<Held>),
    Followed(Id, u64),
}

impl<V: Clone + Send + Sync + 'static> Inner<V> {
    pub(crate) async fn drive<W, F, E>(
        &self,
        door: Door<'_, V>,
        mut call: Call<'_, W, E>,
    ) -> Result<Landing<V>, Kept>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        let mut takes_over = false;
        loop {
            let why = match self.join(call.slot, call.waits).await {
                Ok(Joined::Led(held)) => {
                    call.leads.store(true, Ordering::Relaxed);
                    if takes_over {
                        self.counts.taken_over.add();
                    }
                    if let Some(landing) = self.lead(&door, *held, &mut call).await {
                        return landing;
                    }
                    call.leads.store(false, Ordering::Relaxed);
                    continue;
                }
                Ok(Joined::Followed(..)) if !call.waits => return Ok(Landing::of(What::Busy)),
                Ok(Joined::Followed(id, before)) => {
                    match self.follow(call.slot, id, before).await {
                        Ok(Followed::Received(payload, before)) => {
                            match self.receive(&payload, before) {
                                Ok(landing) => return Ok(landing),
                                Err(why) => return self.alone(call, why).await,
                            }
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
            self.counts.down.add();
            return match self.settings.when_down {
                WhenDown::RunHere => self.alone(call, Alone::Down).await,
                WhenDown::Fail => Ok(Landing::of(What::Failed(CallError::Down(why.into())))),
            };
        }
    }

    async fn join(&self, slot: &Slot, waits: bool) -> Result<Joined, String> {
        let mut claim = Claim::new(&self.engine, &self.settings, slot);
        let first = self.engine.now();
        loop {
            let id = new_id();
            let earlier = claim.ids.clone();
            claim.ids.push(id);
            let (sent, before) = (self.engine.now(), self.stamp());
            match self
                .engine
                .send(self.join_message(slot, id, &earlier, waits))
                .await
            {
                Ok(reply) => {
                    let own = Id::try_from(reply.data.as_slice());
                    match (reply.code, own) {
                        (1, Ok(id)) => {
                            claim.ids = vec![id];
                            let adopted = !earlier.is_empty();
                            let held = self.held(claim, &reply, id, first, sent, before, adopted);
                            return Ok(Joined::Led(Box::new(held)));
                        }
                        (0, Ok(id)) => {
                            claim.release();
                            return Ok(Joined::Followed(id, before));
                        }
                        _ => return Err(format!("JOIN answered {}", reply.code)),
                    }
                }
                Err(Failure::Unanswered(why)) => {
                    claim.unanswered = true;
                    if claim.ids.len() > 2 {
                        return Err(why);
                    }
                }
                Err(failure) => {
                    // This one was not carried out.
                    claim.ids.pop();
                    return Err(failure.text().to_owned());
                }
            }
        }
    }

    fn join_message(&self, slot: &Slot, id: Id, earlier: &[Id], waits: bool) -> Message {
        let mut args = vec![
            id.to_vec(),
            self.engine.inbox().channel.clone(),
            millis(self.settings.lease),
            if waits { b"1".to_vec() } else { b"0".to_vec() },
            millis(self.settings.marks()),
        ];
        args.extend(earlier.iter().map(|id| id.to_vec()));
        Message {
            verb: Verb::Join,
            keys: vec![slot.lease(), slot.marks()],
            args,
        }
    }

    /// Runs the work without a lease.
    async fn alone<W, F, E>(&self, call: Call<'_, W, E>, why: Alone) -> Result<Landing<V>, Kept>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        call.leads.store(true, Ordering::Relaxed);
        self.counts.alone.add();
        let work = call.work.take().expect("a work is run once");
        // The planted bug does not say that it ran without a lease.
        let hides = planted("run-at-the-deadline");
        match work(Lease::new(hides.then_some(1), self.engine.clone())).await {
            Ok(value) if hides => Ok(Landing {
                lease: Ended::Landed,
                ..Landing::of(What::Value(value))
            }),
            Ok(value) => Ok(Landing {
                role: Role::Alone(why),
                ..Landing::of(What::Value(value))
            }),
            Err(error) => {
                *call.error = Some(error);
                Err(Kept)
            }
        }
    }
}

impl<V> Landing<V> {
    /// One that counts for everybody.
    fn of(what: What<V>) -> Self {
        Self {
            what,
            before: u64::MAX,
            role: Role::Leader,
            lease: Ended::None,
            token: None,
        }
    }
}
