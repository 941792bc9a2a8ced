//! Versions that are known to be bad: no manifest admits one, and no lock file holds one.
//!
//! They are those of `bans.deny` in deny.toml. cargo-deny looks for them in what is built; here it is
//! every lock file, and what a manifest would let a user's lock file hold.

use semver::VersionReq;
use toml::Value;

use crate::manifest::{dependencies, inheritable, locked, parse, value};
use crate::tidy::finding::Finding;
use crate::tidy::tree::Tree;
use crate::versions::{lowest, requirement, version};

const LIST: &str = "deny.toml";

/// Versions of a package that nobody should build.
struct Bad {
    package: String,
    versions: VersionReq,
    /// An advisory, or else its author's word, and what goes wrong.
    why: String,
}

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let bad = match list(tree.text(LIST).unwrap_or_default()) {
        Ok(bad) => bad,
        Err(why) => return vec![Finding::new(LIST, 0, why)],
    };
    let manifests = tree.ending(&["Cargo.toml"]);
    let admitted = manifests.map(|(path, text)| (path, admitted(text, &bad)));
    let locks = tree.ending(&["Cargo.lock"]);
    let held = locks.map(|(path, text)| (path, held(text, &bad)));
    let findings = |(path, found): (&str, Result<Vec<String>, String>)| {
        let found = found.unwrap_or_else(|why| vec![why]).into_iter();
        let path = path.to_owned();
        found.map(move |what| Finding::new(&path, 0, what))
    };
    admitted.chain(held).flat_map(findings).collect()
}

/// Reads the list. The error says why it cannot be read.
fn list(text: &str) -> Result<Vec<Bad>, String> {
    let table = parse(text)?;
    let entries = value(&table, &["bans", "deny"]).and_then(Value::as_array);
    let entries = entries.filter(|entries| !entries.is_empty());
    let entries = entries.ok_or("`bans.deny` is empty")?.iter();
    let text = |entry: &Value, key| Some(entry.get(key)?.as_str()?.to_owned());
    entries
        .map(|entry| {
            let unread = || format!("`{entry}` is not {{ crate = \"a:<1\", reason = \"...\" }}");
            let spec = text(entry, "crate").ok_or_else(unread)?;
            let (package, versions) = spec.split_once(':').ok_or_else(unread)?;
            Ok(Bad {
                package: package.to_owned(),
                versions: requirement(versions)?,
                why: text(entry, "reason").ok_or_else(unread)?,
            })
        })
        .collect()
}

/// Dependencies that a lock file may take to a bad version.
fn admitted(text: &str, bad: &[Bad]) -> Result<Vec<String>, String> {
    let manifest = parse(text)?;
    let mut findings = Vec::new();
    for dependency in dependencies(&manifest)
        .iter()
        .chain(&inheritable(&manifest))
    {
        let Some(version) = dependency.version else {
            continue;
        };
        let (name, asked) = (dependency.package, requirement(version)?);
        let mut of_this = bad.iter().filter(|bad| bad.package == name);
        let first = of_this.find_map(|bad| Some((bad, lowest(&[&asked, &bad.versions])?)));
        findings.extend(
            first.map(|(bad, common)| {
                format!("`{name} = \"{version}\"` admits {common}: {}", bad.why)
            }),
        );
    }
    Ok(findings)
}

fn held(text: &str, bad: &[Bad]) -> Result<Vec<String>, String> {
    let lock = parse(text)?;
    let mut findings = Vec::new();
    for (name, locked) in locked(&lock) {
        let version = version(locked)?;
        let is_this = |bad: &&Bad| bad.package == name && bad.versions.matches(&version);
        findings.extend(bad.iter().filter(is_this).map(|bad| {
            let update = format!("cargo update -p {name}@{version}");
            format!("holds {name} {version}: {}; `{update}`", bad.why)
        }));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const DENY: &str = "[bans]\ndeny = [\n\
        { crate = \"spin:>=0.9.0, <0.9.9\", reason = \"it drops twice\" },\n\
        { crate = \"spin:>=0.12.0, <0.12.2\", reason = \"it drops twice\" },\n\
        { crate = \"slab:=0.4.10\", reason = \"it reads out of bounds\" },\n]\n";

    fn found(path: &str, text: &str) -> Vec<String> {
        let findings = check(&Tree::of(&[(LIST, DENY), (path, text)]));
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
        assert!(locks >= 5, "{locks} lock files, of workspaces and programs");
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_bound_that_admits_a_bad_version_is_found_under_every_name() {
        let finding = "Cargo.toml: `spin = \"0.12\"` admits 0.12.0: it drops twice";
        for line in [
            "[workspace.dependencies]\nspin = { version = \"0.12\" }\n",
            "[dependencies]\nspin = \"0.12\"\n",
            "[target.'cfg(unix)'.dev-dependencies]\nspin = \"0.12\"\n",
            "[build-dependencies.lock]\npackage = \"spin\"\nversion = \"0.12\"\n",
        ] {
            assert_eq!(found("Cargo.toml", line), [finding], "{line}");
            assert_eq!(
                found("Cargo.toml", &line.replace("0.12", "0.12.2")),
                [""; 0]
            );
        }
        let path = "[dependencies]\nspin.path = \"..\"\n";
        assert_eq!(found("a/Cargo.toml", path), [""; 0]);
    }

    #[test]
    fn a_lock_file_with_a_bad_version_is_found() {
        assert_eq!(
            found("examples/a/Cargo.lock", &lock("slab", "0.4.10")),
            [
                "examples/a/Cargo.lock: holds slab 0.4.10: it reads out of bounds; \
              `cargo update -p slab@0.4.10`"
            ]
        );
        assert_eq!(found("Cargo.lock", &lock("spin", "0.9.8")).len(), 1);
        for (name, version) in [("slab", "0.4.11"), ("spin", "0.9.9"), ("spin", "0.12.2")] {
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
        for list in [
            "",
            "[bans\n",
            "[bans]\ndeny = []\n",
            "[bans]\ndeny = [\"spin\"]\n",
        ] {
            assert_eq!(check(&Tree::of(&[(LIST, list)])).len(), 1, "{list}");
        }
    }
}
