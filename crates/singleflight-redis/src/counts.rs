//! What a group has done so far.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::outcome::Ended;

/// A count that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a group has done so far, as [`Group::stats`](crate::Group::stats) tells it.
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        #[non_exhaustive]
        pub struct Stats { $($(#[$doc])* pub $name: u64,)* }

        #[derive(Debug, Default)]
        pub(crate) struct Counts { $(pub(crate) $name: Count,)* }

        impl Counts {
            pub(crate) fn stats(&self) -> Stats {
                Stats { $($name: self.$name.0.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counts! {
    /// Works of this process whose lease was held to the end.
    landed_here,
    /// Works of this process whose lease was lost or forgotten.
    lost,
    /// Works of this process of whose lease Redis did not say what became.
    unknown,
    /// Flights of other processes whose end this one received.
    received,
    /// Leases that this process took after it had waited for another's.
    taken_over,
    /// Works that ran without a lease.
    alone,
    /// Calls that found Redis down.
    down,
    /// Values of this process that were too large to cross, or could not be encoded.
    too_large,
    /// Values of other processes that could not be decoded.
    undecodable,
    /// Looks because a message had come.
    pushes,
    /// Looks because none had come in time.
    polls,
    /// Looks because another caller of this process had come.
    looks_for_newcomers,
    /// Calls that came too late for the flight that they had joined in this process.
    rejoined,
}

impl Counts {
    pub(crate) fn landed(&self, ended: Ended) {
        match ended {
            Ended::Landed => self.landed_here.add(),
            Ended::Lost => self.lost.add(),
            Ended::Unknown => self.unknown.add(),
            Ended::None => {}
        }
    }
}
