//! The bugs that are planted in the core, and the models that say they were seen to fail
//! under them.
//!
//! A bug is planted by `seeded("its-name")` in the core's sources. A model names it in its
//! comment, after `seen to fail here:`.

use std::collections::BTreeSet;

use syn::{Attribute, Expr, ExprLit, Item, ItemFn, Lit};

use crate::command::Command;
use crate::stop::Stop;
use crate::tidy::finding::Finding;
use crate::tidy::pages::quoted;
use crate::tidy::tokens::places;
use crate::tidy::tree::Tree;

const SOURCES: &str = "crates/singleflight-core/src/";
const TESTS: &str = "crates/singleflight-core/tests/";
const MARK: &str = "seen to fail here:";

/// A model as a test is named, `file::function`, and one of the bugs that it names.
pub(crate) type Pair = (String, String);

/// One model, with the bugs that it names.
struct Model<'a> {
    path: &'a str,
    line: usize,
    checker: &'a str,
    name: String,
    bugs: Vec<String>,
}

/// Returns the pairs of one checker.
pub(crate) fn pairs(tree: &Tree, checker: &str) -> Vec<Pair> {
    let models = models(tree);
    let models = models.iter().filter(|model| model.checker == checker);
    let pair = |model: &Model<'_>, bug: &String| (model.name.clone(), bug.clone());
    models
        .flat_map(|model| model.bugs.iter().map(|bug| pair(model, bug)))
        .collect()
}

/// Plants each bug in turn, and expects the model that names it to fail. `test` makes the
/// command that runs the models, which takes a model's name.
pub(crate) fn catch_all(pairs: &[Pair], test: impl Fn() -> Command) -> Result<(), Stop> {
    let mut missed = Vec::new();
    for (model, bug) in pairs {
        let (passed, told) = test()
            .env("SINGLEFLIGHT_SEED", bug)
            .env("RUST_BACKTRACE", "0")
            .args(["--", "--exact", model])
            .try_output()?;
        if !passed && has_failed(&told) {
            println!("    caught: {}", why(&told));
        } else {
            println!("!!! `{model}` does not catch `{bug}`:\n{told}");
            missed.push(format!("`{bug}` by `{model}`"));
        }
    }
    println!("{} of {} caught", pairs.len() - missed.len(), pairs.len());
    match missed.first() {
        None => Ok(()),
        Some(first) => Stop::failed(format!(
            "{} planted bugs were not caught, first {first}",
            missed.len()
        )),
    }
}

/// Whether the one test ran and failed: by a panic, or by a second one in somebody's `Drop`,
/// which ends the process. (What a build says when it fails is neither.)
fn has_failed(told: &str) -> bool {
    let ran = told.contains("running 1 test");
    ran && (told.contains("0 passed; 1 failed") || told.contains("SIGABRT"))
}

/// Returns the first line of what the test's panic said.
fn why(told: &str) -> &str {
    let mut lines = told.lines();
    let begin = |line: &&str| line.contains("panicked at");
    let said = lines.by_ref().find(begin).and_then(|_| lines.next());
    said.unwrap_or("it failed").trim()
}

/// Every bug is caught by some model, every model catches some bug, and what models name is
/// planted.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let planted = planted(tree);
    let models = models(tree);
    let mut findings = Vec::new();
    for model in &models {
        let at = |what| Finding::new(model.path, model.line, what);
        if model.bugs.is_empty() {
            findings.push(at(format!("`{}` names no bug that it catches", model.name)));
        }
        for bug in &model.bugs {
            if !planted.contains(bug) {
                findings.push(at(format!("`{bug}` is not planted anywhere")));
            }
        }
    }
    for bug in planted {
        if !models.iter().any(|model| model.bugs.contains(&bug)) {
            findings.push(Finding::new(
                SOURCES,
                0,
                format!("no model names the bug `{bug}`"),
            ));
        }
    }
    findings
}

fn planted(tree: &Tree) -> BTreeSet<String> {
    let sources = tree.rust_under(SOURCES);
    let bugs = sources.flat_map(|(_, text)| places(text, &["seeded", "("]));
    let is_text = |bug: &String| bug.starts_with('"');
    let bugs = bugs.map(|(_, bug)| bug).filter(is_text);
    bugs.map(|bug| bug.trim_matches('"').to_owned()).collect()
}

fn models(tree: &Tree) -> Vec<Model<'_>> {
    let mut models = Vec::new();
    for checker in ["loom", "shuttle"] {
        for (path, text) in tree.rust_under(&format!("{TESTS}{checker}/")) {
            let file = path.rsplit('/').next().unwrap_or(path);
            let module = file.trim_end_matches(".rs");
            // Of one that cannot be read, the bugs are named by no model.
            let items = syn::parse_file(text).map_or_else(|_| Vec::new(), |file| file.items);
            for test in items.iter().filter_map(test) {
                models.push(Model {
                    path,
                    line: test.sig.ident.span().start().line,
                    checker,
                    name: format!("{module}::{}", test.sig.ident),
                    bugs: named(&test.attrs.iter().filter_map(comment).collect::<String>()),
                });
            }
        }
    }
    models
}

fn test(item: &Item) -> Option<&ItemFn> {
    let Item::Fn(function) = item else {
        return None;
    };
    let mut attributes = function.attrs.iter();
    attributes
        .any(|attribute| attribute.path().is_ident("test"))
        .then_some(function)
}

/// Returns what a line of a comment says.
fn comment(attribute: &Attribute) -> Option<String> {
    match &attribute.meta.require_name_value().ok()?.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

/// Returns the bugs that a comment names.
fn named(comment: &str) -> Vec<String> {
    let Some((_, names)) = comment.split_once(MARK) else {
        return Vec::new();
    };
    let names = quoted(names).filter(|name| name.contains('-') && !name.contains('_'));
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "
        /// It holds.
        ///
        /// Seeded bugs seen to fail here: `one-look` (it sleeps) and
        /// `wake-one`, as in `a_b`.
        #[test]
        fn it_holds() {
            explore(|| {});
        }
    ";

    fn tree(source: &str, model: &str) -> Tree {
        Tree::of(&[
            ("crates/singleflight-core/src/a.rs", source),
            ("crates/singleflight-core/tests/loom/b.rs", model),
        ])
    }

    fn findings(source: &str, model: &str) -> Vec<String> {
        let findings = check(&tree(source, model));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_models_comment_names_its_bugs() {
        let pairs = pairs(&tree("", MODEL), "loom");
        let pair = |bug: &str| ("b::it_holds".to_owned(), bug.to_owned());
        assert_eq!(pairs, [pair("one-look"), pair("wake-one")]);
    }

    #[test]
    fn bugs_and_models_belong_together() {
        let both = "if seeded(\"one-look\") {} if !seeded(\"wake-one\") {}";
        assert_eq!(findings(both, MODEL), [""; 0]);

        let third = format!("{both} seeded(\"third\")");
        let found = findings(&third, MODEL);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("no model names the bug `third`"),
            "{found:?}"
        );

        let found = findings("seeded(\"one-look\")", MODEL);
        assert!(found[0].contains("`wake-one` is not planted"), "{found:?}");

        let found = findings("", "#[test]\nfn bare() {}\n");
        assert!(found[0].contains("`b::bare` names no bug"), "{found:?}");
    }

    #[test]
    fn only_a_test_that_ran_has_failed() {
        assert!(has_failed(
            "running 1 test\ntest result: FAILED. 0 passed; 1 failed; 0"
        ));
        assert!(has_failed(
            "running 1 test\nCaused by: (signal: 6, SIGABRT: abort)"
        ));
        for other in [
            "error[E0308]: mismatched types",
            "running 0 tests\ntest result: ok. 0 passed; 0 failed",
            "running 1 test\ntest result: ok. 1 passed; 0 failed",
        ] {
            assert!(!has_failed(other), "{other}");
        }
    }

    #[test]
    fn the_panics_first_line_is_told() {
        let told = "running\nthread 'a' panicked at x.rs:1:2:\ndeadlock; threads = [..]\nnote:\n";
        assert_eq!(why(told), "deadlock; threads = [..]");
        assert_eq!(why("nothing"), "it failed");
    }
}
