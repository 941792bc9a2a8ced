//! The module ladder of the core: a file uses only what stands on the rungs below its own.
//!
//! The ladder itself stands in ARCHITECTURE.md, for people: `low < middle, middle < high`.

use crate::tidy::finding::Finding;
use crate::tidy::pages::quoted;
use crate::tidy::paths::paths;
use crate::tidy::tree::Tree;

const PAGE: &str = "ARCHITECTURE.md";
const SOURCES: &str = "crates/singleflight-core/src/";

/// The rungs from the bottom up. Modules on one rung do not know each other.
type Ladder<'a> = Vec<Vec<&'a str>>;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let page = tree.text(PAGE).unwrap_or_default();
    let Some((line, ladder)) = ladder(page) else {
        let what = "no line is a ladder, such as `sync < key < group`";
        return vec![Finding::new(PAGE, 0, what)];
    };
    let modules: Vec<_> = tree
        .rust_under(SOURCES)
        .map(|(path, _)| module(path))
        .collect();
    let mut findings = Vec::new();
    for (path, text) in tree.rust_under(SOURCES) {
        findings.extend(climb(path, text, &ladder, &modules));
    }
    for module in ladder.iter().flatten() {
        if !modules.contains(module) {
            let what = format!("the ladder names `{module}`, which is no module of the core");
            findings.push(Finding::new(PAGE, line, what));
        }
    }
    findings
}

/// Finds the ladder in the page: its line, and its rungs.
fn ladder(page: &str) -> Option<(usize, Ladder<'_>)> {
    let mut lines = page.lines().enumerate();
    lines.find_map(|(number, line)| {
        let written = quoted(line).find(|code| code.matches(" < ").count() > 1)?;
        let rungs = written.split('<');
        let ladder = rungs.map(|rung| rung.split(',').map(str::trim).collect());
        Some((number + 1, ladder.collect()))
    })
}

/// Checks one file of a core that has these modules.
fn climb(path: &str, text: &str, ladder: &Ladder<'_>, modules: &[&str]) -> Vec<Finding> {
    let rung = |module: &str| ladder.iter().position(|rung| rung.contains(&module));
    let module = module(path);
    // The one is the table of contents, the other is compiled for tests alone.
    if ["lib", "tests"].contains(&module) {
        return Vec::new();
    }
    let Some(own) = rung(module) else {
        let what = format!("`{module}` has no place on the ladder in {PAGE}");
        return vec![Finding::new(path, 0, what)];
    };
    let mut findings = Vec::new();
    for named in paths(text) {
        let mut segments = named.path.split("::");
        let (Some(first), Some(used)) = (segments.next(), segments.next()) else {
            continue;
        };
        let is_rooted = first == "crate" || (first == "super" && rung(used).is_some());
        if !is_rooted || used == module {
            continue;
        }
        let what = match rung(used) {
            Some(other) if other < own => continue,
            Some(_) => format!("`{module}` uses `{used}`, which does not stand below it"),
            // A module without a rung is a finding of its own.
            None if modules.contains(&used) => continue,
            None => format!("`{module}` uses `crate::{used}`; say which module it is in"),
        };
        findings.push(Finding::new(path, named.line, what));
    }
    findings
}

/// The module at the core's top level to which a file belongs.
fn module(path: &str) -> &str {
    let path = path.strip_prefix(SOURCES).unwrap_or(path);
    let top = path.split('/').next().unwrap_or(path);
    top.strip_suffix(".rs").unwrap_or(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LADDER: &str = "# Modules\n\n`sync < error, key < group`\n";

    /// Checks a core whose other modules are empty.
    fn found(module: &str, text: &str) -> Vec<String> {
        let paths: Vec<_> = ["sync", "error", "key", "group"]
            .iter()
            .map(|name| format!("{SOURCES}{name}.rs"))
            .collect();
        let own = format!("{SOURCES}{module}.rs");
        let mut files: Vec<_> = paths.iter().map(|path| (path.as_str(), "")).collect();
        files.retain(|(path, _)| *path != own);
        files.extend([(own.as_str(), text), (PAGE, LADDER)]);
        let findings = check(&Tree::of(&files));
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn what_stands_below_may_be_used() {
        let text = "use crate::sync::Arc; use crate::{error::E, key}; fn f(x: super::key::K) {}";
        assert_eq!(found("group", text), [""; 0]);
        assert_eq!(
            found("error", "/// [`crate::group`]\nuse super::sync::Arc;"),
            [""; 0]
        );
    }

    #[test]
    fn what_stands_above_may_not() {
        let finding = ["`error` uses `group`, which does not stand below it"];
        assert_eq!(found("error", "use crate::group::Group;"), finding);
        assert_eq!(
            found("error", "use crate::{sync::Arc, group::Group};"),
            finding
        );
        assert_eq!(found("error", "fn f() { super::group::g() }"), finding);
        assert_eq!(found("error", "fn f() { crate::group::g() }"), finding);
    }

    #[test]
    fn neighbours_do_not_know_each_other() {
        let finding = ["`error` uses `key`, which does not stand below it"];
        assert_eq!(found("error", "use crate::key::Key;"), finding);
    }

    #[test]
    fn the_root_is_no_way_round() {
        let finding = ["`error` uses `crate::Group`; say which module it is in"];
        assert_eq!(found("error", "use crate::Group;"), finding);
        assert_eq!(
            found(
                "error",
                "#[macro_export] macro_rules! m { () => { $crate::Group } }"
            ),
            [""; 0]
        );
    }

    #[test]
    fn tests_may_use_everything() {
        let text = "#[cfg(test)] mod tests { use crate::group::Group; }";
        assert_eq!(found("error", text), [""; 0]);
    }

    #[test]
    fn every_module_has_a_rung_and_every_rung_its_modules() {
        let what = "`stranger` has no place on the ladder in ARCHITECTURE.md";
        assert_eq!(found("stranger", ""), [what]);
        let findings = check(&Tree::of(&[(PAGE, LADDER)]));
        assert_eq!(findings.len(), 4, "{findings:?}");
        assert_eq!(findings[0].line, 3);
    }

    #[test]
    fn a_page_without_a_ladder_is_found() {
        let findings = check(&Tree::of(&[(PAGE, "`a < b` is no ladder")]));
        assert!(
            findings[0].what.starts_with("no line is a ladder"),
            "{findings:?}"
        );
    }
}
