//! The user's cache, as this crate sees it.

use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::hash::Hash;
use core::time::Duration;

use crate::claims::Claim;
use crate::entry::{Entry, EntryId};

/// What a store has for a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there is an entry, or none, or rubbish"
)]
pub enum Found<V> {
    /// An entry, just as it was put.
    Entry(Entry<V>),
    /// Nothing.
    Nothing,
    /// Something that cannot be read as an entry: of another version, or damaged. It is removed,
    /// counted and loaded anew.
    Unreadable,
}

impl<V> From<Option<Entry<V>>> for Found<V> {
    fn from(entry: Option<Entry<V>>) -> Self {
        entry.map_or(Self::Nothing, Self::Entry)
    }
}

/// By what right a load runs, where that is shared between processes: the flight's identity there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a number or none")]
pub struct Lease(
    /// The flight's identity, if it has one between processes.
    pub Option<u128>,
);

impl Lease {
    /// Of a flight that this process alone knows.
    pub const NONE: Self = Self(None);
}

/// How an entry is to be put.
///
/// While it lives, an invalidation of the key waits. So a store keeps it until the put has ended:
/// a `put` that goes on in a task of its own moves it there.
#[non_exhaustive]
pub struct Put<K> {
    /// How long the entry can be of use. A store that can forget by itself may forget it then.
    pub keep: Duration,
    /// The entry over which this one is put, or `None` if the key had none. Where something else
    /// stands by now, the put must change nothing and return `false`. A store to which this
    /// process alone writes, and only through one [`Aside`](crate::Aside), need not look.
    pub expect: Option<EntryId>,
    /// By what right the load ran, where flights are shared between processes: a store that can
    /// ask puts only while it holds.
    pub lease: Lease,
    /// Held for its `Drop`. Empty where somebody else than an `Aside` puts.
    pub(crate) _claim: Option<Claim<K>>,
}

impl<K> Put<K> {
    /// Makes one by hand, for tests of a store.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use singleflight_cache::Put;
    ///
    /// let over_nothing: Put<u64> = Put::new(Duration::from_secs(60), None);
    /// assert_eq!(over_nothing.expect, None);
    /// ```
    pub fn new(keep: Duration, expect: Option<EntryId>) -> Self {
        Self {
            keep,
            expect,
            lease: Lease::NONE,
            _claim: None,
        }
    }
}

impl<K> fmt::Debug for Put<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put")
            .field("keep", &self.keep)
            .field("expect", &self.expect)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// The cache that there is already: in this process, or on a server.
///
/// Each operation may fail. One that does not end holds up its callers, so a store on a network
/// gives each a deadline of its own and fails when that comes.
///
/// The futures need not be `Send`; where they are, so are those of the [`Aside`](crate::Aside).
/// A future may be dropped before its end.
///
/// # What is asked of it
///
/// - A `get` that begins after a `remove` has ended does not return what was there before.
/// - A `put` that has failed, or whose future was dropped, has either happened by then or never
///   does. A store on a network cannot know: it puts in a task that keeps the [`Put`] until the
///   answer is there, or lets the server compare.
/// - It does not call its own `Aside` for the key that it is called for.
///
/// # Examples
///
/// ```
/// use std::cell::RefCell;
/// use std::collections::HashMap;
/// use std::convert::Infallible;
///
/// use singleflight_cache::{Entry, Found, Put, Store};
///
/// #[derive(Default)]
/// struct Map(RefCell<HashMap<u64, Entry<String>>>);
///
/// impl Store for Map {
///     type Key = u64;
///     type Value = String;
///     type Error = Infallible;
///
///     async fn get(&self, key: &u64) -> Result<Found<String>, Infallible> {
///         Ok(self.0.borrow().get(key).cloned().into())
///     }
///
///     async fn put(&self, key: &u64, entry: &Entry<String>, _: Put<u64>) -> Result<bool, Infallible> {
///         self.0.borrow_mut().insert(*key, entry.clone());
///         Ok(true)
///     }
///
///     async fn remove(&self, key: &u64) -> Result<(), Infallible> {
///         self.0.borrow_mut().remove(key);
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no store",
    label = "expected a type that is `Store`",
    note = "a cache becomes one by `impl Store` for a type of yours around it: a get, a put and a remove"
)]
pub trait Store {
    /// What entries are found by. It must contain everything that a load reads, the tenant and
    /// the user included.
    type Key: Clone + Eq + Hash;
    /// What is cached. It is cloned for each caller, so it should be cheap to clone (`Arc<T>`).
    type Value: Clone;
    /// Why an operation failed.
    type Error;

    /// Looks a key up.
    fn get(&self, key: &Self::Key)
    -> impl Future<Output = Result<Found<Self::Value>, Self::Error>>;

    /// Puts an entry. Returns whether it stands there now.
    fn put(
        &self,
        key: &Self::Key,
        entry: &Entry<Self::Value>,
        how: Put<Self::Key>,
    ) -> impl Future<Output = Result<bool, Self::Error>>;

    /// Removes whatever there is for a key.
    fn remove(&self, key: &Self::Key) -> impl Future<Output = Result<(), Self::Error>>;

    /// Looks several keys up, and returns as many answers in the same order. A store that can ask
    /// for several at once does so here; the others are asked for one after the other.
    fn get_many(
        &self,
        keys: &[Self::Key],
    ) -> impl Future<Output = Vec<Result<Found<Self::Value>, Self::Error>>> {
        async move {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                found.push(self.get(key).await);
            }
            found
        }
    }
}

/// A store that can be emptied, for [`Aside::invalidate_all`](crate::Aside::invalidate_all).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be emptied",
    label = "expected a store that is `RemoveAll`, too",
    note = "`impl RemoveAll` beside `impl Store` says how every entry is removed"
)]
pub trait RemoveAll: Store {
    /// Removes every entry.
    fn remove_all(&self) -> impl Future<Output = Result<(), Self::Error>>;
}
