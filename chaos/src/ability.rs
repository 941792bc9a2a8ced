//! The abilities by which a subject is tried.

use crate::order::Way;

/// What a subject can take part in. What it cannot, it is not asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ability {
    /// Its calls may be dropped half way.
    Lose,
    /// Its works may panic.
    Panic,
    /// Its calls may be made from inside works for other keys.
    Nest,
    /// It refuses a call from inside the work for the same key.
    Reenter,
    /// A call that waits and is not polled holds nobody up.
    Sleep,
    /// Drops the work's future before it hands out the result. The work of others is over
    /// once it is ready.
    DropFirst,
    /// Has [`forget`](crate::Subject::forget).
    Forget,
    /// Has [`forget_unshared`](crate::Subject::forget_unshared).
    ForgetUnshared,
    /// Has [`forget_all`](crate::Subject::forget_all).
    ForgetAll,
    /// Does not join flights that are too old by [`ticks`](crate::ticks).
    Age,
    /// Has [`close`](crate::Subject::close), and `drain`.
    Close,
    /// Has `batch`.
    Batch,
    /// Its `call` can do what this is about, beside [`Way::Run`].
    Call(Way),
    /// Its `call` knows [`patience`](crate::Order::patience).
    Deadline,
    /// Gives every byte back when it is dropped.
    Free,
}
