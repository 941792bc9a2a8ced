//! How a follower waits and how it is woken.
//!
//! Every wait is look, listen, look again, sleep, look again. The second look pairs with
//! [`Signal::notify_all`]: both go through one lock of the signal's, so either the listener is
//! there when the notifier takes that lock, and is woken, or what was written before the
//! notification is visible to the second look.
//!
//! There are two ways to sleep, with one surface. Over event-listener is the one that is used;
//! a list of wakers of our own is there to be measured against it (`--cfg
//! singleflight_wakers`), and docs/performance.md holds both columns.

#[cfg(not(singleflight_wakers))]
mod events;
#[cfg(singleflight_wakers)]
mod wakers;

#[cfg(not(singleflight_wakers))]
pub(crate) use events::{Signal, until};
#[cfg(singleflight_wakers)]
pub(crate) use wakers::{Signal, until};
