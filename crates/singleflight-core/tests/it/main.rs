//! What the core does by itself, under every feature set: its tasks are polled by hand, so
//! every order of events is the one written down.

#![cfg(not(loom))]

mod auto_traits;
mod batches;
mod caller_code;
mod capacity;
#[cfg(feature = "std")]
mod clean_up;
mod closing;
mod edges;
mod forgetting;
mod futures;
mod hashers;
mod heirs;
mod hostile_keys;
#[cfg(feature = "std")]
mod inside;
#[cfg(feature = "std")]
mod inside_batches;
mod keys;
mod options;
mod owners;
mod policies;
mod sharing;
mod shown;
mod sizes;
mod storms;
mod tables;
mod task;
mod unwinding;
mod wakers;
