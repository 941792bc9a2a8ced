//! Why a call has no value.

use singleflight_core::CallError;

/// Why there is nothing to answer.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "adapters make all of them")]
pub enum Refusal {
    /// The leader panicked. The text, if there is one, names the execution.
    Panicked(String),
    /// The leader was lost.
    Lost,
    /// The call was made from inside its own work.
    Reentrant,
    /// The group is closed.
    Closed,
    /// The deadline came first.
    TimedOut,
    /// The flight has as many followers as it may.
    Full,
    /// So many works have failed in a row.
    TooManyFailures(usize),
    /// The last work made a value that is its caller's own.
    NotShared,
    /// The work of a batch did not return the key.
    NotReturned,
    /// Anything else, in its own words. It is never right.
    Other(String),
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        match error {
            CallError::LeaderPanicked(panicked) => Self::Panicked(panicked.message().to_owned()),
            CallError::LeaderLost => Self::Lost,
            CallError::Reentrant => Self::Reentrant,
            CallError::Closed => Self::Closed,
            CallError::TimedOut => Self::TimedOut,
            CallError::TooManyFollowers => Self::Full,
            CallError::TooManyFailures { failures } => Self::TooManyFailures(failures),
            CallError::NotShared => Self::NotShared,
            CallError::NotReturned => Self::NotReturned,
            other => Self::Other(other.to_string()),
        }
    }
}
