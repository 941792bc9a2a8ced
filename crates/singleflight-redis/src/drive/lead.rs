//! The caller that leads: it holds a lease, runs the work, renews, lands.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures_lite::FutureExt as _;
use futures_lite::future::or;

use crate::claim::{Claim, millis};
use crate::drive::caller::Call;
use crate::engine::{Failure, Id, Message, Reply, Verb};
use crate::error::{CallError, PANIC_BYTES};
use crate::inner::Inner;
use crate::key::Slot;
use crate::lease::Lease;
use crate::local::{Door, Kept, Landing, What};
use crate::outcome::{Ended, Role};

/// A lease that this process holds.
pub(super) struct Held {
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
    /// It was found to be held after the work had begun.
    is_renewed: bool,
}

/// How a work panicked.
type Panic = Box<dyn std::any::Any + Send>;

impl Held {
    /// When the server has certainly ended the lease, by our clock.
    fn surely_ended(&self) -> Duration {
        let rest = u64::try_from(self.end - self.server).unwrap_or(0);
        // Expiry is told in whole milliseconds.
        self.got + Duration::from_micros(rest) + Duration::from_millis(2)
    }
}

impl<V: Clone + Send + Sync + 'static> Inner<V> {
    #[expect(clippy::too_many_arguments, reason = "what one answer means")]
    pub(super) fn held(
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
            is_renewed: false,
        }
    }

    /// Runs the work and lands. `None`: the lease ended before the work began.
    pub(super) async fn lead<W, F, E>(
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
        held.is_renewed = false;
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
                if lease != Ended::Landed && !held.is_renewed {
                    // The lease may have been lost before the work began. Then another's work may have
                    // begun earlier and land later: this value is for its own caller alone.
                    held.before = 0;
                }
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
            self.engine.doubt();
            return Ok(false);
        }
        held.is_renewed = true;
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
                    self.engine.doubt();
                    held.claim.release();
                    return Ended::Lost;
                }
                // On this run there is no lease, so no late copy can do anything.
                Ok(reply) if reply.run == held.run && !self.engine.resends() => {
                    held.claim.release();
                    return Ended::Unknown;
                }
                Err(Failure::Refused(_)) if sends == 0 => return Ended::Lost,
                Err(Failure::Unanswered(_)) => sends += 1,
                Ok(_) | Err(_) => {}
            }
            let left = held.surely_ended().saturating_sub(self.engine.now());
            if left.is_zero() || !patient && sends > 2 {
                held.claim.release();
                return Ended::Unknown;
            }
            self.engine.sleep(pause.min(left)).await;
            pause = (pause * 2).min(self.settings.lease / 10);
        }
    }

    fn payload(&self, value: &V) -> Vec<u8> {
        match self.codec.encode(value) {
            Ok(bytes) if bytes.len() <= self.settings.max_value => {
                [b"V", bytes.as_slice()].concat()
            }
            _ => {
                self.counts.too_large.add();
                b"L".to_vec()
            }
        }
    }
}

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
