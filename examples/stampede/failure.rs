//! Why the program ends early: one line for a person, and an exit code.

use std::fmt;

/// Ends the program with one line on standard error.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// What the caller gave cannot be used; exit code 2.
    pub(crate) fn input(message: impl fmt::Display) -> Self {
        Self::new(2, &message)
    }

    /// The service could not be run; exit code 1.
    pub(crate) fn service(message: impl fmt::Display) -> Self {
        Self::new(1, &message)
    }

    fn new(code: u8, message: &dyn fmt::Display) -> Self {
        // Names of files and options come from outside and may hold line breaks.
        let message = message
            .to_string()
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        Self { code, message }
    }

    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn a_message_is_one_line_whatever_is_in_it() {
        assert_eq!(Failure::input("a\nb\tc").to_string(), "a b c");
    }
}
