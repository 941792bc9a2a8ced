//! A named part of the output, closed with what it cost.

use std::iter::Sum;
use std::time::{Duration, Instant};

/// Prints its name when it is made, and its cost when it is dropped, however that comes.
#[must_use = "a section lasts until it is dropped"]
pub(crate) struct Section {
    name: &'static str,
    start: Instant,
    used_before: Option<Duration>,
}

/// What a section cost.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// The time on the wall.
    pub(crate) wall: Duration,
    /// The processor time of the programs that it ran, where the system tells.
    pub(crate) processor: Option<Duration>,
}

impl Section {
    pub(crate) fn open(name: &'static str, about: &str) -> Self {
        println!("\n==> {name}: {about}");
        Self {
            name,
            start: Instant::now(),
            used_before: used(),
        }
    }

    pub(crate) fn cost(&self) -> Cost {
        let used = used().zip(self.used_before);
        Cost {
            wall: self.start.elapsed(),
            processor: used.map(|(now, before)| now.saturating_sub(before)),
        }
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        println!("<== {}: {}", self.name, seconds(self.cost().wall));
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        let nothing = Self {
            wall: Duration::ZERO,
            processor: Some(Duration::ZERO),
        };
        costs.fold(nothing, |sum, cost| Self {
            wall: sum.wall + cost.wall,
            processor: sum.processor.zip(cost.processor).map(|(a, b)| a + b),
        })
    }
}

/// The processor time, of users and of the system, of all programs that have ended so far.
#[cfg(unix)]
fn used() -> Option<Duration> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeVal;

    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    let time = |time: TimeVal| {
        let micros = u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec());
        micros.map(Duration::from_micros).ok()
    };
    Some(time(usage.user_time())? + time(usage.system_time())?)
}

#[cfg(not(unix))]
fn used() -> Option<Duration> {
    None
}

/// Writes a time as people read it.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
