//! Why a call ended without a value.

use core::error::Error;
use core::fmt;

use crate::sync::Text;

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
}

impl CallError {
    /// Panics with this error: what a call does that returns a bare value and has none.
    ///
    /// # Panics
    ///
    /// Always.
    #[cold]
    #[track_caller]
    pub fn raise(self) -> ! {
        panic!("no value to return: {self}")
    }
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
        ] {
            assert!(error.source().is_none());
            assert!(error.to_string().starts_with("the "), "{error}");
        }
    }
}
