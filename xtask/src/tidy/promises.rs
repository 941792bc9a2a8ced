//! Pages that name scenarios, models and tests name such as are there: ARCHITECTURE.md's table of
//! promises, and the table of what others test.

use std::collections::BTreeSet;

use crate::tidy::finding::Finding;
use crate::tidy::pages::quoted;
use crate::tidy::tokens::places;
use crate::tidy::tree::Tree;

const PAGE: &str = "ARCHITECTURE.md";

/// What others test. The last cell of a row tells what of ours holds the same.
const PEERS: &str = "docs/peers-tests.md";

/// How a row begins to say why nothing of ours does.
const WITHOUT: [&str; 2] = ["Deviates", "Not ours"];

const PROMISES: [&str; 11] = [
    "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11",
];

/// The promise that the compiler holds, and so no scenario: safe Rust only.
const HELD_BY_COMPILER: &str = "P10";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let functions = functions(tree);
    let mut findings = Vec::new();
    for (path, check) in [(PAGE, promises as PageCheck), (PEERS, peers)] {
        match tree.text(path) {
            Some(page) => findings.extend(check(page, &functions)),
            None => findings.push(Finding::new(path, 0, "is missing")),
        }
    }
    findings
}

/// Checks a page, given the functions that it may name.
type PageCheck = fn(&str, &BTreeSet<String>) -> Vec<Finding>;

/// Every row names something of ours that is there, or says why there is nothing.
fn peers(page: &str, functions: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut rows = 0;
    let mut was_table = false;
    for (number, line) in page.lines().enumerate() {
        let is_table = line.starts_with('|');
        // Neither the head of a table nor the line below it.
        let is_row = was_table && is_table && !line.starts_with("|---");
        was_table = is_table;
        if !is_row {
            continue;
        }
        rows += 1;
        let ours = line.trim_end_matches('|').rsplit('|').next().unwrap_or("");
        let names: Vec<_> = quoted(ours).filter_map(function).collect();
        for name in names.iter().filter(|name| !functions.contains(**name)) {
            let what = format!("names `{name}`, which is no scenario and no test");
            findings.push(Finding::new(PEERS, number + 1, what));
        }
        if names.is_empty() && !WITHOUT.iter().any(|word| ours.trim().starts_with(word)) {
            let what = "names nothing of ours, and does not say why";
            findings.push(Finding::new(PEERS, number + 1, what));
        }
    }
    if rows == 0 {
        findings.push(Finding::new(PEERS, 0, "has no rows"));
    }
    findings
}

/// Every promise has a row, which names what holds it.
fn promises(page: &str, functions: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for promise in PROMISES {
        let begin = format!("| {promise} |");
        let mut rows = page
            .lines()
            .enumerate()
            .filter(|(_, line)| line.starts_with(&begin));
        let Some((number, row)) = rows.next() else {
            findings.push(Finding::new(
                PAGE,
                0,
                format!("no row begins with `{begin}`"),
            ));
            continue;
        };
        let names: Vec<_> = quoted(row).filter_map(function).collect();
        for name in &names {
            if !functions.contains(*name) {
                let what = format!("{promise} names `{name}`, which is no scenario and no test");
                findings.push(Finding::new(PAGE, number + 1, what));
            }
        }
        if names.is_empty() && promise != HELD_BY_COMPILER {
            let what = format!("{promise} names nothing that holds it");
            findings.push(Finding::new(PAGE, number + 1, what));
        }
    }
    findings
}

/// Returns the functions of the conformance crate and of every package's tests.
fn functions(tree: &Tree) -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    for (path, text) in tree.ending(&[".rs"]) {
        if path.starts_with("crates/singleflight-conformance/src/") || path.contains("/tests/") {
            let names = places(text, &["fn"]).into_iter();
            functions.extend(names.map(|(_, name)| name));
        }
    }
    functions
}

/// Returns the function that something between backticks names, by a path or alone. Types,
/// settings and code are not looked up.
fn function(quoted: &str) -> Option<&str> {
    let name = quoted.rsplit("::").next().unwrap_or(quoted);
    let is_lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!name.is_empty() && name.chars().all(is_lower)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "| test | what it holds | ours |\n|---|---|---|\n";

    /// What is found in a page of promises, beside a good one of peers.
    fn found(page: &str) -> Vec<String> {
        found_in(page, &format!("{HEAD}| `T` | x | `two_claim` |\n"))
    }

    /// What is found in the rows of a page of peers, beside a good one of promises.
    fn found_in_rows(rows: &str) -> Vec<String> {
        found_in(&page("", ""), &format!("{HEAD}{rows}\n"))
    }

    fn found_in(page: &str, peers: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (PAGE, page),
            (PEERS, peers),
            (
                "crates/singleflight-conformance/src/panics.rs",
                "pub fn a_panic_is_told() {}",
            ),
            (
                "crates/singleflight-core/tests/loom.rs",
                "#[test]\nfn two_claim() {}",
            ),
            ("benches/tests/cost.rs", "#[test] fn it_costs_nothing() {}"),
            ("crates/singleflight-core/src/shard.rs", "fn private() {}"),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    /// A page whose row for `promise` is `row`, and whose other rows are good.
    fn page(promise: &str, row: &str) -> String {
        let row = |other| match other {
            _ if other == promise => row.to_owned(),
            HELD_BY_COMPILER => format!("| {other} | `unsafe_code = \"forbid\"` |"),
            _ => format!(
                "| {other} | `Role` | `panics::a_panic_is_told`, `it_costs_nothing`, `two_claim` |"
            ),
        };
        let rows: Vec<_> = PROMISES.into_iter().map(row).collect();
        format!("# Promises\n{}\n", rows.join("\n"))
    }

    #[test]
    fn a_table_of_what_is_there_is_good() {
        assert_eq!(found(&page("", "")), [""; 0]);
    }

    #[test]
    fn a_name_that_is_not_there_is_found() {
        for name in ["a_panic_is_shared", "shard::private"] {
            let found = found(&page("P2", &format!("| P2 | `two_claim` | `{name}` |")));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].starts_with("ARCHITECTURE.md:3: P2 names"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_promise_that_nothing_holds_is_found() {
        let found = found(&page("P9", "| P9 | lazy, by `FnOnce` |"));
        assert_eq!(
            found,
            ["ARCHITECTURE.md:10: P9 names nothing that holds it"]
        );
    }

    #[test]
    fn a_row_that_is_missing_and_a_page_that_is_missing_are_found() {
        assert_eq!(
            found(&page("P3", "")),
            ["ARCHITECTURE.md: no row begins with `| P3 |`"]
        );
        let missing: Vec<_> = check(&Tree::of(&[]))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            missing,
            [
                "ARCHITECTURE.md: is missing",
                "docs/peers-tests.md: is missing"
            ]
        );
    }

    #[test]
    fn a_row_that_names_what_is_there_or_says_why_not_is_good() {
        for row in [
            "| `TestDo` | `nil` | `two_claim`: once |",
            "| `test_of_theirs` | x | `panics::a_panic_is_told`. Deviates (1) |",
            "| `TestDo` | x | Deviates: there is no context |",
            "| `TestDo` | x | Not ours |",
        ] {
            assert_eq!(found_in_rows(row), [""; 0], "{row}");
        }
    }

    #[test]
    fn a_row_that_names_nothing_that_is_there_is_found() {
        let found = found_in_rows("| `two_claim` | x | `two_claim`, `a_panic_is_shared` |");
        assert_eq!(
            found,
            ["docs/peers-tests.md:3: names `a_panic_is_shared`, which is no scenario and no test"]
        );
        let found = found_in_rows("| `two_claim` | `two_claim` | as above |");
        let finding = "docs/peers-tests.md:3: names nothing of ours, and does not say why";
        assert_eq!(found, [finding]);
    }

    #[test]
    fn a_page_of_peers_without_rows_is_found() {
        assert_eq!(found_in_rows(""), ["docs/peers-tests.md: has no rows"]);
    }
}
