//! Why a call, or a connection, came to nothing.

use std::sync::Arc;

use thiserror::Error;

/// Why a call ended without a value.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CallError {
    /// The work that this call waited for panicked, in this process or in another. The text of the
    /// panic, of which 256 bytes cross.
    #[error("the leader of the flight panicked: {0}")]
    LeaderPanicked(Arc<str>),
    /// Works in a row have failed, in all processes together.
    #[error("the work failed {failures} times in a row")]
    TooManyFailures {
        /// How many.
        failures: usize,
    },
    /// The call's time was up before its value came.
    #[error("the time of the call was up before its value came")]
    TimedOut,
    /// Redis did not answer, or refused, and the group is told to
    /// [fail](crate::WhenDown::Fail) then.
    #[error("the Redis server cannot be used: {0}")]
    Down(Arc<str>),
    /// The group was closed.
    #[error("the group is closed")]
    Closed,
    /// The call was made from inside the work that it would wait for.
    #[error("the call would wait for the work that it is made from")]
    Reentrant,
    /// The in-process group refused the call.
    #[error(transparent)]
    Refused(singleflight_core::CallError),
}

impl From<singleflight_core::CallError> for CallError {
    fn from(error: singleflight_core::CallError) -> Self {
        use singleflight_core::CallError as Core;
        match error {
            Core::LeaderPanicked(panicked) => Self::LeaderPanicked(panicked.message().into()),
            Core::TimedOut => Self::TimedOut,
            Core::TooManyFailures { failures, .. } => Self::TooManyFailures { failures },
            Core::Closed => Self::Closed,
            Core::Reentrant => Self::Reentrant,
            other => Self::Refused(other),
        }
    }
}

/// Why a [`Server`](crate::Server) was not reached.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("the Redis server was not reached: {0}")]
pub struct ConnectError(pub(crate) String);

/// What a group was built with that cannot be.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("the group cannot be built: {0}")]
pub struct BuildError(pub(crate) &'static str);

/// Why a `forget` has no effect beyond this process, or perhaps none.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("the flight may not be forgotten elsewhere: {0}")]
pub struct ForgetError(pub(crate) String);
