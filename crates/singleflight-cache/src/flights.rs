//! The layer that runs one load for each key at a time.
//!
//! This file and `claims.rs` alone use the core's calls.

use alloc::vec::Vec;
use core::future::Future;
use core::hash::BuildHasher;

use singleflight_core::{CallError, Group};

use crate::entry::Entry;
use crate::error::{Error, Fault};
use crate::store::{Lease, Store};

/// What a flight lands: an entry, and how it was come by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(
    clippy::exhaustive_structs,
    reason = "a layer between processes makes one of what it has read"
)]
pub struct Loaded<V> {
    /// What is stored, or would be.
    pub entry: Entry<V>,
    /// Whether it was loaded in this flight, rather than found in the store.
    pub anew: bool,
}

/// What is shared of a flight.
pub type Landing<S, E> = Result<Loaded<<S as Store>::Value>, Fault<E, <S as Store>::Error>>;

/// The flights of one process: the core's group.
pub type InProcess<S, E> = Group<<S as Store>::Key, Landing<S, E>>;

/// Why a get has no answer.
pub(crate) type GetError<S, E, F> = Error<E, <S as Store>::Error, <F as Flights<S, E>>::Error>;

/// The work of a batch, which may be called for several times.
///
/// (No closure: a future that names a closure and what it returns as two types is not known to be
/// `Send` where both borrow.)
pub trait Batch<S: Store, E>: Copy {
    /// Loads keys, and returns something for each.
    fn load(self, keys: Vec<S::Key>) -> impl Future<Output = Vec<(S::Key, Landing<S, E>)>>;
}

/// Runs one work for each key at a time. The core's [`Group`] does so in one process.
pub trait Flights<S: Store, E> {
    /// Why a call has no answer.
    type Error: Clone + From<CallError>;

    /// Whether a flight may have landed in another process between a look and the joining. Then a
    /// leader looks again.
    const BETWEEN_PROCESSES: bool = false;

    /// Runs `work` if nobody does it for `key`, else waits for the one who does, and `work` is not
    /// polled. An `Err` is shared with those who wait in this process.
    fn run(
        &self,
        key: &S::Key,
        work: impl Future<Output = Landing<S, E>>,
    ) -> impl Future<Output = Result<Landing<S, E>, Self::Error>>;

    /// Runs `work` if nobody does it for `key`, else returns `None`, or what somebody has come to
    /// who began at that moment.
    fn try_lead(
        &self,
        key: &S::Key,
        work: impl Future<Output = Landing<S, E>>,
    ) -> impl Future<Output = Option<Result<Landing<S, E>, Self::Error>>>;

    /// Gives those of the keys that nobody is loading to `work`, waits for the rest, and returns an
    /// answer for each key. A layer that has no batches is asked for one key after the other.
    #[expect(clippy::type_complexity, reason = "it names what it is made of")]
    fn run_many(
        &self,
        keys: Vec<S::Key>,
        work: impl Batch<S, E>,
    ) -> impl Future<Output = Vec<(S::Key, Result<Landing<S, E>, Self::Error>)>> {
        async move {
            let mut answers = Vec::with_capacity(keys.len());
            for key in keys {
                let loading = work.load(Vec::from([key.clone()]));
                let one = async { loading.await.pop().expect("each key has its answer").1 };
                let answer = self.run(&key, one).await;
                answers.push((key, answer));
            }
            answers
        }
    }

    /// Tells by what right the load of `key` runs that runs now in this process.
    fn lease(&self, key: &S::Key) -> Lease {
        let _ = key;
        Lease::NONE
    }

    /// Lets later calls for `key` start afresh.
    fn forget(&self, key: &S::Key) -> impl Future<Output = Result<(), Self::Error>>;

    /// Lets later calls for every key start afresh.
    fn forget_all(&self) -> impl Future<Output = Result<(), Self::Error>>;
}

impl<S: Store, E, H: BuildHasher> Flights<S, E> for Group<S::Key, Landing<S, E>, H> {
    type Error = CallError;

    async fn run(
        &self,
        key: &S::Key,
        work: impl Future<Output = Landing<S, E>>,
    ) -> Result<Landing<S, E>, CallError> {
        Self::run(self, key, || work).await
    }

    async fn try_lead(
        &self,
        key: &S::Key,
        work: impl Future<Output = Landing<S, E>>,
    ) -> Option<Result<Landing<S, E>, CallError>> {
        if self.followers(key).is_some() {
            return None;
        }
        Some(Self::run(self, key, || work).await)
    }

    async fn run_many(
        &self,
        keys: Vec<S::Key>,
        work: impl Batch<S, E>,
    ) -> Vec<(S::Key, Result<Landing<S, E>, CallError>)> {
        let answers = Self::run_many(self, keys, move |keys| work.load(keys)).await;
        answers.into_iter().collect()
    }

    async fn forget(&self, key: &S::Key) -> Result<(), CallError> {
        Self::forget(self, key);
        Ok(())
    }

    async fn forget_all(&self) -> Result<(), CallError> {
        Self::forget_all(self);
        Ok(())
    }
}
