//! The reasons why a file is not read at all, or not to its end.

use std::{fmt, io};

use super::bounds::Size;
use super::foreign::Foreign;

/// Tells why a file is of no use. It goes on after the file's name and a colon.
#[derive(Debug)]
pub(crate) enum Unreadable {
    Io(io::Error),
    Foreign(Foreign),
    ManyLines(usize),
    ManyBytes(u64),
    ManyKeys(u64),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => return error.fmt(f),
            Self::Foreign(foreign) => return foreign.fmt(f),
            Self::ManyLines(lines) => write!(f, "it has more than {lines} lines"),
            Self::ManyBytes(bytes) => write!(f, "it is longer than {}", Size(*bytes)),
            Self::ManyKeys(bytes) => write!(f, "its keys take more than {}", Size(*bytes)),
        }?;
        f.write_str("; --requests N reads no further than N requests")
    }
}
