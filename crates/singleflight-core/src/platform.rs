//! What the machine stands on: locks and atomics, waiting, tracing.

pub(crate) mod sync;
pub(crate) mod trace;
pub(crate) mod wait;
