//! What the measurements of our own share: how to count, how to poll, and the floor that nobody
//! can pass.

pub mod counting;
pub mod floor;
pub mod hand;
