//! How much of a log is read.

use std::fmt;

/// What is read at most. The number of requests has a bound as well, which is an option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of a line. Servers refuse longer requests.
    pub(crate) line: usize,
    /// Lines, whatever is in them.
    pub(crate) lines: usize,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// Bytes of memory for keys.
    pub(crate) keys: u64,
}

/// The bounds of a program for people: a day of a busy server, and less than such a machine has.
pub(crate) const BOUNDS: Bounds = Bounds {
    line: 64 << 10,
    lines: 10_000_000,
    bytes: 2 << 30,
    keys: 256 << 20,
};

/// A number of bytes, for a person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
            if self.0 > 0 && self.0 % (1 << shift) == 0 {
                return write!(f, "{} {unit}", self.0 >> shift);
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{BOUNDS, Size};
    use crate::options::Options;

    #[test]
    fn the_help_names_the_bounds() {
        let help = Options::command().render_help().to_string();
        let words: Vec<_> = help.split_whitespace().collect();
        let help = words.join(" ");
        for size in [BOUNDS.line as u64, BOUNDS.bytes, BOUNDS.keys] {
            assert!(help.contains(&Size(size).to_string()), "{help}");
        }
        let lines = help.replace(',', "");
        assert!(lines.contains(&format!("{} lines", BOUNDS.lines)), "{help}");
    }

    #[test]
    fn sizes_have_the_largest_unit_that_fits() {
        let sizes = [0, 100, 64 << 10, 256 << 20, 2 << 30].map(|size| Size(size).to_string());
        assert_eq!(
            sizes,
            ["0 bytes", "100 bytes", "64 KiB", "256 MiB", "2 GiB"]
        );
    }
}
