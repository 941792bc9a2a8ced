//! Zipf's law: the n-th most popular thing is asked for in proportion to 1 / n^skew.

use fastrand::Rng;

/// Draws ranks, the most popular first.
#[derive(Debug)]
pub(crate) struct Zipf {
    /// For each rank the sum of the weights up to it.
    sums: Vec<f64>,
}

impl Zipf {
    /// Makes the distribution over `ranks` ranks, at least one.
    pub(crate) fn new(ranks: u32, skew: f64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=ranks)
            .map(|rank| {
                sum += f64::from(rank).powf(-skew);
                sum
            })
            .collect();
        Self { sums }
    }

    /// Draws a rank, from 0.
    pub(crate) fn draw(&self, random: &mut Rng) -> usize {
        let all = self.sums.last().expect("there is at least one rank");
        let point = random.f64() * all;
        // Rounding may put the point upon the last sum.
        self.sums
            .partition_point(|sum| *sum <= point)
            .min(self.sums.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::Zipf;

    fn counts(ranks: u32, skew: f64) -> Vec<u32> {
        let zipf = Zipf::new(ranks, skew);
        let mut random = Rng::with_seed(7);
        let mut counts = vec![0; ranks as usize];
        for _ in 0..60_000 {
            counts[zipf.draw(&mut random)] += 1;
        }
        counts
    }

    #[test]
    fn without_skew_all_ranks_are_alike() {
        for count in counts(6, 0.0) {
            assert!((9_500..10_500).contains(&count), "{count}");
        }
    }

    #[test]
    fn with_skew_one_the_second_is_drawn_half_as_often() {
        let counts = counts(3, 1.0);
        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((1.9..2.1).contains(&ratio), "{ratio}");
    }

    #[test]
    fn one_rank_is_always_drawn() {
        assert_eq!(counts(1, 10.0), [60_000]);
    }
}
