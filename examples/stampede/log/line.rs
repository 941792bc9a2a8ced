//! One line in Common Log Format:
//! `host ident user [day/Mon/year:h:m:s zone] "GET /path HTTP/1.1" 200 1234`.
//!
//! What follows the size (the combined format's referrer and agent) is not looked at.

use super::request::{path, without_version};
use super::stamp::seconds;

/// No time is longer, and none is looked for beyond.
const LONGEST_TIME: usize = 64;

/// What a line says of a request.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Entry<'a> {
    /// Seconds since 1970, UTC.
    pub(crate) time: i64,
    pub(crate) path: &'a [u8],
}

/// Reads one line; the error says what is wrong with it.
pub(crate) fn parse(line: &[u8]) -> Result<Entry<'_>, &'static str> {
    let (client, time, rest) = split_at_time(line)?;
    if words(client).count() < 3 {
        return Err("fewer than three fields before the time");
    }
    let (request, rest) = split_at_request_end(rest)?;
    outcome(rest)?;
    Ok(Entry {
        time,
        path: path(request)?,
    })
}

/// Splits a line into what stands before its time, the time, and what follows the quote that
/// opens the request.
///
/// The time is in the first brackets that hold one and have a quote behind them: addresses and
/// users may hold brackets as well. Users may hold quotes, but those are escaped.
fn split_at_time(line: &[u8]) -> Result<(&[u8], i64, &[u8]), &'static str> {
    let mut complaint = "no time in brackets";
    let fields = &line[..end_of_fields(line)];
    for at in (0..fields.len()).filter(|at| fields[*at] == b'[') {
        let inside = &line[at + 1..];
        let Some(end) = inside
            .iter()
            .take(LONGEST_TIME)
            .position(|byte| *byte == b']')
        else {
            continue;
        };
        let rest = inside[end + 1..].trim_ascii_start().strip_prefix(b"\"");
        match (seconds(&inside[..end]), rest) {
            (Some(time), Some(rest)) => return Ok((&line[..at], time, rest)),
            (Some(_), None) => complaint = "no request in quotes",
            (None, Some(_)) if complaint == "no time in brackets" => {
                complaint = "a time that is not like 17/May/2015:10:05:03 +0000";
            }
            (None, _) => {}
        }
    }
    Err(complaint)
}

/// Finds the quote that opens the request. A user without a name is `""`.
fn end_of_fields(line: &[u8]) -> usize {
    let mut quotes = quotes(line).peekable();
    while let Some(quote) = quotes.next() {
        if quotes.next_if_eq(&(quote + 1)).is_none() {
            return quote;
        }
    }
    line.len()
}

/// Splits what follows the opening quote at the closing one: the first that no backslash escapes.
///
/// A server that escapes nothing may write quotes inside a request. Then the request ends with
/// its version, and its outcome follows.
fn split_at_request_end(text: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let mut splits = quotes(text).map(|quote| (&text[..quote], &text[quote + 1..]));
    let first = splits.next().ok_or("no request in quotes")?;
    if outcome(first.1).is_err() && without_version(first.0).is_none() {
        let ended = splits.find(|(request, _)| without_version(request).is_some());
        if let Some(later) = ended.filter(|(_, rest)| outcome(rest).is_ok()) {
            return Ok(later);
        }
    }
    Ok(first)
}

/// Checks what follows the request: how it ended, and how many bytes were sent.
fn outcome(text: &[u8]) -> Result<(), &'static str> {
    let mut numbers = words(text);
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
    Ok(())
}

/// Splits at the first of these bytes, which belongs to neither side.
pub(crate) fn cut(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
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

/// Finds the quotes that no backslash escapes.
fn quotes(text: &[u8]) -> impl Iterator<Item = usize> {
    let mut is_escaped = false;
    text.iter().enumerate().filter_map(move |(at, byte)| {
        let is_quote = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_quote.then_some(at)
    })
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
    fn a_delimiter_inside_a_field_does_not_end_it() {
        let time = "[17/May/2015:10:05:03 +0000]";
        for (line, path) in [
            (format!(r#"[::1] - - {time} "GET /a HTTP/1.1" 200 5"#), "/a"),
            (
                format!(r#"[::1]:80 - - {time} "GET /a HTTP/1.1" 200 5"#),
                "/a",
            ),
            (format!(r#"h - a[b] {time} "GET /a HTTP/1.1" 200 5"#), "/a"),
            (
                format!(r#"h - {time} {time} "GET /a HTTP/1.1" 200 5"#),
                "/a",
            ),
            (
                format!(r#"h - [\"b] \" {time} "GET /a HTTP/1.1" 200 5"#),
                "/a",
            ),
            (format!(r#"h - "" {time} "GET /a HTTP/1.1" 200 5"#), "/a"),
            (format!(r#"- - - {time} "GET {time} HTTP/1.1" 200 5"#), time),
            (
                format!(r#"- - - {time} "GET /a]\"[" 200 5 "[\" {time}" "[1]""#),
                r#"/a]\"["#,
            ),
            (format!(r#"- - - {time} "GET /a\\" 200 5 "-" "-""#), r"/a\\"),
            (
                format!(r#"- - - {time} "GET /a"b HTTP/1.1" 200 5 "-" "-""#),
                "/a\"b",
            ),
            (
                format!(r#"- - - {time} "GET /a" 200 5 "b HTTP/1.1" 200 5"#),
                "/a",
            ),
        ] {
            let entry = parse(line.as_bytes());
            assert_eq!(entry.map(|entry| entry.path), Ok(path.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_time_that_a_client_wrote_is_not_taken_for_that_of_the_line() {
        for line in [
            r#"- - - "GET / HTTP/1.1" 200 5 "-" "[17/May/2015:10:05:03 +0000] ""#,
            r#"- - "" "GET / HTTP/1.1" 200 5 "-" "[17/May/2015:10:05:03 +0000] "GET / 200 5"#,
        ] {
            assert_eq!(parse(line.as_bytes()), Err("no time in brackets"), "{line}");
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
