//! The distinct keys of a batch, in the order in which they were named, and where each stands.

use alloc::vec::Vec;
use core::mem;

use hashbrown::{HashTable, hash_table};

/// So many keys are found by looking at one hash after the other, without a table.
const FEW: usize = 16;

/// Distinct keys. All are drawn before the first goes from its first place to another.
pub(crate) struct Keys<K, P> {
    drawn: Vec<Drawn<K, P>>,
    /// A bit for each of the hashes. Where it is missing, a key is new.
    bits: u64,
    /// Finds keys, once they are more than few.
    table: HashTable<usize>,
}

/// A key and where it stands.
pub(crate) struct Drawn<K, P> {
    /// Of the key: a batch hashes a key once.
    pub(crate) hash: u64,
    pub(crate) key: K,
    pub(crate) place: P,
}

impl<K: Eq, P> Keys<K, P> {
    pub(crate) fn with_capacity(keys: usize) -> Self {
        Self {
            drawn: Vec::with_capacity(keys),
            bits: 0,
            table: HashTable::new(),
        }
    }

    /// Adds a key at this place, unless it is there.
    #[inline]
    pub(crate) fn add(&mut self, hash: u64, key: K, place: P) {
        let bit = 1 << (hash % u64::from(u64::BITS));
        // Most keys of a small batch are known to be new by their bits.
        let is_new = if self.drawn.len() > FEW {
            self.is_new_in_table(hash, &key)
        } else {
            self.bits & bit == 0 || self.find(hash, &key).is_none()
        };
        if is_new {
            self.bits |= bit;
            self.drawn.push(Drawn { hash, key, place });
        }
    }

    /// Adds the number of the next key to the table, unless the key is there.
    #[inline(never)]
    fn is_new_in_table(&mut self, hash: u64, key: &K) -> bool {
        let drawn = &self.drawn;
        let hash_of = |at: &usize| drawn[*at].hash;
        if self.table.is_empty() {
            self.table.reserve(drawn.capacity(), hash_of);
            for (at, known) in drawn.iter().enumerate() {
                self.table.insert_unique(known.hash, at, hash_of);
            }
        }
        let is = |at: &usize| drawn[*at].is(hash, key);
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
        if self.table.is_empty() {
            self.drawn.iter().position(|known| known.is(hash, key))
        } else {
            let is = |at: &usize| self.drawn[*at].is(hash, key);
            self.table.find(hash, is).copied()
        }
    }
}

impl<K: Eq, P> Drawn<K, P> {
    fn is(&self, hash: u64, key: &K) -> bool {
        self.hash == hash && self.key == *key
    }
}

impl<K, P> Keys<K, P> {
    /// By their numbers.
    #[inline]
    pub(crate) fn all(&self) -> &[Drawn<K, P>] {
        &self.drawn
    }

    #[inline]
    pub(crate) fn all_mut(&mut self) -> &mut [Drawn<K, P>] {
        &mut self.drawn
    }

    /// Takes the keys.
    pub(crate) fn take(&mut self) -> Vec<Drawn<K, P>> {
        mem::take(&mut self.drawn)
    }
}
