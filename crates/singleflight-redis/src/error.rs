//! Why a call, or a connection, came to nothing.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// How much of a panic's text crosses.
pub(crate) const PANIC_BYTES: usize = 256;

/// Why a call ended without a value.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CallError {
    /// The work that this call waited for panicked, in this process or in another. The text of the
    /// panic, of which 256 bytes cross.
    LeaderPanicked(Arc<str>),
    /// Works in a row have failed, in all processes together.
    TooManyFailures {
        /// How many.
        failures: usize,
    },
    /// The call's time was up before its value came.
    TimedOut,
    /// Redis did not answer, or refused, and the group is told to
    /// [fail](crate::WhenDown::Fail) then.
    Down(Arc<str>),
    /// The group was closed.
    Closed,
    /// The call was made from inside the work that it would wait for.
    Reentrant,
    /// The in-process group refused the call.
    Refused(singleflight_core::CallError),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeaderPanicked(text) => write!(f, "the leader of the flight panicked: {text}"),
            Self::TooManyFailures { failures } => {
                write!(f, "the work failed {failures} times in a row")
            }
            Self::TimedOut => f.write_str("the time of the call was up before its value came"),
            Self::Down(why) => write!(f, "the Redis server cannot be used: {why}"),
            Self::Closed => f.write_str("the group is closed"),
            Self::Reentrant => f.write_str("the call would wait for the work that it is made from"),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
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
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectError(pub(crate) String);

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Redis server was not reached: {}", self.0)
    }
}

impl Error for ConnectError {}

/// What a group was built with that cannot be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BuildError(pub(crate) &'static str);

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the group cannot be built: {}", self.0)
    }
}

impl Error for BuildError {}

/// Why a `forget` has no effect beyond this process, or perhaps none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ForgetError(pub(crate) String);

impl fmt::Display for ForgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the flight may not be forgotten elsewhere: {}", self.0)
    }
}

impl Error for ForgetError {}
