//! What a group is told once.

use std::time::Duration;

use crate::error::BuildError;

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

/// What a group is told once.
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

    /// Whether they fit together.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let (millisecond, day) = (Duration::from_millis(1), Duration::from_secs(86_400));
        let checks = [
            (self.wait_at_most.is_zero(), "`wait_at_most` has to be said"),
            (self.lease < millisecond * 30, "`lease` is below 30 ms"),
            (self.lease > day, "`lease` is above a day"),
            (self.poll < millisecond, "`poll` is below 1 ms"),
            (self.keep < millisecond, "`keep` is below 1 ms"),
            (self.keep > day, "`keep` is above a day"),
            (self.max_failures == 0, "`max_failures` is zero"),
        ];
        match checks.into_iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, why)) => Err(BuildError(why)),
            None => Ok(()),
        }
    }
}
