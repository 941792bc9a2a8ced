//! Which file may name which mechanism, so that each can be exchanged in one place.

use crate::tidy::finding::Finding;
use crate::tidy::paths::{Named, paths};
use crate::tidy::tree::Tree;

const CORE: &str = "crates/singleflight-core/src/";

/// The front ends: they know their runtime, and nothing of how the core works.
const FRONT_ENDS: [&str; 3] = [
    "crates/singleflight-std/src/",
    "crates/singleflight-tokio/src/",
    "crates/singleflight-smol/src/",
];

/// A mechanism, the only file of the core that may name it, and how to see that a path does.
type Mechanism = (&'static str, &'static str, fn(&Named, &str) -> bool);

const MECHANISMS: [Mechanism; 7] = [
    ("spin", "platform/sync.rs", Named::reaches_into),
    ("loom", "platform/sync.rs", Named::reaches_into),
    ("critical_section", "platform/sync.rs", Named::reaches_into),
    ("std::sync", "platform/sync.rs", Named::reaches_into),
    // Clippy cannot hold this one: it sees through `crate::sync::Arc`.
    ("alloc::sync", "platform/sync.rs", Named::reaches_into),
    ("event_listener", "platform/wait.rs", Named::reaches_into),
    ("catch_unwind", "policy.rs", Named::ends_with),
];

/// What no front end names.
const MACHINERY: [&str; 3] = ["event_listener", "hashbrown", "spin"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust_under(CORE) {
        for named in paths(text) {
            for (name, home, is_named) in MECHANISMS {
                if is_named(&named, name) && path.strip_prefix(CORE) != Some(home) {
                    let what = format!("names `{name}`, which is the business of {home} alone");
                    findings.push(Finding::new(path, named.line, what));
                }
            }
        }
    }
    for (path, text) in FRONT_ENDS.into_iter().flat_map(|end| tree.rust_under(end)) {
        for named in paths(text) {
            for name in MACHINERY
                .into_iter()
                .filter(|name| named.reaches_into(name))
            {
                let what = format!("names `{name}`, which is the core's own machinery");
                findings.push(Finding::new(path, named.line, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(file: &str, text: &str) -> usize {
        check(&Tree::of(&[(file, text)])).len()
    }

    #[test]
    fn each_mechanism_is_found_away_from_its_home_and_not_at_home() {
        for (home, text) in [
            ("platform/sync.rs", "type L<T> = spin::Mutex<T>;"),
            ("platform/sync.rs", "use loom::sync::Arc;"),
            (
                "platform/sync.rs",
                "fn f() { critical_section::with(|_| ()) }",
            ),
            ("platform/sync.rs", "use std::{fmt, sync::Mutex};"),
            ("platform/sync.rs", "pub(crate) use alloc::sync::Arc;"),
            ("platform/wait.rs", "use event_listener::Event as E;"),
            (
                "policy.rs",
                "use std::panic::{AssertUnwindSafe, catch_unwind};",
            ),
        ] {
            assert_eq!(count(&format!("{CORE}{home}"), text), 0, "{text}");
            assert_eq!(count(&format!("{CORE}group.rs"), text), 1, "{text}");
        }
    }

    #[test]
    fn features_comments_and_tests_name_nothing() {
        let text = "// spin::Mutex\n#[cfg(all(loom, feature = \"critical-section\"))] fn f() {}
            #[cfg(test)] mod tests { use std::sync::Mutex; }";
        assert_eq!(count(&format!("{CORE}group.rs"), text), 0);
    }

    #[test]
    fn a_front_end_names_no_machinery() {
        for front_end in FRONT_ENDS {
            let file = format!("{front_end}group.rs");
            assert_eq!(count(&file, "use event_listener::Event;"), 1);
            assert_eq!(count(&file, "fn f() { hashbrown::HashMap::new() }"), 1);
            assert_eq!(count(&file, "use spin::Mutex;"), 1);
            assert_eq!(count(&file, "use std::sync::Arc;"), 0);
        }
    }
}
