//! Calls that own a task or a thread of their own. The core starts neither: it makes what is to be
//! run and the handle that waits for it, and a front end runs it.
//!
//! What is run is a call like any other: it leads, or follows and leads on if it is its turn, and
//! ends with an answer. That reaches the handle by the runtime's own join handle, where it has one
//! that carries what a task returns, else by a [`Receiver`].
//!
//! | role when it came | runs to its end | while it is wanted |
//! |---|---|---|
//! | leader | runs | listens for the flight's last interested caller to leave, its handle included |
//! | follower | waits; when its handle is dropped it stays as the flight's heir, unless there is one | waits until its handle is dropped |
//!
//! Cancelling is nothing but losing the leader: the work is dropped, then the flight is handed
//! over to whoever came meanwhile, so nobody shares the fate of a work that was cancelled before
//! they came.

mod guard;
mod handle;
mod oneshot;
mod start;
mod task;
#[cfg(all(feature = "std", not(target_family = "wasm")))]
mod thread;

pub use guard::SpawnGuard;
pub use handle::{Answer, Spawned};
pub use oneshot::Receiver;
pub use start::{Arrived, Spawnable};
#[cfg(all(feature = "std", not(target_family = "wasm")))]
pub use thread::Wanted;
