//! The pace of contestants: how long a round would take, told from rounds of fewer callers. A
//! contestant that would not end in time is not begun.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::contest::{Contestant, Row, contest_within};
use crate::options::Options;

/// Contests of the same contestants at growing sizes.
pub(crate) struct Pace {
    rounds: usize,
    /// The longest that one round may take.
    limit: Duration,
    /// The longest that all rounds of a contestant may take.
    budget: Duration,
    /// By name, what a round took on the wall at each size so far.
    known: BTreeMap<String, Vec<(usize, Duration)>>,
}

impl Pace {
    pub(crate) fn new(options: &Options) -> Self {
        let (rounds, limit, budget) = if options.quick {
            (21, 1_500, 250)
        } else {
            (201, 5_000, 4_000)
        };
        Self {
            rounds,
            limit: Duration::from_millis(limit),
            budget: Duration::from_millis(budget),
            known: BTreeMap::new(),
        }
    }

    /// Has each contestant do its rounds, if it can be expected to end in time. The size is that
    /// of a round, by whatever it grows with.
    pub(crate) fn contest(&mut self, size: usize, contestants: Vec<Contestant>) -> Vec<Row> {
        let is_slow = |contestant: &Contestant| self.expected(contestant.name(), size) > self.limit;
        let slow: Vec<_> = contestants.iter().map(is_slow).collect();
        let (mut begun, mut left_out) = (Vec::new(), Vec::new());
        for (contestant, slow) in contestants.into_iter().zip(&slow) {
            if *slow {
                left_out.push(contestant.too_slow(self.why()));
            } else {
                begun.push(contestant);
            }
        }
        let measured = contest_within(self.budget, self.rounds, begun);
        for row in &measured {
            let known = self.known.entry(row.name.clone()).or_default();
            known.push((size, row.round));
        }
        let (mut measured, mut left_out) = (measured.into_iter(), left_out.into_iter());
        let rows = slow.iter().filter_map(|slow| match slow {
            true => left_out.next(),
            false => measured.next(),
        });
        rows.collect()
    }

    /// The longest that something may take that is done once for a figure.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// The note of one that was left out.
    pub(crate) fn why(&self) -> String {
        format!("too slow: > {:?}", self.limit)
    }

    /// The time that a round should take at a size: it grows on as it grew between the last two,
    /// at least as fast as the size does. None, if fewer than two were measured.
    fn expected(&self, name: &str, size: usize) -> Duration {
        let known = self.known.get(name).map_or(&[][..], Vec::as_slice);
        let [.., (first, then), (second, now)] = known else {
            return Duration::ZERO;
        };
        let times = |of: usize, by: usize| of as f64 / by as f64;
        let grew = now.as_secs_f64() / then.as_secs_f64().max(1e-9);
        let power = (grew.ln() / times(*second, *first).ln()).clamp(1.0, 3.0);
        now.mul_f64(times(size, *second).powf(power))
    }
}

#[cfg(test)]
impl Pace {
    /// One round for each, after one to warm up.
    pub(crate) fn once() -> Self {
        let limit = Duration::from_mins(1);
        Self {
            rounds: 1,
            limit,
            budget: limit,
            known: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use singleflight_peers::Maker;

    use super::*;
    use crate::contest::Round;

    #[test]
    fn a_contestant_that_would_take_too_long_is_told_and_not_begun() {
        let took = |millis: [u64; 2]| {
            let [few, many] = millis.map(Duration::from_millis);
            vec![(100, few), (1_000, many)]
        };
        let known = [("line", took([10, 50])), ("square", took([1, 100]))];
        let mut pace = Pace {
            limit: Duration::from_secs(5),
            known: known.map(|(name, took)| (name.to_owned(), took)).into(),
            ..Pace::once()
        };
        assert_eq!(pace.expected("line", 10_000).as_millis(), 500);
        assert_eq!(pace.expected("square", 10_000).as_millis(), 10_000);
        assert_eq!(pace.expected("unknown", 10_000), Duration::ZERO);
        let names = ["square", "line", "unknown"];
        let contestants = names.map(|name| {
            Contestant::other(name, Maker::Ours, move || {
                assert_ne!(name, "square", "it is not begun");
                Round::of(7.0)
            })
        });
        let rows = pace.contest(10_000, contestants.into());
        let told: Vec<_> = rows.iter().map(|row| (&*row.name, row.value)).collect();
        assert_eq!(
            told,
            [("square", f64::INFINITY), ("line", 7.0), ("unknown", 7.0)]
        );
        assert_eq!(rows[0].note, "too slow: > 5s");
    }
}
