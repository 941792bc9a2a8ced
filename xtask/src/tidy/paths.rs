//! The paths that a file's code names, with `use` written out.
//!
//! Syn reads them, but not as its tree of a file, which ends where a macro begins: paths are looked
//! for in what a macro is given, too.

use proc_macro2::TokenTree;
use syn::ext::IdentExt as _;
use syn::parse::discouraged::{AnyDelimiter as _, Speculative as _};
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Ident, Item, ItemUse, Token, UseTree, token};

/// A path as the code names it.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Named {
    /// Such as `std::sync::Mutex`.
    pub(crate) path: String,
    pub(crate) line: usize,
    /// It stands in a `use`, where a lone name is a path too.
    is_use: bool,
    /// How many modules of the file it stands in.
    pub(crate) depth: usize,
}

impl Named {
    /// Whether it reaches into the crate or the module `name`. A lone name outside a `use` may be
    /// anything: a variable, or the `loom` of `cfg(loom)`.
    pub(crate) fn reaches_into(&self, name: &str) -> bool {
        let rest = self.path.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with("::") || rest.is_empty() && self.is_use)
    }

    pub(crate) fn ends_with(&self, name: &str) -> bool {
        let before = self.path.strip_suffix(name);
        before.is_some_and(|before| before.is_empty() || before.ends_with("::"))
    }
}

/// Returns every path that a module names for itself: not what is compiled for tests alone, and
/// not what an exported macro writes into the crates of others.
pub(crate) fn paths(text: &str) -> Vec<Named> {
    read(text, is_for_others)
}

/// Returns every path that a file names.
pub(crate) fn all_paths(text: &str) -> Vec<Named> {
    read(text, |_| false)
}

fn read(text: &str, is_left_out: fn(&Attribute) -> bool) -> Vec<Named> {
    let mut finder = Finder {
        is_left_out,
        found: Vec::new(),
        depth: 0,
    };
    // Of what the compiler cannot read there is nothing to say.
    let _unread = (|input: ParseStream<'_>| finder.look(input)).parse_str(text);
    finder.found
}

struct Finder {
    is_left_out: fn(&Attribute) -> bool,
    found: Vec<Named>,
    depth: usize,
}

impl Finder {
    /// Looks through any tokens.
    fn look(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        while !input.is_empty() {
            let ahead = input.fork();
            if self.leaves_out(&ahead) {
                input.advance_to(&ahead);
            } else if let Some(import) = import(input) {
                self.write_out("", &import.tree);
            } else if input.peek(Token![mod]) && input.peek3(token::Brace) {
                let (_mod, _name) = (input.call(Ident::parse_any)?, input.parse::<Ident>()?);
                let (_, _, inside) = input.parse_any_delimiter()?;
                self.depth += 1;
                self.look(&inside)?;
                self.depth -= 1;
            } else if input.peek(Ident::peek_any) {
                let found = path(input, self.depth)?;
                self.found.push(found);
            } else if let Ok((_, _, inside)) = input.parse_any_delimiter() {
                self.look(&inside)?;
            } else {
                let _other: TokenTree = input.parse()?;
            }
        }
        Ok(())
    }

    /// Goes past an item that is left out, if there is one.
    fn leaves_out(&self, input: ParseStream<'_>) -> bool {
        input.peek(Token![#])
            && input.peek2(token::Bracket)
            && Attribute::parse_outer(&input.fork())
                .is_ok_and(|attributes| attributes.iter().any(self.is_left_out))
            && input.parse::<Item>().is_ok()
    }

    fn write_out(&mut self, before: &str, tree: &UseTree) {
        let (name, span) = match tree {
            UseTree::Path(path) => {
                return self.write_out(&format!("{before}{}::", path.ident), &path.tree);
            }
            UseTree::Group(group) => {
                return group
                    .items
                    .iter()
                    .for_each(|tree| self.write_out(before, tree));
            }
            UseTree::Glob(glob) => ("*".to_owned(), glob.star_token.span),
            UseTree::Name(name) => (name.ident.to_string(), name.ident.span()),
            // The new name is none that the file reaches for.
            UseTree::Rename(name) => (name.ident.to_string(), name.ident.span()),
        };
        self.found.push(Named {
            path: format!("{before}{name}"),
            line: span.start().line,
            is_use: true,
            depth: self.depth,
        });
    }
}

/// Reads an import. In a bound, `use<'a>` is none.
fn import(input: ParseStream<'_>) -> Option<ItemUse> {
    let ahead = input.fork();
    let import = ahead
        .peek(Token![use])
        .then(|| ahead.parse().ok())
        .flatten();
    import.inspect(|_| input.advance_to(&ahead))
}

/// Reads a path as far as it has no arguments.
fn path(input: ParseStream<'_>, depth: usize) -> syn::Result<Named> {
    let first = input.call(Ident::parse_any)?;
    let mut path = first.to_string();
    while input.peek(Token![::]) && input.peek3(Ident::peek_any) {
        input.parse::<Token![::]>()?;
        path = format!("{path}::{}", input.call(Ident::parse_any)?);
    }
    Ok(Named {
        path,
        line: first.span().start().line,
        is_use: false,
        depth,
    })
}

/// Whether what has this attribute is no code of the module: `#[cfg(test)]`,
/// `#[cfg(all(test, ...))]`, `#[macro_export]`.
fn is_for_others(attribute: &Attribute) -> bool {
    let condition = attribute
        .meta
        .require_list()
        .map(|list| list.tokens.to_string());
    let is_test = |condition: String| {
        let condition = condition.replace(' ', "");
        condition == "test" || condition.starts_with("all(test,")
    };
    attribute.path().is_ident("macro_export")
        || (attribute.path().is_ident("cfg") && condition.is_ok_and(is_test))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        paths(text).into_iter().map(|named| named.path).collect()
    }

    #[test]
    fn a_use_is_written_out() {
        assert_eq!(
            named("pub(crate) use crate::{a, b::{self, C as D}, e::*}; use {spin::Once, x};")
                .join(" "),
            "pub crate crate::a crate::b::self crate::b::C crate::e::* spin::Once x"
        );
        let lines = paths("use a::{\n  b,\n  c};");
        assert_eq!(
            lines.iter().map(|named| named.line).collect::<Vec<_>>(),
            [2, 3]
        );
    }

    #[test]
    fn paths_are_found_where_they_are_used() {
        assert_eq!(
            named("let x: Vec<crate::key::Key> = <T as crate::flight::F>::y(z.spin)").join(" "),
            "let x Vec crate::key::Key T as crate::flight::F y z spin"
        );
        assert_eq!(
            named("::std::sync::Arc::<u8>::new()").join(" "),
            "std::sync::Arc u8 new"
        );
        assert_eq!(
            named("#[derive(a::B)] m!(c::d, { e::f })").join(" "),
            "derive a::B m c::d e::f"
        );
    }

    #[test]
    fn tests_are_left_out_and_what_follows_is_not() {
        let text = "#[cfg(test)] #[path = \"t.rs\"] mod t; #[cfg(all(test, unix))]
            mod tests { fn f() { spin::a() } } #[cfg(not(test))] fn g() { loom::b() }
            impl A { #[cfg(test)] pub fn h(&self) { spin::a() } }";
        let named = named(text);
        assert!(named.contains(&"loom::b".to_owned()), "{named:?}");
        assert!(!named.contains(&"spin::a".to_owned()), "{named:?}");
        assert!(all_paths(text).iter().any(|named| named.path == "spin::a"));
    }

    #[test]
    fn exported_macros_are_left_out_and_others_are_not() {
        let text = "macro_rules! m { () => { $crate::Group } }";
        assert_eq!(named(text), ["macro_rules", "m", "crate::Group"]);
        assert_eq!(named(&format!("#[macro_export] {text} use a;")), ["a"]);
    }

    #[test]
    fn a_lone_name_reaches_into_a_crate_only_by_use() {
        let reaches = |text| paths(text).iter().any(|named| named.reaches_into("loom"));
        assert!(reaches("use loom;") && reaches("loom::model()"));
        assert!(!reaches("#[cfg(loom)] fn f() {}") && !reaches("crate::loom::x"));
        assert!(!reaches("use loomed::x;"));
    }

    #[test]
    fn captures_are_no_imports() {
        assert_eq!(
            named("impl Sized + use<'a, T> + X").join(" "),
            "impl Sized use a T X"
        );
    }
}
