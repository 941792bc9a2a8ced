//! Which versions a requirement such as `^1.38` admits, as a range.
//!
//! Cargo asks whether a version is admitted. Here the questions are which is the lowest, and whether
//! two requirements admit one in common. Versions before a release (`1.0.0-rc.1`) are taken for the release.

use std::fmt;

use semver::{Comparator, Op, VersionReq};

/// A released version.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Version {
    major: u64,
    minor: u64,
    patch: u64,
}

/// The versions from the first up to and without the second, if there is a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    from: Version,
    below: Option<Version>,
}

impl Version {
    const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let version = semver::Version::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
        Ok(Self::new(version.major, version.minor, version.patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            major,
            minor,
            patch,
        } = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl Range {
    const ALL: Self = Self {
        from: Version::new(0, 0, 0),
        below: None,
    };

    /// Reads a requirement as it stands in a manifest.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let read = VersionReq::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
        let mut range = Self::ALL;
        for comparator in &read.comparators {
            range = range.and(Self::of(comparator)?);
        }
        Ok(range)
    }

    pub(crate) fn lowest(self) -> Version {
        self.from
    }

    pub(crate) fn holds(self, version: Version) -> bool {
        version >= self.from && self.below.is_none_or(|below| version < below)
    }

    /// Returns the lowest version that both admit.
    pub(crate) fn common(self, other: Self) -> Option<Version> {
        let both = self.and(other);
        both.holds(both.from).then_some(both.from)
    }

    fn and(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            below: match (self.below, other.below) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        }
    }

    fn of(comparator: &Comparator) -> Result<Self, String> {
        let Comparator {
            major,
            minor,
            patch,
            ..
        } = *comparator;
        let first = Version::new(major, minor.unwrap_or(0), patch.unwrap_or(0));
        // The first version after all that the number stands for: `1.2` stands for `1.2.*`.
        let after = match (minor, patch) {
            (None, _) => Version::new(major + 1, 0, 0),
            (Some(minor), None) => Version::new(major, minor + 1, 0),
            (Some(minor), Some(patch)) => Version::new(major, minor, patch + 1),
        };
        let next_minor = Version::new(major, first.minor + 1, 0);
        let (from, below) = match comparator.op {
            Op::Greater => (after, None),
            Op::GreaterEq => (first, None),
            Op::Less => (Self::ALL.from, Some(first)),
            Op::LessEq => (Self::ALL.from, Some(after)),
            Op::Tilde => (first, Some(after.max(next_minor))),
            // The leftmost number that is not zero may not change.
            Op::Caret if major > 0 => (first, Some(Version::new(major + 1, 0, 0))),
            Op::Caret if first.minor > 0 => (first, Some(next_minor)),
            Op::Exact | Op::Wildcard | Op::Caret => (first, Some(after)),
            _ => return Err(format!("`{comparator}`: an operator that is not known")),
        };
        Ok(Self { from, below })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of every kind, with one, two and three numbers, and with zeros in front.
    const REQUIREMENTS: [&str; 32] = [
        "*",
        "1",
        "1.2",
        "1.2.3",
        "0",
        "0.0",
        "0.1",
        "0.0.2",
        "0.1.2",
        "^0.2",
        "~1",
        "~1.2",
        "~1.2.3",
        "~0",
        "~0.1",
        "~0.0.1",
        "=1",
        "=1.2",
        "=1.2.3",
        "1.*",
        "1.2.*",
        ">1",
        ">1.2",
        ">1.2.3",
        ">=1.2",
        "<1",
        "<1.2.3",
        "<=1",
        "<=1.2",
        "<=0.1.2",
        ">=0.1, <1.2",
        ">1, <=2.0",
    ];

    fn versions() -> impl Iterator<Item = Version> {
        (0..64).map(|n| Version::new(n / 16, n / 4 % 4, n % 4))
    }

    fn range(text: &str) -> Range {
        Range::parse(text).expect("it is a requirement")
    }

    #[test]
    fn a_range_holds_what_cargo_admits() {
        for text in REQUIREMENTS {
            let requirement = VersionReq::parse(text).expect("it is a requirement");
            for version in versions() {
                let admitted = semver::Version::new(version.major, version.minor, version.patch);
                assert_eq!(
                    range(text).holds(version),
                    requirement.matches(&admitted),
                    "{text} {version}"
                );
            }
        }
    }

    #[test]
    fn two_ranges_have_a_version_in_common_or_none() {
        let common = |one, other| range(one).common(range(other)).map(|both| both.to_string());
        assert_eq!(
            common("0.12", ">=0.12.0, <0.12.2").as_deref(),
            Some("0.12.0")
        );
        assert_eq!(common("0.12.2", ">=0.12.0, <0.12.2"), None);
        assert_eq!(
            common("1.38.2", ">=1.39, <1.42.1").as_deref(),
            Some("1.39.0")
        );
        assert_eq!(common("1", "=1.14.0").as_deref(), Some("1.14.0"));
        assert_eq!(common("2", "=1.14.0"), None);
        assert_eq!(common("<1", ">=1"), None);
    }

    #[test]
    fn the_lowest_version_is_written_out() {
        for (text, lowest) in [("2", "2.0.0"), ("0.2.13", "0.2.13"), (">1.2", "1.3.0")] {
            assert_eq!(range(text).lowest().to_string(), lowest);
        }
    }

    #[test]
    fn what_is_no_requirement_and_no_version_is_said() {
        assert!(Range::parse("one").is_err());
        assert!(Version::parse("1.2").is_err());
        let version = Version::parse("1.1.3+spec-1.1.0").expect("it is a version");
        assert_eq!(version.to_string(), "1.1.3");
    }
}
