//! Why a call ended without a value.

use core::error::Error;
use core::fmt;
#[cfg(feature = "std")]
use std::io;

use crate::platform::sync::Text;

/// The leader's work panicked; its panic went on in the leader.
///
/// Every follower receives this at once, so that N callers never pay for N failing
/// attempts in a row. [`PanicPolicy::HandOver`](crate::PanicPolicy) chooses otherwise.
#[derive(Clone, Eq, PartialEq)]
pub struct LeaderPanicked {
    message: Text,
}

impl LeaderPanicked {
    pub(crate) fn new(message: &str) -> Self {
        Self {
            message: Text::from(message),
        }
    }

    /// Returns the text that the leader's panic carried.
    ///
    /// A payload that is neither `&str` nor `String` gives `"Box<dyn Any>"`, as in the
    /// standard panic hook.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    /// use singleflight_core::{CallError, Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// let panics = || leader.lead_blocking(|| panic!("no route"));
    /// assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    /// let Err(CallError::LeaderPanicked(panicked)) = follower.wait_blocking() else { unreachable!() };
    /// assert_eq!(panicked.message(), "no route");
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for LeaderPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the leader of the flight panicked: {}", self.message)
    }
}

impl fmt::Debug for LeaderPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaderPanicked")
            .field("message", &self.message())
            .finish()
    }
}

impl Error for LeaderPanicked {}

/// What a call comes to: a value, or why there is none.
pub type CallResult<T> = Result<T, CallError>;

/// Why a call ended without a value.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CallError {
    /// The work that this call waited for panicked.
    LeaderPanicked(LeaderPanicked),
    /// The leader was lost, and none of those who waited had work of their own.
    LeaderLost,
    /// Of a spawned call: its task or thread was dropped before it had an answer. Whoever else
    /// waits for the flight leads on.
    TaskLost,
    /// The call was made from inside the work of the flight that it would wait for. See
    /// [`Group`](crate::Group#calls-from-inside-the-work).
    Reentrant,
    /// The group was [closed](crate::Group::close).
    Closed,
    /// The call's deadline came before its value.
    TimedOut,
    /// The call's task could not be started: there is no runtime here, or the system has no
    /// thread left. Nothing stays registered.
    NotSpawned,
    /// The group has a fixed capacity ([`Builder::fixed_capacity`](crate::Builder::fixed_capacity)),
    /// and no room for one more flight, or for the followers of one more. Nothing was registered.
    Full,
    /// The flight has as many followers as the group allows
    /// ([`Builder::max_followers`](crate::Builder::max_followers)). Nothing was
    /// registered; the flight goes on without this call.
    TooManyFollowers,
    /// So many works in a row have failed, each for a caller of its own, and this call is not to
    /// try again ([`Builder::max_failures`](crate::Builder::max_failures)), or nobody who waits has
    /// work of its own. The errors stayed with the callers whose works they were.
    TooManyFailures {
        /// How many have failed.
        failures: usize,
    },
    /// The last work made a value that its call does not share
    /// ([`Call::share_if`](crate::Call::share_if)), and nobody else could or might lead on.
    NotShared,
    /// Of a batch: its work was given the key, and did not return it. Whoever else waits for it
    /// leads on.
    NotReturned,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeaderPanicked(panicked) => panicked.fmt(f),
            Self::LeaderLost => {
                f.write_str("the leader of the flight was lost and no follower had work of its own")
            }
            Self::TaskLost => f.write_str("the task of the call was dropped before its end"),
            Self::Reentrant => f.write_str(
                "the call would wait for the work that it is made from: same key, same task",
            ),
            Self::Closed => f.write_str("the group is closed"),
            Self::TimedOut => f.write_str("the deadline of the call came before its value"),
            Self::NotSpawned => f.write_str("the task of the call could not be started"),
            Self::Full => f.write_str("the group has no room for one more flight"),
            Self::TooManyFollowers => {
                f.write_str("the flight has as many followers as the group allows")
            }
            Self::TooManyFailures { failures } => {
                write!(
                    f,
                    "the flight has ended after {failures} failed works in a row"
                )
            }
            Self::NotShared => f.write_str("the value of the flight was kept by its caller"),
            Self::NotReturned => f.write_str("the work of the batch did not return the key"),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::LeaderPanicked(panicked) => Some(panicked),
            _ => None,
        }
    }
}

/// [`TimedOut`](io::ErrorKind::TimedOut) stays what it is; whatever else is
/// [`Other`](io::ErrorKind::Other), with the call's error as its source.
#[cfg(feature = "std")]
impl From<CallError> for io::Error {
    fn from(error: CallError) -> Self {
        let kind = match error {
            CallError::TimedOut => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl From<LeaderPanicked> for CallError {
    fn from(panicked: LeaderPanicked) -> Self {
        Self::LeaderPanicked(panicked)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn messages_are_lower_case_and_name_the_cause() {
        let panicked = CallError::from(LeaderPanicked::new("boom"));
        assert_eq!(
            panicked.to_string(),
            "the leader of the flight panicked: boom"
        );
        assert!(panicked.source().is_some());
        for error in [
            CallError::LeaderLost,
            CallError::TaskLost,
            CallError::Reentrant,
            CallError::Closed,
            CallError::TimedOut,
            CallError::NotSpawned,
            CallError::Full,
            CallError::TooManyFollowers,
            CallError::TooManyFailures { failures: 3 },
            CallError::NotShared,
            CallError::NotReturned,
        ] {
            assert!(error.source().is_none());
            assert!(error.to_string().starts_with("the "), "{error}");
        }
    }
}
