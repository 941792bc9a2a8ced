//! The distinct keys of a batch, in the order in which they were named, and what there is for
//! each.

use alloc::vec::Vec;
use core::mem;

use hashbrown::{HashTable, hash_table};

/// So many keys are found by looking at one hash after the other, without a table.
const FEW: usize = 16;

/// Distinct keys. They are drawn before any of them has a place.
pub(crate) struct Keys<K> {
    /// With their hashes: a batch hashes a key once.
    drawn: Vec<(u64, K)>,
    /// A bit for each of the hashes. Where it is missing, a key is new.
    bits: u64,
    /// Finds keys, once they are more than few.
    table: HashTable<usize>,
}

impl<K: Eq> Keys<K> {
    pub(crate) fn with_capacity(keys: usize) -> Self {
        Self {
            drawn: Vec::with_capacity(keys),
            bits: 0,
            table: HashTable::new(),
        }
    }

    /// Adds a key, unless it is there.
    #[inline]
    pub(crate) fn add(&mut self, hash: u64, key: K) {
        let bit = 1 << (hash % u64::from(u64::BITS));
        // Most keys of a small batch are known to be new by their bits.
        let is_new = if self.drawn.len() > FEW {
            self.is_new_in_table(hash, &key)
        } else {
            self.bits & bit == 0 || self.find(hash, &key).is_none()
        };
        if is_new {
            self.bits |= bit;
            self.drawn.push((hash, key));
        }
    }

    /// Adds the number of the next key to the table, unless the key is there.
    #[inline(never)]
    fn is_new_in_table(&mut self, hash: u64, key: &K) -> bool {
        let drawn = &self.drawn;
        let hash_of = |at: &usize| drawn[*at].0;
        if self.table.is_empty() {
            self.table.reserve(drawn.capacity(), hash_of);
            for (at, (hash, _)) in drawn.iter().enumerate() {
                self.table.insert_unique(*hash, at, hash_of);
            }
        }
        let is = |at: &usize| drawn[*at].0 == hash && drawn[*at].1 == *key;
        match self.table.entry(hash, is, hash_of) {
            hash_table::Entry::Occupied(_) => false,
            hash_table::Entry::Vacant(vacant) => {
                vacant.insert(drawn.len());
                true
            }
        }
    }

    /// Finds a key's number.
    #[inline(never)]
    pub(crate) fn find(&self, hash: u64, key: &K) -> Option<usize> {
        let is = |(other, known): &(u64, K)| *other == hash && known == key;
        if self.table.is_empty() {
            self.drawn.iter().position(is)
        } else {
            self.table.find(hash, |at| is(&self.drawn[*at])).copied()
        }
    }
}

impl<K> Keys<K> {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.drawn.len()
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(u64, K)> {
        self.drawn.iter()
    }

    #[inline]
    pub(crate) fn key(&self, number: usize) -> &K {
        &self.drawn[number].1
    }

    /// Takes the keys.
    pub(crate) fn take(&mut self) -> impl ExactSizeIterator<Item = K> {
        mem::take(&mut self.drawn).into_iter().map(|(_, key)| key)
    }
}
