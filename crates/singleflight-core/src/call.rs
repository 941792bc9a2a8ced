//! Calls: one key or many, in a task or on a thread.

mod batch;
#[cfg(all(feature = "std", not(target_family = "wasm")))]
mod blocking;
mod builder;
mod deadline;
mod execution;
mod future;
mod inbox;
mod keys;
mod loading;
mod many;
mod run;
mod share;
mod work;

#[cfg(all(feature = "std", not(target_family = "wasm")))]
pub use blocking::BlockingLimit;
#[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
pub use blocking::TimeLimit;
pub use builder::Call;
pub use deadline::{Deadline, Limit, NoDeadline};
pub use many::CallMany;
pub use share::{ShareAll, Shares};

pub(crate) use builder::bind;
pub(crate) use execution::Execution;
pub(crate) use share::{Run, TryRun, Verb};
