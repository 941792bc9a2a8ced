//! What must not stand in any file.

use std::env;

use crate::tidy::finding::Finding;
use crate::tidy::paths::all_paths;
use crate::tidy::tokens::places;
use crate::tidy::tree::Tree;

/// Directories at the root of some machine in which people keep their checkouts. Written
/// without slashes, so that this list is no finding.
const PEOPLES: [&str; 4] = ["home", "root", "tmp", "Users"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(&[".rs"]) {
        findings.extend(unfinished(path, text));
        if path.starts_with("crates/") {
            findings.extend(sleeps(path, text));
        }
    }
    let here = env::current_dir().unwrap_or_default();
    let here = here.to_str().unwrap_or_default();
    for (path, text) in tree.ending(&[".rs", ".md", ".toml", ".yml"]) {
        findings.extend(machine_paths(path, text, here));
    }
    findings
}

/// A test that is never run proves nothing, and unfinished code does not land.
fn unfinished(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (texts, what) in [
        (["#", "[", "ignore"].as_slice(), "ignores a test"),
        (&["todo", "!"], "says `todo!`"),
        (&["unimplemented", "!"], "says `unimplemented!`"),
    ] {
        let places = places(text, texts).into_iter();
        findings.extend(places.map(|(line, _)| Finding::new(path, line, what)));
    }
    findings
}

/// Nothing in the crates sleeps: tests order events with gates, and the rest waits for one.
fn sleeps(path: &str, text: &str) -> Vec<Finding> {
    let paths = all_paths(text).into_iter();
    let sleeps = paths.filter(|named| named.ends_with("thread::sleep"));
    sleeps
        .map(|named| Finding::new(path, named.line, "sleeps; order events with a gate"))
        .collect()
}

/// Paths that are true on one machine only. `here` is the directory of this checkout.
fn machine_paths(path: &str, text: &str, here: &str) -> Vec<Finding> {
    let mut foreign: Vec<String> = PEOPLES.iter().map(|name| format!("/{name}/")).collect();
    // Of a checkout right under the root nothing can be said: `/src` is too common a word.
    if here.matches('/').count() > 1 {
        foreign.push(here.to_owned());
    }
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for foreign in &foreign {
            if line
                .match_indices(foreign)
                .any(|(at, _)| begins_path(line, at))
            {
                let what = format!("names `{foreign}`, a path of one machine");
                findings.push(Finding::new(path, number + 1, what));
            }
        }
    }
    findings
}

/// Whether the slash at `at` is the first of its path, and not one within it or in a URL.
fn begins_path(line: &str, at: usize) -> bool {
    let before = line[..at].chars().next_back();
    !before.is_some_and(|c| c.is_alphanumeric() || "./-_}~*".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let findings = check(&Tree::of(&[(path, text)]));
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn tests_that_are_not_run_are_found() {
        assert_eq!(
            found("a.rs", "#[test] #[ignore] fn f() {}"),
            ["ignores a test"]
        );
        assert_eq!(
            found("a.rs", "#[ignore = \"slow\"] fn f() {}"),
            ["ignores a test"]
        );
        assert_eq!(found("a.rs", "// #[ignore]\nfn ignore() {}"), [""; 0]);
    }

    #[test]
    fn unfinished_code_is_found() {
        assert_eq!(found("a.rs", "fn f() { todo!() }"), ["says `todo!`"]);
        assert_eq!(found("a.rs", "fn f() { unimplemented!(\"x\") }").len(), 1);
        assert_eq!(found("a.rs", "fn todo() { \"todo!()\" }"), [""; 0]);
    }

    #[test]
    fn sleeping_is_found_in_the_crates_alone() {
        let sleep = "#[cfg(test)] mod tests { fn f() { std::thread::sleep(D) } }";
        assert_eq!(found("crates/a/tests/it.rs", sleep).len(), 1);
        assert_eq!(
            found("crates/a/src/lib.rs", "use std::thread::{self, sleep};").len(),
            1
        );
        assert_eq!(found("examples/a.rs", sleep), [""; 0]);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for directory in PEOPLES {
            let text = format!("see\n`/{directory}/me/x`");
            let findings = machine_paths("a.md", &text, "");
            assert_eq!(findings.len(), 1, "{text}");
            assert_eq!(findings[0].line, 2);
            let url = format!("https://example.org/{directory}/x and src/{directory}/y");
            assert_eq!(machine_paths("a.md", &url, ""), []);
        }
    }

    #[test]
    fn the_path_of_this_checkout_is_found() {
        assert_eq!(
            machine_paths("a.toml", "p = \"/srv/x/y\"", "/srv/x").len(),
            1
        );
        assert_eq!(machine_paths("a.toml", "p = \"/srv/x/y\"", "/srv"), []);
    }
}
