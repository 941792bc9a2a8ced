//! The pages: they tell of every crate, and nothing in them is left uncompiled.

use crate::tidy::finding::Finding;
use crate::tidy::manifests::is_published;
use crate::tidy::tokens::places;
use crate::tidy::tree::Tree;

/// What a published crate is packed with.
const PACKED: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// How the names of our crates begin.
const OURS: &str = "singleflight-";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = crate_table(tree);
    for name in published(tree) {
        for file in PACKED {
            let path = format!("crates/{name}/{file}");
            if !tree.has(&path) {
                findings.push(Finding::new(&path, 0, "is missing"));
            }
        }
    }
    findings.extend(uncompiled(tree));
    findings
}

/// The table of crates in README.md names every published crate, and none that is not there.
fn crate_table(tree: &Tree) -> Vec<Finding> {
    let text = tree.text("README.md").unwrap_or_default();
    let mut told = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('|') {
            let names = quoted(line).filter(|name| name.starts_with(OURS));
            told.extend(names.map(|name| (number + 1, name)));
        }
    }
    let mut findings = Vec::new();
    for name in published(tree) {
        if !told.iter().any(|(_, told)| *told == name) {
            let what = format!("no table names `{name}`");
            findings.push(Finding::new("README.md", 0, what));
        }
    }
    for (line, name) in told {
        if !tree.crates().contains(&name) {
            let what = format!("the table names `{name}`, which is not in crates/");
            findings.push(Finding::new("README.md", line, what));
        }
    }
    findings
}

/// The README, and that of each crate, is part of some documentation, so that
/// `cargo test --doc` compiles it. Programs have READMEs of commands, with nothing to compile.
fn uncompiled(tree: &Tree) -> Vec<Finding> {
    let mut compiled = Vec::new();
    for (path, text) in tree.ending(&[".rs"]) {
        for (_, included) in places(text, &["include_str", "!", "("]) {
            compiled.extend(resolved(path, included.trim_matches('"')));
        }
    }
    tree.ending(&["README.md"])
        .filter(|(path, _)| *path == "README.md" || path.starts_with("crates/"))
        .filter(|(path, _)| !compiled.iter().any(|compiled| compiled == path))
        .map(|(path, _)| {
            let what = "nothing compiles its examples; include it in xtask/src/pages.rs";
            Finding::new(path, 0, what)
        })
        .collect()
}

/// Returns the path from the root of what a file names relative to itself, unless it lies outside.
pub(crate) fn resolved(from: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<_> = from.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            ".." => _ = parts.pop()?,
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn published(tree: &Tree) -> impl Iterator<Item = &str> {
    tree.crates().into_iter().filter(|name| {
        tree.text(&format!("crates/{name}/Cargo.toml"))
            .is_some_and(is_published)
    })
}

/// Returns what stands between backticks in a line.
pub(crate) fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 7] = [
        (
            "README.md",
            "| threads | [`singleflight-a`](crates/singleflight-a) |\n",
        ),
        ("crates/singleflight-a/Cargo.toml", "[package]\n"),
        ("crates/singleflight-a/LICENSE-APACHE", ""),
        ("crates/singleflight-a/LICENSE-MIT", ""),
        ("crates/singleflight-a/README.md", ""),
        (
            "crates/singleflight-a/src/lib.rs",
            "#![doc = include_str!(\"../README.md\")]",
        ),
        (
            "xtask/src/pages.rs",
            "#[doc = include_str!(\"../../README.md\")] struct A;",
        ),
    ];

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let findings = check(&Tree::of(files));
        findings.iter().map(ToString::to_string).collect()
    }

    /// The good tree with one file replaced.
    fn with<'a>(path: &'a str, text: &'a str) -> Vec<(&'a str, &'a str)> {
        let others = FILES.into_iter().filter(|(other, _)| *other != path);
        others.chain([(path, text)]).collect()
    }

    #[test]
    fn pages_that_tell_of_what_is_there_are_good() {
        assert_eq!(found(&FILES), [""; 0]);
    }

    #[test]
    fn a_crate_that_the_table_misses_is_found() {
        let found = found(&with("README.md", "`singleflight-a`, but in no table\n"));
        assert_eq!(found, ["README.md: no table names `singleflight-a`"]);
    }

    #[test]
    fn a_crate_that_only_the_table_knows_is_found() {
        let text = "| `singleflight-a` | `singleflight-b` |\n";
        let found = found(&with("README.md", text));
        let finding = "README.md:1: the table names `singleflight-b`, which is not in crates/";
        assert_eq!(found, [finding]);
    }

    #[test]
    fn an_unpublished_crate_need_not_be_told_of() {
        let manifest = "[package]\npublish = false\n";
        assert_eq!(
            found(&with("crates/singleflight-c/Cargo.toml", manifest)),
            [""; 0]
        );
    }

    #[test]
    fn what_is_not_packed_is_found() {
        let files: Vec<_> = FILES
            .into_iter()
            .filter(|(path, _)| !path.contains("MIT"))
            .collect();
        assert_eq!(
            found(&files),
            ["crates/singleflight-a/LICENSE-MIT: is missing"]
        );
    }

    #[test]
    fn a_page_that_nothing_compiles_is_found() {
        let found = found(&with(
            "xtask/src/pages.rs",
            "//! include_str!(\"../../README.md\")",
        ));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("README.md: nothing compiles"),
            "{found:?}"
        );
    }
}
