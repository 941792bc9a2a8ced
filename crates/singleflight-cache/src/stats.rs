//! What an aside has done so far.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::entry::{Entry, Held};

/// Counts once.
pub(crate) fn count(counter: &AtomicUsize) {
    // Counts are read for people; they guard nothing.
    counter.fetch_add(1, Ordering::Relaxed);
}

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident => $stat:ident,)*) => {
        /// What an [`Aside`](crate::Aside) has done since it was made. All of them count, and none
        /// goes down.
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: usize,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counts {
            $(pub(crate) $name: AtomicUsize,)*
        }

        impl Counts {
            /// Counts a get that found an entry.
            pub(crate) fn hit<V>(&self, entry: &Entry<V>) {
                count(match entry.held {
                    Held::Value(_) => &self.hits,
                    Held::Absent => &self.absent_hits,
                });
            }

            pub(crate) fn read(&self) -> Stats {
                Stats { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        #[cfg(feature = "metrics")]
        impl From<Stats> for singleflight_metrics::Numbers {
            fn from(stats: Stats) -> Self {
                use singleflight_metrics::Stat;

                Self::from([$((Stat::$stat, stats.$name as u64)),*])
            }
        }
    };
}

stats! {
    /// Gets that found a value in the store, fresh or stale. Each get counts once, by its first look:
    /// as a hit, an absent hit, a miss or a failure.
    hits => CacheHits,
    /// Gets that found in the store that there is no value.
    absent_hits => CacheAbsentHits,
    /// Gets that found nothing of use.
    misses => CacheMisses,
    /// Looks at which the store failed to get. Gets that share one count once.
    get_failures => CacheGetFailures,
    /// Loads that were begun, refreshes included. A batch counts once.
    loads => CacheLoads,
    /// Loads that failed.
    load_failures => CacheLoadFailures,
    /// Loads that were begun to refresh a value.
    refreshes => CacheRefreshes,
    /// Answers from a value that was stale, while it was refreshed.
    served_stale => CacheServedStale,
    /// Answers from an old value because the load had failed.
    served_after_error => CacheServedAfterError,
    /// Entries that could not be read.
    unreadable => CacheUnreadable,
    /// Puts that failed: the caller has its value, the store may not.
    put_failures => CachePutFailures,
    /// Puts that the store refused, since another entry had come meanwhile.
    puts_refused => CachePutsRefused,
    /// Puts that were not made, since the key was invalidated during the load.
    puts_voided => CachePutsVoided,
    /// Removals that failed.
    remove_failures => CacheRemoveFailures,
}
