//! Why a command, or a step of `ci`, ended early.

use std::path::Path;
use std::process::ExitCode;
use std::{fmt, io};

/// Why a command, or a step of `ci`, ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A check does not hold.
    Failed(String),
    /// It cannot be done as asked, or not on this machine. A step of `ci` is skipped.
    Unable(String),
}

impl Stop {
    /// Says that a check does not hold.
    pub(crate) fn failed<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self::Failed(why.into()))
    }

    /// Says that it cannot be done.
    pub(crate) fn unable<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self::Unable(why.into()))
    }

    /// Returns the code with which a command ends.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(1),
            Self::Unable(_) => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) | Self::Unable(why) => f.write_str(why),
        }
    }
}

/// Names the file of which the system says something.
pub(crate) fn at(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Stop {
    move |error| Stop::Failed(format!("{}: {error}", path.as_ref().display()))
}

/// Chooses from a list by name: those that are named, in the list's order, or all.
pub(crate) fn named<'a, T>(
    what: &str,
    list: &'a [T],
    name: fn(&T) -> &'static str,
    wanted: &[String],
) -> Result<Vec<&'a T>, Stop> {
    let known: Vec<_> = list.iter().map(name).collect();
    if let Some(unknown) = wanted.iter().find(|word| !known.contains(&word.as_str())) {
        let known = known.join(", ");
        let why = format!("unknown {what} `{unknown}`; there are {known}");
        return Stop::unable(why);
    }
    let is_wanted = |item: &&T| wanted.is_empty() || wanted.iter().any(|word| word == name(item));
    Ok(list.iter().filter(is_wanted).collect())
}

/// Sums up what was done for several things, by name. A failure counts more than what could not
/// be done, and that more than what was.
pub(crate) fn each(
    results: impl IntoIterator<Item = (&'static str, Result<(), Stop>)>,
) -> Result<(), Stop> {
    let (mut failed, mut unable) = (Vec::new(), Vec::new());
    for (name, result) in results {
        match result {
            Ok(()) => {}
            Err(Stop::Failed(why)) => {
                println!("!!! FAILED {name}: {why}");
                failed.push(format!("{name}: {why}"));
            }
            Err(Stop::Unable(why)) => {
                println!("!!! SKIPPED {name}: {why}");
                unable.push(format!("{name}: {why}"));
            }
        }
    }
    if !failed.is_empty() {
        return Stop::failed(failed.join("; "));
    }
    if !unable.is_empty() {
        return Stop::unable(unable.join("; "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_more_than_what_could_not_be_done() {
        let failed = || Err(Stop::Failed("it broke".to_owned()));
        let unable = || Err(Stop::Unable("not here".to_owned()));
        let text = |results: Vec<(&'static str, _)>| match each(results) {
            Ok(()) => "ok".to_owned(),
            Err(Stop::Failed(why)) => format!("failed {why}"),
            Err(Stop::Unable(why)) => format!("unable {why}"),
        };
        assert_eq!(text(vec![("a", Ok(())), ("b", Ok(()))]), "ok");
        assert_eq!(
            text(vec![("a", unable()), ("b", Ok(()))]),
            "unable a: not here"
        );
        assert_eq!(
            text(vec![("a", unable()), ("b", failed()), ("c", failed())]),
            "failed b: it broke; c: it broke"
        );
    }
}
