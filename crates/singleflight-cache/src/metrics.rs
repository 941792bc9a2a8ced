//! What an aside has done, for the facade `metrics`.

use singleflight_metrics::{Numbers, Registry, Stat};

use crate::flights::Flights;
use crate::get::Aside;
use crate::stats::{Counts, Stats};
use crate::store::Store;

impl<S: Store, E, F: Flights<S, E>> Aside<S, E, F> {
    /// Lets what the aside counts be read under a name whenever metrics are scraped. The aside is not
    /// kept alive by it, and is told no more when its last clone is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod map { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/map.inc")); }
    /// # use map::Map;
    /// use singleflight_cache::{Aside, Builder};
    /// use singleflight_metrics::Registry;
    ///
    /// let registry = Registry::new();
    /// let users: Aside<_, std::io::Error> = Builder::new(Map::default()).build();
    /// users.register(&registry, "users");
    /// registry.publish(); // when they are scraped
    /// drop(users);
    /// assert!(registry.read().is_empty());
    /// ```
    pub fn register(&self, registry: &Registry, group: &str) {
        registry.watch(group, &self.0.counts, Counts::read);
    }
}

impl From<Stats> for Numbers {
    fn from(stats: Stats) -> Self {
        // So that one more does not compile.
        let Stats {
            hits,
            absent_hits,
            misses,
            get_failures,
            loads,
            load_failures,
            refreshes,
            served_stale,
            served_after_error,
            unreadable,
            put_failures,
            puts_refused,
            puts_voided,
            remove_failures,
        } = stats;
        let numbers = [
            (Stat::CacheHits, hits),
            (Stat::CacheAbsentHits, absent_hits),
            (Stat::CacheMisses, misses),
            (Stat::CacheGetFailures, get_failures),
            (Stat::CacheLoads, loads),
            (Stat::CacheLoadFailures, load_failures),
            (Stat::CacheRefreshes, refreshes),
            (Stat::CacheServedStale, served_stale),
            (Stat::CacheServedAfterError, served_after_error),
            (Stat::CacheUnreadable, unreadable),
            (Stat::CachePutFailures, put_failures),
            (Stat::CachePutsRefused, puts_refused),
            (Stat::CachePutsVoided, puts_voided),
            (Stat::CacheRemoveFailures, remove_failures),
        ];
        Self::from(numbers.map(|(stat, count)| (stat, count as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use alloc::string::ToString as _;
    use alloc::vec::Vec;

    #[test]
    fn no_count_is_left_out() {
        let registry = Registry::new();
        registry.watch_static("users", Stats::default);
        let numbers = registry.read();
        let told = numbers.iter().map(|one| one.stat);
        let of_caches = Stat::ALL.iter().copied();
        let of_caches = of_caches.filter(|stat| stat.name().contains("_cache_"));
        assert!(told.eq(of_caches));
    }

    #[test]
    fn each_count_is_told_by_its_name() {
        let registry = Registry::new();
        registry.watch_static("users", || Stats {
            hits: 1,
            absent_hits: 2,
            misses: 3,
            get_failures: 4,
            loads: 5,
            served_after_error: 6,
            puts_voided: 7,
            ..Stats::default()
        });
        let numbers = registry.read();
        let told = numbers.iter().filter(|one| one.value > 0).map(|one| {
            let label = one.stat.label().map_or("", |(_, value)| value);
            [one.stat.name(), label, &one.value.to_string()].join(" ")
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "singleflight_cache_gets_total value 1",
                "singleflight_cache_gets_total absence 2",
                "singleflight_cache_gets_total nothing 3",
                "singleflight_cache_gets_total failure 4",
                "singleflight_cache_loads_total  5",
                "singleflight_cache_old_answers_total load_failed 6",
                "singleflight_cache_puts_not_made_total invalidated 7",
            ]
        );
    }
}
