//! What a call is asked to do.

use std::time::Duration;

/// How a call is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Way {
    /// The plain call.
    Run,
    /// The call that tells its role.
    Outcome,
    /// The same, by a call that owns its group.
    Owned,
    /// Keeps the fault of its own work and hands over.
    KeepFaults,
    /// Keeps a value that is private and hands over.
    ShareIf,
    /// The work asks whether it was forgotten.
    Fence,
    /// In a task or on a thread of its own, to its end.
    Spawn,
    /// The same; keeps the fault of its own work.
    SpawnKeepFaults,
    /// In a task or on a thread of its own, as long as it is wanted.
    SpawnUnwanted,
    /// Waits without work of its own; where it has to lead, it does.
    Watch,
    /// Joins; where it has to lead, it is lost before its work begins.
    Desert,
    /// One key of a call for many. Never given to `call`.
    Batch,
}

/// What a call is asked to do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Order {
    /// The key.
    pub key: u64,
    /// How it is made.
    pub way: Way,
    /// A deadline, if it has one.
    pub patience: Option<Duration>,
    /// For a blocking call that returns a handle: drop it instead of waiting.
    pub is_given_up: bool,
    /// Made from inside the work for the same key.
    pub(crate) is_inner: bool,
}

impl Way {
    /// Whether a fault of the call's own work stays with it.
    pub(crate) fn keeps_faults(self) -> bool {
        matches!(self, Self::KeepFaults | Self::SpawnKeepFaults | Self::Batch)
    }

    /// Whether the call has a task or a thread of its own.
    pub(crate) fn is_spawned(self) -> bool {
        matches!(
            self,
            Self::Spawn | Self::SpawnKeepFaults | Self::SpawnUnwanted
        )
    }
}

impl Order {
    pub(crate) const fn new(key: u64, way: Way) -> Self {
        Self {
            key,
            way,
            patience: None,
            is_given_up: false,
            is_inner: false,
        }
    }
}
