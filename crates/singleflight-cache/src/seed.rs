//! Random numbers: for the identities of entries, from which their jitter comes, and for early
//! refreshes. Not for secrets.

use core::sync::atomic::{AtomicUsize, Ordering};

/// A sequence of numbers that differs with its seed: splitmix64 (Steele, Lea and Flood, 2014).
#[derive(Debug)]
pub(crate) struct Random {
    seed: u64,
    drawn: AtomicUsize,
}

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        let drawn = AtomicUsize::new(0);
        Self { seed, drawn }
    }

    /// Draws the next number.
    pub(crate) fn draw(&self) -> u64 {
        // Only the count has to be unique; it guards nothing.
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed) as u64;
        let number = self
            .seed
            .wrapping_add(drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    /// The published sequence of splitmix64 for this seed, with the seed itself as its first state.
    #[test]
    fn numbers_are_those_of_splitmix64() {
        let random = Random::new(1_234_567);
        let drawn: [u64; 6] = core::array::from_fn(|_| random.draw());
        assert_eq!(
            drawn[1..],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }
}
