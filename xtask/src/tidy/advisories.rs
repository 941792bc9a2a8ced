//! Versions that are known to be bad: no manifest admits one, and no lock file holds one.
//!
//! The table is ours: the lists that others keep are on the network, and not the same tomorrow.
//! `cargo deny check advisories` asks one of them. Ours has what that list said from 2023 to August
//! 2026 of the crates in our lock files, as far as a compatible version is bad, and what only the
//! authors of a crate said. It has no crate for being unmaintained.

use semver::VersionReq;

use crate::manifest::Manifest;
use crate::tidy::Finding;
use crate::tidy::tree::Tree;
use crate::versions::{lowest, requirement, version};

/// Versions of a package that nobody should build.
struct Bad {
    package: &'static str,
    /// Requirements. A version is bad if one of them admits it.
    versions: &'static [&'static str],
    /// From here on, the versions are good.
    good: &'static str,
    /// An advisory, or else its author's word, and what goes wrong.
    why: &'static str,
}

/// By name.
const BAD: &[Bad] = &[
    // Smol brings it, so no manifest of ours names it, and this is held against lock files only. To
    // name it in order to exclude one version would be a dependency that is never used. Cargo takes a
    // withdrawn version only from a lock file; SECURITY.md tells those who have such a one.
    Bad {
        package: "async-executor",
        versions: &["=1.14.0"],
        good: "1.14.1",
        why: "its changelog: a waker that fires while an executor is dropped uses freed memory",
    },
    Bad {
        package: "bytes",
        versions: &[">=1.2.1, <1.11.1"],
        good: "1.11.1",
        why: "RUSTSEC-2026-0007: an integer overflows in `BytesMut::reserve`",
    },
    Bad {
        package: "cortex-m-rt",
        versions: &[">=0.7.1, <0.7.3"],
        good: "0.7.3",
        why: "RUSTSEC-2023-0014: programs are miscompiled",
    },
    Bad {
        package: "crossbeam-channel",
        versions: &[">=0.5.12, <0.5.15"],
        good: "0.5.15",
        why: "RUSTSEC-2025-0024: a channel that is dropped frees memory twice",
    },
    Bad {
        package: "crossbeam-epoch",
        versions: &[">=0.9.0, <0.9.20"],
        good: "0.9.20",
        why: "RUSTSEC-2026-0204: printing a pointer follows it",
    },
    Bad {
        package: "event-listener",
        versions: &[">=5.1.0, <5.4.2"],
        good: "5.4.2",
        why: "RUSTSEC-2026-0221: a `StackSlot` carries tags to other threads that must not go there",
    },
    Bad {
        package: "hashbrown",
        versions: &["=0.15.0"],
        good: "0.15.1",
        why: "RUSTSEC-2024-0402: equal maps are written as different bytes by borsh",
    },
    Bad {
        package: "rand",
        versions: &[">=0.7.0, <0.8.6", ">=0.9.0, <0.9.3", "=0.10.0"],
        good: "0.10.1",
        why: "RUSTSEC-2026-0097: a logger that asks for random numbers breaks the generator",
    },
    Bad {
        package: "slab",
        versions: &["=0.4.10"],
        good: "0.4.11",
        why: "RUSTSEC-2025-0047: `get_disjoint_mut` reads out of bounds",
    },
    Bad {
        package: "spin",
        versions: &[
            ">=0.7.0, <0.7.2",
            "=0.8.0",
            ">=0.9.0, <0.9.9",
            "=0.10.0",
            "=0.11.0",
            ">=0.12.0, <0.12.2",
        ],
        good: "0.12.2",
        why: "its changelog: what is taken out of a `Once` is dropped twice",
    },
    Bad {
        package: "tokio",
        versions: &[
            ">=0.2.5, <1.38.2",
            ">=1.39.0, <1.42.1",
            "=1.43.0",
            ">=1.44.0, <1.44.2",
        ],
        good: "1.44.2",
        why: "RUSTSEC-2025-0023: a broadcast channel clones a value on two threads at once",
    },
    Bad {
        package: "tracing",
        versions: &[">=0.1.38, <0.1.40"],
        good: "0.1.40",
        why: "RUSTSEC-2023-0078: `Instrumented::into_inner` uses freed memory",
    },
    Bad {
        package: "tracing-subscriber",
        versions: &["<0.3.20"],
        good: "0.3.20",
        why: "RUSTSEC-2025-0055: what is logged can command the terminal",
    },
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.ending(&["Cargo.toml"]);
    let admitted = manifests.map(|(path, text)| (path, admitted(path, text)));
    let locks = tree.ending(&["Cargo.lock"]);
    let locked = locks.map(|(path, text)| (path, locked(path, text)));
    let unread = |(path, found): (&str, Result<_, String>)| {
        found.unwrap_or_else(|why| vec![Finding::new(path, 0, why)])
    };
    admitted.chain(locked).flat_map(unread).collect()
}

/// A dependency that a lock file may take to a bad version.
fn admitted(path: &str, text: &str) -> Result<Vec<Finding>, String> {
    let manifest = Manifest::parse(text)?;
    let mut findings = Vec::new();
    let dependencies = manifest.dependencies().into_iter();
    for dependency in dependencies.chain(manifest.inheritable()) {
        let Some(version) = dependency.version else {
            continue;
        };
        let (name, asked) = (dependency.package, requirement(version)?);
        let mut bad = bad(name)?.into_iter();
        let first = bad.find_map(|(bad, versions)| Some((bad, lowest(&[&asked, &versions])?)));
        findings.extend(first.map(|(bad, common)| {
            let what = format!(
                "`{name} = \"{version}\"` admits {common} ({}); ask for {}",
                bad.why, bad.good
            );
            Finding::new(path, dependency.line, what)
        }));
    }
    Ok(findings)
}

fn locked(path: &str, text: &str) -> Result<Vec<Finding>, String> {
    let lock = Manifest::parse(text)?;
    let mut findings = Vec::new();
    for locked in lock.locked() {
        let (name, version) = (locked.name, version(locked.version)?);
        for (bad, versions) in bad(name)? {
            if versions.matches(&version) {
                let what = format!(
                    "holds {name} {version} ({}); `cargo update -p {name}@{version}`",
                    bad.why
                );
                findings.push(Finding::new(path, locked.line, what));
            }
        }
    }
    Ok(findings)
}

/// Returns each range of bad versions of a package.
fn bad(package: &str) -> Result<Vec<(&'static Bad, VersionReq)>, String> {
    let bad = BAD.iter().filter(|bad| bad.package == package);
    let ranges = bad.flat_map(|bad| bad.versions.iter().map(move |versions| (bad, versions)));
    ranges
        .map(|(bad, versions)| Ok((bad, requirement(versions)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let findings = check(&Tree::of(&[(path, text)]));
        findings.iter().map(ToString::to_string).collect()
    }

    fn lock(name: &str, version: &str) -> String {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"registry\"\n")
    }

    #[test]
    fn this_checkout_is_free_of_bad_versions() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let tree = Tree::load(&root).expect("the checkout is there");
        let locks = tree.ending(&["Cargo.lock"]).count();
        assert!(
            locks >= 4,
            "{locks} lock files, of a workspace and programs"
        );
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_bound_that_admits_a_bad_version_is_found() {
        let text = "[workspace.dependencies]\nspin = { version = \"0.12\" }\n";
        assert_eq!(
            found("Cargo.toml", text),
            [
                "Cargo.toml:2: `spin = \"0.12\"` admits 0.12.0 (its changelog: what is taken out \
                 of a `Once` is dropped twice); ask for 0.12.2"
            ]
        );
        assert_eq!(
            found("Cargo.toml", &text.replace("0.12", "0.12.2")),
            [""; 0]
        );
    }

    #[test]
    fn a_bound_is_found_in_every_section_and_under_every_name() {
        for line in [
            "[dependencies]\nspin = \"0.12.1\"\n",
            "[target.'cfg(unix)'.dev-dependencies]\nspin = \">=0.12\"\n",
            "[build-dependencies.lock]\npackage = \"spin\"\nversion = \"*\"\n",
        ] {
            assert!(!found("examples/a/Cargo.toml", line).is_empty(), "{line}");
        }
        assert_eq!(
            found("a/Cargo.toml", "[dependencies]\nspin.path = \"..\"\n"),
            [""; 0]
        );
    }

    #[test]
    fn a_lock_file_with_a_bad_version_is_found() {
        assert_eq!(
            found("examples/a/Cargo.lock", &lock("event-listener", "5.4.1")),
            [
                "examples/a/Cargo.lock:3: holds event-listener 5.4.1 (RUSTSEC-2026-0221: a \
                 `StackSlot` carries tags to other threads that must not go there); \
                 `cargo update -p event-listener@5.4.1`"
            ]
        );
        for (name, version) in [
            ("async-executor", "1.14.0"),
            ("spin", "0.9.8"),
            ("tokio", "1.43.0"),
        ] {
            assert_eq!(found("Cargo.lock", &lock(name, version)).len(), 1, "{name}");
        }
    }

    #[test]
    fn a_lock_file_with_good_versions_is_good() {
        for (name, version) in [
            ("async-executor", "1.13.3"),
            ("async-executor", "1.14.1"),
            ("event-listener", "5.4.2"),
            ("spin", "0.9.9"),
            ("tokio", "1.38.2"),
        ] {
            assert_eq!(found("Cargo.lock", &lock(name, version)), [""; 0]);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_found() {
        for (path, text) in [
            ("Cargo.toml", "[dependencies\n"),
            ("Cargo.toml", "[dependencies]\na = \"one\"\n"),
            ("Cargo.lock", &lock("a", "one")),
        ] {
            assert_eq!(found(path, text).len(), 1, "{text}");
        }
    }

    #[test]
    fn the_table_is_in_order_and_tells_the_good_from_the_bad() {
        assert!(BAD.is_sorted_by_key(|bad| bad.package));
        for entry in BAD {
            let good = version(entry.good).expect("it is a version");
            let ranges = bad(entry.package).expect("they are requirements");
            assert_eq!(ranges.len(), entry.versions.len(), "{}", entry.package);
            for (_, versions) in ranges {
                assert!(!versions.matches(&good), "{}", entry.package);
            }
        }
    }
}
