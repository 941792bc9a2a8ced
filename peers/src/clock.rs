//! Processor time: on a machine that others use too it moves less than the time on the wall.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A clock of processor time, running since it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    id: ClockId,
    start: Duration,
}

impl Clock {
    /// Starts one for the time that this thread uses. To be read on this thread.
    pub fn of_thread() -> Self {
        Self::start(ClockId::ThreadCPUTime)
    }

    /// Starts one for the time that all threads of this process use.
    pub fn of_process() -> Self {
        Self::start(ClockId::ProcessCPUTime)
    }

    /// Returns the time that was used since it was made.
    pub fn elapsed(self) -> Duration {
        read(self.id).saturating_sub(self.start)
    }

    fn start(id: ClockId) -> Self {
        Self {
            id,
            start: read(id),
        }
    }
}

fn read(id: ClockId) -> Duration {
    Duration::try_from(clock_gettime(id)).expect("time that was used is not negative")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_seen_on_both_clocks() {
        // The process's is started first and read last: it sees all that the thread's sees.
        let process = Clock::of_process();
        let thread = Clock::of_thread();
        while thread.elapsed() < Duration::from_millis(2) {}
        assert!(process.elapsed() >= Duration::from_millis(2));
    }
}
