//! What an aside has done, for the facade `metrics`.

use singleflight_metrics::Registry;

use crate::flights::Flights;
use crate::get::Aside;
use crate::stats::Counts;
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
