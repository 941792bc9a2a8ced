//! Rust's text as tokens: what is left of a file when comments are taken out.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// One token, with the lines it stands on, counted from 1.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
    pub(crate) last_line: usize,
}

/// Cuts a file into tokens, brackets included. Of what the compiler cannot read, there are none.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    flatten(text.parse().unwrap_or_default(), &mut tokens);
    tokens
}

/// Finds where these tokens stand: on which line, and before what.
pub(crate) fn places(text: &str, texts: &[&str]) -> Vec<(usize, String)> {
    // Most files can be told by a glance.
    if !texts.iter().all(|one| text.contains(one)) {
        return Vec::new();
    }
    let tokens = tokens(text);
    let windows = tokens.windows(texts.len() + 1);
    let begins = |window: &&[Token]| {
        let mut pairs = window.iter().zip(texts);
        pairs.all(|(token, text)| token.text == *text)
    };
    windows
        .filter(begins)
        .map(|window| (window[0].line, window[texts.len()].text.clone()))
        .collect()
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let token = |text: &str, span: Span| Token {
        text: text.to_owned(),
        line: span.start().line,
        last_line: span.end().line,
    };
    let mut comment = None;
    for tree in stream {
        let (start, end) = (tree.span().start(), tree.span().end());
        // A comment that documents is read as an attribute whose parts have all of its place.
        let is_wide = end.line > start.line || end.column > start.column + 1;
        if is_wide && matches!(tree, TokenTree::Punct(_)) {
            comment = Some(start);
        }
        match tree {
            _ if comment == Some(start) => {}
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    _ => ("[", "]"),
                };
                tokens.push(token(open, group.span_open()));
                flatten(group.stream(), tokens);
                tokens.push(token(close, group.span_close()));
            }
            other => tokens.push(token(&other.to_string(), other.span())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_of_every_kind_are_left_out() {
        let text =
            "//! spin::Mutex\nfn /* a /* nested */ one */ f() {} // loom\n/// doc\n/** x */\n";
        assert_eq!(texts(text), ["fn", "f", "(", ")", "{", "}"]);
    }

    #[test]
    fn strings_of_every_kind_are_one_token() {
        for string in [
            r#""a // \" b""#,
            r##"r#"a " b"#"##,
            r##"br#"/*"#"##,
            r#"b"x""#,
            r"'\''",
            "'\"'",
        ] {
            assert_eq!(texts(&format!("({string})")), ["(", string, ")"]);
        }
    }

    #[test]
    fn lines_are_counted_through_strings_and_comments() {
        let tokens = tokens("/*\n*/ é \"\n\n\" b");
        let lines: Vec<_> = tokens.iter().map(|t| (t.line, t.last_line)).collect();
        assert_eq!(lines, [(2, 2), (2, 4), (4, 4)]);
        assert_eq!(tokens[1].text, "\"\n\n\"");
    }

    #[test]
    fn what_is_cut_off_has_no_tokens() {
        for text in ["\"", "r#\"", "'", "/*", "'\\", "b'", "r#", "f("] {
            assert!(texts(text).is_empty(), "{text}");
        }
    }
}
