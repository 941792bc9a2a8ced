//! How every Rust file begins, and how long it may be.

use crate::tidy::finding::Finding;
use crate::tidy::tokens::tokens;
use crate::tidy::tree::Tree;

/// A file with more lines of code than this is asking to be two.
const MOST_LINES: usize = 400;

/// Every file begins with a sentence that says what it is for.
pub(crate) fn heads(tree: &Tree) -> Vec<Finding> {
    tree.ending(&[".rs"])
        .filter(|(_, text)| {
            !text.starts_with("//! ") && !text.starts_with("#![doc = include_str!(")
        })
        .map(|(path, _)| Finding::new(path, 1, "begins without `//!` and what it is for"))
        .collect()
}

/// No file has more lines of code, blanks and comments left out, than a head can hold.
pub(crate) fn sizes(tree: &Tree) -> Vec<Finding> {
    // A file with fewer lines at all need not be read.
    let is_long = |(_, text): &(&str, &str)| text.lines().count() > MOST_LINES;
    let long = tree.ending(&[".rs"]).filter(is_long);
    long.map(|(path, text)| (path, lines_of_code(text)))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(path, lines)| {
            let what = format!("has {lines} lines of code, {MOST_LINES} are the most");
            Finding::new(path, 0, what)
        })
        .collect()
}

fn lines_of_code(text: &str) -> usize {
    let mut lines: Vec<_> = tokens(text)
        .iter()
        .flat_map(|token| token.line..=token.last_line)
        .collect();
    lines.dedup();
    lines.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_head_is_found() {
        let tree = Tree::of(&[
            ("a.rs", "//! What it is for.\n"),
            ("b.rs", "#![doc = include_str!(\"../README.md\")]\n"),
            ("c.rs", "use std::fmt;\n//! Too late.\n"),
            ("d.rs", ""),
        ]);
        let findings = heads(&tree);
        let found: Vec<_> = findings
            .iter()
            .map(|finding| finding.path.as_str())
            .collect();
        assert_eq!(found, ["c.rs", "d.rs"]);
    }

    #[test]
    fn only_lines_with_code_count() {
        assert_eq!(
            lines_of_code("//! Head.\n\nfn f() {\n    // why\n    g();\n}\n"),
            3
        );
        assert_eq!(lines_of_code("const A: &str = \"\n\n\";"), 3);
    }

    #[test]
    fn a_file_that_is_too_long_is_found() {
        let most = "f();\n".repeat(MOST_LINES);
        let more = format!("{most}// not counted\ng();\n");
        let tree = Tree::of(&[("most.rs", &most), ("more.rs", &more)]);
        let findings = sizes(&tree);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].what, "has 401 lines of code, 400 are the most");
    }
}
