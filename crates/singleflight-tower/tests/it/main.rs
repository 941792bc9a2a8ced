//! Every case of the table in the README, polled by hand, in the order that the test says.

mod alone;
mod answers;
mod bodies;
mod cloned;
mod detached;
mod driving;
mod keys;
mod limits;
#[cfg(feature = "metrics")]
mod metered;
mod oddly;
mod origin;
mod own;
mod stacks;
mod task;
