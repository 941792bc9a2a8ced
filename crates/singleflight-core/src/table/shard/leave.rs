//! How those leave a shard who led or waited, without a value for anybody else.

use super::{AfterUnlock, Table};
use crate::platform::sync::seeded;
use crate::table::flight::Flight;
use crate::table::pool::FlightArc;
use crate::table::slot::{FlightId, Slot};
use crate::table::waiter_kind::{HasKind, KindCell, Tether, WaiterKind};

impl<K, V> Table<K, V> {
    /// Takes out the slot of a flight whose work panicked.
    pub(crate) fn land_panicked(&mut self, id: FlightId) -> Option<Slot<K, V>> {
        self.stats.panicked += 1;
        self.remove(id)
    }

    /// The work has panicked, and those who can lead on may: it counts as a failure. Those who
    /// cannot are told of the panic.
    pub(crate) fn fail_panicked(&mut self, id: FlightId, most: u32) -> AfterUnlock<K, V> {
        let flight = self.find_id(id).and_then(|(slot, _)| slot.shared.flight());
        if flight.is_some_and(|flight| flight.is_awaited() && !flight.has_claimants()) {
            self.land_panicked(id)
                .map_or(AfterUnlock::Quiet, AfterUnlock::Ended)
        } else {
            self.fail(id, most)
        }
    }

    /// The leader is gone without a value.
    pub(crate) fn abandon(&mut self, id: FlightId) -> AfterUnlock<K, V> {
        let Some((slot, rest)) = self.find_id(id) else {
            return AfterUnlock::Quiet;
        };
        rest.stats.abandoned += 1;
        if let Some(flight) = slot.shared.flight() {
            // The handle of a call that is lost is no interest any more.
            flight.forget_handle();
            if flight.has_claimants() {
                flight.vacate();
                return AfterUnlock::Vacant(slot.shared.clone());
            }
        }
        self.end(id)
    }

    /// The work has failed, and what it ended with is its caller's own. Those who can lead on do,
    /// unless `most` works in a row have failed.
    pub(crate) fn fail(&mut self, id: FlightId, most: u32) -> AfterUnlock<K, V> {
        let found = self.find_id(id);
        let Some(flight) = found.and_then(|(slot, _)| slot.shared.flight()) else {
            return self.abandon(id);
        };
        let failures = flight.fail();
        if !flight.is_awaited() || (flight.has_claimants() && failures < most) {
            return self.abandon(id);
        }
        self.stats.abandoned += 1;
        self.remove(id).map_or(AfterUnlock::Quiet, |slot| {
            AfterUnlock::Failed(slot, failures)
        })
    }

    /// One that waits takes a vacant flight over. If its handle `wants` it, that is counted from
    /// now on: the leader itself is not.
    pub(crate) fn claim(&mut self, id: FlightId, waiter: &impl HasKind, wants: bool) -> bool {
        let kind = waiter.kind();
        if !kind.get().can_lead() {
            return false;
        }
        let Some((slot, rest)) = self.find_id(id) else {
            return false;
        };
        let Some(flight) = slot.shared.flight().filter(|flight| flight.claim()) else {
            return false;
        };
        if !seeded("claim-keeps-its-seat") {
            flight.remove_waiter(kind.get());
        }
        if !seeded("claim-is-not-noted") {
            kind.set(WaiterKind::Leader);
        }
        if wants {
            flight.add_handle();
            waiter.leads_at(flight.turn());
        }
        rest.stats.handed_over += 1;
        if flight.is_unused() && rest.pool.is_fixed() {
            // Not the last hold on it: the one that claims has another.
            drop(slot.shared.take());
        }
        true
    }

    /// One that waits goes away. If it has claimed the flight meanwhile, the leader is lost.
    pub(crate) fn leave(&mut self, id: FlightId, kind: &KindCell) -> AfterUnlock<K, V> {
        match kind.get() {
            WaiterKind::Leader => self.abandon(id),
            WaiterKind::Gone => AfterUnlock::Quiet,
            was => {
                kind.set(WaiterKind::Gone);
                self.step_back(id, |flight| flight.remove_waiter(was))
            }
        }
    }

    /// The handle goes of a spawned call that followed when it came. If the call is to be done
    /// whoever wants it, its task stays as the flight's heir, unless there is one.
    pub(crate) fn cut(
        &mut self,
        id: FlightId,
        tether: &Tether,
        may_stay: bool,
    ) -> AfterUnlock<K, V> {
        let kind = &tether.kind;
        match kind.get() {
            WaiterKind::Follower => {
                let found = self.find_id(id);
                if let Some(flight) = found.and_then(|(slot, _)| slot.shared.flight()) {
                    if may_stay && flight.make_heir() {
                        kind.set(WaiterKind::Heir);
                        return AfterUnlock::Quiet;
                    }
                    flight.cut_one();
                }
                self.leave(id, kind)
            }
            // It leads by now, and its handle was counted.
            WaiterKind::Leader if !may_stay => self.leave_handle(id, tether.turn()),
            _ => AfterUnlock::Quiet,
        }
    }

    /// The handle goes of a call that is cancelled when nobody wants it, and that leads.
    pub(crate) fn leave_handle(&mut self, id: FlightId, turn: u32) -> AfterUnlock<K, V> {
        self.step_back(id, |flight| flight.remove_handle(turn))
    }

    /// A follower stays, but has no work of its own after all.
    pub(crate) fn give_up_work(&mut self, id: FlightId, kind: &KindCell) -> AfterUnlock<K, V> {
        kind.set(WaiterKind::Watcher);
        self.step_back(id, Flight::give_up_work)
    }

    /// Does `step`, and ends the flight if that leaves it with nobody who could lead.
    fn step_back(&mut self, id: FlightId, step: impl FnOnce(&Flight<V>)) -> AfterUnlock<K, V> {
        let Some((slot, rest)) = self.find_id(id) else {
            return AfterUnlock::Quiet;
        };
        let Some(flight) = slot.shared.flight() else {
            return AfterUnlock::Quiet;
        };
        step(flight);
        if flight.is_vacant() && !flight.has_claimants() && !seeded("vacant-entry-stays") {
            self.end(id)
        } else if flight.has_deserted_leader() && !seeded("silent-desertion") {
            AfterUnlock::Deserted(slot.shared.clone())
        } else if flight.is_unused() && rest.pool.is_fixed() {
            AfterUnlock::Unused(slot.shared.take())
        } else {
            AfterUnlock::Quiet
        }
    }

    /// The leader wants to be told when nobody waits any more.
    pub(crate) fn listen(&mut self, id: FlightId) {
        if let Some((slot, _)) = self.find_id(id) {
            if let Some(flight) = slot.shared.flight() {
                flight.leader_listens();
            }
        }
    }

    /// As [`listen`](Self::listen), and returns what to listen at, or nothing if nobody waits.
    pub(crate) fn listen_if_awaited(&mut self, id: FlightId) -> Option<FlightArc<V>> {
        let (slot, _) = self.find_id(id)?;
        let flight = slot.shared.flight()?;
        if flight.is_deserted() {
            return None;
        }
        flight.leader_listens();
        Some(slot.shared.clone())
    }

    fn end(&mut self, id: FlightId) -> AfterUnlock<K, V> {
        self.remove(id)
            .map_or(AfterUnlock::Quiet, AfterUnlock::Ended)
    }
}
