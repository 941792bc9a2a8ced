//! What a run is asked for; a child is told the same.

use std::time::Duration;

use clap::{Args, ValueEnum};

/// What goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[expect(clippy::exhaustive_enums, reason = "this workspace alone reads it")]
pub enum Mischief {
    /// Nothing.
    Calm,
    /// Processes are killed and stopped.
    Processes,
    /// Connections are cut, held back and refused; late copies come.
    Wire,
    /// The server stalls, is flushed, restarted, failed over, goes back.
    Server,
    /// All of it.
    All,
}

/// What processes do when Redis is down.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[expect(clippy::exhaustive_enums, reason = "this workspace alone reads it")]
pub enum WhenDown {
    /// They run the work themselves, and say so.
    Here,
    /// They fail.
    Fail,
}

/// What is asked.
#[derive(Args, Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "this workspace alone makes it")]
pub struct Settings {
    /// How long
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub seconds: u64,
    /// How many processes
    #[arg(long, value_name = "P", default_value_t = 8)]
    pub processes: u64,
    /// How many callers each process has
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub callers: u64,
    /// What the choices follow from; the schedule does not
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// What goes wrong
    #[arg(long, value_name = "KIND", default_value = "all")]
    pub mischief: Mischief,
    /// The lease, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 600)]
    pub lease: u64,
    /// The longest work, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 200)]
    pub work: u64,
    /// Nobody forgets: most overlaps of works are excused by a forget
    #[arg(long)]
    pub no_forgets: bool,
    /// What processes do when Redis is down
    #[arg(long, value_name = "HOW", default_value = "here")]
    pub when_down: WhenDown,
    /// Start this program as each process, instead of this one: a peer
    #[arg(long, value_name = "PROGRAM")]
    pub child: Option<std::path::PathBuf>,
    /// Keep the history in this directory
    #[arg(long, value_name = "PATH")]
    pub history: Option<std::path::PathBuf>,
}

impl Settings {
    /// Returns the lease.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease)
    }

    /// Returns how often those who wait look.
    pub fn poll(&self) -> Duration {
        self.lease() / 4
    }

    /// How long a call may take at most: it may find its flight ended again and again, and the
    /// machine may be busy; but it comes to its end long before its wait is up.
    pub fn longest(&self) -> Duration {
        let once = self.lease() + self.poll() + Duration::from_millis(self.work);
        once * 4 + Duration::from_secs(6)
    }

    /// The same, as a child is told.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--callers={}", self.callers),
            format!("--seed={}", self.seed),
            format!("--lease={}", self.lease),
            format!("--work={}", self.work),
            format!("--processes={}", self.processes),
            format!(
                "--when-down={}",
                if self.when_down == WhenDown::Here {
                    "here"
                } else {
                    "fail"
                }
            ),
        ];
        if self.no_forgets {
            arguments.push("--no-forgets".to_owned());
        }
        arguments
    }
}
