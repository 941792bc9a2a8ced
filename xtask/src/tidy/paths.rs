//! The paths that a file's code names, with `use` written out.

use crate::tidy::tokens::{Token, tokens};

/// A path as the code names it: `["std", "sync", "Mutex"]`.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Named<'a> {
    pub(crate) segments: Vec<&'a str>,
    pub(crate) line: usize,
    /// It stands in a `use`, where a lone name is a path too.
    pub(crate) is_use: bool,
}

impl Named<'_> {
    pub(crate) fn starts_with(&self, segments: &[&str]) -> bool {
        self.segments.starts_with(segments)
    }

    pub(crate) fn ends_with(&self, segments: &[&str]) -> bool {
        self.segments.ends_with(segments)
    }

    /// Whether it reaches into the crate `name`. A lone name outside a `use` may be anything:
    /// a variable, or the `loom` of `cfg(loom)`.
    pub(crate) fn reaches_into(&self, name: &str) -> bool {
        self.segments.first() == Some(&name) && (self.is_use || self.segments.len() > 1)
    }
}

/// Returns every path that a module names for itself: see [`own`].
pub(crate) fn paths(text: &str) -> Vec<Named<'_>> {
    paths_of(&own(&tokens(text)))
}

/// Returns every path that the tokens name.
pub(crate) fn paths_of<'a>(tokens: &[Token<'a>]) -> Vec<Named<'a>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let token = tokens[at];
        let follows = |text| at > 0 && tokens[at - 1].text == text;
        // `use<'a>` in a bound is no import.
        if token.text == "use" && is(tokens, at + 1, |next| next.text != "<") {
            at = import(tokens, at + 1, &[], &mut found);
        } else if token.is_name() && !follows(".") && !continues(tokens, at) {
            let (segments, after) = simple(tokens, at);
            found.push(Named {
                segments,
                line: token.line,
                is_use: false,
            });
            at = after;
        } else {
            at += 1;
        }
    }
    found
}

/// Leaves out what is compiled for tests alone, and what an exported macro writes into the
/// crates of others.
fn own<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_for_others(&tokens[at..]) {
            at = item_end(tokens, at);
        } else {
            kept.push(tokens[at]);
            at += 1;
        }
    }
    kept
}

/// Whether the name at `at` goes on a path whose beginning is elsewhere, as in `Vec::<T>::new`.
fn continues(tokens: &[Token<'_>], at: usize) -> bool {
    at > 1 && tokens[at - 1].text == "::" && {
        let before = tokens[at - 2];
        before.is_name() || [">", "}", ")"].contains(&before.text)
    }
}

/// A path without braces; returns it and where it ends.
fn simple<'a>(tokens: &[Token<'a>], mut at: usize) -> (Vec<&'a str>, usize) {
    let mut segments = vec![tokens[at].text];
    at += 1;
    while is(tokens, at, |token| token.text == "::") && is(tokens, at + 1, Token::is_name) {
        segments.push(tokens[at + 1].text);
        at += 2;
    }
    (segments, at)
}

/// One branch of a `use`; returns where it ends.
fn import<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    prefix: &[&'a str],
    found: &mut Vec<Named<'a>>,
) -> usize {
    let mut segments = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.text {
            "::" => {}
            "{" => {
                while is(tokens, at, |token| token.text != "}") {
                    at = import(tokens, at, &segments, found);
                    if is(tokens, at, |token| token.text == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            // The new name is none that the file reaches for.
            "as" => at += 1,
            "," | "}" | ";" => {
                at -= 1;
                break;
            }
            text => segments.push(text),
        }
    }
    found.push(Named {
        segments,
        line,
        is_use: true,
    });
    at
}

/// `#[cfg(test)]`, `#[cfg(all(test, ...))]`, `#[macro_export]`.
fn is_for_others(tokens: &[Token<'_>]) -> bool {
    let begins = |with: &[&str]| {
        tokens.len() >= with.len()
            && tokens
                .iter()
                .zip(with)
                .all(|(token, text)| token.text == *text)
    };
    begins(&["#", "[", "cfg", "(", "test", ")"])
        || begins(&["#", "[", "cfg", "(", "all", "(", "test", ","])
        || begins(&["#", "[", "macro_export", "]"])
}

/// Where the item ends that begins at `at` with its attributes.
fn item_end(tokens: &[Token<'_>], mut at: usize) -> usize {
    while is(tokens, at, |token| token.text == "#") {
        at = closed(tokens, at + 1);
    }
    while let Some(token) = tokens.get(at) {
        match token.text {
            ";" => return at + 1,
            "{" => return closed(tokens, at),
            "(" | "[" => at = closed(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Where the bracket that opens at `at` has been closed.
fn closed(tokens: &[Token<'_>], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn is<'a>(tokens: &[Token<'a>], at: usize, test: impl FnOnce(&Token<'a>) -> bool) -> bool {
    tokens.get(at).is_some_and(test)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        let paths = paths(text);
        paths.iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn a_use_is_written_out() {
        assert_eq!(
            named("pub(crate) use crate::{a, b::{self, C as D}, e::*}; use {spin::Once, x};"),
            [
                "pub",
                "crate",
                "crate::a",
                "crate::b::self",
                "crate::b::C",
                "crate::e::*",
                "spin::Once",
                "x"
            ]
        );
    }

    #[test]
    fn paths_are_found_where_they_are_used() {
        assert_eq!(
            named("let x: Vec<crate::key::Key> = <T as crate::flight::F>::y(z.spin)"),
            [
                "let",
                "x",
                "Vec",
                "crate::key::Key",
                "T",
                "as",
                "crate::flight::F",
                "z"
            ]
        );
        assert_eq!(
            named("::std::sync::Arc::<u8>::new()"),
            ["std::sync::Arc", "u8"]
        );
    }

    #[test]
    fn tests_are_left_out_and_what_follows_is_not() {
        let text = "#[cfg(test)] #[path = \"t.rs\"] mod t; #[cfg(all(test, unix))]
            mod tests { fn f() { spin::a() } } #[cfg(not(test))] fn g() { loom::b() }";
        let named = named(text);
        assert!(named.contains(&"loom::b".to_owned()), "{named:?}");
        assert!(!named.contains(&"spin::a".to_owned()), "{named:?}");
    }

    #[test]
    fn exported_macros_are_left_out_and_others_are_not() {
        let text = "macro_rules! m { () => { $crate::Group } }";
        assert_eq!(named(text), ["macro_rules", "m", "crate::Group"]);
        assert_eq!(named(&format!("#[macro_export] {text} use a;")), ["a"]);
    }

    #[test]
    fn a_lone_name_reaches_into_a_crate_only_by_use() {
        let reaches = |text| paths(text).iter().any(|path| path.reaches_into("loom"));
        assert!(reaches("use loom;") && reaches("loom::model()"));
        assert!(!reaches("#[cfg(loom)] fn f() {}") && !reaches("crate::loom::x"));
    }

    #[test]
    fn captures_are_no_imports() {
        assert_eq!(
            named("impl Sized + use<'a, T> + X"),
            ["impl", "Sized", "use", "T", "X"]
        );
    }
}
