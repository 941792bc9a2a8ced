//! What becomes of a flight, outside the lock: it lands, is handed over, or ends.

use super::Group;
use crate::error::{CallError, LeaderPanicked};
use crate::inside;
use crate::outcome::{Outcome, Role};
use crate::policy::{PanicPolicy, catch};
use crate::shard::Departure;
use crate::shared::Shared;
use crate::slot::{Id, Slot};
use crate::sync::atomic::Ordering;
use crate::sync::seeded;
use crate::trace::{FlightSpan, Link};
use crate::waiter_kind::{HasKind, KindCell, Tether};

/// What becomes of a flight, outside the lock. None of it needs the key or the hasher.
impl<K, V, S> Group<K, V, S> {
    /// Lands a flight with its value and returns the leader's share.
    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn land(&self, hash: u64, id: Id, value: V, span: &FlightSpan) -> Outcome<V>
    where
        V: Clone,
    {
        // P2: leaves the table before the result is handed out.
        let slot = self.shard(hash).with(|table| table.land(hash, id));
        match slot {
            Some(slot) if slot.shared.is_some() => self.land_shared(slot, value, span),
            // P7: nobody came. The value is not touched, the key is dropped here.
            _ => {
                self.ended();
                Outcome::new(value, Role::Leader, 0)
            }
        }
    }

    /// As [`land`](Self::land), and puts the leader's share where it is wanted: a batch has many of
    /// them, and moving each costs more than making it.
    #[inline]
    pub(crate) fn land_and(
        &self,
        hash: u64,
        id: Id,
        value: V,
        span: &FlightSpan,
        put: impl FnOnce(Outcome<V>),
    ) where
        V: Clone,
    {
        // P2: leaves the table before the result is handed out.
        let slot = self.shard(hash).with(|table| table.land(hash, id));
        match slot {
            Some(slot) if slot.shared.is_some() => put(self.land_shared(slot, value, span)),
            _ => {
                self.ended();
                put(Outcome::new(value, Role::Leader, 0));
            }
        }
    }

    /// Followers come first: what runs after them is other people's code, and may panic.
    #[cold]
    #[inline(never)]
    fn land_shared(&self, mut slot: Slot<K, V>, value: V, span: &FlightSpan) -> Outcome<V>
    where
        V: Clone,
    {
        let flight = slot.shared.take();
        let followers = flight.followers();
        if followers == 0 {
            // P7: an heir has to know that the work is done, and needs no value.
            self.land_without_value(&flight, CallError::TaskLost, Link::NONE);
            return Outcome::new(value, Role::Leader, 0);
        }
        self.tell(|| flight.land(Ok(value), span.link()));
        // First of all that is left to do, so that what they share is soon free.
        let share = flight.share(Role::Leader);
        span.landed(followers as usize);
        share.expect("this flight landed with a value")
    }

    fn land_without_value(&self, flight: &Shared<V>, error: CallError, link: Link) {
        self.tell(|| {
            if flight.is_awaited() && !seeded("end-without-settling") {
                flight.land(Err(error), link);
            }
        });
    }

    /// Ends a flight by `land`, which runs wakers: if one of them panics, those who drain the
    /// group are told all the same.
    fn tell(&self, land: impl FnOnce()) {
        let landed = catch(|| inside::outside(land));
        self.ended();
        if let Err(panic) = landed {
            panic.resume();
        }
    }

    /// Ends a flight whose work panicked, as the group's policy has it.
    #[cold]
    pub(crate) fn land_panicked(&self, hash: u64, id: Id, message: &str, span: &FlightSpan) {
        let error = || LeaderPanicked::new(message).into();
        match self.settings.panic_policy {
            PanicPolicy::Share => {
                let slot = self.shard(hash).with(|table| table.land_panicked(hash, id));
                if let Some(slot) = slot {
                    self.settle(slot, error, span.link());
                }
            }
            PanicPolicy::HandOver => {
                let shard = self.shard(hash);
                match shard.with(|table| table.abandon_panicked(hash, id)) {
                    // Those who are left cannot lead: they receive what there is to know.
                    Departure::Ended(slot) => self.settle(slot, error, span.link()),
                    departure => self.depart(departure),
                }
            }
        }
    }

    /// The work failed and its error is its caller's own, unless nobody else can or may try.
    #[cold]
    pub(crate) fn keep(&self, hash: u64, id: Id, value: V, span: &FlightSpan) -> Outcome<V>
    where
        V: Clone,
    {
        let most = self.settings.max_failures;
        match self.shard(hash).with(|table| table.fail(hash, id, most)) {
            Departure::Failed(slot) => self.land_shared(slot, value, span),
            departure => {
                self.depart(departure);
                Outcome::new(value, Role::Leader, 0)
            }
        }
    }

    /// A flight has left the table. If the group is closing, it may have been the last.
    ///
    /// Pairs with the looks in `drained`: the closing is stored before the table is looked
    /// at under its lock, and this load comes after the slot was taken out under that lock.
    #[inline]
    fn ended(&self) {
        if self.closing.load(Ordering::Relaxed) && !seeded("silent-end") {
            self.tell_drained();
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_drained(&self) {
        inside::outside(|| self.drained.notify_all());
    }

    /// The leader is lost: hands the flight over, or ends it if there is nobody.
    #[cold]
    pub(crate) fn abandon(&self, hash: u64, id: Id) {
        let departure = self.shard(hash).with(|table| table.abandon(hash, id));
        self.depart(departure);
    }

    /// Ends a flight without a value if nobody waits for one. Says whether it did.
    pub(crate) fn close_if_alone(&self, hash: u64, id: Id) -> bool {
        let shard = self.shard(hash);
        let looked =
            seeded("close-looks-first").then(|| shard.with(|table| table.is_alone(hash, id)));
        // Looks and ends under one hold on the lock: who comes between would wait for nobody.
        let slot = shard.with(|table| {
            let is_alone = looked.unwrap_or_else(|| table.is_alone(hash, id));
            is_alone.then(|| table.land(hash, id)).flatten()
        });
        let closes = slot.is_some();
        if let Some(slot) = slot {
            // Nobody waits but, maybe, an heir, which has to know that the work is done.
            self.settle(slot, || CallError::TaskLost, Link::NONE);
        }
        closes
    }

    /// Whether newcomers no longer join a flight.
    pub(crate) fn is_closed_to_newcomers(&self, hash: u64, id: Id) -> bool {
        let horizon = self.horizon();
        self.shard(hash)
            .with(|table| table.is_closed_to_newcomers(hash, id, horizon))
    }

    /// Whether a flight has neither ended nor is ending.
    pub(crate) fn has(&self, hash: u64, id: Id) -> bool {
        self.shard(hash).with(|table| table.has(hash, id))
    }

    /// A follower who is awake takes the flight over, if it is vacant. Of a spawned call, says
    /// whether its handle `wants` it.
    #[cold]
    pub(crate) fn claim(&self, hash: u64, id: Id, waiter: &impl HasKind, wants: bool) -> bool {
        self.shard(hash)
            .with(|table| table.claim(hash, id, waiter, wants))
    }

    /// The leader wants to be told when nobody waits any more.
    pub(crate) fn listen(&self, hash: u64, id: Id) {
        self.shard(hash).with(|table| table.listen(hash, id));
    }

    /// As [`listen`](Self::listen), and returns what to listen at, or nothing if nobody waits.
    pub(crate) fn listen_if_awaited(&self, hash: u64, id: Id) -> Option<Shared<V>> {
        self.shard(hash)
            .with(|table| table.listen_if_awaited(hash, id))
    }

    /// One that waits goes away without a result.
    pub(crate) fn leave(&self, hash: u64, id: Id, kind: &KindCell) {
        let departure = self.shard(hash).with(|table| table.leave(hash, id, kind));
        self.depart(departure);
    }

    /// The handle goes of a spawned call that followed when it came. Its task is woken if it has
    /// to go, too.
    pub(crate) fn cut(&self, hash: u64, id: Id, tether: &Tether, may_stay: bool) {
        let shard = self.shard(hash);
        let departure = shard.with(|table| table.cut(hash, id, tether, may_stay));
        let told = catch(|| {
            if tether.is_cut() && !seeded("silent-parting") {
                inside::outside(|| tether.signal.notify_all());
            }
        });
        self.depart(departure);
        if let Err(panic) = told {
            panic.resume();
        }
    }

    /// The handle goes of a spawned call that led when it came.
    pub(crate) fn leave_handle(&self, hash: u64, id: Id, turn: u32) {
        let shard = self.shard(hash);
        let departure = shard.with(|table| table.leave_handle(hash, id, turn));
        self.depart(departure);
    }

    /// A follower turns out to have no work of its own.
    pub(crate) fn disarm(&self, hash: u64, id: Id, kind: &KindCell) {
        let departure = self.shard(hash).with(|table| table.disarm(hash, id, kind));
        self.depart(departure);
    }

    fn depart(&self, departure: Departure<K, V>) {
        match departure {
            Departure::Quiet => {}
            // P3: everyone is woken, and the first who is polled claims.
            Departure::Vacant(flight) => {
                if !seeded("silent-loss") {
                    inside::outside(|| flight.tell());
                }
            }
            Departure::Deserted(flight) => inside::outside(|| flight.tell()),
            Departure::Unused(flight) => drop(flight),
            Departure::Ended(slot) | Departure::Failed(slot) => {
                self.settle(slot, || CallError::LeaderLost, Link::NONE);
            }
        }
    }

    /// Tells those who still wait for a slot that was taken out, then drops its key.
    fn settle(&self, mut slot: Slot<K, V>, error: impl FnOnce() -> CallError, link: Link) {
        let flight = slot.shared.take();
        if flight.is_some() {
            self.land_without_value(&flight, error(), link);
        } else {
            self.ended();
        }
    }
}
