//! What the manifests of the crates share is said once, in the workspace's.

use toml::{Table, Value};

use crate::manifest::{dependencies, is_inherited, parse, value};
use crate::tidy::finding::Finding;
use crate::tidy::tree::Tree;

const WORKSPACE: &str = "Cargo.toml";

/// What every package inherits.
const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let workspace = tree.text(WORKSPACE).unwrap_or_default();
    let mut findings = match parse(workspace) {
        Ok(workspace) => Vec::from_iter(unsafe_code(&workspace)),
        Err(why) => vec![Finding::new(WORKSPACE, 0, why)],
    };
    for name in tree.crates() {
        let path = format!("crates/{name}/Cargo.toml");
        match tree.text(&path) {
            Some(text) => findings.extend(manifest(&path, text)),
            None => findings.push(Finding::new(&path, 0, "is missing")),
        }
    }
    findings
}

/// Whether a manifest lets its package be published.
pub(crate) fn is_published(text: &str) -> bool {
    // One that cannot be read is found as such.
    parse(text).map_or(true, |manifest| {
        value(&manifest, &["package", "publish"]) != Some(&Value::Boolean(false))
    })
}

/// P10: the crates inherit it, so one line forbids it to all of them.
fn unsafe_code(workspace: &Table) -> Option<Finding> {
    let level = value(workspace, &["workspace", "lints", "rust", "unsafe_code"]);
    (level.and_then(Value::as_str) != Some("forbid")).then(|| {
        let what = "[workspace.lints.rust] does not say `unsafe_code = \"forbid\"`";
        Finding::new(WORKSPACE, 0, what)
    })
}

fn manifest(path: &str, text: &str) -> Vec<Finding> {
    let manifest = match parse(text) {
        Ok(manifest) => manifest,
        Err(why) => return vec![Finding::new(path, 0, why)],
    };
    let inherits = |path: &[&str]| value(&manifest, path).is_some_and(is_inherited);
    let mut missing: Vec<_> = INHERITED
        .into_iter()
        .filter(|key| !inherits(&["package", key]))
        .map(|key| format!("does not inherit `{key}`"))
        .collect();
    if !inherits(&["lints"]) {
        missing.push("does not inherit the lints".to_owned());
    }
    // By a dependency on itself a package turns on features for its tests. With a version, the
    // published package would have it too.
    let itself = value(&manifest, &["package", "name"]).and_then(Value::as_str);
    let dependencies = dependencies(&manifest).into_iter();
    let own = dependencies.filter(|found| !found.is_inherited);
    let own = own.filter(|found| Some(found.package) != itself);
    missing.extend(own.map(|own| {
        let name = own.package;
        format!("the dependency `{name}` is not inherited from the workspace")
    }));
    missing
        .into_iter()
        .map(|what| Finding::new(path, 0, what))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"a\"\nversion.workspace = true\n\
        edition.workspace = true\nrust-version = { workspace = true }\n\
        license.workspace = true\n[dependencies]\nb.workspace = true\n\
        c = { workspace = true, optional = true }\n[dependencies.d]\nworkspace = true\n\
        [lints]\nworkspace = true\n";

    fn found(text: &str) -> Vec<String> {
        let findings = manifest("crates/a/Cargo.toml", text);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_manifest_that_inherits_is_good() {
        assert_eq!(found(GOOD), [""; 0]);
    }

    #[test]
    fn a_package_may_depend_on_itself() {
        let itself = "[dev-dependencies.a]\npath = \".\"\nfeatures = [\"model\"]\n";
        assert_eq!(found(&format!("{GOOD}{itself}")), [""; 0]);
    }

    #[test]
    fn what_is_not_inherited_is_found() {
        for (good, bad, what) in [
            (
                "edition.workspace = true",
                "edition = \"2024\"",
                "`edition`",
            ),
            (
                "[lints]\nworkspace = true",
                "[lints.rust]\nunsafe_code = \"allow\"",
                "the lints",
            ),
            ("b.workspace = true", "b = \"1\"", "`b`"),
            ("c = { workspace = true,", "c = { version = \"1\",", "`c`"),
            (
                "[dependencies.d]\nworkspace = true",
                "[dependencies.d]\nversion = \"1\"",
                "`d`",
            ),
        ] {
            let text = GOOD.replace(good, bad);
            let found = found(&text);
            assert_eq!(found.len(), 1, "{bad}: {found:?}");
            assert!(found[0].contains(what), "{found:?}");
        }
    }

    #[test]
    fn dependencies_are_found_in_every_section() {
        for header in [
            "dev-dependencies",
            "build-dependencies",
            "target.'cfg(loom)'.dependencies",
        ] {
            let text = format!("{GOOD}[{header}]\ne = \"1\"\n");
            assert_eq!(found(&text).len(), 1, "{header}");
        }
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_found() {
        assert_eq!(found("[package\n").len(), 1);
        let tree = Tree::of(&[("Cargo.toml", "[workspace\n")]);
        assert_eq!(check(&tree).len(), 1);
    }

    #[test]
    fn a_crate_without_a_manifest_and_a_workspace_that_allows_unsafe_are_found() {
        let tree = Tree::of(&[("crates/a/src/lib.rs", ""), ("Cargo.toml", "[workspace]\n")]);
        let findings = check(&tree);
        assert_eq!(findings.len(), 2, "{findings:?}");
        let lints = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n";
        assert_eq!(check(&Tree::of(&[("Cargo.toml", lints)])), []);
    }

    #[test]
    fn a_package_says_that_it_is_not_published() {
        assert!(is_published(GOOD));
        assert!(!is_published("[package]\npublish = false\n"));
    }
}
