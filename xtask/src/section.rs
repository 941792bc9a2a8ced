//! A named part of the output, closed with the time it took.

use std::time::{Duration, Instant};

/// Prints its name when it is made, and its time when it is dropped, however that comes.
#[must_use = "a section lasts until it is dropped"]
pub(crate) struct Section {
    name: &'static str,
    start: Instant,
}

impl Section {
    pub(crate) fn open(name: &'static str, about: &str) -> Self {
        println!("\n==> {name}: {about}");
        Self {
            name,
            start: Instant::now(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        println!("<== {}: {}", self.name, seconds(self.elapsed()));
    }
}

/// Writes a time as people read it.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
