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
//! whatever its id; the server's clock ends it. A lease that another run of the server has made
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

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_lite::FutureExt as _;
use futures_lite::future::or;

use crate::claim::{Claim, millis};
use crate::engine::{Failure, Id, Message, Reply, Verb};
use crate::error::CallError;
use crate::group::Inner;
use crate::key::Slot;
use crate::lease::{Lease, new_id};
use crate::local::{Door, Kept, Landing, What};
use crate::outcome::{Alone, Ended, Role};
use crate::seeds::planted;
use crate::settings::WhenDown;

/// A lease that this process holds.
struct Held {
    claim: Claim,
    id: Id,
    lease: Lease,
    /// The server's time in microseconds as its last answer told it, ...
    server: i64,
    /// ... which lies between these two of ours.
    sent: Duration,
    got: Duration,
    /// The latest end that was ever asked for, in microseconds of the server's time.
    end: i64,
    /// It was answered late, or made by an earlier JOIN: only the rest of it is left.
    is_partly_over: bool,
    run: Vec<u8>,
    before: u64,
}

enum Joined {
    Led(Held),
    Followed(Id, u64),
}

enum Followed {
    Received(Vec<u8>, u64),
    Gone,
}

/// What the caller brings along.
pub(crate) struct Call<'a, W, E> {
    pub(crate) slot: &'a Slot,
    /// Taken when it runs.
    pub(crate) work: &'a mut Option<W>,
    /// Where the work's error is put.
    pub(crate) error: &'a mut Option<E>,
    /// Set while the work runs: its time is its own.
    pub(crate) leads: &'a AtomicBool,
    /// Whether it waits for another process.
    pub(crate) waits: bool,
}

/// How a work panicked.
type Panic = Box<dyn std::any::Any + Send>;

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
                    match self.lead(&door, held, &mut call).await {
                        Some(landing) => return landing,
                        None => {
                            call.leads.store(false, Ordering::Relaxed);
                            continue;
                        }
                    }
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
            match self.engine.send(self.join_message(slot, id, &earlier, waits)).await {
                Ok(reply) => {
                    let own = Id::try_from(reply.data.as_slice());
                    match (reply.code, own) {
                        (1, Ok(id)) => {
                            claim.ids = vec![id];
                            let adopted = id != claim.ids[0] || !earlier.is_empty();
                            let held = self.held(claim, &reply, id, first, sent, before, adopted);
                            return Ok(Joined::Led(held));
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

    #[expect(clippy::too_many_arguments, reason = "what one answer means")]
    fn held(
        &self,
        claim: Claim,
        reply: &Reply,
        id: Id,
        first: Duration,
        sent: Duration,
        before: u64,
        adopted: bool,
    ) -> Held {
        let [token, server, left] = reply.numbers;
        let got = self.engine.now();
        let lease = Lease::new(u64::try_from(token).ok(), self.engine.clone());
        lease.hold_until(first + self.settings.lease * 9 / 10);
        Held {
            claim,
            id,
            lease,
            server,
            sent,
            got,
            end: server + left * 1_000,
            is_partly_over: adopted || got.saturating_sub(first) > self.settings.lease / 3,
            run: reply.run.clone(),
            before,
        }
    }

    /// Runs the work and lands. `None`: the lease ended before the work began.
    async fn lead<W, F, E>(
        &self,
        door: &Door<'_, V>,
        mut held: Held,
        call: &mut Call<'_, W, E>,
    ) -> Option<Result<Landing<V>, Kept>>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<V, E>>,
    {
        if held.is_partly_over && !matches!(self.renew(&mut held, call.slot).await, Ok(true)) {
            return None;
        }
        let _led = self.register(held.id, call.slot);
        let work = call.work.take().expect("a work is run once");
        let lease = held.lease.clone();
        // P1: the work's future is gone before anything is told.
        let result = {
            let run = AssertUnwindSafe(async move { work(lease).await }).catch_unwind();
            or(run, self.renewals(&mut held, call.slot)).await
        };
        Some(match result {
            Ok(Ok(value)) => {
                door.close();
                let payload = self.payload(&value);
                let lease = self.land(&mut held, call.slot, payload, true).await;
                self.counts.landed(lease);
                Ok(Landing {
                    what: What::Value(value),
                    before: held.before,
                    role: Role::Leader,
                    lease,
                    token: held.lease.token(),
                })
            }
            Ok(Err(error)) => {
                *call.error = Some(error);
                match held.claim.fail(door.has_followers()).await {
                    Some(failures) => {
                        let failed = CallError::TooManyFailures { failures };
                        Ok(Landing::of(What::Failed(failed)))
                    }
                    None => Err(Kept),
                }
            }
            Err(panic) => {
                let text = panic_text(&panic);
                let payload = [b"P", text.as_bytes()].concat();
                self.land(&mut held, call.slot, payload, false).await;
                drop(held);
                resume_unwind(panic)
            }
        })
    }

    /// Renews the lease as long as it is polled: a task that stalls stops renewing, and loses it.
    async fn renewals<T>(&self, held: &mut Held, slot: &Slot) -> T {
        let (third, soon) = (self.settings.lease / 3, self.settings.lease / 10);
        let mut pause = third;
        loop {
            self.engine.sleep(pause).await;
            pause = match self.renew(held, slot).await {
                Ok(true) => third,
                Ok(false) => {
                    held.lease.lose();
                    pending().await
                }
                Err(_) => soon,
            };
        }
    }

    async fn renew(&self, held: &mut Held, slot: &Slot) -> Result<bool, Failure> {
        let (sent, before) = (self.engine.now(), self.stamp());
        let lease = self.settings.lease;
        // The server's time is at most this now, so the new end is a whole lease away.
        let end = held.server + micros(sent.saturating_sub(held.sent)) + micros(lease);
        held.end = held.end.max(end);
        let message = Message {
            verb: Verb::Renew,
            keys: vec![slot.lease()],
            args: vec![held.id.to_vec(), (end / 1_000).to_string().into_bytes()],
        };
        let reply = self.engine.send(message).await?;
        if reply.code != 1 {
            return Ok(false);
        }
        held.before = before;
        held.server = reply.numbers[1];
        held.sent = sent;
        held.got = self.engine.now();
        held.lease.hold_until(sent + lease * 9 / 10);
        Ok(true)
    }

    /// `patient`: a value is held back until it is known that nobody can join its flight any more.
    async fn land(&self, held: &mut Held, slot: &Slot, payload: Vec<u8>, patient: bool) -> Ended {
        let message = Message {
            verb: Verb::Land,
            keys: vec![slot.lease(), slot.result(&held.id)],
            args: vec![held.id.to_vec(), payload, millis(self.settings.keep)],
        };
        // What was carried out may have been so by the first copy.
        let before = self.stamp();
        let mut sends = u32::from(self.engine.resends());
        let mut pause = self.settings.lease / 100;
        loop {
            match self.engine.send(message.clone()).await {
                Ok(Reply { code: 1, .. }) => {
                    held.claim.release();
                    held.before = before;
                    return Ended::Landed;
                }
                Ok(_) if sends == 0 => {
                    held.claim.release();
                    return Ended::Lost;
                }
                // On this run there is no lease, so no late copy can do anything.
                Ok(reply) if reply.run == held.run && !self.engine.resends() => {
                    held.claim.release();
                    return Ended::Unknown;
                }
                Ok(_) => {}
                Err(Failure::Refused(_)) if sends == 0 => return Ended::Lost,
                Err(Failure::Unanswered(_)) => sends += 1,
                Err(_) => {}
            }
            let left = self.surely_ended(held).saturating_sub(self.engine.now());
            if left.is_zero() || !patient && sends > 2 {
                held.claim.release();
                return Ended::Unknown;
            }
            self.engine.sleep(pause.min(left)).await;
            pause = (pause * 2).min(self.settings.lease / 10);
        }
    }

    /// When the server has certainly ended the lease, by our clock.
    fn surely_ended(&self, held: &Held) -> Duration {
        let rest = u64::try_from(held.end - held.server).unwrap_or(0);
        // Expiry is told in whole milliseconds.
        held.got + Duration::from_micros(rest) + Duration::from_millis(2)
    }

    fn payload(&self, value: &V) -> Vec<u8> {
        match self.codec.encode(value) {
            Ok(bytes) if bytes.len() <= self.settings.max_value => [b"V", bytes.as_slice()].concat(),
            _ => {
                self.counts.too_large.add();
                b"L".to_vec()
            }
        }
    }

    /// Waits for a flight that another process leads.
    async fn follow(&self, slot: &Slot, id: Id, joined: u64) -> Result<Followed, String> {
        let mut before = joined;
        let registered = self.engine.inbox().register(id);
        let bell = registered.bell();
        let mut looked = self.engine.now();
        loop {
            // Pairs with `Bell::ring`, as does the look below.
            let rung = bell.event.listen();
            let waits = async {
                if bell.take() {
                    return Wake::Push;
                }
                let pushed = async {
                    rung.await;
                    bell.take();
                    Wake::Push
                };
                let polled = async {
                    if planted("no-look-after-subscribing") {
                        pending::<()>().await;
                    }
                    self.engine.sleep(self.settings.poll).await;
                    Wake::Poll
                };
                let asked = async {
                    self.newcomer(slot, before, looked).await;
                    Wake::Newcomer
                };
                or(pushed, or(polled, asked)).await
            };
            match waits.await {
                Wake::Push => self.counts.pushes.add(),
                Wake::Poll if planted("run-at-the-deadline") => return Err(String::new()),
                Wake::Poll => self.counts.polls.add(),
                Wake::Newcomer => self.counts.looks_for_newcomers.add(),
            }
            loop {
                let stamp = self.stamp();
                looked = self.engine.now();
                match self.engine.send(self.look_message(slot, id)).await {
                    Ok(Reply { code: 1, data, .. }) => {
                        return Ok(Followed::Received(data, before));
                    }
                    Ok(Reply { code: 0, .. }) => before = stamp,
                    Ok(_) => return Ok(Followed::Gone),
                    Err(Failure::Unanswered(_)) => continue,
                    Err(failure) => return Err(failure.text().to_owned()),
                }
                break;
            }
        }
    }

    fn look_message(&self, slot: &Slot, id: Id) -> Message {
        Message {
            verb: Verb::Look,
            keys: vec![slot.lease(), slot.result(&id)],
            args: vec![id.to_vec(), self.engine.inbox().channel.clone()],
        }
    }

    /// What another process has landed.
    fn receive(&self, payload: &[u8], before: u64) -> Result<Landing<V>, Alone> {
        let what = match payload.split_first() {
            Some((b'V', bytes)) if bytes.len() <= self.settings.max_value => {
                What::Value(self.codec.decode(bytes).map_err(|_| {
                    self.counts.undecodable.add();
                    Alone::Undecodable
                })?)
            }
            Some((b'V' | b'L', _)) => return Err(Alone::TooLarge),
            Some((b'P', text)) => {
                let text = &text[..text.len().min(PANIC_BYTES)];
                What::Failed(CallError::LeaderPanicked(String::from_utf8_lossy(text).into()))
            }
            Some((b'F', count)) => {
                let count = str::from_utf8(count).ok().and_then(|count| count.parse().ok());
                What::Failed(CallError::TooManyFailures {
                    failures: count.unwrap_or(self.settings.max_failures),
                })
            }
            _ => return Err(Alone::Undecodable),
        };
        self.counts.received.add();
        Ok(Landing {
            what,
            before,
            role: Role::Remote,
            lease: Ended::Landed,
            token: None,
        })
    }

    /// Runs the work without a lease.
    async fn alone<W, F, E>(
        &self,
        call: Call<'_, W, E>,
        why: Alone,
    ) -> Result<Landing<V>, Kept>
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

#[derive(Clone, Copy)]
enum Wake {
    Push,
    Poll,
    Newcomer,
}

/// How much of a panic's text crosses.
const PANIC_BYTES: usize = 256;

fn panic_text(panic: &Panic) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    let text = text.or(panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("Box<dyn Any>");
    let end = (0..=text.len().min(PANIC_BYTES)).rev();
    let end = end.into_iter().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
