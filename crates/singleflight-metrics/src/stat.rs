//! What each number is called outside. A key is never a label: there may be any number of keys, and they
//! may be secret.

use singleflight_core::StatKind::{self, Counter, Gauge};

pub(crate) const WAIT: &str = "singleflight_wait_seconds";
pub(crate) const WORK: &str = "singleflight_work_seconds";

/// The histograms, and what they tell.
pub(crate) const HISTOGRAMS: [(&str, &str); 2] = [
    (WAIT, "How long followers waited, whatever for"),
    (WORK, "How long executions took, however they ended"),
];

/// How a number is told.
struct Row {
    name: &'static str,
    label: Option<(&'static str, &'static str)>,
    kind: StatKind,
    help: &'static str,
}

macro_rules! stats {
    ($($kind:ident $name:literal $help:literal { $($stat:ident $(($label:ident = $value:literal))?,)+ })+) => {
        /// A number of a group. Those of one name stand side by side, in [`ALL`](Stat::ALL) too, and a
        /// label tells them apart.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Stat {
            $($(
                #[doc = concat!("`", $name, $("{", stringify!($label), "=\"", $value, "\"}", )? "`: ", $help, ".")]
                $stat,
            )+)+
        }

        impl Stat {
            /// Every number.
            ///
            /// # Examples
            ///
            /// ```
            /// use singleflight_metrics::Stat;
            ///
            /// assert!(Stat::ALL.iter().any(|stat| stat.name() == "singleflight_calls_total"));
            /// assert!(Stat::ALL.is_sorted());
            /// ```
            pub const ALL: &[Self] = &[$($(Self::$stat,)+)+];

            const fn row(self) -> Row {
                match self {
                    $($(Self::$stat => Row {
                        name: $name,
                        label: stats!(@label $(($label = $value))?),
                        kind: $kind,
                        help: $help,
                    },)+)+
                }
            }
        }
    };
    (@label) => { None };
    (@label ($label:ident = $value:literal)) => { Some((stringify!($label), $value)) };
}

stats! {
    Counter "singleflight_calls_total" "Calls, by what they were when they came: those that followed cost no work, unless it was handed over to them" {
        Led (role = "led"),
        Followed (role = "followed"),
        Refused (role = "refused"),
    }
    Counter "singleflight_flights_ended_total" "Executions, by how they ended" {
        Landed (how = "landed"),
        Panicked (how = "panicked"),
        Abandoned (how = "abandoned"),
    }
    Counter "singleflight_handed_over_total" "Followers that led on after a leader was lost" { HandedOver, }
    Counter "singleflight_forgotten_total" "Flights that were forgotten" { Forgotten, }
    Gauge "singleflight_in_flight" "Flights now" { InFlight, }
    Gauge "singleflight_in_flight_forgotten" "Flights now that no call joins any more" { InFlightForgotten, }
    Gauge "singleflight_most_followers" "The most followers that one flight has had at one time" { MostFollowers, }
    Counter "singleflight_alone_total" "Works that ran beside the flights, by why they did" {
        Bypassed (why = "bypassed"),
        WaitedInVain (why = "waited_in_vain"),
        WithoutLease (why = "without_lease"),
    }
    Counter "singleflight_lease_landed_total" "Works whose lease was held to the end" { LeaseLanded, }
    Counter "singleflight_lease_lost_total" "Works whose lease was lost or forgotten: another process may have run the same" { LeaseLost, }
    Counter "singleflight_lease_unknown_total" "Works of whose lease Redis did not say what became" { LeaseUnknown, }
    Counter "singleflight_received_total" "Flights of other processes whose end was received" { Received, }
    Counter "singleflight_taken_over_total" "Leases that were taken after another process was waited for" { TakenOver, }
    Counter "singleflight_polls_total" "Looks for a flight's end because no message had come in time" { Polls, }
    Counter "singleflight_pushes_total" "Looks for a flight's end because a message had come" { Pushes, }
    Counter "singleflight_down_total" "Times that Redis was not reached, or refused" { Down, }
    Counter "singleflight_round_trips_total" "Scripts that were sent to Redis" { RoundTrips, }
    Counter "singleflight_not_crossed_total" "Values that did not cross between processes, by why they did not" {
        TooLarge (why = "too_large"),
        Undecodable (why = "undecodable"),
    }
    Counter "singleflight_cache_gets_total" "Looks of gets in a cache, by what they found: one for each get, but for a look that failed several at once" {
        CacheHits (found = "value"),
        CacheAbsentHits (found = "absence"),
        CacheMisses (found = "nothing"),
        CacheGetFailures (found = "failure"),
    }
    Counter "singleflight_cache_loads_total" "Loads that were begun, refreshes included" { CacheLoads, }
    Counter "singleflight_cache_load_failures_total" "Loads that failed" { CacheLoadFailures, }
    Counter "singleflight_cache_refreshes_total" "Loads that were begun to refresh a value" { CacheRefreshes, }
    Counter "singleflight_cache_old_answers_total" "Answers from an old value, by why" {
        CacheServedStale (why = "refreshing"),
        CacheServedAfterError (why = "load_failed"),
    }
    Counter "singleflight_cache_unreadable_total" "Entries that could not be read" { CacheUnreadable, }
    Counter "singleflight_cache_puts_not_made_total" "Values that were loaded and not stored, by why" {
        CachePutFailures (why = "failed"),
        CachePutsRefused (why = "refused"),
        CachePutsVoided (why = "invalidated"),
    }
    Counter "singleflight_cache_remove_failures_total" "Removals that failed" { CacheRemoveFailures, }
}

impl Stat {
    /// What becomes of a request to a layer: it goes alone, leads, follows, or goes alone after it has
    /// waited.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::Stat;
    ///
    /// assert_eq!(Stat::REQUESTS[1], Stat::Led);
    /// ```
    pub const REQUESTS: [Self; 4] = [
        Self::Bypassed,
        Self::Led,
        Self::Followed,
        Self::WaitedInVain,
    ];

    /// Returns the name, with `_total` where it counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::Stat;
    ///
    /// assert_eq!(Stat::Led.name(), "singleflight_calls_total");
    /// assert_eq!(Stat::InFlight.name(), "singleflight_in_flight");
    /// ```
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns what tells it from the others of its name, beside the group.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::Stat;
    ///
    /// assert_eq!(Stat::Led.label(), Some(("role", "led")));
    /// assert_eq!(Stat::InFlight.label(), None);
    /// ```
    pub const fn label(self) -> Option<(&'static str, &'static str)> {
        self.row().label
    }

    /// Returns whether it counts or measures.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::{Stat, StatKind};
    ///
    /// assert_eq!(Stat::Led.kind(), StatKind::Counter);
    /// assert_eq!(Stat::InFlight.kind(), StatKind::Gauge);
    /// ```
    pub const fn kind(self) -> StatKind {
        self.row().kind
    }

    /// Returns what those of its name tell.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_metrics::Stat;
    ///
    /// assert_eq!(Stat::InFlight.help(), "Flights now");
    /// ```
    pub const fn help(self) -> &'static str {
        self.row().help
    }

    /// Makes one number of two groups that are told as one.
    pub(crate) fn together(self, one: u64, other: u64) -> u64 {
        match self {
            Self::MostFollowers => one.max(other),
            _ => one.saturating_add(other),
        }
    }
}
