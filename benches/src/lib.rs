//! What the measurements share: the peers, each by its real crate, and how to count and clock.

pub mod clock;
pub mod counting;
pub mod gate;
pub mod hand;
pub mod peers;
pub mod polls;
pub mod processor;
