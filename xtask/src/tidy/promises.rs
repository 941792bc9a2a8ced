//! ARCHITECTURE.md's table of promises, printed from tags on scenarios, tests and models; and the
//! table of what others test, which names such as are there.

use std::collections::BTreeSet;

use crate::tidy::finding::Finding;
use crate::tidy::pages::quoted;
use crate::tidy::tokens::places;
use crate::tidy::tree::Tree;

pub(crate) const PAGE: &str = "ARCHITECTURE.md";

/// What others test. The last cell of a row tells what of ours holds the same.
const PEERS: &str = "docs/peers-tests.md";

/// How a row begins to say why nothing of ours does.
const WITHOUT: [&str; 2] = ["Deviates", "Not ours"];

const PROMISES: [&str; 11] = [
    "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11",
];

/// The promise that the compiler holds, and so no scenario: safe Rust only.
const HELD_BY_COMPILER: &str = "P10";

/// How a tag begins on a test, and where models are.
const MARK: &str = "/// Holds ";
const MODELS: [&str; 2] = ["/tests/loom/", "/tests/shuttle/"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = match tree.text(PAGE) {
        Some(_) => promises(tree),
        None => vec![Finding::new(PAGE, 0, "is missing")],
    };
    match tree.text(PEERS) {
        Some(page) => findings.extend(peers(page, &functions(tree))),
        None => findings.push(Finding::new(PEERS, 0, "is missing")),
    }
    findings
}

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

/// The table of promises as the tags on tests tell it: `/// Holds P1, P4.` on a scenario, a test or a
/// model. A row's first two cells are the page's: the promise, in words.
pub(crate) fn table(tree: &Tree) -> Result<String, Vec<Finding>> {
    let page = tree.text(PAGE).unwrap_or_default();
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    let (tags, unknown) = tags(tree);
    findings.extend(unknown);
    for promise in PROMISES {
        let begin = format!("| {promise} |");
        let Some(row) = page.lines().find(|line| line.starts_with(&begin)) else {
            let what = format!("no row begins with `{begin}`");
            findings.push(Finding::new(PAGE, 0, what));
            continue;
        };
        // The compiler holds it, and the page says by what.
        if promise == HELD_BY_COMPILER {
            rows.push(row.to_owned());
            continue;
        }
        let words = row.split('|').nth(2).unwrap_or_default().trim();
        let names = |is_model: bool| {
            let mut names = Vec::new();
            let tagged = tags
                .iter()
                .filter(|tag| tag.promise == promise && tag.is_model == is_model);
            for tag in tagged {
                let name = format!("`{}`", tag.name);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names.join(", ")
        };
        let (tests, models) = (names(false), names(true));
        if tests.is_empty() {
            findings.push(Finding::new(PAGE, 0, format!("no test holds {promise}")));
        }
        rows.push(format!("| {promise} | {words} | {tests} | {models} |"));
    }
    if findings.is_empty() {
        Ok(rows.join("\n") + "\n")
    } else {
        Err(findings)
    }
}

/// Puts the table into the page.
pub(crate) fn written(tree: &Tree) -> Result<String, Vec<Finding>> {
    let table = table(tree)?;
    let page = tree.text(PAGE).unwrap_or_default();
    let is_row = |line: &str| {
        PROMISES
            .iter()
            .any(|promise| line.starts_with(&format!("| {promise} |")))
    };
    let mut lines: Vec<_> = page.lines().collect();
    let first = lines
        .iter()
        .position(|line| is_row(line))
        .unwrap_or(lines.len());
    lines.retain(|line| !is_row(line));
    let rows: Vec<_> = table.lines().collect();
    lines.splice(first..first, rows);
    Ok(lines.join("\n") + "\n")
}

/// The page has the table that the tags tell.
fn promises(tree: &Tree) -> Vec<Finding> {
    match written(tree) {
        Ok(written) if tree.text(PAGE) == Some(&written) => Vec::new(),
        Ok(_) => {
            let what =
                "the table of promises is not what the tests say (`cargo xtask promises --write`)";
            vec![Finding::new(PAGE, 0, what)]
        }
        Err(findings) => findings,
    }
}

/// A promise that a test or a model says it holds.
struct Tag {
    promise: &'static str,
    name: String,
    is_model: bool,
}

/// Returns every tag, in the order of files and lines, and those that name no promise.
fn tags(tree: &Tree) -> (Vec<Tag>, Vec<Finding>) {
    let (mut tags, mut unknown) = (Vec::new(), Vec::new());
    for (path, text) in tree.ending(&[".rs"]).filter(|(path, _)| is_test(path)) {
        let is_model = MODELS.iter().any(|models| path.contains(models));
        let mut held: Vec<(usize, &str)> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if let Some(promises) = held_by(line) {
                held.extend(promises.split(", ").map(|promise| (number + 1, promise)));
            } else if let Some(name) = function_at(line) {
                for (number, held) in held.drain(..) {
                    match PROMISES.iter().find(|promise| **promise == held) {
                        Some(promise) => tags.push(Tag {
                            promise,
                            name: name.to_owned(),
                            is_model,
                        }),
                        None => unknown.push(Finding::new(
                            path,
                            number,
                            format!("`{held}` is no promise"),
                        )),
                    }
                }
            }
        }
    }
    (tags, unknown)
}

/// Returns what a line says of promises: other sentences begin like that, too.
fn held_by(line: &str) -> Option<&str> {
    let promises = line.strip_prefix(MARK)?.strip_suffix('.')?;
    let number = promises.strip_prefix('P')?;
    number
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some(promises)
}

/// Returns the name of the function that a line begins.
fn function_at(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let is_item = before
        .split_whitespace()
        .all(|word| word == "async" || word.starts_with("pub"));
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    (is_item && end > 0).then(|| &rest[..end])
}

fn is_test(path: &str) -> bool {
    path.starts_with("crates/singleflight-conformance/src/") || path.contains("/tests/")
}

/// Returns the functions of the conformance crate and of every package's tests.
fn functions(tree: &Tree) -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    for (path, text) in tree.ending(&[".rs"]) {
        if is_test(path) {
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

    const SCENARIO: &str = "/// One.\n///\n/// Holds P1, P2, P3, P4, P5, P6, P7, P8, P9, P11.\n\
        pub fn a_panic_is_told<F: FrontEnd>() {}\n/// Holds nothing.\nfn other() {}\n";
    const MODEL: &str = "    /// Holds P2.\n    #[test]\n    fn two_claim() {}\n";

    fn tree(page: &str, peers: &str, scenario: &str) -> Tree {
        Tree::of(&[
            (PAGE, page),
            (PEERS, peers),
            ("crates/singleflight-conformance/src/panics.rs", scenario),
            ("crates/singleflight-core/tests/loom/a.rs", MODEL),
            (
                "crates/singleflight-core/src/shard.rs",
                "/// Holds P2.\nfn private() {}",
            ),
        ])
    }

    fn found_in(page: &str, peers: &str, scenario: &str) -> Vec<String> {
        let findings = check(&tree(page, peers, scenario));
        findings.iter().map(ToString::to_string).collect()
    }

    fn good_peers() -> String {
        format!("{HEAD}| `T` | x | `two_claim` |\n")
    }

    /// A page as it should be.
    fn page() -> String {
        let row = |promise| match promise {
            HELD_BY_COMPILER => format!("| {promise} | Safe. | `unsafe_code = \"forbid\"` | |"),
            "P2" => format!("| {promise} | Fresh. | `a_panic_is_told` | `two_claim` |"),
            _ => format!("| {promise} | So. | `a_panic_is_told` |  |"),
        };
        let rows: Vec<_> = PROMISES.into_iter().map(row).collect();
        format!("# Promises\n{}\nthe end\n", rows.join("\n"))
    }

    fn found_in_rows(rows: &str) -> Vec<String> {
        found_in(&page(), &format!("{HEAD}{rows}\n"), SCENARIO)
    }

    #[test]
    fn a_table_that_says_what_tests_say_is_good() {
        assert_eq!(found_in(&page(), &good_peers(), SCENARIO), [""; 0]);
    }

    #[test]
    fn a_table_that_says_something_else_is_found_and_written_anew() {
        let stale = page().replace("| `two_claim` |", "| `three_claim` |");
        let found = found_in(&stale, &good_peers(), SCENARIO);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("not what the tests say"), "{found:?}");
        assert_eq!(written(&tree(&stale, "", SCENARIO)), Ok(page()));
    }

    #[test]
    fn a_promise_that_nothing_holds_or_nobody_made_is_found() {
        let found = found_in(&page(), &good_peers(), &SCENARIO.replace("P8, P9", "P8"));
        assert_eq!(found, ["ARCHITECTURE.md: no test holds P9"]);
        let found = found_in(&page(), &good_peers(), &SCENARIO.replace("P9", "P9, P12"));
        let unknown = "crates/singleflight-conformance/src/panics.rs:3: `P12` is no promise";
        assert_eq!(found, [unknown]);
    }

    #[test]
    fn a_row_that_is_missing_and_a_page_that_is_missing_are_found() {
        let found = found_in(&page().replace("| P3 |", "| Q3 |"), &good_peers(), SCENARIO);
        assert_eq!(found, ["ARCHITECTURE.md: no row begins with `| P3 |`"]);
        let missing = check(&Tree::of(&[]));
        assert_eq!(missing.len(), 2, "{missing:?}");
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
        assert_eq!(found_in_rows(""), ["docs/peers-tests.md: has no rows"]);
    }
}
