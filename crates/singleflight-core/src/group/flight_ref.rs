//! A reference to one flight of a group, and what can be done with it outside the lock: it lands,
//! fails, is handed over, or ends. Leader, waiter, fence and spawn guard are made of it.

use super::{Group, GroupRef};
use crate::error::{CallError, LeaderPanicked};
use crate::outcome::{Outcome, Role};
use crate::platform::sync::atomic::Ordering;
use crate::platform::sync::seeded;
use crate::platform::trace::{FlightSpan, Link};
use crate::policy::{PanicPolicy, catch};
use crate::table::pool::FlightArc;
use crate::table::reentrancy;
use crate::table::shard::{AfterUnlock, Shard, Table};
use crate::table::slot::{FlightId, Id, Slot};
use crate::table::waiter_kind::{HasKind, KindCell, Tether};

/// One flight of a group.
#[derive(Clone, Copy)]
pub(crate) struct FlightRef<G> {
    pub(crate) group: G,
    pub(crate) id: FlightId,
}

/// A flight of a group that is borrowed. None of what it does needs the key or the hasher.
pub(crate) type Borrowed<'a, K, V, S> = FlightRef<&'a Group<K, V, S>>;

/// Why what a work has ended with goes to nobody else.
#[derive(Clone, Copy)]
pub(crate) enum Failure {
    /// It is an error.
    Failed,
    /// It is a value that the call does not share.
    NotShared,
}

impl<G: GroupRef> FlightRef<G> {
    #[inline]
    pub(crate) fn new(group: G, hash: u64, id: Id) -> Self {
        Self {
            group,
            id: FlightId { hash, id },
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> Borrowed<'_, G::Key, G::Value, G::Hasher> {
        FlightRef {
            group: self.group.group(),
            id: self.id,
        }
    }

    /// What tells the flight apart in the whole process.
    #[inline]
    pub(crate) fn place(&self) -> (usize, FlightId) {
        (self.group.group().address(), self.id)
    }
}

impl<'a, K, V, S> Borrowed<'a, K, V, S> {
    #[inline]
    fn shard(self) -> &'a Shard<K, V> {
        self.group.shard(self.id.hash)
    }

    /// Lands the flight with its value, and makes the leader's answer of its share.
    ///
    /// The answer is made where the share is: a lone call that wants the value alone never makes an
    /// outcome.
    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn land<A>(
        self,
        value: V,
        span: &FlightSpan,
        answer: impl FnOnce(Outcome<V>) -> A,
    ) -> A
    where
        V: Clone,
    {
        // P2: leaves the table before the result is handed out.
        let slot = self.shard().with(|table| table.land(self.id));
        match slot {
            Some(slot) if slot.shared.is_some() => answer(self.land_shared(slot, value, span)),
            // P7: nobody came. The value is not touched, the key is dropped here.
            _ => {
                self.group.ended();
                answer(Outcome::alone(value))
            }
        }
    }

    /// Followers come first: what runs after them is other people's code, and may panic.
    #[cold]
    #[inline(never)]
    fn land_shared(self, mut slot: Slot<K, V>, value: V, span: &FlightSpan) -> Outcome<V>
    where
        V: Clone,
    {
        let flight = slot.shared.take();
        let followers = flight.followers();
        if followers == 0 {
            // P7: an heir has to know that the work is done, and needs no value.
            self.group
                .land_without_value(&flight, CallError::TaskLost, Link::NONE);
            return Outcome::alone(value);
        }
        self.group.notify(|| flight.land(Ok(value), span.link()));
        // First of all that is left to do, so that what they share is soon free.
        let share = flight.share(Role::Leader);
        span.landed(followers as usize);
        share.expect("this flight landed with a value")
    }

    /// Ends the flight of a work that has panicked, as the group's policy has it.
    #[cold]
    pub(crate) fn land_panicked(self, message: &str, span: &FlightSpan) {
        let error = || LeaderPanicked::new(message).into();
        match self.group.panic_policy() {
            PanicPolicy::Share => {
                let slot = self.shard().with(|table| table.land_panicked(self.id));
                if let Some(slot) = slot {
                    self.group.settle(slot, error, span.link());
                }
            }
            PanicPolicy::HandOver => {
                let most = self.group.max_failures();
                let after = self
                    .shard()
                    .with(|table| table.fail_panicked(self.id, most));
                match after {
                    // Those who are left cannot lead: they receive what there is to know.
                    AfterUnlock::Ended(slot) => self.group.settle(slot, error, span.link()),
                    after => self.group.after_unlock(after),
                }
            }
        }
    }

    /// The work has ended with what its caller keeps: the flight is handed over, unless nobody can
    /// or may lead on.
    #[cold]
    pub(crate) fn fail(self, failure: Failure) {
        let most = self.group.max_failures();
        match (
            failure,
            self.shard().with(|table| table.fail(self.id, most)),
        ) {
            (Failure::NotShared, AfterUnlock::Failed(slot, _)) => {
                self.group.settle(slot, || CallError::NotShared, Link::NONE);
            }
            (_, after) => self.group.after_unlock(after),
        }
    }

    /// The leader is lost: hands the flight over, or ends it if there is nobody.
    #[cold]
    pub(crate) fn abandon(self) {
        self.step(|table| table.abandon(self.id));
    }

    /// Closes the flight to newcomers. It is not counted as forgotten.
    pub(crate) fn close_to_newcomers(self) {
        self.shard().with(|table| table.close_to_newcomers(self.id));
    }

    /// Ends the flight without a value if nobody waits for one. Says whether it did.
    pub(crate) fn close_if_alone(self) -> bool {
        let shard = self.shard();
        let looked =
            seeded("close-looks-first").then(|| shard.with(|table| table.is_alone(self.id)));
        // Looks and ends under one hold on the lock: who comes between would wait for nobody.
        let slot = shard.with(|table| {
            let is_alone = looked.unwrap_or_else(|| table.is_alone(self.id));
            is_alone.then(|| table.land(self.id)).flatten()
        });
        let closes = slot.is_some();
        if let Some(slot) = slot {
            // Nobody waits but, maybe, an heir, which has to know that the work is done.
            self.group.settle(slot, || CallError::TaskLost, Link::NONE);
        }
        closes
    }

    /// Whether newcomers no longer join it.
    pub(crate) fn is_closed_to_newcomers(self) -> bool {
        let horizon = self.group.horizon();
        self.shard()
            .with(|table| table.is_closed_to_newcomers(self.id, horizon))
    }

    /// Whether it has neither ended nor is ending.
    pub(crate) fn is_in_table(self) -> bool {
        self.shard().with(|table| table.has(self.id))
    }

    /// A follower who is awake takes the flight over, if it is vacant. Of a spawned call, says
    /// whether its handle `wants` it.
    #[cold]
    pub(crate) fn claim(self, waiter: &impl HasKind, wants: bool) -> bool {
        self.shard()
            .with(|table| table.claim(self.id, waiter, wants))
    }

    /// The leader wants to be told when nobody waits any more.
    pub(crate) fn listen(self) {
        self.shard().with(|table| table.listen(self.id));
    }

    /// As [`listen`](Self::listen), and returns what to listen at, or nothing if nobody waits.
    pub(crate) fn listen_if_awaited(self) -> Option<FlightArc<V>> {
        self.shard().with(|table| table.listen_if_awaited(self.id))
    }

    /// One that waits goes away without a result.
    pub(crate) fn leave(self, kind: &KindCell) {
        self.step(|table| table.leave(self.id, kind));
    }

    /// The handle goes of a spawned call that followed when it came. Its task is woken if it has
    /// to go, too.
    pub(crate) fn handle_dropped(self, tether: &Tether, may_stay: bool) {
        let after = self
            .shard()
            .with(|table| table.cut(self.id, tether, may_stay));
        let told = catch(|| {
            if tether.is_cut() && !seeded("silent-parting") {
                reentrancy::outside(|| tether.signal.notify_all());
            }
        });
        self.group.after_unlock(after);
        if let Err(panic) = told {
            panic.resume();
        }
    }

    /// The handle goes of a spawned call that led when it came.
    pub(crate) fn leave_handle(self, turn: u32) {
        self.step(|table| table.leave_handle(self.id, turn));
    }

    /// A follower turns out to have no work of its own.
    pub(crate) fn give_up_work(self, kind: &KindCell) {
        self.step(|table| table.give_up_work(self.id, kind));
    }

    /// Does something under the lock, and what it leaves to do without it.
    fn step(self, step: impl FnOnce(&mut Table<K, V>) -> AfterUnlock<K, V>) {
        let after = self.shard().with(step);
        self.group.after_unlock(after);
    }
}

/// What is left to do without the lock.
impl<K, V, S> Group<K, V, S> {
    fn after_unlock(&self, after: AfterUnlock<K, V>) {
        match after {
            AfterUnlock::Quiet => {}
            // P3: everyone is woken, and the first who is polled claims.
            AfterUnlock::Vacant(flight) => {
                if !seeded("silent-loss") {
                    reentrancy::outside(|| flight.notify());
                }
            }
            AfterUnlock::Deserted(flight) => reentrancy::outside(|| flight.notify()),
            AfterUnlock::Unused(flight) => drop(flight),
            AfterUnlock::Ended(slot) => self.settle(slot, || CallError::LeaderLost, Link::NONE),
            AfterUnlock::Failed(slot, failures) => {
                let failures = usize::try_from(failures).unwrap_or(usize::MAX);
                self.settle(slot, || CallError::TooManyFailures { failures }, Link::NONE);
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

    fn land_without_value(&self, flight: &FlightArc<V>, error: CallError, link: Link) {
        self.notify(|| {
            if flight.is_awaited() && !seeded("end-without-settling") {
                flight.land(Err(error), link);
            }
        });
    }

    /// Ends a flight by `land`, which runs wakers: if one of them panics, those who drain the
    /// group are told all the same.
    fn notify(&self, land: impl FnOnce()) {
        let landed = catch(|| reentrancy::outside(land));
        self.ended();
        if let Err(panic) = landed {
            panic.resume();
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
        reentrancy::outside(|| self.drained.notify_all());
    }
}
