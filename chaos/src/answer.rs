//! What a subject answers, and how that is read.

use std::any::Any;

use singleflight_core::{CallResult, Outcome, Role};

use crate::clock::Stamp;
use crate::history::{Ending, Told};
use crate::refusal::Refusal;
use crate::value::{Made, OwnFault};

/// What a call came to, as an adapter tells it.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "adapters make all of them")]
pub enum Answer {
    /// What some work made; and whether that was the caller's own, if the subject says so.
    Made(Made, Option<Role>),
    /// The fault of the caller's own work, which is nobody else's.
    Failed(OwnFault),
    /// Nothing.
    Refused(Refusal),
}

impl From<Made> for Answer {
    fn from(made: Made) -> Self {
        Self::Made(made, None)
    }
}

impl From<Outcome<Made>> for Answer {
    fn from(outcome: Outcome<Made>) -> Self {
        let role = outcome.role;
        Self::Made(outcome.into_value(), Some(role))
    }
}

impl<T: Into<Self>> From<CallResult<T>> for Answer {
    fn from(result: CallResult<T>) -> Self {
        match result {
            Ok(made) => made.into(),
            Err(error) => Self::Refused(error.into()),
        }
    }
}

/// Of a call whose work may fail.
impl<T: Into<Self>> From<CallResult<Result<T, OwnFault>>> for Answer {
    fn from(result: CallResult<Result<T, OwnFault>>) -> Self {
        match result {
            Ok(Ok(made)) => made.into(),
            Ok(Err(fault)) => Self::Failed(fault),
            Err(error) => Self::Refused(error.into()),
        }
    }
}

impl Answer {
    /// Reads what the call for `key` came to.
    pub(crate) fn ending(self, key: u64) -> Ending {
        match self {
            Self::Made(made, role) => {
                let (value, is_success) = match &made {
                    Ok(value) => (value, true),
                    Err(fault) => (&fault.0, false),
                };
                value.execution(key).map_or(Ending::Damaged, |execution| {
                    Ending::Answered(Told {
                        execution,
                        is_success,
                        role,
                    })
                })
            }
            Self::Failed(fault) => fault.ending(key),
            Self::Refused(Refusal::Panicked(text)) => Ending::Panicked(named_in(&text)),
            Self::Refused(refusal) => Ending::Refused(refusal),
        }
    }
}

impl OwnFault {
    /// Reads what the call for `key` came to.
    pub(crate) fn ending(&self, key: u64) -> Ending {
        let execution = self.0.execution(key);
        execution.map_or(Ending::Damaged, Ending::Failed)
    }
}

/// What a planted panic says, before the number of its execution.
const PLANTED: &str = "planted panic of execution ";

/// Panics as a work does that was told to. No hook is called: it is no news.
pub(crate) fn panic_as_planted(execution: Stamp) -> ! {
    std::panic::resume_unwind(Box::new(format!("{PLANTED}{execution}")))
}

/// Returns the execution whose planted panic a text names.
fn named_in(text: &str) -> Option<Stamp> {
    let (_, rest) = text.split_once(PLANTED)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit());
    rest[..digits.unwrap_or(rest.len())].parse().ok()
}

/// Reads what a call threw.
pub(crate) fn thrown(payload: &(dyn Any + Send)) -> Ending {
    let text = match payload.downcast_ref::<String>() {
        Some(text) => text.as_str(),
        None => payload
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("Box<dyn Any>"),
    };
    match (named_in(text), text.starts_with(PLANTED)) {
        (Some(execution), true) => Ending::Thrown(execution),
        (Some(execution), false) => Ending::Panicked(Some(execution)),
        (None, _) => Ending::Refused(Refusal::Other(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_panic_is_known_again_raised_or_told() {
        let raised = std::panic::catch_unwind(|| panic_as_planted(17)).expect_err("it panics");
        assert_eq!(thrown(&*raised), Ending::Thrown(17));
        let told = "no value to return: planted panic of execution 17.".to_owned();
        assert_eq!(thrown(&told), Ending::Panicked(Some(17)));
        let stray = "index out of bounds";
        assert_eq!(
            thrown(&stray),
            Ending::Refused(Refusal::Other(stray.to_owned()))
        );
    }
}
