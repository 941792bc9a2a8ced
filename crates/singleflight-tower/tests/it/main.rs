//! Every case of the table in the README, polled by hand, in the order that the test says.

mod alone;
mod answers;
mod bodies;
mod cloned;
mod detached;
mod driving;
mod keys;
mod limits;
mod origin;
mod stacks;
mod task;
