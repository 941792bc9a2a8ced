//! What this process may hold, and holds: JOIN, RENEW, LAND and ABANDON.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Failure, Id, Message, Reply, insist};
use crate::inner::Inner;
use crate::key::Slot;
use crate::lease::{Lease, new_id};
use crate::outcome::Ended;
use crate::script;
use crate::traceparent;

/// Ids that may stand in a lease. Unless it is released, dropping it sends ABANDON from a task of
/// the runtime, so that somebody who waits leads within a round trip.
struct Claim<'a, V> {
    inner: &'a Inner<V>,
    slot: &'a Slot,
    /// One for each JOIN that was sent; where one is known to stand in the lease, it is the last.
    ids: Vec<Id>,
    /// Whether a JOIN may still be on its way.
    is_late: bool,
}

/// A lease that this process holds.
pub(crate) struct Held<'a, V> {
    claim: Claim<'a, V>,
    id: Id,
    pub(crate) lease: Lease,
    /// The server's time as its last answer told it, ...
    server: Duration,
    /// ... which lies between these two of ours.
    sent: Duration,
    got: Duration,
    /// The latest end that was ever asked for, in the server's time.
    end: Duration,
    run: Arc<[u8]>,
    /// The stamp of the last message whose answer said that it was held.
    pub(crate) before: u64,
}

/// What JOIN has found.
pub(crate) enum Joined<'a, V> {
    Leads(Held<'a, V>),
    Follows(Flight),
}

/// A flight that another process leads.
pub(crate) struct Flight {
    pub(crate) id: Id,
    /// The stamp of the JOIN that found it led.
    pub(crate) before: u64,
    /// What its leader told.
    pub(crate) traceparent: Option<Arc<str>>,
}

/// Sends JOIN, under a new id each time. An error says why Redis cannot be used.
pub(crate) async fn join<'a, V>(
    inner: &'a Inner<V>,
    slot: &'a Slot,
    waits: bool,
) -> Result<Joined<'a, V>, String> {
    let engine = &*inner.engine;
    // The user's code: before there is anything to give up.
    let told = inner.tell.as_ref().and_then(|tell| tell());
    let told = told.and_then(|told| traceparent::read(told.as_bytes()));
    loop {
        let mut claim = Claim {
            inner,
            slot,
            ids: Vec::new(),
            is_late: true,
        };
        let first = engine.now();
        let (mut sent, mut before) = (first, 0);
        let again = || {
            claim.ids.push(new_id());
            (sent, before) = (engine.now(), inner.stamp());
            let inbox = &engine.inbox().channel;
            script::join(
                slot,
                &claim.ids,
                engine.resends(),
                inbox,
                waits,
                told.as_deref().unwrap_or(""),
                &inner.settings,
            )
        };
        let reply = match insist(engine, again).await {
            Ok(reply) => reply,
            Err(failure) => {
                if !matches!(failure, Failure::Unanswered(_)) && claim.ids.len() == 1 {
                    // The only one was not carried out.
                    claim.ids.clear();
                }
                return Err(failure.to_string());
            }
        };
        match (reply.code, reply.data.split_first_chunk()) {
            (0, Some((&id, rest))) => {
                claim.release();
                return Ok(Joined::Follows(Flight {
                    id,
                    before,
                    traceparent: traceparent::read(rest),
                }));
            }
            (1, Some((&id, _))) => {
                let is_adopted = claim.ids.len() > 1;
                let mut held = claim.held(id, &reply, first, sent);
                let is_late = held.got.saturating_sub(first) > inner.settings.lease / 3;
                // Of a lease that an earlier JOIN has made, or that was answered late, only the rest
                // is left.
                if !is_adopted && !is_late || matches!(held.renew().await, Ok(true)) {
                    return Ok(Joined::Leads(held));
                }
            }
            // The client has sent it twice, and the lease that the first has made is over.
            (3, _) => {}
            (code, _) => return Err(format!("JOIN answered {code}")),
        }
    }
}

impl<'a, V> Claim<'a, V> {
    /// `first` is when the first JOIN was sent, `sent` when the one that was answered.
    fn held(mut self, id: Id, reply: &Reply, first: Duration, sent: Duration) -> Held<'a, V> {
        let inner = self.inner;
        let [now, token] = reply.numbers;
        let server = micros(now);
        let token = if token == 0 { now } else { token };
        // One that is sent again was not answered.
        self.is_late = self.ids.len() > 1;
        self.ids.retain(|other| *other != id);
        self.ids.push(id);
        inner.leading().insert(self.slot.clone(), id);
        let lease = Lease::new(u64::try_from(token).ok(), inner.engine.clone());
        lease.hold_until(first + inner.settings.lease * 9 / 10);
        Held {
            claim: self,
            id,
            lease,
            server,
            sent,
            got: inner.engine.now(),
            end: server + inner.settings.lease,
            run: reply.run.clone(),
            before: 0,
        }
    }

    fn abandon(&self, failed: Option<bool>) -> Message {
        script::abandon(
            self.slot,
            &self.ids,
            self.is_late,
            failed,
            &self.inner.settings,
        )
    }

    /// There is nothing to give up any more.
    fn release(&mut self) {
        let mut leading = self.inner.leading();
        if leading.get(self.slot) == self.ids.last() {
            leading.remove(self.slot);
        }
        drop(leading);
        self.ids.clear();
    }
}

impl<V> Drop for Claim<'_, V> {
    fn drop(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let message = self.abandon(None);
        self.release();
        let engine = self.inner.engine.clone();
        self.inner.engine.spawn(Box::pin(async move {
            // If it does not come through, the lease ends by itself.
            let _answer = insist(&*engine, || message.clone()).await;
        }));
    }
}

impl<V> Held<'_, V> {
    /// Renews as long as it is polled: a task that stalls stops renewing, and loses the lease.
    pub(crate) async fn renewals<T>(&mut self) -> T {
        let inner = self.claim.inner;
        let (third, soon) = (inner.settings.lease / 3, inner.settings.lease / 10);
        let mut pause = third;
        loop {
            inner.engine.sleep(pause).await;
            pause = match self.renew().await {
                Ok(true) => third,
                Ok(false) => {
                    self.lease.hold_until(Duration::ZERO);
                    pending().await
                }
                Err(_) => soon,
            };
        }
    }

    /// Returns whether it is still held.
    async fn renew(&mut self) -> Result<bool, Failure> {
        let Claim { inner, slot, .. } = self.claim;
        let (sent, before) = (inner.engine.now(), inner.stamp());
        // The server's time is at most this now, so the new end is a whole lease away.
        let now = self.server + sent.saturating_sub(self.sent);
        let end = now + inner.settings.lease;
        self.end = self.end.max(end);
        let reply = inner.engine.send(script::renew(slot, &self.id, end));
        let reply = reply.await?;
        if reply.code != 1 {
            inner.engine.doubt();
            return Ok(false);
        }
        (self.sent, self.got) = (sent, inner.engine.now());
        self.server = micros(reply.numbers[0]);
        self.before = before;
        self.lease.hold_until(sent + inner.settings.lease * 9 / 10);
        Ok(true)
    }

    /// Gives the lease up because the work failed. Returns what it has left if it was the last
    /// attempt.
    pub(crate) async fn fail(&mut self, others_wait: bool) -> Option<Vec<u8>> {
        let message = self.claim.abandon(Some(others_wait));
        let engine = &*self.claim.inner.engine;
        let reply = insist(engine, || message.clone()).await.ok()?;
        self.claim.release();
        Some(reply.data)
    }

    /// `patient`: a value is held back until it is known that nobody can join its flight any more.
    pub(crate) async fn land(&mut self, payload: &[u8], patient: bool) -> Ended {
        let Claim { inner, slot, .. } = self.claim;
        let engine = &*inner.engine;
        let (lease, keep) = (inner.settings.lease, inner.settings.keep);
        // What was carried out may have been so by the first copy.
        let before = inner.stamp();
        let mut sends = u32::from(engine.resends());
        let mut pause = lease / 100;
        let ended = loop {
            let message = script::land(slot, &self.id, payload, keep);
            match engine.send(message).await {
                Ok(Reply { code: 1, .. }) => {
                    self.before = before;
                    break Ended::Landed;
                }
                Ok(_) if sends == 0 => {
                    engine.doubt();
                    break Ended::Lost;
                }
                // On this run there is no lease, so no late copy can do anything.
                Ok(reply) if reply.run == self.run && !engine.resends() => break Ended::Unknown,
                // The lease is still there: it is given up when this is dropped.
                Err(Failure::Refused(_)) if sends == 0 => return Ended::Lost,
                Err(Failure::Unanswered(_)) => sends += 1,
                Ok(_) | Err(_) => {}
            }
            // The server has certainly ended it by then. Expiry is told in whole milliseconds.
            let surely_ended =
                self.got + self.end.saturating_sub(self.server) + Duration::from_millis(2);
            let left = surely_ended.saturating_sub(engine.now());
            if left.is_zero() || !patient && sends > 2 {
                break Ended::Unknown;
            }
            engine.sleep(pause.min(left)).await;
            pause = (pause * 2).min(lease / 10);
        };
        self.claim.release();
        ended
    }
}

/// A time of the server.
fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
