//! One line in Common Log Format:
//! `host ident user [day/Mon/year:h:m:s zone] "GET /path HTTP/1.1" 200 1234`, or with the site
//! before the host.
//!
//! What follows the size (the combined format's referrer and agent) is not looked at.

use super::complaint::Complaint;
use super::origin::Origin;
use super::request::{Request, is_blank, trim, without_version};
use super::stamp::seconds;

/// No time is longer, and none is looked for beyond.
const LONGEST_TIME: usize = 64;

/// What a line says of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Entry<'a> {
    /// Seconds since 1970, UTC.
    pub(crate) time: i64,
    /// Which site was asked, and who asked.
    pub(crate) origin: Origin<'a>,
    /// What was asked for.
    pub(crate) request: Request<'a>,
    /// Three digits, or `-`.
    pub(crate) status: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Reads one line, without its end.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Complaint<'a>> {
        if trim(line).is_empty() {
            return Err(Complaint::Empty);
        }
        if line.contains(&b'\r') {
            return Err(Complaint::CarriageReturn);
        }
        let (fields, time, rest) = split_at_time(line)?;
        let origin = Origin::parse(fields)?;
        let (request, rest) = split_at_request_end(rest)?;
        let status = outcome(rest)?;
        Ok(Self {
            time,
            origin,
            request: Request::parse(request)?,
            status,
        })
    }
}

/// Splits a line into what stands before its time, the time, and what follows the quote that
/// opens the request.
///
/// The time is in the first brackets that hold one and have a quote behind them: addresses and
/// users may hold brackets as well. Users may hold quotes, but those are escaped.
fn split_at_time(line: &[u8]) -> Result<(&[u8], i64, &[u8]), Complaint<'_>> {
    let mut complaint = Complaint::NoTime;
    let fields = &line[..end_of_fields(line)];
    for at in (0..fields.len()).filter(|at| fields[*at] == b'[') {
        let inside = &line[at + 1..];
        let mut near = inside.iter().take(LONGEST_TIME);
        let Some(end) = near.position(|byte| *byte == b']') else {
            continue;
        };
        let text = &inside[..end];
        let rest = trim(&inside[end + 1..]).strip_prefix(b"\"");
        match (seconds(text), rest) {
            (Ok(time), Some(rest)) => return Ok((&line[..at], time, rest)),
            (Ok(_), None) => complaint = Complaint::NoRequest,
            (Err(fault), Some(_)) if complaint == Complaint::NoTime => {
                complaint = Complaint::Time(text, fault);
            }
            (Err(_), _) => {}
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
fn split_at_request_end(text: &[u8]) -> Result<(&[u8], &[u8]), Complaint<'_>> {
    let mut splits = quotes(text).map(|quote| (&text[..quote], &text[quote + 1..]));
    let first = splits.next().ok_or(Complaint::OpenRequest)?;
    if outcome(first.1).is_err() && without_version(first.0).is_none() {
        let ended = splits.find(|(request, _)| without_version(request).is_some());
        if let Some(later) = ended.filter(|(_, rest)| outcome(rest).is_ok()) {
            return Ok(later);
        }
    }
    Ok(first)
}

/// Reads what follows the request: the status, which is returned, and how many bytes were sent.
/// Either may be unknown to the server.
fn outcome(text: &[u8]) -> Result<&[u8], Complaint<'_>> {
    let mut words = words(text);
    let status = words.next().ok_or(Complaint::NoStatus)?;
    if status != b"-" && (status.len() != 3 || !is_digits(status)) {
        return Err(Complaint::Status(status));
    }
    let size = words.next().ok_or(Complaint::NoSize)?;
    if size != b"-" && !is_digits(size) {
        return Err(Complaint::Size(size));
    }
    Ok(status)
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| is_blank(*byte))
        .filter(|word| !word.is_empty())
}

fn is_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
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
    use super::{Complaint, Entry};

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
    fn a_line_gives_time_and_request() {
        let line = br#"::1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif?b=c HTTP/1.0" 200 -"#;
        let entry = Entry::parse(line).unwrap();
        assert_eq!(entry.time, 971_211_336);
        assert_eq!(entry.request.method, b"GET");
        assert_eq!(entry.request.target, b"/a.gif?b=c");
        assert_eq!(
            (entry.origin.site, entry.origin.user),
            (None, Some(&b"frank"[..]))
        );
        assert_eq!(entry.status, b"200");
        let combined = [line, &b" \"http://example.org/\" \"Agent [1]\""[..]].concat();
        assert_eq!(Entry::parse(&combined), Ok(entry));
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
            let target = Entry::parse(line.as_bytes()).map(|entry| entry.request.target);
            assert_eq!(target, Ok(path.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_time_that_a_client_wrote_is_not_taken_for_that_of_the_line() {
        for line in [
            r#"- - - "GET / HTTP/1.1" 200 5 "-" "[17/May/2015:10:05:03 +0000] ""#,
            r#"- - "" "GET / HTTP/1.1" 200 5 "-" "[17/May/2015:10:05:03 +0000] "GET / 200 5"#,
        ] {
            let read = Entry::parse(line.as_bytes());
            assert_eq!(read, Err(Complaint::NoTime), "{line}");
        }
    }

    #[test]
    fn a_bad_line_is_told_what_is_wrong_with_it() {
        let time = "[07/Sep/2023:15:58:36 +0200]";
        for (line, expected) in [
            (String::new(), "the line is empty"),
            ("GET / HTTP/1.1".to_owned(), "no time in brackets"),
            (
                format!("- {time} \"GET /\" 200 5"),
                "fewer than three fields before the time",
            ),
            (
                "- - - [yesterday] \"GET /\" 200 5".to_owned(),
                "the time `yesterday` is not like 17/May/2015:10:05:03 +0000",
            ),
            (
                "- - - [30/Feb/2023:15:58:36 +0200] \"GET /\" 200 5".to_owned(),
                "the time `30/Feb/2023:15:58:36 +0200` has no such day",
            ),
            (
                format!("- - - {time} GET / 200 5"),
                "no request in quotes after the time",
            ),
            (
                format!("- - - {time} \"GET / 200 5"),
                "the quote of the request is not closed",
            ),
            (
                format!("- - - {time} \"-\" 408 -"),
                "no request was received: `-`",
            ),
            (
                format!("- - - {time} \"\" 400 0"),
                "no request was received: ``",
            ),
            (
                format!("- - - {time} \"\\x16\\x03\\x01\" 400 0"),
                "the method `\\x16\\x03\\x01` is not a token",
            ),
            (
                format!("- - - {time} \"G(T / HTTP/1.1\" 400 0"),
                "the method `G(T` is not a token",
            ),
            (
                format!("- - - {time} \"GET HTTP/1.1\" 400 0"),
                "no target after the method `GET`",
            ),
            (
                format!("- - - {time} \"GET\" 400 0"),
                "no target after the method `GET`",
            ),
            (
                format!("- - - {time} \"GET /\""),
                "no status after the request",
            ),
            (
                format!("- - - {time} \"GET /\" 20 5"),
                "the status `20` is not of three digits",
            ),
            (
                format!("- - - {time} \"GET /\" 200"),
                "no size after the status",
            ),
            (
                format!("- - - {time} \"GET /\" 200 5k"),
                "the size `5k` is no number",
            ),
            (
                format!("- - - {time} \"GET /\" 200 5\r- - -"),
                "a carriage return inside the line: lines end in LF or CR LF",
            ),
        ] {
            let complaint = Entry::parse(line.as_bytes()).unwrap_err().to_string();
            assert_eq!(complaint, expected, "{line}");
        }
    }
}
