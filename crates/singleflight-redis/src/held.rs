//! A lease that this process holds: RENEW, LAND, and ABANDON after a failure.

use std::future::pending;
use std::time::Duration;

use crate::claim::Claim;
use crate::engine::{Failure, Id, Reply, insist};
use crate::lease::Lease;
use crate::outcome::Ended;
use crate::payload;
use crate::script::{self, Why};

pub(crate) struct Held<'a, V> {
    claim: Claim<'a, V>,
    id: Id,
    pub(crate) lease: Lease,
    /// The server's time in microseconds as its last answer told it, ...
    server: i64,
    /// ... which lies between these two of ours.
    sent: Duration,
    got: Duration,
    /// The latest end that was ever asked for, in microseconds of the server's time.
    end: i64,
    run: Vec<u8>,
    /// The stamp of the last message whose answer said that it was held.
    pub(crate) before: u64,
}

impl<'a, V> Held<'a, V> {
    /// What the answer to a JOIN says: `first` is when the first one was sent, `sent` when this one.
    pub(crate) fn new(
        mut claim: Claim<'a, V>,
        id: Id,
        reply: &Reply,
        first: Duration,
        sent: Duration,
    ) -> Self {
        let [token, server, left] = reply.numbers;
        let inner = claim.inner;
        claim.ids.retain(|other| *other != id);
        claim.ids.push(id);
        inner.leading().insert(id, claim.slot.clone());
        let lease = Lease::new(u64::try_from(token).ok(), inner.engine.clone());
        lease.hold_until(first + inner.settings.lease * 9 / 10);
        Self {
            claim,
            id,
            lease,
            server,
            sent,
            got: inner.engine.now(),
            end: server + left * 1_000,
            run: reply.run.clone(),
            before: 0,
        }
    }

    /// When the server has certainly ended the lease, by our clock.
    fn surely_ended(&self) -> Duration {
        let rest = u64::try_from(self.end - self.server).unwrap_or(0);
        // Expiry is told in whole milliseconds.
        self.got + Duration::from_micros(rest) + Duration::from_millis(2)
    }

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
                    self.lease.lose();
                    pending().await
                }
                Err(_) => soon,
            };
        }
    }

    /// Returns whether it is still held.
    pub(crate) async fn renew(&mut self) -> Result<bool, Failure> {
        let inner = self.claim.inner;
        let (sent, before) = (inner.engine.now(), inner.stamp());
        // The server's time is at most this now, so the new end is a whole lease away.
        let passed = sent.saturating_sub(self.sent);
        let end = self.server + micros(passed) + micros(inner.settings.lease);
        self.end = self.end.max(end);
        let message = script::renew(self.claim.slot, self.id, end / 1_000);
        let reply = inner.engine.send(message).await?;
        if reply.code != 1 {
            inner.engine.doubt();
            return Ok(false);
        }
        let got = inner.engine.now();
        (self.server, self.sent, self.got) = (reply.numbers[1], sent, got);
        self.before = before;
        self.lease.hold_until(sent + inner.settings.lease * 9 / 10);
        Ok(true)
    }

    /// Gives the lease up because the work failed. Returns the count if it was the last attempt.
    pub(crate) async fn fail(&mut self, others_wait: bool) -> Option<usize> {
        let Claim { inner, slot, .. } = self.claim;
        let why = Why::Failed { others_wait };
        let message = script::abandon(slot, &self.claim.ids, why, &inner.settings);
        let reply = insist(&*inner.engine, || message.clone()).await.ok()?;
        self.claim.release();
        payload::failures(&reply.data)
    }

    /// `patient`: a value is held back until it is known that nobody can join its flight any more.
    pub(crate) async fn land(&mut self, payload: Vec<u8>, patient: bool) -> Ended {
        let Claim { inner, slot, .. } = self.claim;
        let engine = &*inner.engine;
        let lease = inner.settings.lease;
        let message = script::land(slot, self.id, payload, inner.settings.keep);
        // What was carried out may have been so by the first copy.
        let before = inner.stamp();
        let mut sends = u32::from(engine.resends());
        let mut pause = lease / 100;
        let ended = loop {
            match engine.send(message.clone()).await {
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
            let left = self.surely_ended().saturating_sub(engine.now());
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

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
