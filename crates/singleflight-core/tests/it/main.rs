//! What the core does by itself, under every feature set: its tasks are polled by hand, so
//! every order of events is the one written down.

#![cfg(not(loom))]

mod answers;
mod auto_traits;
mod batches;
mod caller_code;
mod capacity;
#[cfg(feature = "std")]
mod clean_up;
#[cfg(feature = "std")]
mod errors;
mod failures;
mod fences;
mod forgetting;
mod futures;
mod hand;
mod handles;
mod hashers;
mod heirs;
mod hostile_keys;
#[cfg(feature = "std")]
mod inside;
#[cfg(feature = "std")]
mod inside_batches;
mod keys;
mod late_batches;
mod leaders;
mod options;
mod owners;
mod policies;
mod private_values;
mod sharing;
mod shown;
mod sizes;
mod spawned;
mod storms;
mod tables;
mod task;
mod unwinding;
mod wakers;
