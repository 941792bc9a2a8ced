//! What the numbers of a group are called outside. A key is never a label: there may be any number
//! of keys, and they may be secret.

use singleflight_tokio::StatKind;
use singleflight_tokio::StatKind::{Counter, Gauge};

/// One number of a group, as it is exported.
#[derive(Debug)]
pub struct Series {
    /// Its name in [`Stats::iter`](singleflight_tokio::Stats::iter).
    pub stat: &'static str,
    /// The family that it belongs to, without `_total`, which exporters add to counters.
    pub family: &'static str,
    /// What the family tells.
    pub help: &'static str,
    /// Whether it counts or measures.
    pub kind: StatKind,
    /// What tells it from the others of its family, beside the group.
    pub label: Option<(&'static str, &'static str)>,
}

const CALLS: &str = "Calls, by what became of them when they came. Only followed ones cost no work";
const ENDED: &str = "Executions, by how they ended";

/// Every number, those of a family side by side.
pub const SERIES: &[Series] = &[
    series(
        "led",
        "singleflight_calls",
        CALLS,
        Counter,
        Some(("role", "led")),
    ),
    series(
        "followed",
        "singleflight_calls",
        CALLS,
        Counter,
        Some(("role", "followed")),
    ),
    series(
        "refused",
        "singleflight_calls",
        CALLS,
        Counter,
        Some(("role", "refused")),
    ),
    series(
        "landed",
        "singleflight_flights_ended",
        ENDED,
        Counter,
        Some(("how", "landed")),
    ),
    series(
        "panicked",
        "singleflight_flights_ended",
        ENDED,
        Counter,
        Some(("how", "panicked")),
    ),
    series(
        "abandoned",
        "singleflight_flights_ended",
        ENDED,
        Counter,
        Some(("how", "abandoned")),
    ),
    series(
        "handed_over",
        "singleflight_handed_over",
        "Followers that led on after a leader was lost",
        Counter,
        None,
    ),
    series(
        "forgotten",
        "singleflight_forgotten",
        "Flights that were forgotten",
        Counter,
        None,
    ),
    series(
        "in_flight",
        "singleflight_in_flight",
        "Flights now",
        Gauge,
        None,
    ),
    series(
        "in_flight_forgotten",
        "singleflight_in_flight_forgotten",
        "Flights now that no call joins any more",
        Gauge,
        None,
    ),
    series(
        "most_followers",
        "singleflight_most_followers",
        "The most followers that one flight has had at one time",
        Gauge,
        None,
    ),
];

const fn series(
    stat: &'static str,
    family: &'static str,
    help: &'static str,
    kind: StatKind,
    label: Option<(&'static str, &'static str)>,
) -> Series {
    Series {
        stat,
        family,
        help,
        kind,
        label,
    }
}

impl Series {
    /// Returns the labels with the group's.
    pub fn labels<'a>(&self, group: &'a str) -> Vec<(&'static str, &'a str)> {
        let group = [("group", group)].into_iter();
        group.chain(self.label).collect()
    }

    /// Returns the name by which Prometheus stores it.
    pub fn stored(&self) -> String {
        match self.kind {
            Counter => format!("{}_total", self.family),
            Gauge => self.family.to_owned(),
        }
    }
}

/// Returns the first series of each family.
pub fn families() -> impl Iterator<Item = &'static Series> {
    let before = [None].into_iter().chain(SERIES.iter().map(Some));
    let pairs = SERIES.iter().zip(before);
    pairs
        .filter(|(series, before)| before.is_none_or(|before| before.family != series.family))
        .map(|(series, _)| series)
}
