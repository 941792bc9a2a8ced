//! What a caller gets back: the value, how it came, and what became of the lease; and how often.

use std::sync::Arc;

/// A value, and how the caller came by it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "the outcome holds the value that the call was made for"]
#[non_exhaustive]
pub struct Outcome<V> {
    /// What the work returned.
    pub value: V,
    /// Where the work ran.
    pub role: Role,
    /// What became of the lease under which it ran.
    pub lease: Ended,
    /// The fencing token of the execution: of two that landed one after another, the later has the
    /// higher. None if there was no lease.
    pub token: Option<u64>,
    /// Where the execution is traced, if it ran in another process that tells it by
    /// [`Builder::traceparent`](crate::Builder::traceparent): a W3C `traceparent`, whose form was
    /// checked. It comes from Redis: whoever can write there can name any trace.
    pub traceparent: Option<Arc<str>>,
}

/// Where the work of a call ran.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// This call ran it.
    Leader,
    /// Another call of this process ran it.
    Follower,
    /// It ran in another process; this call, or another of this process, received it from there.
    Remote,
    /// It ran in this process without a lease: other processes may have run it as well, and a value
    /// that is newer may have been received elsewhere. The promises do not hold for such an answer.
    Alone(Alone),
}

/// Why a process ran a work without a lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Alone {
    /// Redis was not reached, or refused.
    Down,
    /// Another process made the value, but it was larger than
    /// [`max_value`](crate::Builder::max_value).
    TooLarge,
    /// Another process made the value, but it could not be decoded here.
    Undecodable,
}

/// What became of the lease under which a value was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ended {
    /// It was held to the end: no other process ran the work meanwhile.
    Landed,
    /// It was lost or forgotten before the end: another process may have run the work as well.
    Lost,
    /// Redis did not say. The value was returned when the lease had surely ended.
    Unknown,
    /// There was none.
    None,
}

impl<V> Outcome<V> {
    /// Of a work that had no lease.
    pub(crate) fn new(value: V, role: Role) -> Self {
        Self {
            value,
            role,
            lease: Ended::None,
            token: None,
            traceparent: None,
        }
    }
}

/// What a group has done so far, as [`Group::stats`](crate::Group::stats) tells it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Works of this process whose lease was held to the end.
    pub landed_here: u64,
    /// Works of this process whose lease was lost or forgotten.
    pub lost: u64,
    /// Works of this process of whose lease Redis did not say what became.
    pub unknown: u64,
    /// Flights of other processes whose end this one received.
    pub received: u64,
    /// Leases that this process took after it had waited for another's.
    pub taken_over: u64,
    /// Works that ran without a lease.
    pub alone: u64,
    /// Values of this process that were too large to cross, or could not be encoded.
    pub too_large: u64,
    /// Values of other processes that could not be decoded.
    pub undecodable: u64,
    /// Looks because none had come in time.
    pub polls: u64,
    /// Looks because a message had come.
    pub pushes: u64,
    /// Times that a call found that Redis was not reached, or refused.
    pub down: u64,
}
