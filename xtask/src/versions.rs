//! Which versions a requirement such as `^1.38` admits.
//!
//! Semver says whether a version is admitted. Here the questions are which is the lowest, and
//! whether two requirements admit one in common. Versions before a release (`1.0.0-rc.1`) are taken
//! for the release.

use semver::{Comparator, Version, VersionReq};

/// Reads the version of a release.
pub(crate) fn version(text: &str) -> Result<Version, String> {
    let version = Version::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
    Ok(Version::new(version.major, version.minor, version.patch))
}

/// Reads a requirement as it stands in a manifest.
pub(crate) fn requirement(text: &str) -> Result<VersionReq, String> {
    VersionReq::parse(text).map_err(|error| format!("`{text}`: {error}"))
}

/// Returns the lowest version that all of these admit.
///
/// The versions that a requirement admits begin at zero, at a number that it names, or right
/// behind one.
pub(crate) fn lowest(requirements: &[&VersionReq]) -> Option<Version> {
    let comparators = requirements.iter().flat_map(|one| &one.comparators);
    let named = comparators.flat_map(beginnings);
    let candidates = named.chain([Version::new(0, 0, 0)]);
    candidates
        .filter(|version| requirements.iter().all(|one| one.matches(version)))
        .min()
}

fn beginnings(comparator: &Comparator) -> [Version; 4] {
    let (major, minor) = (comparator.major, comparator.minor.unwrap_or(0));
    let patch = comparator.patch.unwrap_or(0);
    [
        Version::new(major, minor, patch),
        Version::new(major, minor, patch + 1),
        Version::new(major, minor + 1, 0),
        Version::new(major + 1, 0, 0),
    ]
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

    fn read(text: &str) -> VersionReq {
        requirement(text).expect("it is a requirement")
    }

    #[test]
    fn the_lowest_is_the_first_that_cargo_admits() {
        let versions = || (0..125).map(|n| Version::new(n / 25, n / 5 % 5, n % 5));
        let pairs = REQUIREMENTS
            .iter()
            .flat_map(|one| REQUIREMENTS.map(|other| (*one, other)));
        for (one, other) in pairs {
            let both = [&read(one), &read(other)];
            let first = versions().find(|version| both.iter().all(|one| one.matches(version)));
            assert_eq!(lowest(&both), first, "{one} and {other}");
        }
    }

    #[test]
    fn two_requirements_have_a_version_in_common_or_none() {
        for (one, other, common) in [
            ("0.12", ">=0.12.0, <0.12.2", Some("0.12.0")),
            ("0.12.2", ">=0.12.0, <0.12.2", None),
            ("1.38.2", ">=1.39, <1.42.1", Some("1.39.0")),
            ("1", "=1.14.0", Some("1.14.0")),
            ("2", "=1.14.0", None),
            ("<1", ">=1", None),
        ] {
            let lowest = lowest(&[&read(one), &read(other)]).map(|both| both.to_string());
            assert_eq!(lowest.as_deref(), common, "{one} and {other}");
        }
    }

    #[test]
    fn the_lowest_version_is_written_out() {
        for (text, expected) in [("2", "2.0.0"), ("0.2.13", "0.2.13"), (">1.2", "1.3.0")] {
            let lowest = lowest(&[&read(text)]).expect("it admits some");
            assert_eq!(lowest.to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_requirement_and_no_version_is_said() {
        assert!(requirement("one").is_err());
        assert!(version("1.2").is_err());
        let version = version("1.1.3+spec-1.1.0").expect("it is a version");
        assert_eq!(version.to_string(), "1.1.3");
    }
}
