//! JOIN, and what has to be given up if its caller is dropped.

use crate::engine::{Failure, Id, insist};
use crate::held::Held;
use crate::inner::Inner;
use crate::key::Slot;
use crate::lease::new_id;
use crate::script::{self, Why};

/// Ids that may stand in a lease. Unless it is released, dropping it sends ABANDON from a task of
/// the runtime, so that somebody who waits leads within a round trip.
pub(crate) struct Claim<'a, V> {
    pub(crate) inner: &'a Inner<V>,
    pub(crate) slot: &'a Slot,
    /// One for each JOIN that was sent; where one is known to stand in the lease, it is the last.
    pub(crate) ids: Vec<Id>,
}

/// What JOIN has found.
pub(crate) enum Joined<'a, V> {
    Leads(Held<'a, V>),
    /// The flight, and the stamp of the JOIN that found it led.
    Follows(Id, u64),
}

impl<'a, V> Claim<'a, V> {
    /// Sends JOIN, under a new id each time. An error says why Redis cannot be used.
    pub(crate) async fn join(
        inner: &'a Inner<V>,
        slot: &'a Slot,
        waits: bool,
    ) -> Result<Joined<'a, V>, String> {
        let engine = &*inner.engine;
        loop {
            let ids = Vec::new();
            let mut claim = Self { inner, slot, ids };
            let first = engine.now();
            let (mut sent, mut before) = (first, 0);
            let send = || {
                claim.ids.push(new_id());
                (sent, before) = (engine.now(), inner.stamp());
                let inbox = &engine.inbox().channel;
                script::join(slot, &claim.ids, inbox, waits, &inner.settings)
            };
            let reply = match insist(engine, send).await {
                Ok(reply) => reply,
                Err(failure) => {
                    if !matches!(failure, Failure::Unanswered(_)) {
                        // The last one was not carried out.
                        claim.ids.pop();
                    }
                    return Err(failure.to_string());
                }
            };
            match (reply.code, Id::try_from(reply.data.as_slice())) {
                (0, Ok(id)) => {
                    claim.release();
                    return Ok(Joined::Follows(id, before));
                }
                (1, Ok(id)) => {
                    let is_adopted = claim.ids.len() > 1;
                    let mut held = Held::new(claim, id, &reply, first, sent);
                    let is_late = engine.now().saturating_sub(first) > inner.settings.lease / 3;
                    // Of a lease that an earlier JOIN has made, or that was answered late, only the
                    // rest is left.
                    let is_partly_over = is_adopted || is_late;
                    if !is_partly_over || matches!(held.renew().await, Ok(true)) {
                        return Ok(Joined::Leads(held));
                    }
                }
                (code, _) => return Err(format!("JOIN answered {code}")),
            }
        }
    }

    /// There is nothing to give up any more.
    pub(crate) fn release(&mut self) {
        if let Some(id) = self.ids.last() {
            self.inner.leading().remove(id);
        }
        self.ids.clear();
    }
}

impl<V> Drop for Claim<'_, V> {
    fn drop(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let message = script::abandon(self.slot, &self.ids, Why::Dropped, &self.inner.settings);
        self.release();
        let engine = self.inner.engine.clone();
        self.inner.engine.spawn(Box::pin(async move {
            // If it does not come through, the lease ends by itself.
            let _answer = insist(&*engine, || message.clone()).await;
        }));
    }
}
