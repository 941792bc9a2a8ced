//! What groups and servers tell the facade `metrics`.

use std::sync::atomic::Ordering;

use singleflight_metrics::{Meter, Numbers, Registry, Stat};

use crate::builder::Builder;
use crate::outcome::Stats;
use crate::server::Server;

impl<K: ?Sized, V> Builder<K, V> {
    /// Tells the facade `metrics` what the group counts in this process, under the name of the meter, how
    /// long calls wait for the work of another, here or elsewhere, and how long works take.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) -> Result<(), BuildError> {
    /// use singleflight_metrics::{Meter, Registry};
    ///
    /// let registry = Registry::new();
    /// let reports: Group<str, String> = Group::builder(server, "report:v1")
    ///     .wait_at_most(Duration::from_secs(60))
    ///     .codec(Raw)
    ///     .metrics(Meter::new(&registry, "reports"))
    ///     .build()?;
    /// registry.publish(); // when they are scraped
    /// # Ok(())
    /// # }
    /// ```
    pub fn metrics(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }
}

impl Server {
    /// Lets the number of round trips be read under a name whenever metrics are scraped, as long as the
    /// server or a group over it is there.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use singleflight_redis::*;
    /// # fn example(server: &Server) {
    /// use singleflight_metrics::Registry;
    ///
    /// let registry = Registry::new();
    /// server.register(&registry, "redis");
    /// registry.publish(); // when they are scraped
    /// # }
    /// ```
    pub fn register(&self, registry: &Registry, group: &str) {
        registry.watch(group, &self.0, |link| {
            [(Stat::RoundTrips, link.round_trips.load(Ordering::Relaxed))]
        });
    }
}

impl From<Stats> for Numbers {
    fn from(stats: Stats) -> Self {
        // So that one more does not compile.
        let Stats {
            landed_here,
            lost,
            unknown,
            received,
            taken_over,
            alone,
            too_large,
            undecodable,
            polls,
            pushes,
            down,
        } = stats;
        Self::from([
            (Stat::LeaseLanded, landed_here),
            (Stat::LeaseLost, lost),
            (Stat::LeaseUnknown, unknown),
            (Stat::Received, received),
            (Stat::TakenOver, taken_over),
            (Stat::WithoutLease, alone),
            (Stat::TooLarge, too_large),
            (Stat::Undecodable, undecodable),
            (Stat::Polls, polls),
            (Stat::Pushes, pushes),
            (Stat::Down, down),
        ])
    }
}
