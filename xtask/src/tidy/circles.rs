//! No two modules of a program or a library use each other, directly or over others.
//!
//! A circle is two halves of one thing, or two things that share a third. A module that declares
//! another does not use it by that; the root counts like any other. Tests are left alone, and so are
//! programs for bare machines: there the platform calls the root, and the root the platform.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Expr, ExprLit, Item, ItemMod, Lit};

use crate::tidy::finding::Finding;
use crate::tidy::pages::resolved;
use crate::tidy::paths::{Named, paths};
use crate::tidy::tree::Tree;

/// A module by its path from the root, such as `["tidy", "tree"]`.
type Module = Vec<String>;

/// The modules of a library or a program: the file of each, and which others it uses.
#[derive(Default)]
struct Graph {
    files: BTreeMap<Module, String>,
    uses: BTreeMap<Module, BTreeSet<Module>>,
}

/// What is not looked at.
const LEFT_ALONE: [&str; 4] = [
    "tests/",
    "examples/bare-metal/",
    "examples/no-std/",
    "examples/wasm/",
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let is_ours = |path: &str| !LEFT_ALONE.iter().any(|part| path.contains(part));
    let sources = || tree.ending(&[".rs"]).filter(|(path, _)| is_ours(path));
    let declared: BTreeSet<_> = sources()
        .flat_map(|(path, text)| declared(tree, path, text))
        .map(|(_, file)| file)
        .collect();
    let roots = sources().filter(|(path, _)| !declared.contains(*path));
    roots
        .flat_map(|(root, _)| Graph::of(tree, root).circles())
        .collect()
}

/// Returns the modules that a file declares, and their files.
fn declared(tree: &Tree, path: &str, text: &str) -> Vec<(String, String)> {
    // Of one that cannot be read there is nothing to say.
    let items = syn::parse_file(text).map_or_else(|_| Vec::new(), |file| file.items);
    let elsewhere = items.into_iter().filter_map(|item| match item {
        Item::Mod(module) if module.content.is_none() => Some(module),
        _ => None,
    });
    let below = path
        .strip_suffix(".rs")
        .unwrap_or(path)
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let found = elsewhere.filter_map(|module| {
        let name = module.ident.to_string();
        let places = match told(&module) {
            Some(file) => vec![file],
            None => vec![
                format!("{below}/{name}.rs"),
                format!("{name}.rs"),
                format!("{name}/mod.rs"),
            ],
        };
        let mut places = places.iter().filter_map(|place| resolved(path, place));
        places
            .find(|place| tree.has(place))
            .map(|place| (name, place))
    });
    found.collect()
}

/// Returns the file of a module that has `#[path = "..."]`.
fn told(module: &ItemMod) -> Option<String> {
    let mut attributes = module.attrs.iter();
    let attribute = attributes.find(|attribute| attribute.path().is_ident("path"))?;
    match &attribute.meta.require_name_value().ok()?.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

impl Graph {
    fn of(tree: &Tree, root: &str) -> Self {
        let mut graph = Self::default();
        graph.read(tree, Vec::new(), root);
        for (module, file) in &graph.files {
            let named = paths(tree.text(file).unwrap_or_default());
            let used = named.iter().filter_map(|named| graph.used(module, named));
            let used = used.filter(|used| used != module).collect();
            graph.uses.insert(module.clone(), used);
        }
        graph
    }

    fn read(&mut self, tree: &Tree, module: Module, file: &str) {
        for (name, file) in declared(tree, file, tree.text(file).unwrap_or_default()) {
            let below = [module.as_slice(), &[name]].concat();
            self.read(tree, below, &file);
        }
        self.files.insert(module, file.to_owned());
    }

    /// Returns the module that a path leads into, if it is one of these.
    fn used(&self, module: &Module, named: &Named) -> Option<Module> {
        // A lone word is a name, or the `crate` of `pub(crate)`.
        let mut segments = named.path.split("::").peekable();
        if !named.path.contains("::") {
            return None;
        }
        let mut at = module.clone();
        match *segments.peek()? {
            "crate" => {
                at.clear();
                segments.next();
            }
            "self" => _ = segments.next(),
            "super" => {
                let mut within = named.depth;
                while segments.next_if_eq(&"super").is_some() {
                    match within.checked_sub(1) {
                        Some(left) => within = left,
                        None => at.truncate(at.len().saturating_sub(1)),
                    }
                }
            }
            first => {
                at.push(first.to_owned());
                if !self.files.contains_key(&at) {
                    return None;
                }
                segments.next();
            }
        }
        for segment in segments {
            at.push(segment.to_owned());
            if !self.files.contains_key(&at) {
                at.pop();
                break;
            }
        }
        Some(at)
    }

    /// Finds a shortest circle of each module that is in one, but no module twice.
    fn circles(&self) -> Vec<Finding> {
        let (mut findings, mut told) = (Vec::new(), BTreeSet::new());
        for (module, file) in &self.files {
            let Some(circle) = self.way_back(module) else {
                continue;
            };
            if circle.iter().any(|module| told.contains(module)) {
                continue;
            }
            let names: Vec<_> = circle.iter().map(name).collect();
            let what = format!("a circle: {} -> {}", names.join(" -> "), names[0]);
            findings.push(Finding::new(file, 0, what));
            told.extend(circle);
        }
        findings
    }

    /// Finds a shortest way from a module to itself.
    fn way_back(&self, module: &Module) -> Option<Vec<Module>> {
        let mut from: BTreeMap<&Module, &Module> = BTreeMap::new();
        let mut next = vec![module];
        while !next.is_empty() {
            for here in std::mem::take(&mut next) {
                for used in &self.uses[here] {
                    if used == module {
                        let way = std::iter::successors(Some(here), |here| from.get(here).copied());
                        let mut way: Vec<_> = way.cloned().collect();
                        way.reverse();
                        return Some(way);
                    }
                    if !from.contains_key(used) {
                        from.insert(used, here);
                        next.push(used);
                    }
                }
            }
        }
        None
    }
}

fn name(module: &Module) -> String {
    if module.is_empty() {
        "the root".to_owned()
    } else {
        module.join("::")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let findings = check(&Tree::of(files));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_stands_below_may_be_used() {
        let files = [
            ("a/src/lib.rs", "mod low; mod high; pub use high::H;"),
            ("a/src/low.rs", "mod inner; pub struct L;"),
            (
                "a/src/low/inner.rs",
                "mod m { use super::{X, super::super::high}; }",
            ),
            (
                "a/src/high.rs",
                "use crate::low::{L, inner::I}; #[cfg(test)] mod tests { use super::H; }",
            ),
        ];
        assert_eq!(found(&files[..2]), [""; 0]);
        assert_eq!(
            found(&[files[0], files[1], ("a/src/high.rs", files[3].1)]),
            [""; 0]
        );
    }

    #[test]
    fn circles_are_found_over_others_and_by_every_spelling() {
        let root = ("a/src/main.rs", "mod a; mod b; mod c;");
        let b = ("a/src/b.rs", "fn f() { crate::c::g() }");
        for c in [
            "use crate::a::A;",
            "use super::a;",
            "fn g() { mod m { use super::super::a::A; } }",
        ] {
            let files = [
                root,
                ("a/src/a.rs", "use crate::{b::B};"),
                b,
                ("a/src/c.rs", c),
            ];
            assert_eq!(
                found(&files),
                ["a/src/a.rs: a circle: a -> b -> c -> a"],
                "{c}"
            );
        }
    }

    #[test]
    fn a_parent_that_uses_its_child_is_not_used_by_it() {
        let parent = ("a/src/main.rs", "mod parent; use parent::P;");
        let child = (
            "a/src/parent.rs",
            "mod child; pub use child::C; pub struct P;",
        );
        let at = "a/src/parent/child.rs";
        assert_eq!(found(&[parent, child, (at, "pub struct C;")]), [""; 0]);
        let circle = "a/src/parent.rs: a circle: parent -> parent::child -> parent";
        assert_eq!(found(&[parent, child, (at, "use super::P;")]), [circle]);
    }

    #[test]
    fn a_constant_of_the_root_closes_a_circle() {
        let files = [
            (
                "src/main.rs",
                "mod a; const N: u32 = 1; fn main() { a::run(); }",
            ),
            ("src/a.rs", "fn run() { crate::N; }"),
        ];
        assert_eq!(
            found(&files),
            ["src/main.rs: a circle: the root -> a -> the root"]
        );
    }

    #[test]
    fn a_module_that_says_where_it_is_is_found_there() {
        let files = [
            ("p/src/main.rs", "#[path = \"../../e/s.rs\"] mod s; mod a;"),
            ("e/s.rs", "use crate::a::A;"),
            ("p/src/a.rs", "use crate::s::S;"),
        ];
        assert_eq!(found(&files), ["p/src/a.rs: a circle: a -> s -> a"]);
    }
}
