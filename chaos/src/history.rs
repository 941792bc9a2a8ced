//! What was recorded of a round.

use singleflight_core::Role;

use crate::clock::Stamp;
use crate::order::Order;
use crate::refusal::Refusal;

/// A call for a key, from before it joined to after its answer was there. `begin` is its name.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) order: Order,
    pub(crate) begin: Stamp,
    pub(crate) end: Stamp,
    pub(crate) ending: Ending,
}

/// How a call ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    /// With what an execution made.
    Answered(Told),
    /// With the fault of its own work, which is nobody else's; of which execution. A batch ends with
    /// it for all of its keys.
    Failed(Stamp),
    /// With something that no execution made for this key.
    Damaged,
    /// With the panic of this execution, as it was raised.
    Thrown(Stamp),
    /// With word of a panic; of which execution, if that was said.
    Panicked(Option<Stamp>),
    /// Without a value.
    Refused(Refusal),
    /// The caller gave it up.
    GivenUp,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Told {
    pub(crate) execution: Stamp,
    pub(crate) is_success: bool,
    pub(crate) role: Option<Role>,
}

/// A work, from its first line to when it was gone. `begin` and `key` are its name: what a
/// batch does for its keys begins at once.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    pub(crate) key: u64,
    /// The call whose work it is.
    pub(crate) call: Stamp,
    pub(crate) begin: Stamp,
    pub(crate) end: Stamp,
    pub(crate) result: Completion,
}

/// How a work ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Completion {
    Value,
    /// A value that is its caller's own.
    Private,
    Fault,
    Panic,
    /// It was dropped.
    Dropped,
    /// A batch's work did not return this key.
    Omitted,
}

/// A `forget` that had an effect, or a moment at which flights grew too old.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retirement {
    /// Empty if it is for all keys.
    pub(crate) key: Option<u64>,
    pub(crate) begin: Stamp,
    pub(crate) end: Stamp,
}

/// A work asked whether its flight was forgotten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) key: u64,
    pub(crate) call: Stamp,
    pub(crate) execution: Stamp,
    pub(crate) begin: Stamp,
    pub(crate) end: Stamp,
    pub(crate) is_forgotten: bool,
}

/// The group was closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    pub(crate) begin: Stamp,
    pub(crate) end: Stamp,
}

/// All that was recorded of a round.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// How many answers were asked for: one for each call, for a batch one for each key.
    pub(crate) asked: u64,
    pub(crate) calls: Vec<Call>,
    pub(crate) executions: Vec<Execution>,
    pub(crate) retirements: Vec<Retirement>,
    pub(crate) questions: Vec<Question>,
    pub(crate) closing: Option<Closing>,
    /// It was closed, and something stayed in flight.
    pub(crate) is_undrained: bool,
}
