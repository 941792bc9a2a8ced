//! Why a table refuses a call.

use crate::error::CallError;

/// Why a call may neither lead nor follow. As small as can be: a lone call carries the
/// possibility about.
#[derive(Clone, Copy)]
pub(crate) enum Refusal {
    Closed,
    Full,
    Reentrant,
    TooManyFollowers,
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => Self::Closed,
            Refusal::Full => Self::Full,
            Refusal::Reentrant => Self::Reentrant,
            Refusal::TooManyFollowers => Self::TooManyFollowers,
        }
    }
}
