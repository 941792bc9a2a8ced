//! The floor: a bare locked table, which coalesces nothing and which nobody can pass.

use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use hashbrown::{DefaultHashBuilder, HashTable};

/// A slot as large as that of a flight with a word for a key.
#[derive(Debug)]
pub struct Slot {
    hash: u64,
    key: u64,
    _rest: [u64; 3],
}

/// A locked table of such slots, by the hasher that ours uses.
#[derive(Debug, Default)]
pub struct Floor {
    table: Mutex<HashTable<Slot>>,
    hasher: DefaultHashBuilder,
}

impl Floor {
    /// Makes an empty table.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, run: impl FnOnce(&mut HashTable<Slot>) -> T) -> T {
        run(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts the key in, if it is not there. Returns its hash.
    #[inline]
    pub fn insert(&self, key: u64) -> u64 {
        let hash = self.hasher.hash_one(key);
        self.with(|table| {
            let found = table.find(hash, |slot| slot.hash == hash && slot.key == key);
            if found.is_none() {
                let slot = Slot {
                    hash,
                    key,
                    _rest: [0; 3],
                };
                table.insert_unique(hash, slot, |slot| slot.hash);
            }
        });
        hash
    }

    /// Takes the key out.
    #[inline]
    pub fn remove(&self, hash: u64, key: u64) {
        self.with(|table| {
            let entry = table.find_entry(hash, |slot| slot.hash == hash && slot.key == key);
            if let Ok(entry) = entry {
                entry.remove();
            }
        });
    }

    /// Takes the key out, whose hash is not at hand.
    pub fn take(&self, key: u64) {
        self.remove(self.hasher.hash_one(key), key);
    }

    /// Insert, unlock, work, lock, remove.
    #[inline]
    pub fn call<V>(&self, key: u64, work: impl FnOnce() -> V) -> V {
        let hash = self.insert(key);
        let value = work();
        self.remove(hash, key);
        value
    }
}
