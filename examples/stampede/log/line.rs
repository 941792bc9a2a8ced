//! One line in Common Log Format:
//! `host ident user [day/Mon/year:h:m:s zone] "GET /path HTTP/1.1" 200 1234`.
//!
//! What follows the size (the combined format's referrer and agent) is not looked at.

use super::stamp::{is_digits, seconds};

/// Longer paths would not fit into the request line of an HTTP client.
const LONGEST_PATH: usize = 8_000;

/// What a line says of a request.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Entry<'a> {
    /// Seconds since 1970, UTC.
    pub(crate) time: i64,
    pub(crate) path: &'a str,
}

/// Reads one line; the error says what is wrong with it.
pub(crate) fn parse(line: &str) -> Result<Entry<'_>, &'static str> {
    let (client, rest) = line.split_once('[').ok_or("no time in brackets")?;
    if client.split_whitespace().count() < 3 {
        return Err("fewer than three fields before the time");
    }
    let (time, rest) = rest.split_once(']').ok_or("no time in brackets")?;
    let time = seconds(time).ok_or("a time that is not like 17/May/2015:10:05:03 +0000")?;
    let rest = rest
        .trim_start()
        .strip_prefix('"')
        .ok_or("no request in quotes")?;
    let end = closing_quote(rest).ok_or("no request in quotes")?;
    let (request, rest) = rest.split_at(end);
    let mut numbers = rest[1..].split_whitespace();
    if !numbers
        .next()
        .is_some_and(|status| status.len() == 3 && is_digits(status))
    {
        return Err("no status of three digits");
    }
    if !numbers
        .next()
        .is_some_and(|size| size == "-" || is_digits(size))
    {
        return Err("no size");
    }
    Ok(Entry {
        time,
        path: path(request)?,
    })
}

/// Finds the quote that no backslash escapes.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Takes the path out of `GET /path HTTP/1.1`. The protocol may be missing, the path may hold
/// spaces.
fn path(request: &str) -> Result<&str, &'static str> {
    let (method, rest) = request.split_once(' ').ok_or("no path in the request")?;
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err("no method in the request");
    }
    let path = match rest.rsplit_once(' ') {
        Some((path, protocol)) if protocol.starts_with("HTTP/") => path,
        _ => rest,
    };
    match path.trim() {
        "" => Err("no path in the request"),
        path if path.len() > LONGEST_PATH => Err("a path of more than 8000 bytes"),
        path => Ok(path),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Entry, parse};

    pub(crate) fn line_with(request: &str) -> String {
        format!("- - - [17/May/2015:10:05:03 +0000] \"{request}\" 200 5")
    }

    #[test]
    fn a_line_gives_time_and_path() {
        let line = r#"::1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif?b=c HTTP/1.0" 200 -"#;
        assert_eq!(
            parse(line),
            Ok(Entry {
                time: 971_211_336,
                path: "/a.gif?b=c"
            })
        );
        let combined = format!("{line} \"http://example.org/\" \"Agent [1]\"");
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
            assert_eq!(parse(&line_with(request)).map(|entry| entry.path), Ok(path));
        }
    }

    #[test]
    fn a_bad_line_is_told_what_is_wrong_with_it() {
        for (line, complaint) in [
            (String::new(), "no time in brackets"),
            ("- - -".to_owned(), "no time in brackets"),
            (
                "- [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5".to_owned(),
                "fewer than three fields before the time",
            ),
            (
                "- - - [yesterday] \"GET / HTTP/1.1\" 200 5".to_owned(),
                "a time that is not like 17/May/2015:10:05:03 +0000",
            ),
            (
                "- - - [17/May/2015:10:05:03 +0000] GET / HTTP/1.1 200 5".to_owned(),
                "no request in quotes",
            ),
            (
                "- - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1 200 5".to_owned(),
                "no request in quotes",
            ),
            (
                "- - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\"".to_owned(),
                "no status of three digits",
            ),
            (
                "- - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200".to_owned(),
                "no size",
            ),
            (line_with("-"), "no path in the request"),
            (line_with("GET "), "no path in the request"),
            (line_with(r"\x16\x03\x01 \x00"), "no method in the request"),
            (
                line_with(&format!("GET /{} HTTP/1.1", "a".repeat(8_000))),
                "a path of more than 8000 bytes",
            ),
        ] {
            assert_eq!(parse(&line), Err(complaint), "{line}");
        }
    }
}
