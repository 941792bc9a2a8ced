//! An access log: the requests of its lines, and the lines that could not be read.

mod complaint;
mod line;
mod request;
mod spelling;
mod stamp;

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::sync::Arc;

use self::line::Entry;
use self::spelling::spell;

/// Unparsable lines that are named; the rest are counted.
const NAMED: usize = 5;

/// The requests of a log, as far as they could be read.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The paths, each once, in one way of writing.
    pub(crate) paths: Vec<Arc<str>>,
    /// The requests in the order of the file: seconds since 1970, and which path.
    pub(crate) requests: Vec<(i64, u32)>,
    /// How many lines did not parse.
    pub(crate) unparsable: usize,
    /// The first of them: line number, from 1, and what is wrong.
    pub(crate) complaints: Vec<(usize, String)>,
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
            match Entry::parse(without_end(&bytes)) {
                Ok(entry) => log.add(&mut numbers, &entry),
                Err(complaint) => {
                    log.unparsable += 1;
                    if log.complaints.len() < NAMED {
                        log.complaints.push((line_number, complaint.to_string()));
                    }
                }
            }
        }
        Ok(log)
    }

    fn add(&mut self, numbers: &mut HashMap<Arc<str>, u32>, entry: &Entry<'_>) {
        // Whoever sends a request chooses its bytes: they need not be UTF-8.
        let mut path = String::new();
        spell(entry.request.target, &mut path);
        let number = numbers.get(path.as_str()).copied().unwrap_or_else(|| {
            let path: Arc<str> = path.into();
            let number =
                u32::try_from(self.paths.len()).expect("there are fewer than 2^32 requests");
            self.paths.push(Arc::clone(&path));
            numbers.insert(path, number);
            number
        });
        self.requests.push((entry.time, number));
    }
}

/// Takes the end of the line off, with however many carriage returns it is made of.
fn without_end(line: &[u8]) -> &[u8] {
    let mut line = line.strip_suffix(b"\n").unwrap_or(line);
    while let Some(rest) = line.strip_suffix(b"\r") {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::Log;
    use super::line::tests::line_with;

    #[test]
    fn bad_lines_are_counted_and_the_first_few_named() {
        let mut text = line_with("GET /a HTTP/1.1");
        text.extend_from_slice(b"\r\n\xff\xfe\n\n");
        for path in ["/b", "/a"] {
            text.extend_from_slice(&line_with(format!("GET {path} HTTP/1.1")));
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
    fn no_more_is_read_than_asked_for() {
        let text = [&line_with("GET /a HTTP/1.1"), &b"\n"[..]]
            .concat()
            .repeat(5);
        let log = Log::read(&text[..], 3).unwrap();
        assert_eq!(log.requests.len(), 3);
    }
}
