//! What the clients measured in one run.

use std::time::Duration;

/// The end of one request.
#[derive(Debug)]
pub(crate) struct Sample {
    /// From when it was due until it was answered.
    pub(crate) latency: Duration,
    /// What went wrong, if anything.
    pub(crate) fault: Option<String>,
}

/// The requests of one run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Of the requests without fault, in microseconds; sorted once the run has ended.
    latencies: Vec<u64>,
    errors: u64,
    first_fault: Option<String>,
    wall: Duration,
}

impl Tally {
    /// Counts a request.
    pub(crate) fn add(&mut self, sample: Sample) {
        match sample.fault {
            None => {
                let micros = u64::try_from(sample.latency.as_micros()).unwrap_or(u64::MAX);
                self.latencies.push(micros);
            }
            Some(fault) => {
                self.errors += 1;
                self.first_fault.get_or_insert(fault);
            }
        }
    }

    /// Ends the run, which took so long.
    pub(crate) fn end(&mut self, wall: Duration) {
        self.latencies.sort_unstable();
        self.wall = wall;
    }

    /// Returns how many requests ended, well or not.
    pub(crate) fn requests(&self) -> u64 {
        self.latencies.len() as u64 + self.errors
    }

    /// Returns how many requests were answered well.
    pub(crate) fn answered(&self) -> usize {
        self.latencies.len()
    }

    /// Returns how many requests ended in an error.
    pub(crate) fn errors(&self) -> u64 {
        self.errors
    }

    /// Returns what went wrong first.
    pub(crate) fn first_fault(&self) -> Option<&str> {
        self.first_fault.as_deref()
    }

    /// Returns how long the run took.
    pub(crate) fn wall(&self) -> Duration {
        self.wall
    }

    /// Returns the latency in microseconds within which `share` per mille of the requests
    /// were answered; 0 if none was.
    pub(crate) fn within(&self, share: u32) -> u64 {
        // The nearest rank: the smallest value that at least this share does not exceed.
        let rank = (self.latencies.len() * share as usize).div_ceil(1_000);
        let index = rank.saturating_sub(1);
        self.latencies.get(index).copied().unwrap_or(0)
    }
}

/// A run and what came of it.
#[derive(Debug)]
pub(crate) struct Run {
    /// What it is called in the table and in the chart.
    pub(crate) name: &'static str,
    /// Queries that reached the database.
    pub(crate) queries: u64,
    /// What the clients measured.
    pub(crate) tally: Tally,
}

impl Run {
    /// One that has not begun.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            queries: 0,
            tally: Tally::default(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::{Run, Sample, Tally};

    /// A run with these latencies in milliseconds.
    pub(crate) fn run(name: &'static str, queries: u64, latencies: &[u64]) -> Run {
        let mut tally = Tally::default();
        for latency in latencies {
            tally.add(Sample {
                latency: Duration::from_millis(*latency),
                fault: None,
            });
        }
        tally.end(Duration::from_millis(1_500));
        Run {
            name,
            queries,
            tally,
        }
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        let tally = run("a run", 0, &hundred).tally;
        assert_eq!(
            [0, 500, 990, 1_000].map(|share| tally.within(share)),
            [1_000, 50_000, 99_000, 100_000]
        );
        let tally = run("a run", 0, &[7]).tally;
        assert_eq!(
            [0, 500, 990, 1_000].map(|share| tally.within(share)),
            [7_000; 4]
        );
        assert_eq!(Tally::default().within(500), 0);
    }

    #[test]
    fn errors_count_as_requests_but_have_no_latency() {
        let mut tally = run("a run", 0, &[1, 2]).tally;
        for fault in ["first", "second"] {
            tally.add(Sample {
                latency: Duration::from_secs(9),
                fault: Some(fault.to_owned()),
            });
        }
        assert_eq!((tally.requests(), tally.errors()), (4, 2));
        assert_eq!(tally.first_fault(), Some("first"));
        assert_eq!(tally.within(1_000), 2_000);
    }
}
