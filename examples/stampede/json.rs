//! The same figures for machines. Written by hand: fixed names and numbers need no escaping.

use std::fmt;

use singleflight_cache::Stats;

use crate::options::Runtime;
use crate::tally::Run;

/// The runs and what they were made with.
#[derive(Debug)]
pub(crate) struct Json<'a> {
    /// What each run is called here.
    pub(crate) keys: &'a [&'a str],
    pub(crate) runs: &'a [&'a Run],
    /// What the cache has done, where there is one.
    pub(crate) cache: Option<Stats>,
    /// Which front end served.
    pub(crate) runtime: Runtime,
    /// Where the random sequence started.
    pub(crate) seed: u64,
    /// How many requests of each run are served alone.
    pub(crate) alone: usize,
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{{")?;
        for (name, run) in self.keys.iter().zip(self.runs) {
            let tally = &run.tally;
            writeln!(
                f,
                "  \"{name}\": {{\"requests\": {}, \"queries\": {}, \"errors\": {}, \"p50_us\": {}, \
                 \"p99_us\": {}, \"max_us\": {}, \"wall_ms\": {}}},",
                tally.requests(),
                run.queries,
                tally.errors(),
                tally.within(500),
                tally.within(990),
                tally.within(1_000),
                tally.wall().as_millis(),
            )?;
        }
        if let Some(stats) = self.cache {
            writeln!(
                f,
                "  \"cache\": {{\"hits\": {}, \"served_stale\": {}, \"absences\": {}, \"misses\": {}, \
                 \"loads\": {}, \"refreshes\": {}}},",
                stats.hits,
                stats.served_stale,
                stats.absent_hits,
                stats.misses,
                stats.loads,
                stats.refreshes,
            )?;
        }
        writeln!(f, "  \"runtime\": \"{}\",", self.runtime.name())?;
        writeln!(f, "  \"seed\": {},", self.seed)?;
        writeln!(f, "  \"alone\": {}", self.alone)?;
        writeln!(f, "}}")
    }
}

#[cfg(test)]
mod tests {
    use singleflight_cache::Stats;

    use super::Json;
    use crate::options::Runtime;
    use crate::tally::Run;
    use crate::tally::tests::run;

    #[test]
    fn every_figure_stands_under_its_name() {
        let (without, with) = (run("", 3, &[10, 20, 30]), Run::new(""));
        let json = Json {
            keys: &["without", "with"],
            runs: &[&without, &with],
            cache: None,
            runtime: Runtime::Smol,
            seed: 7,
            alone: 4,
        };
        assert_eq!(
            json.to_string(),
            r#"{
  "without": {"requests": 3, "queries": 3, "errors": 0, "p50_us": 20000, "p99_us": 30000, "max_us": 30000, "wall_ms": 1500},
  "with": {"requests": 0, "queries": 0, "errors": 0, "p50_us": 0, "p99_us": 0, "max_us": 0, "wall_ms": 0},
  "runtime": "smol",
  "seed": 7,
  "alone": 4
}
"#
        );
    }

    #[test]
    fn a_cache_is_a_third_run_and_tells_what_it_has_done() {
        let (without, with) = (Run::new(""), Run::new(""));
        let cached = run("", 2, &[10, 20, 30]);
        let json = Json {
            keys: &["without", "with", "with_cache"],
            runs: &[&without, &with, &cached],
            cache: Some(Stats::default()),
            runtime: Runtime::Tokio,
            seed: 7,
            alone: 0,
        };
        let json = json.to_string();
        for part in [
            "\"with_cache\": {\"requests\": 3, \"queries\": 2,",
            "\"cache\": {\"hits\": 0, \"served_stale\": 0, \"absences\": 0, \"misses\": 0, \"loads\": 0, ",
        ] {
            assert!(json.contains(part), "{part} in {json}");
        }
    }
}
