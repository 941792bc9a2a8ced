//! An access log: the requests of its lines, and the lines that could not be read.

mod complaint;
mod key;
mod line;
mod origin;
mod request;
mod spelling;
mod stamp;

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::sync::Arc;

use self::complaint::Complaint;
use self::key::{is_shared, key};
use self::line::Entry;

/// Unparsable lines that are named; the rest are counted.
const NAMED: usize = 5;

/// The requests of a log, as far as they could be read.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The keys, each once.
    pub(crate) keys: Vec<Arc<str>>,
    /// The requests in the order of the file.
    pub(crate) requests: Vec<Asked>,
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
            let entry = Entry::parse(without_end(&bytes));
            if let Err(complaint) = entry.and_then(|entry| log.add(&mut numbers, &entry)) {
                log.unparsable += 1;
                if log.complaints.len() < NAMED {
                    log.complaints.push((line_number, complaint.to_string()));
                }
            }
        }
        Ok(log)
    }

    fn add<'a>(
        &mut self,
        numbers: &mut HashMap<Arc<str>, u32>,
        entry: &Entry<'a>,
    ) -> Result<(), Complaint<'a>> {
        let key = key(entry)?;
        let number = numbers.get(key.as_str()).copied().unwrap_or_else(|| {
            let key: Arc<str> = key.into();
            let number =
                u32::try_from(self.keys.len()).expect("there are fewer than 2^32 requests");
            self.keys.push(Arc::clone(&key));
            numbers.insert(key, number);
            number
        });
        self.requests.push(Asked {
            time: entry.time,
            key: number,
            is_shared: is_shared(entry),
        });
        Ok(())
    }
}

/// A request of a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Asked {
    /// Seconds since 1970, UTC.
    pub(crate) time: i64,
    /// Which key it asks for.
    pub(crate) key: u32,
    /// Whether it may share an answer with others for the same key.
    pub(crate) is_shared: bool,
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
        assert_eq!(log.keys, ["GET /a".into(), "GET /b".into()]);
        assert_eq!(
            log.requests
                .iter()
                .map(|asked| asked.key)
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
