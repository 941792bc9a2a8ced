//! One line in Common Log Format:
//! `host ident user [day/Mon/year:h:m:s zone] "GET /path HTTP/1.1" 200 1234`.
//!
//! What follows the size (the combined format's referrer and agent) is not looked at.

use super::stamp::seconds;

/// Longer paths would not fit into the request line of an HTTP client.
const LONGEST_PATH: usize = 8_000;

/// What a line says of a request.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Entry<'a> {
    /// Seconds since 1970, UTC.
    pub(crate) time: i64,
    pub(crate) path: &'a [u8],
}

/// Reads one line; the error says what is wrong with it.
pub(crate) fn parse(line: &[u8]) -> Result<Entry<'_>, &'static str> {
    let (client, rest) = cut(line, b'[').ok_or("no time in brackets")?;
    if words(client).count() < 3 {
        return Err("fewer than three fields before the time");
    }
    let (time, rest) = cut(rest, b']').ok_or("no time in brackets")?;
    let time = seconds(time).ok_or("a time that is not like 17/May/2015:10:05:03 +0000")?;
    let rest = rest
        .trim_ascii_start()
        .strip_prefix(b"\"")
        .ok_or("no request in quotes")?;
    let end = closing_quote(rest).ok_or("no request in quotes")?;
    let (request, rest) = rest.split_at(end);
    let mut numbers = words(&rest[1..]);
    if !numbers
        .next()
        .is_some_and(|status| status.len() == 3 && is_digits(status))
    {
        return Err("no status of three digits");
    }
    if !numbers
        .next()
        .is_some_and(|size| size == b"-" || is_digits(size))
    {
        return Err("no size");
    }
    Ok(Entry {
        time,
        path: path(request)?,
    })
}

/// Splits at the first of these bytes, which belongs to neither side.
fn cut(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|other| *other == byte)?;
    Some((&text[..at], &text[at + 1..]))
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Finds the quote that no backslash escapes.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })
}

/// Takes the path out of `GET /path HTTP/1.1`. The protocol may be missing, the path may hold
/// spaces.
fn path(request: &[u8]) -> Result<&[u8], &'static str> {
    let (method, rest) = cut(request, b' ').ok_or("no path in the request")?;
    if method.is_empty() || !method.iter().all(u8::is_ascii_alphabetic) {
        return Err("no method in the request");
    }
    let path = match rest.iter().rposition(|byte| *byte == b' ') {
        Some(at) if rest[at + 1..].starts_with(b"HTTP/") => &rest[..at],
        _ => rest,
    };
    match path.trim_ascii() {
        b"" => Err("no path in the request"),
        path if path.len() > LONGEST_PATH => Err("a path of more than 8000 bytes"),
        path => Ok(path),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Entry, parse};

    pub(crate) fn line_with(request: impl AsRef<[u8]>) -> Vec<u8> {
        let request = request.as_ref();
        let parts: [&[u8]; 3] = [
            b"- - - [17/May/2015:10:05:03 +0000] \"",
            request,
            b"\" 200 5",
        ];
        parts.concat()
    }

    #[test]
    fn a_line_gives_time_and_path() {
        let line = br#"::1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif?b=c HTTP/1.0" 200 -"#;
        assert_eq!(
            parse(line),
            Ok(Entry {
                time: 971_211_336,
                path: b"/a.gif?b=c"
            })
        );
        let combined = [line, &b" \"http://example.org/\" \"Agent [1]\""[..]].concat();
        assert_eq!(parse(&combined), parse(line));
    }

    #[test]
    fn odd_requests_have_a_path_all_the_same() {
        for (request, path) in [
            ("GET /", "/"),
            ("OPTIONS * HTTP/1.0", "*"),
            ("GET /a b HTTP/1.1", "/a b"),
            (r#"GET /\"quoted\" HTTP/1.1"#, r#"/\"quoted\""#),
            ("GET http://example.org/ HTTP/1.1", "http://example.org/"),
        ] {
            let line = line_with(request);
            assert_eq!(parse(&line).map(|entry| entry.path), Ok(path.as_bytes()));
        }
    }

    #[test]
    fn a_bad_line_is_told_what_is_wrong_with_it() {
        for (line, complaint) in [
            (Vec::new(), "no time in brackets"),
            ("- - -".into(), "no time in brackets"),
            (
                "- [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5".into(),
                "fewer than three fields before the time",
            ),
            (
                "- - - [yesterday] \"GET / HTTP/1.1\" 200 5".into(),
                "a time that is not like 17/May/2015:10:05:03 +0000",
            ),
            (
                "- - - [17/May/2015:10:05:03 +0000] GET / HTTP/1.1 200 5".into(),
                "no request in quotes",
            ),
            (
                "- - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1 200 5".into(),
                "no request in quotes",
            ),
            (
                "- - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\"".into(),
                "no status of three digits",
            ),
            (
                "- - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200".into(),
                "no size",
            ),
            (line_with("-"), "no path in the request"),
            (line_with("GET "), "no path in the request"),
            (line_with(r"\x16\x03\x01 \x00"), "no method in the request"),
            (
                line_with(format!("GET /{} HTTP/1.1", "a".repeat(8_000))),
                "a path of more than 8000 bytes",
            ),
        ] {
            assert_eq!(parse(&line), Err(complaint), "{}", line.escape_ascii());
        }
    }
}
