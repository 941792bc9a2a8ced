//! The shared part of one flight, made by its first follower. It knows no keys.
//!
//! | phase | slot in the table | `vacant` | `landing` |
//! |---|---|---|---|
//! | led | yes | false | empty |
//! | vacant: leader lost, nobody has claimed | yes | true | empty |
//! | landing: the slot is gone, the result on its way | no | false | empty |
//! | landed | no | false | written |
//!
//! Who may change what:
//!
//! - `vacant`, `interested`, `handles`, `heirs`, `claimants`, `failures`, `leader_listens`, `turn`,
//!   `cut`: the holder of the lock of the slot's shard, and only while the slot is in the table. `vacant` may be read
//!   by anyone as a hint: what it says is checked again under the lock before anybody acts on it.
//! - `landing`: whoever took the slot out of the table, once. Removal is by identity and
//!   under the lock, so there is exactly one such writer.

use core::mem;
use core::panic::{RefUnwindSafe, UnwindSafe};

use crate::error::CallError;
use crate::outcome::{Outcome, Role};
use crate::platform::sync::atomic::{AtomicBool, Ordering};
use crate::platform::sync::{Guarded, WriteOnce, seeded};
use crate::platform::trace::Link;
use crate::platform::wait::Signal;
use crate::table::waiter_kind::WaiterKind;

/// What a flight ended with.
pub(crate) struct Landing<V> {
    result: Result<V, CallError>,
    /// How many followers there were when the slot left the table.
    followers: usize,
    /// The execution that made the value.
    link: Link,
}

/// What followers of one flight share.
pub(crate) struct Flight<V> {
    landing: WriteOnce<Landing<V>>,
    /// Where the followers sleep.
    pub(crate) signal: Signal,
    /// Nobody leads. Written under the shard's lock.
    vacant: AtomicBool,
    /// How many wait, those without work included, and how many handles there are of spawned
    /// calls that are cancelled when nobody wants them.
    interested: Guarded,
    /// How many of those are handles.
    handles: Guarded,
    /// How many of those are heirs: one at most.
    heirs: Guarded,
    /// How many of those who wait have work of their own.
    claimants: Guarded,
    /// How many works in a row have failed.
    failures: Guarded,
    /// Whether the leader wants to be told when nobody waits any more: [`UNTOLD`], [`HOLDS`] the
    /// shared part, or [`LISTENS`] as well.
    leader_listens: Guarded,
    /// How often the flight was claimed: tells the handle of its leader from those of leaders lost.
    turn: Guarded,
    /// How many tasks were counted out by their handles. They may listen still.
    cut: Guarded,
    /// Not 0 if a waker has panicked, which event-listener's list does not survive.
    broken: Guarded,
}

/// The leader has nothing to do with who waits.
const UNTOLD: u32 = 0;

/// The leader has a hold on the shared part, and is going to listen or to ask.
const HOLDS: u32 = 1;

/// The leader listens.
const LISTENS: u32 = 2;

/// Notes that a notification unwinds, unless it is forgotten.
struct Breaks<'a>(&'a Guarded);

impl Drop for Breaks<'_> {
    fn drop(&mut self) {
        self.0.set(1);
    }
}

impl<V> Flight<V> {
    pub(crate) fn new() -> Self {
        Self {
            landing: WriteOnce::new(),
            signal: Signal::new(),
            vacant: AtomicBool::new(false),
            interested: Guarded::new(),
            handles: Guarded::new(),
            heirs: Guarded::new(),
            claimants: Guarded::new(),
            failures: Guarded::new(),
            leader_listens: Guarded::new(),
            turn: Guarded::new(),
            cut: Guarded::new(),
            broken: Guarded::new(),
        }
    }

    // ---- by its last holder ----

    /// Makes it as new, but for the storage that its signal has, unless a waker's panic has broken
    /// that. Returns what was in it.
    pub(crate) fn reset(&mut self) -> Option<Landing<V>> {
        let mut signal = mem::replace(&mut self.signal, Signal::new());
        if self.broken.get() != 0 {
            signal = Signal::new();
        }
        let used = mem::replace(self, Self::new());
        self.signal = signal;
        used.into_landing()
    }

    pub(crate) fn into_landing(self) -> Option<Landing<V>> {
        self.landing.into_inner()
    }

    // ---- under the lock of the slot's shard ----

    /// How many callers wait. A spawned call is one, its handle none, and an heir none either.
    pub(crate) fn followers(&self) -> u32 {
        self.interested.get() - self.handles.get() - self.heirs.get()
    }

    /// Whether anybody is to be told how the flight ends. A handle is told by its task.
    pub(crate) fn is_awaited(&self) -> bool {
        self.interested.get() > self.handles.get()
    }

    /// Registers one more follower, which has work of its own.
    pub(crate) fn add_follower(&self) {
        self.interested.set(self.interested.get() + 1);
        self.claimants.set(self.claimants.get() + 1);
    }

    /// Makes a follower the heir, unless there is one.
    pub(crate) fn make_heir(&self) -> bool {
        let is_first = self.heirs.get() == 0;
        if is_first || seeded("many-heirs") {
            self.heirs.set(self.heirs.get() + 1);
        }
        is_first || seeded("many-heirs")
    }

    /// Registers the handle of the spawned call that leads, and that its task holds the shared part.
    pub(crate) fn add_handle(&self) {
        self.interested.set(self.interested.get() + 1);
        self.handles.set(self.handles.get() + 1);
        self.leader_listens.set(HOLDS);
    }

    /// Notes that the leader of now listens for nobody to wait any more.
    pub(crate) fn leader_listens(&self) {
        self.leader_listens.set(LISTENS);
    }

    /// Whether the leader has just become one that nobody waits for, and wants to know.
    pub(crate) fn has_deserted_leader(&self) -> bool {
        self.interested.get() == 0 && self.leader_listens.get() == LISTENS
    }

    /// Forgets one that waits, and now goes away or leads.
    pub(crate) fn remove_waiter(&self, kind: WaiterKind) {
        match kind {
            WaiterKind::Follower => self.give_up_work(),
            WaiterKind::Heir => {
                self.heirs.set(self.heirs.get() - 1);
                self.give_up_work();
            }
            WaiterKind::Watcher => {}
            WaiterKind::Leader | WaiterKind::Gone => return,
        }
        self.interested.set(self.interested.get() - 1);
    }

    /// Forgets the handle of the call that led at this turn, unless it was forgotten with its task.
    pub(crate) fn remove_handle(&self, turn: u32) {
        if self.turn.get() == turn {
            self.forget_handle();
        }
    }

    /// Forgets the handle of the call that leads, if it has one that is there.
    pub(crate) fn forget_handle(&self) {
        let handles = self.handles.get();
        self.interested.set(self.interested.get() - handles);
        self.handles.set(0);
    }

    /// Counts a task that its handle has counted out.
    pub(crate) fn cut_one(&self) {
        self.cut.set(self.cut.get().saturating_add(1));
    }

    /// Notes that a follower has no work of its own after all.
    pub(crate) fn give_up_work(&self) {
        self.claimants.set(self.claimants.get() - 1);
    }

    /// Whether a follower is left that could lead.
    pub(crate) fn has_claimants(&self) -> bool {
        self.claimants.get() > 0
    }

    /// Whether nobody needs the shared part: nobody waits, nothing is counted, and the leader has
    /// no hold on it.
    pub(crate) fn is_unused(&self) -> bool {
        self.interested.get() == 0
            && self.failures.get() == 0
            && self.leader_listens.get() == UNTOLD
            && !self.is_vacant()
    }

    /// Counts one more failed work; says how many that makes in a row. A leader that is lost
    /// between two failures is not counted, and does not end the row.
    pub(crate) fn fail(&self) -> u32 {
        let failures = self.failures.get().saturating_add(1);
        self.failures.set(failures);
        failures
    }

    /// Opens the flight for the first follower who is polled.
    ///
    /// Pairs with the look in `Follower`: it is stored before the notification.
    pub(crate) fn vacate(&self) {
        self.vacant.store(true, Ordering::Release);
    }

    /// Takes the lead if nobody has it.
    pub(crate) fn claim(&self) -> bool {
        let vacant = self.is_vacant();
        if vacant && !seeded("claim-leaves-vacant") {
            self.vacant.store(false, Ordering::Release);
            self.leader_listens.set(UNTOLD);
            self.turn.set(self.turn.get().wrapping_add(1));
        }
        vacant
    }

    /// How often the flight was claimed. Its leader may ask without the lock.
    pub(crate) fn turn(&self) -> u32 {
        self.turn.get()
    }

    // ---- without the lock ----

    /// Whether nobody is interested; a hint. Pairs with the notification after the last one has left.
    pub(crate) fn is_deserted(&self) -> bool {
        self.interested.get() == 0
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.vacant.load(Ordering::Acquire)
    }

    pub(crate) fn has_landed(&self) -> bool {
        self.landing.is_set()
    }

    /// Hands the result to everyone who waits. Only for whoever took the slot out of the
    /// table (P2: it leaves the table before the result is handed out).
    pub(crate) fn land(&self, result: Result<V, CallError>, link: Link) {
        let followers = self.followers() as usize;
        if seeded("notify-before-landing") {
            self.signal.notify_all();
        }
        self.landing.set(Landing {
            result,
            followers,
            link,
        });
        if !seeded("notify-before-landing") {
            // Nobody listens anew who sees a result.
            self.wake(usize::MAX);
        }
    }

    fn wake(&self, most: usize) {
        let breaks = Breaks(&self.broken);
        self.signal.notify_each(most);
        mem::forget(breaks);
    }

    /// Tells everyone who waits, and a leader who listens, to look again. The flight goes on.
    ///
    /// One that joins meanwhile has looked after what is told, and one that leaves passes on what
    /// its listener was told: those who are counted now are enough, and those who were counted out
    /// while they listened.
    pub(crate) fn notify(&self) {
        let listening = self.interested.get().saturating_add(self.cut.get());
        self.wake((listening as usize).saturating_add(1));
    }

    /// Returns a copy of what it ended with.
    pub(crate) fn copy_landing(&self) -> Option<Landing<V>>
    where
        V: Clone,
    {
        self.landing.with(Landing::clone)
    }
}

impl<V> Landing<V> {
    pub(crate) fn into_outcome(self, role: Role) -> Result<Outcome<V>, CallError> {
        if role == Role::Follower {
            self.link.follow();
        }
        let followers = self.followers;
        self.result
            .map(|value| Outcome::new(value, role, followers))
    }
}

impl<V: Clone> Clone for Landing<V> {
    fn clone(&self) -> Self {
        Self {
            result: self.result.clone(),
            followers: self.followers,
            link: self.link.clone(),
        }
    }
}

// The same under every feature set, whatever the cell and the event say: no caller's code
// runs while a flight is half changed.
impl<V> UnwindSafe for Flight<V> {}
impl<V> RefUnwindSafe for Flight<V> {}
