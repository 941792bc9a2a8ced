//! The model of a flight: those who wait for it, in their seats, and what it ends with. Which rules
//! it goes by, its group says.

use singleflight_core::{CallError, Role};

use crate::counted::Made;

#[derive(Clone, PartialEq)]
pub(crate) struct Flight {
    pub(crate) key: u8,
    /// When it started.
    pub(crate) tick: u64,
    pub(crate) forgotten: bool,
    pub(crate) vacant: bool,
    pub(crate) waiting: Vec<(usize, Seat)>,
    /// How many works have failed.
    pub(crate) failures: usize,
    /// Set once it has ended: what those who wait receive.
    pub(crate) result: Option<Answer>,
    /// How many waited when it ended.
    pub(crate) followers: usize,
}

/// How a party waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Seat {
    WithWork,
    WithoutWork,
    Handle,
    /// A spawned call with work, whose handle is gone.
    Heir,
}

/// A value or an error that a work has returned.
pub(crate) type Value = Result<Made, Made>;

/// What a flight ends with.
pub(crate) type Answer = Result<Value, Why>;

/// One caller's part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share {
    pub(crate) value: Value,
    pub(crate) role: Role,
    pub(crate) followers: usize,
}

impl Share {
    /// Of a leader whose value goes to nobody else.
    pub(crate) fn alone(value: Value) -> Self {
        Self {
            value,
            role: Role::Leader,
            followers: 0,
        }
    }
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Why {
    /// With this text.
    Panicked(String),
    Lost,
    TaskLost,
    Reentrant,
    Closed,
    TimedOut,
    TooMany,
    /// So many.
    Failures(usize),
    NotShared,
    NotReturned,
}

impl Flight {
    pub(crate) fn is_in_table(&self) -> bool {
        self.result.is_none()
    }

    pub(crate) fn is_led(&self) -> bool {
        self.is_in_table() && !self.vacant
    }

    pub(crate) fn count(&self, seat: Seat) -> usize {
        let is = |(_, other): &&(usize, Seat)| *other == seat;
        self.waiting.iter().filter(is).count()
    }

    /// How many calls wait: a spawned call is one, its handle none, and none without a handle.
    pub(crate) fn callers(&self) -> usize {
        self.waiting.len() - self.count(Seat::Handle) - self.count(Seat::Heir)
    }

    /// Whether anybody has to learn how it ends.
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiting.len() > self.count(Seat::Handle)
    }

    pub(crate) fn has_claimants(&self) -> bool {
        self.count(Seat::WithWork) + self.count(Seat::Heir) > 0
    }

    pub(crate) fn end(&mut self, result: Answer) {
        assert!(self.is_in_table(), "a flight ends once");
        self.followers = self.callers();
        self.result = Some(result);
        self.vacant = false;
    }
}

impl From<CallError> for Why {
    fn from(error: CallError) -> Self {
        match error {
            CallError::LeaderPanicked(panicked) => Self::Panicked(panicked.message().to_owned()),
            CallError::LeaderLost => Self::Lost,
            CallError::TaskLost => Self::TaskLost,
            CallError::Reentrant => Self::Reentrant,
            CallError::Closed => Self::Closed,
            CallError::TimedOut => Self::TimedOut,
            CallError::TooManyFollowers => Self::TooMany,
            CallError::TooManyFailures { failures } => Self::Failures(failures),
            CallError::NotShared => Self::NotShared,
            CallError::NotReturned => Self::NotReturned,
            other => unreachable!("no step leads to {other:?}"),
        }
    }
}
