//! An access log: the requests of its lines, and the lines that could not be read.

mod bounds;
mod complaint;
mod foreign;
mod key;
mod line;
mod lines;
mod origin;
mod request;
mod spelling;
mod stamp;
mod unreadable;

use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;

use self::bounds::{BOUNDS, Bounds};
use self::complaint::Complaint;
use self::foreign::Foreign;
use self::key::{is_shared, key};
use self::line::Entry;
use self::lines::Lines;
pub(crate) use self::unreadable::Unreadable;

/// Unparsable lines that are named; the rest are counted.
const NAMED: usize = 5;

/// What a key takes besides its bytes, in the list and in the table of keys, about.
const KEY: u64 = 100;

/// Some editors mark a file of UTF-8 so. It is not part of the first line.
const UTF_8: &[u8] = b"\xef\xbb\xbf";

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
    pub(crate) fn read(file: impl BufRead, most: usize) -> Result<Self, Unreadable> {
        Self::read_within(BOUNDS, file, most)
    }

    fn read_within(bounds: Bounds, file: impl BufRead, most: usize) -> Result<Self, Unreadable> {
        let mut log = Self::default();
        let mut numbers = Numbers::default();
        let mut lines = Lines::new(file, bounds);
        while log.requests.len() < most {
            let Some(mut line) = lines.next()? else {
                break;
            };
            if line.number == 1 {
                if let Some(foreign) = Foreign::begins(line.text) {
                    return Err(Unreadable::Foreign(foreign));
                }
                line.text = line.text.strip_prefix(UTF_8).unwrap_or(line.text);
            }
            let has_nul = line.text.contains(&0);
            if has_nul && log.requests.is_empty() {
                let foreign = Foreign::with_nul(line.text, line.number);
                return Err(Unreadable::Foreign(foreign));
            }
            let entry = if line.is_cut {
                Err(Complaint::LongLine(bounds.line))
            } else if has_nul {
                Err(Complaint::Nul)
            } else {
                Entry::parse(line.text)
            };
            if let Err(complaint) = entry.and_then(|entry| log.add(&mut numbers, &entry)) {
                log.unparsable += 1;
                if log.complaints.len() < NAMED {
                    log.complaints.push((line.number, complaint.to_string()));
                }
            }
            if numbers.memory > bounds.keys {
                return Err(Unreadable::ManyKeys(bounds.keys));
            }
        }
        Ok(log)
    }

    fn add<'a>(&mut self, numbers: &mut Numbers, entry: &Entry<'a>) -> Result<(), Complaint<'a>> {
        let key = key(entry)?;
        let number = numbers.of_keys.get(key.as_str()).copied();
        let number = number.unwrap_or_else(|| {
            let key: Arc<str> = key.into();
            self.keys.push(Arc::clone(&key));
            numbers.add(key)
        });
        self.requests.push(Asked {
            time: entry.time,
            key: number,
            is_shared: is_shared(entry),
        });
        Ok(())
    }
}

/// The numbers of keys, while a log is read.
#[derive(Debug, Default)]
struct Numbers {
    of_keys: HashMap<Arc<str>, u32>,
    /// How much memory the keys take.
    memory: u64,
}

impl Numbers {
    fn add(&mut self, key: Arc<str>) -> u32 {
        self.memory += key.len() as u64 + KEY;
        let number = u32::try_from(self.of_keys.len()).expect("there are fewer than 2^32 requests");
        self.of_keys.insert(key, number);
        number
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

#[cfg(test)]
mod tests {
    use super::line::tests::line_with;
    use super::{BOUNDS, Bounds, Log, Unreadable};

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
        assert_eq!(
            log.keys,
            ["GET /a", "GET /b"].map(std::sync::Arc::<str>::from)
        );
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

    #[test]
    fn a_line_without_end_is_left_out_and_not_kept() {
        let mut text = line_with("GET /a");
        text.extend(b"\n");
        text.resize(64 << 20, b'x');
        text.push(b'\n');
        text.extend(line_with("GET /b"));
        let log = Log::read(&text[..], usize::MAX).unwrap();
        assert_eq!(log.keys.len(), 2);
        assert_eq!(
            log.complaints,
            [(2, "the line is longer than 64 KiB".to_owned())]
        );
    }

    #[test]
    fn keys_are_kept_up_to_the_bound() {
        let bounds = Bounds {
            keys: 1_000,
            ..BOUNDS
        };
        let text = |different: usize| -> Vec<u8> {
            let line = |number| [&line_with(format!("GET /{number}"))[..], b"\n"].concat();
            (0..1_000)
                .flat_map(|number| line(number % different))
                .collect()
        };
        assert!(Log::read_within(bounds, &text(9)[..], usize::MAX).is_ok());
        let refused = Log::read_within(bounds, &text(10)[..], usize::MAX);
        assert!(matches!(refused, Err(Unreadable::ManyKeys(1_000))));
    }

    #[test]
    fn a_nul_after_requests_spoils_its_line_only() {
        let line = line_with("GET /a");
        let text = [&line[..], b"\n\0\0\n", &line_with("GET /\0"), b"\n", &line].concat();
        let log = Log::read(&text[..], usize::MAX).unwrap();
        assert_eq!((log.requests.len(), log.unparsable), (2, 2));
        assert_eq!(log.complaints[0], (2, "a NUL byte in the line".to_owned()));
    }
}
