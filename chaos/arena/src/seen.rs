//! What a history tells of works, causes and forgets.

use crate::history::{Cause, End};

#[derive(Clone, Debug)]
pub(crate) struct Execution {
    pub(crate) number: u64,
    pub(crate) key: u64,
    pub(crate) token: Option<u64>,
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    /// When its first answer was received.
    pub(crate) received: Option<u64>,
    pub(crate) told: Option<End>,
}

#[derive(Debug)]
pub(crate) struct Caused {
    pub(crate) cause: Cause,
    pub(crate) from: u64,
    pub(crate) until: u64,
    pub(crate) process: u64,
}

#[derive(Debug)]
pub(crate) struct Forget {
    pub(crate) key: u64,
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// The process that a number belongs to: its upper half.
pub(crate) const fn process(number: u64) -> u64 {
    number >> 32
}
