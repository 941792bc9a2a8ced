//! What an entry's age means: whether it is served, refreshed, kept for bad times, or gone.

use crate::entry::{Entry, EntryId, Held};
use crate::planted::planted;
use crate::settings::{Early, Settings};

/// How old an entry is, in the light of its limits.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Age {
    Fresh,
    /// It is served, and is to be refreshed.
    Stale,
    /// It is served if a load fails.
    Old,
    /// It is as if it were not there.
    Gone,
}

impl Settings {
    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Judges an entry by its dates. No limit is ever exceeded: jitter only shortens.
    pub(crate) fn age<V>(&self, entry: &Entry<V>, now: u64) -> Age {
        let age = age(entry, now);
        let [fresh, stale, last] = self.ends(&entry.held);
        let is_within = |end| age < self.shortened(end, entry.id);
        if is_within(fresh) {
            Age::Fresh
        } else if is_within(stale) || planted("stale-beyond-its-limit") {
            Age::Stale
        } else if is_within(last) {
            Age::Old
        } else {
            Age::Gone
        }
    }

    /// How long an entry can still be of use.
    pub(crate) fn left<V>(&self, entry: &Entry<V>, now: u64) -> u64 {
        let [.., last] = self.ends(&entry.held);
        self.shortened(last, entry.id)
            .saturating_sub(age(entry, now))
    }

    /// Whether a value that is served is to be refreshed. Where that is left to chance, it is the less
    /// probable the higher the number is that is drawn.
    pub(crate) fn is_due<V>(&self, entry: &Entry<V>, now: u64, draw: impl FnOnce() -> u64) -> bool {
        if matches!(entry.held, Held::Absent) {
            return false;
        }
        let (age, fresh) = (age(entry, now), self.shortened(self.fresh_for, entry.id));
        (age >= fresh || self.is_early(age, fresh, entry.took, draw)) && self.may_try(entry, now)
    }

    /// Whether as much time has gone by as is waited after so many failures.
    pub(crate) fn may_try<V>(&self, entry: &Entry<V>, now: u64) -> bool {
        let Some(doublings) = entry.failures.checked_sub(1) else {
            return true;
        };
        let (first, most) = self.after_failure;
        let wait = first.saturating_mul(1_u64.checked_shl(doublings).unwrap_or(u64::MAX));
        // A failure in the future is one of before a clock was set back.
        now < entry.tried || now - entry.tried >= wait.min(most)
    }

    /// Whether what a leader finds needs no load: it is served, and is not what was due for a refresh; or
    /// another load for it has failed just now.
    pub(crate) fn will_do<V>(&self, entry: &Entry<V>, due: Option<EntryId>, now: u64) -> bool {
        let age = self.age(entry, now);
        due != Some(entry.id) && age <= Age::Stale || age <= Age::Old && !self.may_try(entry, now)
    }

    /// At which ages what is held stops to be fresh, to be served, and to be of any use.
    fn ends<V>(&self, held: &Held<V>) -> [u64; 3] {
        let more = match held {
            Held::Absent => return [self.absent_for; 3],
            Held::Value(_) => [0, self.stale_for, self.stale_for.max(self.stale_if_error)],
        };
        more.map(|more| self.fresh_for.saturating_add(more))
    }

    /// Takes an entry's own share of the jitter off a time.
    fn shortened(&self, time: u64, id: EntryId) -> u64 {
        // Both factors are shares of 2^32.
        let share = (u64::from(self.jitter) * (id.0 & 0xffff_ffff)) >> 32;
        let off = (u128::from(time) * u128::from(share)) >> 32;
        time - u64::try_from(off).unwrap_or(time)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of a time is good for a few digits"
    )]
    fn is_early(&self, age: u64, fresh: u64, took: u64, draw: impl FnOnce() -> u64) -> bool {
        match self.early {
            Early::Never => false,
            Early::Share(share) => age as f64 >= share * fresh as f64,
            Early::XFetch { beta } => {
                let (left, scale) = ((fresh - age) as f64, beta * took as f64);
                exponential(draw()) * scale >= left
            }
        }
    }
}

/// A date in the future counts as now.
fn age<V>(entry: &Entry<V>, now: u64) -> u64 {
    now.saturating_sub(entry.made)
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
    use crate::settings::{Early, Look, Settings};

    /// `XFetch`: -ln(u) * beta * took >= left.
    #[test]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a share of 2^64"
    )]
    fn a_draw_decides_by_what_is_left_and_what_a_load_takes() {
        let settings = Settings {
            fresh_for: 1_000,
            absent_for: 0,
            stale_for: 0,
            stale_if_error: 0,
            jitter: 0,
            look: Look::default(),
            unprotected: 0,
            early: Early::XFetch { beta: 2.0 },
            after_failure: (0, 0),
            clock: || 0,
        };
        // u is 1/e, and then its root.
        let [one, half] = [1.0_f64, 0.5].map(|draw| ((-draw).exp() * 2.0_f64.powi(64)) as u64);
        for (draw, left, is_early) in [
            (one, 190, true),
            (one, 210, false),
            (half, 90, true),
            (half, 110, false),
        ] {
            let early = settings.is_early(1_000 - left, 1_000, 100, || draw);
            assert_eq!(early, is_early, "{left} ms are left");
        }
    }

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
