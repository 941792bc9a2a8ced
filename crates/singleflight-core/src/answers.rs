//! What a batch gives back.

use alloc::vec::{self, Vec};
use core::borrow::Borrow;
use core::fmt;

use crate::error::{CallError, CallResult};

/// The answers of a batch: for each distinct key its value, or why it has none, in the order in
/// which the keys were first named.
///
/// A key that the batch's work was given and did not return has
/// [`NotReturned`](CallError::NotReturned). For rows that may not exist, have the work return
/// `Option<T>` for each key.
///
/// # Examples
///
/// ```
/// # futures_lite::future::block_on(async {
/// use std::collections::HashMap;
/// use singleflight_core::Group;
///
/// let group: Group<u64, u64> = Group::new();
/// let squares = group
///     .run_many([2, 3, 2], async |keys| keys.into_iter().map(|key| (key, key * key)))
///     .await;
/// assert_eq!(squares.len(), 2);
/// let squares: HashMap<u64, u64> = squares.into_all()?;
/// assert_eq!(squares, HashMap::from([(2, 4), (3, 9)]));
/// # Ok::<_, singleflight_core::CallError>(())
/// # }).unwrap();
/// ```
#[must_use = "the answers hold the values that the batch was made for"]
pub struct Answers<K, V>(pub(crate) Vec<(K, CallResult<V>)>);

impl<K, V> Answers<K, V> {
    /// Returns how many keys were asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let load = async |keys: Vec<u64>| keys.into_iter().map(|key| (key, key * key));
    /// let answers = group.run_many([2, 3, 2], load).await;
    /// assert_eq!(answers.len(), 2, "a key that is named twice counts once");
    /// # });
    /// ```
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no key was asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let load = async |_| Vec::new();
    /// assert!(group.run_many([], load).await.is_empty());
    /// assert!(!group.run_many([7], load).await.is_empty(), "that there is no value is an answer");
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks at each key with its answer.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let answers = group.run_many([1, 2, 3], async |_| [(3, 9), (1, 1)]).await;
    /// let missing: Vec<&u64> =
    ///     answers.iter().filter(|(_, answer)| answer.is_err()).map(|(key, _)| key).collect();
    /// assert_eq!(missing, [&2]);
    /// # });
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&K, Result<&V, &CallError>)> {
        self.0.iter().map(|(key, answer)| (key, answer.as_ref()))
    }

    /// Finds the answer for a key, by looking at one after the other. For many keys, collect
    /// the answers into a map. `None` is a key that was not asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Group<String, usize> = Group::new();
    /// let keys = ["a", "bc"].map(str::to_owned);
    /// let answers = group.run_many(keys, async |_| [("bc".to_owned(), 2)]).await;
    /// assert_eq!(answers.get("bc"), Some(Ok(&2)));
    /// assert_eq!(answers.get("a"), Some(Err(&CallError::NotReturned)));
    /// assert_eq!(answers.get("d"), None);
    /// # });
    /// ```
    pub fn get<Q>(&self, key: &Q) -> Option<Result<&V, &CallError>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let mut answers = self.iter();
        let found = answers.find(|(known, _)| (*known).borrow() == key);
        found.map(|(_, answer)| answer)
    }

    /// Collects the values of all keys, into a map for example.
    ///
    /// # Errors
    ///
    /// The first key's that has no value.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::collections::HashMap;
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let load = async |keys: Vec<u64>| keys.into_iter().filter(|key| *key < 5).map(|key| (key, key));
    /// let all: HashMap<u64, u64> = group.run_many([1, 2], load).await.into_all()?;
    /// assert_eq!(all, HashMap::from([(1, 1), (2, 2)]));
    /// let not_all = group.run_many([4, 5], load).await.into_all::<HashMap<_, _>>();
    /// assert_eq!(not_all, Err(CallError::NotReturned));
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn into_all<C: FromIterator<(K, V)>>(self) -> CallResult<C> {
        let pairs = self.0.into_iter();
        pairs.map(|(key, answer)| Ok((key, answer?))).collect()
    }

    /// Collects the values of the keys that the works have returned, and leaves out those that have
    /// [`NotReturned`](CallError::NotReturned).
    ///
    /// # Errors
    ///
    /// The first key's that has no value for another reason.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::collections::HashMap;
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Group<u64, &str> = Group::new();
    /// let answers = group.run_many([1, 2], async |_| [(2, "the row of 2")]).await;
    /// let rows: HashMap<u64, &str> = answers.into_present()?;
    /// assert_eq!(rows, HashMap::from([(2, "the row of 2")]), "there is no row of 1");
    /// # Ok::<_, CallError>(())
    /// # }).unwrap();
    /// ```
    pub fn into_present<C: FromIterator<(K, V)>>(self) -> CallResult<C> {
        let is_asked =
            |(_, answer): &(K, CallResult<V>)| !matches!(answer, Err(CallError::NotReturned));
        Self(self.0.into_iter().filter(is_asked).collect()).into_all()
    }
}

impl<K, V> IntoIterator for Answers<K, V> {
    type Item = (K, CallResult<V>);
    type IntoIter = vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Answers<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
