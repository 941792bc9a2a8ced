//! What the herd has seen since the last look.

use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The counts, written by every client.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<Since>);

/// What has happened since the last look.
#[derive(Debug, Default)]
pub(crate) struct Since {
    /// Requests that were sent.
    pub(crate) arrived: u64,
    /// Of the requests that were answered, in microseconds.
    latencies: Vec<u64>,
    /// Clients that disconnected before their answer.
    pub(crate) left: u64,
    /// Requests that were not sent because too many were open.
    pub(crate) unsent: u64,
    /// Requests that ended in an error, and the last of these.
    pub(crate) failed: u64,
    pub(crate) fault: Option<String>,
}

impl Counts {
    /// Changes the counts.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Since) -> R) -> R {
        // Numbers are whole whatever happens.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the counts, and begins anew.
    pub(crate) fn take(&self) -> Since {
        let mut since = self.with(mem::take);
        since.latencies.sort_unstable();
        since
    }
}

impl Since {
    /// Counts a request that was answered well.
    pub(crate) fn answered(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies.push(micros);
    }

    /// Counts a request that was not.
    pub(crate) fn failed(&mut self, fault: String) {
        self.failed += 1;
        self.fault = Some(fault);
    }

    /// Returns how many requests were answered well.
    pub(crate) fn answers(&self) -> usize {
        self.latencies.len()
    }

    /// Returns the latency within which so many of a thousand were answered, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "it is a place on a picture")]
    pub(crate) fn within(&self, share: usize) -> Option<f64> {
        let rank = (self.latencies.len() * share).div_ceil(1_000);
        let micros = self.latencies.get(rank.saturating_sub(1))?;
        Some(*micros as f64 / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Counts;

    #[test]
    fn what_was_taken_is_not_told_again() {
        let counts = Counts::default();
        counts.with(|since| {
            for millis in [30, 10, 20] {
                since.answered(Duration::from_millis(millis));
            }
            since.failed("a fault".to_owned());
        });
        let since = counts.take();
        assert_eq!((since.answers(), since.failed), (3, 1));
        assert_eq!(
            (since.within(500), since.within(990)),
            (Some(20.0), Some(30.0))
        );
        let since = counts.take();
        assert_eq!(
            (since.answers(), since.failed, since.within(500)),
            (0, 0, None)
        );
    }
}
