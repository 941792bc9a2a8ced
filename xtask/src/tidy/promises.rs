//! ARCHITECTURE.md's table of promises names scenarios and models, and they are there.

use crate::tidy::Finding;
use crate::tidy::pages::quoted;
use crate::tidy::tokens::{Token, tokens};
use crate::tidy::tree::Tree;

const PAGE: &str = "ARCHITECTURE.md";

const PROMISES: [&str; 10] = ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10"];

/// The promise that the compiler holds, and so no scenario: safe Rust only.
const HELD_BY_COMPILER: &str = "P10";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.text(PAGE) else {
        return vec![Finding::new(PAGE, 0, "is missing")];
    };
    let functions = functions(tree);
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
            if !functions.contains(name) {
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
fn functions(tree: &Tree) -> Vec<&str> {
    let mut functions = Vec::new();
    for (path, text) in tree.ending(&[".rs"]) {
        if path.starts_with("crates/singleflight-conformance/src/") || path.contains("/tests/") {
            let tokens = tokens(text);
            let pairs = tokens.windows(2).filter(|pair| pair[0].text == "fn");
            functions.extend(pairs.map(|pair: &[Token<'_>]| pair[1].text));
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

    fn found(page: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (PAGE, page),
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
        assert_eq!(
            check(&Tree::of(&[]))[0].to_string(),
            "ARCHITECTURE.md: is missing"
        );
    }
}
