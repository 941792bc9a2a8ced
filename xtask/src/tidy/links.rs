//! Links from one page to another lead to something that is there, also where the page is not read by
//! rustdoc.

use crate::tidy::finding::Finding;
use crate::tidy::pages::resolved;
use crate::tidy::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(&[".md"]) {
        for (number, line) in text.lines().enumerate() {
            for name in names(line) {
                let what = format!("links to `{name}`, which rustdoc alone knows");
                findings.push(Finding::new(path, number + 1, what));
            }
            for link in links(line) {
                let file = link.split('#').next().unwrap_or(link);
                // A link out of the checkout is the forge's: its pages about this repository.
                let Some(target) = resolved(path, file.trim_end_matches('/')) else {
                    continue;
                };
                if !tree.has(&target) && !tree.has_under(&format!("{target}/")) {
                    let what = format!("links to `{link}`, which is not there");
                    findings.push(Finding::new(path, number + 1, what));
                }
            }
        }
    }
    findings
}

/// Returns where the inline links of a line lead, as far as they name files.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.starts_with('#') && !link.contains("://"))
}

/// Returns what stands in brackets without saying where it leads: names that rustdoc finds.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split("[`")
        .skip(1)
        .filter_map(|rest| rest.split_once("`]"))
        .filter(|(name, after)| !name.contains('`') && !after.starts_with('('))
        .map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (path, text),
            ("README.md", ""),
            ("docs/page.md", ""),
            ("crates/a/README.md", ""),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_to_what_is_there_are_good() {
        let text = "[a](../README.md), [b](page.md#part) [c](../crates/a) [d](../crates/a/)";
        assert_eq!(found("docs/other.md", text), [""; 0]);
    }

    #[test]
    fn links_to_other_places_are_not_looked_at() {
        let text = "[a](https://example.org/x) [b](#part) [c](../../security)";
        assert_eq!(found("SECURITY.md", text), [""; 0]);
    }

    #[test]
    fn a_link_that_only_rustdoc_follows_is_found() {
        let named = "docs/other.md:1: links to `Group`, which rustdoc alone knows";
        assert_eq!(
            found("docs/other.md", "[`Group`] or [`a page`](page.md)"),
            [named]
        );
        let told = "docs/other.md:1: links to `Group::run`, which is not there";
        assert_eq!(found("docs/other.md", "[a call](Group::run)"), [told]);
    }

    #[test]
    fn a_link_to_what_is_not_there_is_found() {
        let finding = "docs/other.md:2: links to `README.md`, which is not there";
        assert_eq!(found("docs/other.md", "\n[a](README.md)"), [finding]);
    }
}
