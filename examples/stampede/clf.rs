//! Common Log Format: `host ident user [day/Mon/year:h:m:s zone] "GET /path HTTP/1.1" 200 1234`.
//!
//! What follows the size (the combined format's referrer and agent) is not looked at.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::sync::Arc;

/// Unparsable lines that are named; the rest are counted.
const NAMED: usize = 5;

/// Longer paths would not fit into the request line of an HTTP client.
const LONGEST_PATH: usize = 8_000;

/// The requests of a log, as far as they could be read.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The paths, each once.
    pub(crate) paths: Vec<Arc<str>>,
    /// The requests in the order of the file: seconds since 1970, and which path.
    pub(crate) requests: Vec<(i64, u32)>,
    /// How many lines did not parse.
    pub(crate) unparsable: usize,
    /// The first of them: line number, from 1, and what is wrong.
    pub(crate) complaints: Vec<(usize, &'static str)>,
}

impl Log {
    /// Reads up to `most` requests.
    pub(crate) fn read(mut file: impl BufRead, most: usize) -> io::Result<Self> {
        let mut log = Self::default();
        let mut numbers = HashMap::new();
        let mut bytes = Vec::new();
        for line_number in 1.. {
            bytes.clear();
            if log.requests.len() == most || file.read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            // Whoever sends a request chooses its bytes: they need not be UTF-8.
            let line = String::from_utf8_lossy(&bytes);
            match parse(line.trim_end_matches(['\n', '\r'])) {
                Ok(entry) => log.add(&mut numbers, &entry),
                Err(complaint) => {
                    log.unparsable += 1;
                    if log.complaints.len() < NAMED {
                        log.complaints.push((line_number, complaint));
                    }
                }
            }
        }
        Ok(log)
    }

    fn add(&mut self, numbers: &mut HashMap<Arc<str>, u32>, entry: &Entry<'_>) {
        let number = numbers.get(entry.path).copied().unwrap_or_else(|| {
            let path: Arc<str> = entry.path.into();
            let number =
                u32::try_from(self.paths.len()).expect("there are fewer than 2^32 requests");
            self.paths.push(Arc::clone(&path));
            numbers.insert(path, number);
            number
        });
        self.requests.push((entry.time, number));
    }
}

/// What a line says of a request.
#[derive(Debug, Eq, PartialEq)]
struct Entry<'a> {
    /// Seconds since 1970, UTC.
    time: i64,
    path: &'a str,
}

/// Reads one line; the error says what is wrong with it.
fn parse(line: &str) -> Result<Entry<'_>, &'static str> {
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

/// Reads `17/May/2015:10:05:03 +0000` as seconds since 1970, UTC.
fn seconds(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (date, zone) = text.split_once(' ')?;
    let mut fields = date.split(['/', ':']);
    let mut field = || fields.next();
    let day = number(field()?, 1, 31)?;
    let name = field()?;
    let month = MONTHS
        .iter()
        .zip(1..)
        .find_map(|(month, number)| (*month == name).then_some(number))?;
    let year = number(field()?, 1, 9_999)?;
    let (hour, minute, second) = (
        number(field()?, 0, 23)?,
        number(field()?, 0, 59)?,
        number(field()?, 0, 60)?,
    );
    if field().is_some() {
        return None;
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    if zone.len() != 5 {
        return None;
    }
    let offset = number(zone.get(1..3)?, 0, 23)? * 60 + number(zone.get(3..)?, 0, 59)?;
    let minutes = (days(year, month, day) * 24 + hour) * 60 + minute - sign * offset;
    Some(minutes * 60 + second)
}

/// Counts the days since 1 January 1970. The year begins in March here, so that the leap day
/// is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

fn number(text: &str, low: i64, high: i64) -> Option<i64> {
    let number = is_digits(text).then(|| text.parse().ok())??;
    (low..=high).contains(&number).then_some(number)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{Entry, Log, parse, seconds};

    fn line_with(request: &str) -> String {
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
    fn times_are_counted_from_1970_in_utc() {
        for (text, expected) in [
            ("01/Jan/1970:00:00:00 +0000", Some(0)),
            ("29/Feb/2000:00:00:00 +0000", Some(951_782_400)),
            ("17/May/2015:10:05:03 +0000", Some(1_431_857_103)),
            ("17/May/2015:10:05:03 +0130", Some(1_431_851_703)),
            ("17/May/2015:10:05:03", None),
            ("17/Mai/2015:10:05:03 +0000", None),
            ("32/May/2015:10:05:03 +0000", None),
            ("17/May/2015:24:05:03 +0000", None),
            ("17/May/2015:10:05:03:04 +0000", None),
            ("17/May/2015:10:05:03 +00\u{e9}", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
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

    #[test]
    fn bad_lines_are_counted_and_the_first_few_named() {
        let mut text = line_with("GET /a HTTP/1.1").into_bytes();
        text.extend_from_slice(b"\r\n\xff\xfe\n\n");
        for path in ["/b", "/a"] {
            text.extend_from_slice(line_with(&format!("GET {path} HTTP/1.1")).as_bytes());
            text.extend_from_slice(&b"\nrubbish".repeat(3));
            text.push(b'\n');
        }
        let log = Log::read(&text[..], usize::MAX).unwrap();
        assert_eq!(log.paths, ["/a".into(), "/b".into()]);
        assert_eq!(
            log.requests
                .iter()
                .map(|(_, path)| *path)
                .collect::<Vec<_>>(),
            [0, 1, 0]
        );
        assert_eq!(log.unparsable, 8);
        assert_eq!(
            log.complaints
                .iter()
                .map(|(line, _)| *line)
                .collect::<Vec<_>>(),
            [2, 3, 5, 6, 7]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_served_as_they_are_shown() {
        let line = b"- - - [17/May/2015:10:05:03 +0000] \"GET /\xff HTTP/1.1\" 200 5";
        let log = Log::read(&line[..], usize::MAX).unwrap();
        assert_eq!(log.paths, ["/\u{fffd}".into()]);
    }

    #[test]
    fn no_more_is_read_than_asked_for() {
        let text = format!("{}\n", line_with("GET /a HTTP/1.1")).repeat(5);
        let log = Log::read(text.as_bytes(), 3).unwrap();
        assert_eq!(log.requests.len(), 3);
    }
}
