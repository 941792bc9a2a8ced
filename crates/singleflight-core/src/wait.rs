//! How a follower waits and how it is woken.
//!
//! Every wait is look, listen, look again, sleep, look again. The second look pairs with
//! [`Signal::notify_all`]: both go through one lock of the signal's, so either the listener is
//! there when the notifier takes that lock, and is woken, or what was written before the
//! notification is visible to the second look.

mod events;

pub(crate) use events::{Signal, until};
