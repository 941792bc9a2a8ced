//! What the manifests of the crates share is said once, in the workspace's.

use crate::tidy::Finding;
use crate::tidy::toml::{Section, sections};
use crate::tidy::tree::Tree;

const WORKSPACE: &str = "Cargo.toml";

/// What every package inherits.
const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let workspace = tree.text(WORKSPACE).unwrap_or_default();
    let mut findings = Vec::from_iter(unsafe_code(workspace));
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
    let sections = sections(text);
    section(&sections, "package").and_then(|package| package.value("publish")) != Some("false")
}

/// P10: the crates inherit it, so one line forbids it to all of them.
fn unsafe_code(text: &str) -> Option<Finding> {
    let sections = sections(text);
    let lints = section(&sections, "workspace.lints.rust");
    let level = lints.and_then(|lints| lints.value("unsafe_code"));
    (level != Some("\"forbid\"")).then(|| {
        let what = "[workspace.lints.rust] does not say `unsafe_code = \"forbid\"`";
        Finding::new(WORKSPACE, 0, what)
    })
}

fn manifest(path: &str, text: &str) -> Vec<Finding> {
    let sections = sections(text);
    let mut findings = Vec::new();
    let package = section(&sections, "package");
    for key in INHERITED {
        let is_inherited = package.is_some_and(|package| {
            let mut entries = package.entries.iter();
            entries.any(|entry| entry.name() == key && entry.is_inherited())
        });
        if !is_inherited {
            findings.push(Finding::new(path, 0, format!("does not inherit `{key}`")));
        }
    }
    let lints = section(&sections, "lints");
    if lints.and_then(|lints| lints.value("workspace")) != Some("true") {
        findings.push(Finding::new(path, 0, "does not inherit the lints"));
    }
    for section in &sections {
        findings.extend(dependencies(path, section));
    }
    findings
}

/// `[dependencies]`, `[target.'cfg(...)'.dev-dependencies]`, `[dependencies.name]`.
fn dependencies(path: &str, section: &Section<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line, name: &str| {
        let what = format!("the dependency `{name}` is not inherited from the workspace");
        findings.push(Finding::new(path, line, what));
    };
    let (before, last) = section.name.rsplit_once('.').unwrap_or(("", section.name));
    if last.ends_with("dependencies") {
        for entry in section.entries.iter().filter(|entry| !entry.is_inherited()) {
            find(entry.line, entry.name());
        }
    } else if before.ends_with("dependencies") && section.value("workspace") != Some("true") {
        find(section.line, last);
    }
    findings
}

fn section<'a, 'b>(sections: &'a [Section<'b>], name: &str) -> Option<&'a Section<'b>> {
    sections.iter().find(|section| section.name == name)
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
