//! What a person, or `cargo xtask compare`, asks for.

use std::path::PathBuf;

/// What is asked for.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Options {
    /// Fewer rounds, and none of the sizes that take long.
    pub(crate) quick: bool,
    /// Where the report is written.
    pub(crate) out: PathBuf,
    /// The program that measures Go's, if Go is on the machine.
    pub(crate) go: Option<PathBuf>,
    /// Only groups of figures whose names contain one of these; all if there are none.
    only: Vec<String>,
}

impl Options {
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            quick: false,
            out: PathBuf::from("target/compare"),
            go: None,
            only: Vec::new(),
        };
        let mut words = arguments;
        while let Some(word) = words.next() {
            let mut path = || words.next().ok_or(format!("`{word}` needs a path"));
            match word.as_str() {
                "--quick" => options.quick = true,
                "--out" => options.out = path()?.into(),
                "--go" => options.go = Some(path()?.into()),
                _ if word.starts_with('-') => return Err(format!("unknown option `{word}`")),
                _ => options.only.push(word),
            }
        }
        Ok(options)
    }

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

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let options = read("--quick --out there lone --go program fan").expect("it is all known");
        assert!(options.quick);
        assert_eq!(options.out, PathBuf::from("there"));
        assert_eq!(options.go, Some("program".into()));
        assert!(options.wants("lone-async") && options.wants("fan-out"));
        assert!(!options.wants("burst"));
        assert!(read("").expect("nothing is needed").wants("burst"));
    }

    #[test]
    fn what_is_not_known_is_named() {
        assert_eq!(read("--fast"), Err("unknown option `--fast`".to_owned()));
        assert_eq!(read("--out"), Err("`--out` needs a path".to_owned()));
    }
}
