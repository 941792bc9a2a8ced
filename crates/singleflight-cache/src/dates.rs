//! What an entry's age means: whether it is served, refreshed, kept for bad times, or gone.

use crate::entry::{Entry, EntryId, Held};
use crate::planted::planted;
use crate::seed::Random;
use crate::settings::{Early, Settings};

/// What may be done with an entry that was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It is served, and is to be refreshed if it is due.
    Usable { stale: bool, due: bool },
    /// It is served if a load fails; no load is tried before `wait` is over.
    Fallback { wait: bool },
    /// It is as if it were not there.
    Gone,
}

impl Settings {
    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Judges an entry by its dates. No limit is ever exceeded: jitter only shortens.
    pub(crate) fn judge<V>(&self, entry: &Entry<V>, now: u64, random: &Random) -> Verdict {
        // A date in the future counts as now.
        let age = now.saturating_sub(entry.made);
        if matches!(entry.held, Held::Absent) {
            return if age < self.shortened(self.absent_for, entry.id) {
                Verdict::Usable {
                    stale: false,
                    due: false,
                }
            } else {
                Verdict::Gone
            };
        }
        let fresh = self.shortened(self.fresh_for, entry.id);
        if age < fresh {
            let due = self.is_early(age, fresh, entry.took, random) && self.may_try(entry, now);
            return Verdict::Usable { stale: false, due };
        }
        let after_fresh = |more: u64| self.shortened(self.fresh_for.saturating_add(more), entry.id);
        if age < after_fresh(self.stale_for) || planted("stale-beyond-its-limit") {
            let due = self.may_try(entry, now);
            Verdict::Usable { stale: true, due }
        } else if age < after_fresh(self.stale_if_error) {
            let wait = !self.may_try(entry, now);
            Verdict::Fallback { wait }
        } else {
            Verdict::Gone
        }
    }

    /// How long an entry can still be of use.
    pub(crate) fn left<V>(&self, entry: &Entry<V>, now: u64) -> u64 {
        let life = match entry.held {
            Held::Absent => self.absent_for,
            Held::Value(_) => {
                let more = self.stale_for.max(self.stale_if_error);
                self.fresh_for.saturating_add(more)
            }
        };
        let age = now.saturating_sub(entry.made);
        self.shortened(life, entry.id).saturating_sub(age)
    }

    /// Takes an entry's own share of the jitter off a time.
    fn shortened(&self, time: u64, id: EntryId) -> u64 {
        if self.jitter == 0 {
            return time;
        }
        // Both factors are shares of 2^32.
        let share = (u64::from(self.jitter) * (id.0 & 0xffff_ffff)) >> 32;
        let off = (u128::from(time) * u128::from(share)) >> 32;
        time - u64::try_from(off).unwrap_or(time)
    }

    /// Whether as much time has gone by as is waited after so many failures.
    fn may_try<V>(&self, entry: &Entry<V>, now: u64) -> bool {
        let Some(doublings) = entry.failures.checked_sub(1) else {
            return true;
        };
        let (first, most) = self.after_failure;
        let wait = first.saturating_mul(1_u64.checked_shl(doublings).unwrap_or(u64::MAX));
        // A failure in the future is one of before a clock was set back.
        now < entry.tried || now - entry.tried >= wait.min(most)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of a time is good for a few digits"
    )]
    fn is_early(&self, age: u64, fresh: u64, took: u64, random: &Random) -> bool {
        match self.early {
            Early::Never => false,
            Early::Share(share) => age as f64 >= share * fresh as f64,
            Early::XFetch { beta } => {
                let (left, scale) = ((fresh - age) as f64, beta * took as f64);
                // No draw is above 45.
                left < 45.0 * scale && exponential(random.draw()) * scale >= left
            }
        }
    }
}

/// -ln(u), where u is the number as a share of 2^64, and never 0.
#[expect(
    clippy::cast_precision_loss,
    reason = "53 bits are more than the approximation has"
)]
fn exponential(number: u64) -> f64 {
    let number = number.max(1);
    let zeros = number.leading_zeros();
    // u = 2^-(zeros + 1) * (1 + x). log2(1 + x) is x + 0.3372 x (1 - x), within 0.006.
    let x = (number << zeros) as f64 / (1_u64 << 63) as f64 - 1.0;
    let log2 = x + 0.337_2 * x * (1.0 - x);
    (f64::from(zeros) + 1.0 - log2) * core::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::exponential;
    use crate::seed::Random;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "three digits are looked at")]
    fn a_draw_is_within_a_hundredth_of_the_logarithm() {
        let random = Random::new(7);
        let mut sum = 0.0;
        for _ in 0..100_000 {
            let number = random.draw();
            let exact = -(number as f64 / u64::MAX as f64).ln();
            assert!((exponential(number) - exact).abs() < 0.01, "{number}");
            sum += exponential(number);
        }
        assert!((sum / 100_000.0 - 1.0).abs() < 0.02, "its mean is 1: {sum}");
        assert!(exponential(0) < 45.0 && exponential(u64::MAX) >= 0.0);
    }
}
