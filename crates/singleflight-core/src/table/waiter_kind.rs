//! What one that waits is to its flight, and by what the handle of a spawned call can change it.

use core::sync::atomic::{AtomicU8, Ordering};

use crate::platform::sync::{Arc, Guarded};
use crate::platform::wait::Signal;

/// What one that waits is to its flight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum WaiterKind {
    /// A call with work of its own.
    Follower,
    /// A call without.
    Watcher,
    /// A spawned call with work of its own, whose handle is gone. It is no caller: it is there so
    /// that the work is done if the leader is lost.
    Heir,
    /// It has claimed the flight, and has not said so yet.
    Leader,
    /// It is not counted any more.
    Gone,
}

/// Where the kind of one that waits is kept.
///
/// It is written under the lock of the flight's shard, which orders it: so that whoever goes away
/// is counted out once, by itself or by its handle. Without the lock it is a hint.
pub(crate) struct KindCell(AtomicU8);

/// By what the handle of a spawned call that follows reaches the task, and nobody else.
pub(crate) struct Tether {
    pub(crate) kind: KindCell,
    /// At which turn of the flight the task has come to lead it.
    turn: Guarded,
    /// Where the task sleeps, beside the flight's own signal.
    pub(crate) signal: Signal,
}

/// One that has a kind: of its own, or one that its handle knows, too.
pub(crate) trait HasKind {
    fn kind(&self) -> &KindCell;

    /// Notes at which turn of the flight it leads, under the lock.
    fn leads_at(&self, _turn: u32) {}
}

impl WaiterKind {
    /// Whether it may take a vacant flight over.
    pub(crate) fn can_lead(self) -> bool {
        matches!(self, Self::Follower | Self::Heir)
    }
}

impl KindCell {
    #[expect(
        clippy::declare_interior_mutable_const,
        reason = "each one that waits has a cell of its own"
    )]
    pub(crate) const FOLLOWER: Self = Self(AtomicU8::new(WaiterKind::Follower as u8));

    pub(crate) fn get(&self) -> WaiterKind {
        const KINDS: [WaiterKind; 4] = [
            WaiterKind::Follower,
            WaiterKind::Watcher,
            WaiterKind::Heir,
            WaiterKind::Leader,
        ];
        let kind = KINDS.get(usize::from(self.0.load(Ordering::Relaxed)));
        kind.copied().unwrap_or(WaiterKind::Gone)
    }

    pub(crate) fn set(&self, kind: WaiterKind) {
        self.0.store(kind as u8, Ordering::Relaxed);
    }
}

impl Tether {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            kind: KindCell::FOLLOWER,
            turn: Guarded::new(),
            signal: Signal::new(),
        })
    }

    pub(crate) fn turn(&self) -> u32 {
        self.turn.get()
    }

    /// Whether the handle has counted the task out.
    pub(crate) fn is_cut(&self) -> bool {
        self.kind.get() == WaiterKind::Gone
    }
}

impl HasKind for KindCell {
    #[inline]
    fn kind(&self) -> &KindCell {
        self
    }
}

impl HasKind for Arc<Tether> {
    #[inline]
    fn kind(&self) -> &KindCell {
        &self.kind
    }

    fn leads_at(&self, turn: u32) {
        self.turn.set(turn);
    }
}
