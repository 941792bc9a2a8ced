//! The lines of a file, one at a time and none of them longer than a bound.

use std::io::{BufRead, Read};

use super::bounds::Bounds;
use super::unreadable::Unreadable;

/// Reads lines. It keeps no more than one, however long the file is.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    file: R,
    bounds: Bounds,
    /// The last line that was read, with its end unless it was cut.
    line: Vec<u8>,
    /// How many lines have begun.
    number: usize,
    /// How many bytes were read.
    bytes: u64,
}

/// A line without its end.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: usize,
    /// The line, or its beginning.
    pub(crate) text: &'a [u8],
    /// Whether it is longer.
    pub(crate) is_cut: bool,
}

impl<R: BufRead> Lines<R> {
    /// Begins to read.
    pub(crate) fn new(file: R, bounds: Bounds) -> Self {
        Self {
            file,
            bounds,
            line: Vec::new(),
            number: 0,
            bytes: 0,
        }
    }

    /// Reads the next line; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>, Unreadable> {
        // Only now, so that a caller may lose interest in a line that never ends.
        while self.is_open() {
            self.read_part()?;
        }
        if !self.read_part()? {
            return Ok(None);
        }
        self.number += 1;
        if self.number > self.bounds.lines {
            return Err(Unreadable::ManyLines(self.bounds.lines));
        }
        let text = without_end(&self.line);
        let is_cut = self.is_open() || text.len() > self.bounds.line;
        Ok(Some(Line {
            number: self.number,
            text: &text[..text.len().min(self.bounds.line)],
            is_cut,
        }))
    }

    /// Reads on in the line, in place of what was read of it; returns whether there was anything.
    fn read_part(&mut self) -> Result<bool, Unreadable> {
        self.line.clear();
        let most = self.longest_part() as u64;
        let read = self
            .file
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut self.line)?;
        self.bytes += read as u64;
        if self.bytes > self.bounds.bytes {
            return Err(Unreadable::ManyBytes(self.bounds.bytes));
        }
        Ok(read > 0)
    }

    /// Whether the line goes on after the part that was read.
    fn is_open(&self) -> bool {
        self.line.len() == self.longest_part() && !self.line.ends_with(b"\n")
    }

    /// A line as long as allowed and its end, of up to two bytes.
    fn longest_part(&self) -> usize {
        self.bounds.line + 2
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
    use std::io::{self, BufReader, Read};

    use super::{Bounds, Lines, Unreadable};

    const BOUNDS: Bounds = Bounds {
        line: 4,
        lines: 9,
        bytes: 100,
        keys: 0,
    };

    /// Reads lines, shown as they are, or with `+` if they are longer.
    fn read(text: &str, buffer: usize) -> Vec<String> {
        let file = BufReader::with_capacity(buffer, text.as_bytes());
        let mut lines = Lines::new(file, BOUNDS);
        let mut read = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            let mark = if line.is_cut { "+" } else { "" };
            read.push(format!("{}{mark}", String::from_utf8_lossy(line.text)));
            assert_eq!(line.number, read.len());
        }
        read
    }

    #[test]
    fn lines_end_in_a_line_feed_and_carriage_returns() {
        for (text, lines) in [
            ("", &[][..]),
            ("\n", &[""]),
            ("a", &["a"]),
            ("a\nb", &["a", "b"]),
            ("a\r\nb\n", &["a", "b"]),
            ("a\r\r\n\nb\r", &["a", "", "b"]),
            ("a\rb\n", &["a\rb"]),
            ("abcd\nabcd\r\nabcd", &["abcd", "abcd", "abcd"]),
            ("abcde\nb", &["abcd+", "b"]),
            ("abcde\r\nb", &["abcd+", "b"]),
            ("abcdef\nb", &["abcd+", "b"]),
            ("abcdefghijkl\nb", &["abcd+", "b"]),
            ("abcdefghijklm\r\nb", &["abcd+", "b"]),
            ("abcdefghijkl", &["abcd+"]),
            ("abcdefghijkl\n", &["abcd+"]),
        ] {
            for buffer in [1, 2, 3, 64] {
                assert_eq!(read(text, buffer), lines, "{text:?}");
            }
        }
    }

    #[test]
    fn a_line_that_never_ends_is_read_up_to_the_bound() {
        let mut lines = Lines::new(BufReader::new(io::repeat(b'a')), BOUNDS);
        assert!(lines.next().unwrap().unwrap().is_cut);
        let end = lines.next();
        assert!(matches!(end, Err(Unreadable::ManyBytes(100))), "{end:?}");
    }

    #[test]
    fn lines_without_end_are_read_up_to_the_bound() {
        let mut lines = Lines::new(BufReader::new(io::repeat(b'\n')), BOUNDS);
        while let Ok(line) = lines.next() {
            assert!(line.unwrap().number <= 9);
        }
        let mut lines = Lines::new(BufReader::new(io::repeat(b'\n').take(9)), BOUNDS);
        while let Some(line) = lines.next().unwrap() {
            assert_eq!(line.text, b"");
        }
    }
}
