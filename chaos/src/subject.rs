//! What is tried: anything that coalesces calls for equal keys.
//!
//! An adapter says what it can do, how to make it and how to call it:
//!
//! ```
//! use std::sync::Arc;
//! use singleflight_chaos::{Ability, Answer, Async, Rules, Subject, Work};
//!
//! # use singleflight_chaos::Made;
//! # struct Peer;
//! # impl Peer { async fn run(&self, _: u64, work: impl Future<Output = Made> + Send) -> Made { work.await } }
//! struct Tried(Peer);
//!
//! impl Subject for Tried {
//!     const NAME: &'static str = "peer";
//!     const ABILITIES: &'static [Ability] = &[Ability::Lose, Ability::Panic];
//! }
//!
//! impl Async for Tried {
//!     async fn run(&self, key: u64, work: Work) -> Answer {
//!         self.0.run(key, work.future()).await.into()
//!     }
//! }
//! ```

use std::future::Future;
use std::time::Duration;

use crate::answer::Answer;
use crate::batch::{BatchAnswers, BatchWork};
use crate::order::{Order, Way};
use crate::work::Work;

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
    /// Has [`forget`](Subject::forget).
    Forget,
    /// Has [`forget_unshared`](Subject::forget_unshared).
    ForgetUnshared,
    /// Has [`forget_all`](Subject::forget_all).
    ForgetAll,
    /// Does not join flights that are too old by [`ticks`](crate::ticks).
    Age,
    /// Has [`close`](Subject::close), and `drain`.
    Close,
    /// Has `batch`.
    Batch,
    /// Its `call` can do what this is about, beside [`Way::Run`].
    Call(Way),
    /// Its `call` knows [`Order::patience`].
    Deadline,
    /// Gives every byte back when it is dropped.
    Free,
}

/// Something that coalesces calls for equal keys: a front end of ours, or a peer.
pub trait Subject: Send + Sync + 'static {
    /// What it is called in reports.
    const NAME: &'static str;

    /// What it can do, and survives.
    const ABILITIES: &'static [Ability];

    /// How many flights it holds, if it can tell.
    fn in_flight(&self) -> Option<usize> {
        None
    }

    /// Lets the next call start afresh; returns whether there was a flight (`true` if that
    /// is not known).
    fn forget(&self, key: u64) -> bool {
        unreachable!("{} cannot forget {key}", Self::NAME)
    }

    /// Lets the next call start afresh unless the flight is shared; returns whether it will.
    fn forget_unshared(&self, key: u64) -> bool {
        unreachable!("{} cannot forget {key} if it is unshared", Self::NAME)
    }

    /// Forgets every flight.
    fn forget_all(&self) {
        unreachable!("{} cannot forget all", Self::NAME)
    }

    /// Refuses new calls from now on.
    fn close(&self) {
        unreachable!("{} cannot be closed", Self::NAME)
    }
}

/// A subject whose calls are futures.
pub trait Async: Subject {
    /// Makes the plain call.
    fn run(&self, key: u64, work: Work) -> impl Future<Output = Answer> + Send;

    /// Makes a call as ordered. Without an answer, the subject gave it up as it was told to.
    fn call(&self, order: Order, work: Work) -> impl Future<Output = Option<Answer>> + Send {
        async move { Some(self.run(order.key, work).await) }
    }

    /// Makes one call for many keys. Each has an answer, unless the work failed.
    fn batch(&self, keys: Vec<u64>, work: BatchWork) -> impl Future<Output = BatchAnswers> + Send {
        async move { unreachable!("{} has no batch for {keys:?}, {work:?}", Self::NAME) }
    }

    /// Waits until nothing is in flight; returns whether that came in time.
    fn drain(&self, within: Duration) -> impl Future<Output = bool> + Send {
        async move { unreachable!("{} cannot be drained within {within:?}", Self::NAME) }
    }
}

/// A subject whose calls block the thread.
pub trait Blocking: Subject {
    /// Makes the plain call.
    fn run(&self, key: u64, work: Work) -> Answer;

    /// Makes a call as ordered. Without an answer, the subject gave it up as it was told to.
    fn call(&self, order: Order, work: Work) -> Option<Answer> {
        Some(self.run(order.key, work))
    }

    /// Makes one call for many keys. Each has an answer, unless the work failed.
    ///
    /// # Errors
    ///
    /// What the work failed with.
    fn batch(&self, keys: Vec<u64>, work: BatchWork) -> BatchAnswers {
        unreachable!("{} has no batch for {keys:?}, {work:?}", Self::NAME)
    }

    /// Waits until nothing is in flight; returns whether that came in time.
    fn drain(&self, within: Duration) -> bool {
        unreachable!("{} cannot be drained within {within:?}", Self::NAME)
    }
}
