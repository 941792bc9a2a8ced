//! The reasons why a line is left out.

use std::fmt;

use super::bounds::Size;

/// As much of a field as a complaint shows.
const SHOWN: usize = 40;

/// Tells what is wrong with a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Complaint<'a> {
    Empty,
    LongLine(usize),
    Nul,
    CarriageReturn,
    NoTime,
    Time(&'a [u8], &'static str),
    FewFields,
    NoRequest,
    OpenRequest,
    NothingAsked(&'a [u8]),
    Method(&'a [u8]),
    NoTarget(&'a [u8]),
    LongKey,
    NoStatus,
    Status(&'a [u8]),
    NoSize,
    Size(&'a [u8]),
}

impl fmt::Display for Complaint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the line is empty",
            Self::LongLine(bound) => {
                return write!(f, "the line is longer than {}", Size(*bound as u64));
            }
            Self::Nul => "a NUL byte in the line",
            Self::CarriageReturn => "a carriage return inside the line: lines end in LF or CR LF",
            Self::NoTime => "no time in brackets",
            Self::Time(time, fault) => return write!(f, "the time {} {fault}", Excerpt(time)),
            Self::FewFields => "fewer than three fields before the time",
            Self::NoRequest => "no request in quotes after the time",
            Self::OpenRequest => "the quote of the request is not closed",
            Self::NothingAsked(request) => {
                return write!(f, "no request was received: {}", Excerpt(request));
            }
            Self::Method(method) => {
                return write!(f, "the method {} is not a token", Excerpt(method));
            }
            Self::NoTarget(method) => {
                return write!(f, "no target after the method {}", Excerpt(method));
            }
            Self::LongKey => "a request whose key is longer than 20000 bytes",
            Self::NoStatus => "no status after the request",
            Self::Status(status) => {
                return write!(f, "the status {} is not of three digits", Excerpt(status));
            }
            Self::NoSize => "no size after the status",
            Self::Size(size) => return write!(f, "the size {} is no number", Excerpt(size)),
        })
    }
}

/// The beginning of a field, fit for a terminal: clients choose what is in a log.
struct Excerpt<'a>(&'a [u8]);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, more) = match self.0.split_at_checked(SHOWN) {
            Some((shown, rest)) if !rest.is_empty() => (shown, "..."),
            _ => (self.0, ""),
        };
        f.write_str("`")?;
        for byte in shown {
            // A backslash stands for itself, so that a field looks as it does in the log.
            match byte {
                b' '..=b'~' => write!(f, "{}", char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        write!(f, "{more}`")
    }
}

#[cfg(test)]
mod tests {
    use super::Complaint;

    #[test]
    fn a_field_is_shown_in_part_and_without_control_characters() {
        assert_eq!(
            Complaint::Status(b"2\x1b[2J\xff\\x").to_string(),
            r"the status `2\x1b[2J\xff\x` is not of three digits"
        );
        let complaint = Complaint::Size(&[b'5'; 41]).to_string();
        assert_eq!(
            complaint,
            format!("the size `{}...` is no number", "5".repeat(40))
        );
    }
}
