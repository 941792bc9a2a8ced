//! Rust's text as tokens: what is left of a file when comments are taken out.
//!
//! Just enough of the grammar to tell code from comments, strings and lifetimes. A file that
//! the compiler accepts is cut up right; for others anything may come out, but it ends.

/// One token, with the lines it stands on, counted from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
    pub(crate) last_line: usize,
}

impl Token<'_> {
    /// Whether it is a name or a keyword.
    pub(crate) fn is_name(&self) -> bool {
        self.text.starts_with(begins_name) && !self.text.ends_with(['"', '\'', '#'])
    }
}

/// Cuts a file into tokens. `::` is one token; comments, doc comments included, are none.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let length = length(rest, first).max(first.len_utf8()).min(rest.len());
        let (token, after) = rest.split_at(length);
        let last_line = line + token.matches('\n').count();
        let is_comment = token.starts_with("//") || token.starts_with("/*");
        if !first.is_whitespace() && !is_comment {
            tokens.push(Token {
                text: token,
                line,
                last_line,
            });
        }
        (rest, line) = (after, last_line);
    }
    tokens
}

/// Returns how long the token is, or the comment or blank, with which `rest` begins.
fn length(rest: &str, first: char) -> usize {
    if let Some(length) = string(rest) {
        return length;
    }
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment(rest)
    } else if rest.starts_with("::") {
        2
    } else if first == '\'' {
        quote(rest)
    } else if begins_name(first) || first.is_ascii_digit() {
        let raw = if rest.starts_with("r#") { 2 } else { 0 };
        raw + while_part_of_name(&rest[raw..])
    } else {
        first.len_utf8()
    }
}

fn begins_name(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

fn while_part_of_name(rest: &str) -> usize {
    rest.find(|c: char| c != '_' && !c.is_alphanumeric())
        .unwrap_or(rest.len())
}

/// The length of a string of any kind, if `rest` begins with one.
fn string(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c: char| !c.is_ascii_lowercase())?;
    if !["", "b", "c", "r", "br", "cr"].contains(&&rest[..prefix]) {
        return None;
    }
    let body = &rest[prefix..];
    if rest[..prefix].ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let inside = body[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
        return Some(prefix + hashes + 1 + length);
    }
    let inside = body.strip_prefix('"')?;
    Some(prefix + 1 + until_closed(inside, '"'))
}

/// The length of what stands before the closing quote, and the quote.
fn until_closed(inside: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    inside.len()
}

/// The length of a character, or of a lifetime.
fn quote(rest: &str) -> usize {
    let inside = &rest[1..];
    let mut chars = inside.chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => 1 + until_closed(inside, '\''),
        _ => 1 + while_part_of_name(inside),
    }
}

/// The length of a block comment; they nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_of_every_kind_are_left_out() {
        let text = "//! spin::Mutex\nfn /* a /* nested */ one */ f() {} // loom\n/// doc\n";
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
    fn a_lifetime_is_not_the_beginning_of_a_character() {
        assert_eq!(texts("&'a str, 'b'"), ["&", "'a", "str", ",", "'b'"]);
    }

    #[test]
    fn a_raw_name_is_a_name() {
        assert_eq!(texts("r#use::x"), ["r#use", "::", "x"]);
        assert!(tokens("r#use")[0].is_name());
        assert!(!tokens("r\"use\"")[0].is_name() && !tokens("'a'")[0].is_name());
    }

    #[test]
    fn lines_are_counted_through_strings_and_comments() {
        let tokens = tokens("/*\n*/ a \"\n\n\" b");
        let lines: Vec<_> = tokens.iter().map(|t| (t.line, t.last_line)).collect();
        assert_eq!(lines, [(2, 2), (2, 4), (4, 4)]);
    }

    #[test]
    fn what_is_cut_off_still_ends() {
        for text in ["\"", "r#\"", "'", "/*", "'\\", "b'", "r#", "é'"] {
            let _ended = tokens(text);
        }
    }
}
