//! How those leave a shard who led or waited, without a value for anybody else.

use super::{Departure, Table};
use crate::flight::Flight;
use crate::shared::Shared;
use crate::slot::{Id, Slot};
use crate::sync::seeded;
use crate::waiter_kind::{HasKind, KindCell, Tether, WaiterKind};

impl<K, V> Table<K, V> {
    /// Takes out the slot of a flight whose work panicked.
    pub(crate) fn land_panicked(&mut self, hash: u64, id: Id) -> Option<Slot<K, V>> {
        self.stats.panicked += 1;
        self.remove(hash, id)
    }

    /// The work has panicked, and who can lead on may. Those who cannot are told of the panic.
    pub(crate) fn abandon_panicked(&mut self, hash: u64, id: Id) -> Departure<K, V> {
        let flight = self
            .find_id(hash, id)
            .and_then(|(slot, _)| slot.shared.flight());
        if flight.is_some_and(|flight| flight.is_awaited() && !flight.has_claimants()) {
            self.land_panicked(hash, id)
                .map_or(Departure::Quiet, Departure::Ended)
        } else {
            self.abandon(hash, id)
        }
    }

    /// The leader is gone without a value.
    pub(crate) fn abandon(&mut self, hash: u64, id: Id) -> Departure<K, V> {
        self.stats.abandoned += 1;
        let Some((slot, _)) = self.find_id(hash, id) else {
            return Departure::Quiet;
        };
        // The handle of a call that is lost is no interest any more.
        if let Some(flight) = slot.shared.flight() {
            flight.forget_handle();
        }
        match slot.shared.flight() {
            Some(flight) if flight.has_claimants() => {
                flight.vacate();
                Departure::Vacant(slot.shared.clone())
            }
            _ => self.end(hash, id),
        }
    }

    /// The work failed and its error is its caller's own. Those who can lead on do, unless
    /// `most` works in a row have failed; where nobody can or may, the error is shared.
    pub(crate) fn fail(&mut self, hash: u64, id: Id, most: u32) -> Departure<K, V> {
        let Some((slot, _)) = self.find_id(hash, id) else {
            return Departure::Quiet;
        };
        let shares = slot.shared.flight().is_some_and(|flight| {
            flight.is_awaited() && (!flight.has_claimants() || flight.fail(most))
        });
        if shares {
            self.land(hash, id)
                .map_or(Departure::Quiet, Departure::Failed)
        } else {
            self.abandon(hash, id)
        }
    }

    /// One that waits takes a vacant flight over. If its handle `wants` it, that is counted from
    /// now on: the leader itself is not.
    pub(crate) fn claim(&mut self, hash: u64, id: Id, waiter: &impl HasKind, wants: bool) -> bool {
        let kind = waiter.kind();
        if !kind.get().can_lead() {
            return false;
        }
        let Some((slot, rest)) = self.find_id(hash, id) else {
            return false;
        };
        let Some(flight) = slot.shared.flight().filter(|flight| flight.claim()) else {
            return false;
        };
        if !seeded("claim-keeps-its-seat") {
            flight.dismiss(kind.get());
        }
        if !seeded("claim-is-not-noted") {
            kind.set(WaiterKind::Leader);
        }
        if wants {
            flight.admit_handle();
            waiter.leads_at(flight.turn());
        }
        rest.stats.handed_over += 1;
        if flight.is_unused() && rest.stock.is_fixed() {
            // Not the last hold on it: the one that claims has another.
            drop(slot.shared.take());
        }
        true
    }

    /// One that waits goes away. If it has claimed the flight meanwhile, the leader is lost.
    pub(crate) fn leave(&mut self, hash: u64, id: Id, kind: &KindCell) -> Departure<K, V> {
        match kind.get() {
            WaiterKind::Leader => self.abandon(hash, id),
            WaiterKind::Gone => Departure::Quiet,
            was => {
                kind.set(WaiterKind::Gone);
                self.step_back(hash, id, |flight| flight.dismiss(was))
            }
        }
    }

    /// The handle goes of a spawned call that followed when it came. If the call is to be done
    /// whoever wants it, its task stays as the flight's heir, unless there is one.
    pub(crate) fn cut(
        &mut self,
        hash: u64,
        id: Id,
        tether: &Tether,
        may_stay: bool,
    ) -> Departure<K, V> {
        let kind = &tether.kind;
        match kind.get() {
            WaiterKind::Follower => {
                let found = self.find_id(hash, id);
                if let Some(flight) = found.and_then(|(slot, _)| slot.shared.flight()) {
                    if may_stay && flight.bequeath() {
                        kind.set(WaiterKind::Heir);
                        return Departure::Quiet;
                    }
                    flight.cut_one();
                }
                self.leave(hash, id, kind)
            }
            // It leads by now, and its handle was counted.
            WaiterKind::Leader if !may_stay => self.leave_handle(hash, id, tether.turn()),
            _ => Departure::Quiet,
        }
    }

    /// The handle goes of a call that is cancelled when nobody wants it, and that leads.
    pub(crate) fn leave_handle(&mut self, hash: u64, id: Id, turn: u32) -> Departure<K, V> {
        self.step_back(hash, id, |flight| flight.dismiss_handle(turn))
    }

    /// A follower stays, but has no work of its own after all.
    pub(crate) fn disarm(&mut self, hash: u64, id: Id, kind: &KindCell) -> Departure<K, V> {
        kind.set(WaiterKind::Watcher);
        self.step_back(hash, id, Flight::disarm)
    }

    /// Does `step`, and ends the flight if that leaves it with nobody who could lead.
    fn step_back(&mut self, hash: u64, id: Id, step: impl FnOnce(&Flight<V>)) -> Departure<K, V> {
        let Some((slot, rest)) = self.find_id(hash, id) else {
            return Departure::Quiet;
        };
        let Some(flight) = slot.shared.flight() else {
            return Departure::Quiet;
        };
        step(flight);
        if flight.is_vacant() && !flight.has_claimants() && !seeded("vacant-entry-stays") {
            self.end(hash, id)
        } else if flight.has_deserted_leader() && !seeded("silent-desertion") {
            Departure::Deserted(slot.shared.clone())
        } else if flight.is_unused() && rest.stock.is_fixed() {
            Departure::Unused(slot.shared.take())
        } else {
            Departure::Quiet
        }
    }

    /// The leader wants to be told when nobody waits any more.
    pub(crate) fn listen(&mut self, hash: u64, id: Id) {
        if let Some((slot, _)) = self.find_id(hash, id) {
            if let Some(flight) = slot.shared.flight() {
                flight.leader_listens();
            }
        }
    }

    /// As [`listen`](Self::listen), and returns what to listen at, or nothing if nobody waits.
    pub(crate) fn listen_if_awaited(&mut self, hash: u64, id: Id) -> Option<Shared<V>> {
        let (slot, _) = self.find_id(hash, id)?;
        let flight = slot.shared.flight()?;
        if flight.is_deserted() {
            return None;
        }
        flight.leader_listens();
        Some(slot.shared.clone())
    }

    /// Whether nobody waits for the value of a flight that has not ended.
    pub(crate) fn is_alone(&mut self, hash: u64, id: Id) -> bool {
        self.find_id(hash, id)
            .is_some_and(|(slot, _)| slot.followers() == 0)
    }

    fn end(&mut self, hash: u64, id: Id) -> Departure<K, V> {
        self.remove(hash, id)
            .map_or(Departure::Quiet, Departure::Ended)
    }
}
