//! What a group is told once.

use std::time::Duration;

/// What a group does when Redis is not reached, or refuses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum WhenDown {
    /// The work runs once in each process, as without this crate. Such answers say that they are
    /// [`Alone`](crate::Role::Alone): the promises do not hold for them.
    #[default]
    RunHere,
    /// The call ends with [`CallError::Down`](crate::CallError::Down).
    Fail,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) lease: Duration,
    pub(crate) poll: Duration,
    pub(crate) wait_at_most: Duration,
    pub(crate) max_value: usize,
    pub(crate) max_failures: u32,
    pub(crate) when_down: WhenDown,
    /// How long a result is kept for those who wait.
    pub(crate) keep: Duration,
}

impl Settings {
    /// How long a late copy of a script is known for one.
    pub(crate) fn marks(&self) -> Duration {
        self.lease * 2 + self.keep
    }
}
