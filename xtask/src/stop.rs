//! Why a command, or a step of `ci`, ended early.

use std::fmt;
use std::process::ExitCode;

/// Why a command, or a step of `ci`, ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A check does not hold.
    Failed(String),
    /// It cannot be done as asked, or not on this machine. A step of `ci` is skipped.
    Unable(String),
}

impl Stop {
    /// Returns the code with which a command ends.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(1),
            Self::Unable(_) => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) | Self::Unable(why) => f.write_str(why),
        }
    }
}
