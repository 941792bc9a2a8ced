//! What a batch gives back.

use alloc::vec::{self, Vec};
use core::fmt;

use crate::error::CallError;
use crate::outcome::Outcome;

/// The answers of a batch, by key, in the order in which the keys were first named.
///
/// A key that the batch's work was given and did not return is absent.
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
/// let squares: HashMap<u64, u64> = squares.into_values().collect();
/// assert_eq!(squares, HashMap::from([(2, 4), (3, 9)]));
/// # });
/// ```
#[must_use = "the answers hold the values that the batch was made for"]
pub struct Answers<K, V>(pub(crate) Vec<(K, Result<Outcome<V>, CallError>)>);

impl<K, V> Answers<K, V> {
    /// Returns how many keys have an answer.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no key has an answer.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks at each key with its answer.
    pub fn iter(&self) -> impl Iterator<Item = (&K, Result<&Outcome<V>, &CallError>)> {
        self.0.iter().map(|(key, answer)| (key, answer.as_ref()))
    }

    /// Finds the answer for a key, by looking at one after the other. For many keys, collect
    /// the answers into a map.
    pub fn get(&self, key: &K) -> Option<Result<&Outcome<V>, &CallError>>
    where
        K: Eq,
    {
        self.iter()
            .find(|(known, _)| *known == key)
            .map(|(_, answer)| answer)
    }

    /// Takes the values, and leaves out the keys that have none.
    pub fn into_values(self) -> impl Iterator<Item = (K, V)> {
        self.into_iter()
            .filter_map(|(key, answer)| Some((key, answer.ok()?.value)))
    }
}

impl<K, V> IntoIterator for Answers<K, V> {
    type Item = (K, Result<Outcome<V>, CallError>);
    type IntoIter = vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: fmt::Debug, V> fmt::Debug for Answers<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
