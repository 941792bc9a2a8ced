//! What a person, or `cargo xtask compare`, asks for.

use std::path::PathBuf;

use clap::Parser;

/// Ours beside every peer, measured in turns in one process.
#[derive(Debug, Parser)]
#[command(name = "compare")]
pub(crate) struct Options {
    /// Fewer rounds, and none of the sizes that take long
    #[arg(long)]
    pub(crate) quick: bool,

    /// Where the report is written
    #[arg(long, value_name = "DIRECTORY", default_value = "target/compare")]
    pub(crate) out: PathBuf,

    /// The program that measures Go's, if Go is on the machine
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) go: Option<PathBuf>,

    /// Only groups of figures whose names contain one of these
    #[arg(value_name = "FIGURE")]
    only: Vec<String>,
}

impl Options {
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.contains(only.as_str()))
    }

    /// How many rounds to take: `quick` of them, or `full`.
    pub(crate) fn rounds(&self, quick: usize, full: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read() {
        let read = |line: &str| Options::parse_from(["compare"].into_iter().chain(line.split(' ')));
        let options = read("--quick --out there lone --go program fan");
        assert!(options.quick);
        assert_eq!(options.out, PathBuf::from("there"));
        assert_eq!(options.go, Some("program".into()));
        assert!(options.wants("lone-async") && options.wants("fan-out"));
        assert!(!options.wants("burst"));
        assert!(read("--quick").wants("burst"));
    }
}
