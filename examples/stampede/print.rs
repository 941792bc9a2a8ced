//! What goes to standard output.

use std::fmt;
use std::io::{self, Write};

use crate::failure::Failure;

/// Prints now.
pub(crate) fn print(out: &mut dyn Write, text: fmt::Arguments<'_>) -> Result<(), Failure> {
    match out.write_fmt(text).and_then(|()| out.flush()) {
        // Whoever closed the pipe has read what they wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::service(format_args!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}
