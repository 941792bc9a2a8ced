//! What stands under a lock: shards, slots, flights, where the parts that followers share come from,
//! and which works a thread is inside of.

pub(crate) mod flight;
pub(crate) mod pool;
pub(crate) mod reentrancy;
pub(crate) mod refusal;
pub(crate) mod shard;
pub(crate) mod slot;
pub(crate) mod waiter_kind;
