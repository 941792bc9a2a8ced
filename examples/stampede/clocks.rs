//! The clocks of a log: which of them are believed, and when the other requests came.
//!
//! A clock that was wrong for one line would make a log of years out of one of minutes, and all
//! other requests a crowd. The shortest time that holds nine of ten lines is believed, in a long log
//! 99 of 100. So is every line that is reached from there by steps that are not much longer than
//! those before. The order of the file says when the others came.

use std::ops::RangeInclusive;

/// A step of so many seconds is always believed.
const SHORT: f64 = 5.0;

/// When requests came.
#[derive(Debug)]
pub(crate) struct Clocks {
    /// In seconds from some moment on, in the order of the file.
    pub(crate) times: Vec<f64>,
    /// How long those took that are believed.
    pub(crate) span: f64,
    /// How many are not believed.
    pub(crate) disbelieved: usize,
}

impl Clocks {
    /// Reads clocks in the order of the file, in seconds.
    pub(crate) fn read(clocks: &[i64]) -> Self {
        let mut sorted = clocks.to_vec();
        sorted.sort_unstable();
        let Some(believed) = believed(&sorted) else {
            return Self {
                times: Vec::new(),
                span: 0.0,
                disbelieved: 0,
            };
        };
        let pace = Pace::of(&believed, &sorted);
        Self {
            times: times(clocks, &believed, &pace),
            span: pace.span,
            disbelieved: sorted.len() - pace.lines,
        }
    }
}

/// Finds what is believed of clocks in order; nothing if there are none.
fn believed(sorted: &[i64]) -> Option<RangeInclusive<i64>> {
    let doubted = match sorted.len() {
        // Of two that differ, neither is more believable.
        0..=2 => 0,
        3..=5 => 1,
        lines => (lines / 10).clamp(2, 10).max(lines / 100),
    };
    let core = sorted.len() - doubted;
    let length = |first: &usize| sorted[first + core - 1] - sorted[*first];
    let mut first = (0..=doubted).filter(|_| core > 0).min_by_key(length)?;
    let mut last = first + core - 1;
    loop {
        let step_to = |at: Option<usize>, from: usize| {
            let at = at.filter(|at| *at < sorted.len())?;
            Some((sorted[at].abs_diff(sorted[from]), at))
        };
        let before = step_to(first.checked_sub(1), first);
        let after = step_to(Some(last + 1), last);
        let Some((step, at)) = before.into_iter().chain(after).min() else {
            break;
        };
        let pace = Pace::of(&(sorted[first]..=sorted[last]), &sorted[first..=last]);
        if float(step) > pace.longest_step() {
            break;
        }
        (first, last) = (first.min(at), last.max(at));
    }
    Some(sorted[first]..=sorted[last])
}

/// How fast requests came, by clocks that are believed.
#[derive(Debug)]
struct Pace {
    span: f64,
    lines: usize,
}

impl Pace {
    /// Measures the clocks that are in the range.
    fn of(range: &RangeInclusive<i64>, sorted: &[i64]) -> Self {
        Self {
            span: float(range.end().abs_diff(*range.start())),
            lines: sorted.partition_point(|clock| clock <= range.end())
                - sorted.partition_point(|clock| clock < range.start()),
        }
    }

    /// Returns the mean time from one request to the next.
    fn step(&self) -> f64 {
        self.span / float(self.lines.saturating_sub(1).max(1) as u64)
    }

    /// Returns the longest time from one request to the next that is believed. It cannot change
    /// the speed much; in a short log, it is not unusual.
    fn longest_step(&self) -> f64 {
        (self.span / 4.0).max(10.0 * self.step()).max(SHORT)
    }
}

/// Gives each line a time: that of its clock, or one between those of the lines around it.
///
/// Before the first line and after the last a pause is made. Such lines may be right: then they
/// came alone.
fn times(clocks: &[i64], believed: &RangeInclusive<i64>, pace: &Pace) -> Vec<f64> {
    let from_start = |clock: i64| float(clock.abs_diff(*believed.start()));
    let mut times = Vec::with_capacity(clocks.len());
    let mut before = None;
    let mut waiting = 0;
    for clock in clocks {
        if !believed.contains(clock) {
            waiting += 1;
            continue;
        }
        let after = from_start(*clock);
        let (start, step) = if let Some(before) = before {
            (before, (after - before) / float(waiting + 1))
        } else {
            let start = -pace.longest_step() - pace.step() * float(waiting);
            (start, pace.step())
        };
        times.extend((1..=waiting).map(|place| start + step * float(place)));
        times.push(after);
        (before, waiting) = (Some(after), 0);
    }
    let last = pace.span + pace.longest_step() - pace.step();
    times.extend((1..=waiting).map(|place| last + pace.step() * float(place)));
    times
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds between years of four digits, and lines, are well below 2^52"
)]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::Clocks;

    fn read(clocks: &[i64]) -> (Vec<f64>, usize) {
        let clocks = Clocks::read(clocks);
        (clocks.times, clocks.disbelieved)
    }

    #[test]
    fn clocks_that_agree_are_believed() {
        let background = (0..200).map(|minute| minute * 60);
        let crowd = (0..9_800).map(|request| 12_000 + request / 327);
        let nights = (0..400).map(|hour| hour / 8 * 86_400 + hour % 8 * 3_600);
        for clocks in [
            vec![],
            vec![5],
            vec![0, 500_000],
            vec![0, 1, 3],
            vec![130, 100, 120],
            vec![0; 20],
            [[0; 10], [86_400; 10]].concat(),
            [vec![0; 5], vec![300; 15]].concat(),
            [[0; 25], [60; 25], [120; 25], [180; 25]].concat(),
            (0..1_000)
                .map(|second| second * 977 % 60 + second / 50 * 60)
                .collect(),
            background.chain(crowd).collect(),
            nights.collect(),
        ] {
            let first = clocks.iter().min().copied().unwrap_or(0);
            let right: Vec<_> = clocks
                .iter()
                .map(|clock| f64::from(i32::try_from(clock - first).unwrap()))
                .collect();
            assert!(
                read(&clocks) == (right, 0),
                "{:?}...",
                &clocks[..clocks.len().min(20)]
            );
        }
    }

    #[test]
    fn a_wrong_clock_inside_a_log_gets_a_time_between_its_neighbours() {
        assert_eq!(
            read(&[10, 12, 1 << 40, -(1 << 40), 15, 16, 17, 18, 19, 20]),
            (vec![0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0], 2)
        );
    }

    #[test]
    fn a_wrong_clock_at_an_end_gets_a_pause() {
        let (times, disbelieved) = read(&[1 << 40, 0, 0, 0, 0, 0, 0, 0, 0, 1 << 40]);
        assert_eq!(times, [-5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0]);
        assert_eq!(disbelieved, 2);
    }

    #[test]
    fn several_at_an_end_keep_their_order_and_the_pace() {
        let mut clocks: Vec<i64> = (0..41).collect();
        clocks.splice(..0, [1 << 40, 1 << 41]);
        clocks.extend([-(1 << 40), 1 << 30]);
        let (times, disbelieved) = read(&clocks);
        assert_eq!(disbelieved, 4);
        assert_eq!(times[..3], [-11.0, -10.0, 0.0]);
        assert_eq!(times[42..], [40.0, 50.0, 51.0]);
    }

    #[test]
    fn one_of_ten_clocks_may_be_wrong() {
        for lines in (3..130_i64).chain([1_000, 2_000]) {
            let wrong = match lines {
                3..=5 => 1,
                6..=29 => 2,
                30..=109 => usize::try_from(lines / 10).unwrap(),
                110..=1_099 => 10,
                _ => usize::try_from(lines / 100).unwrap(),
            };
            let mut clocks: Vec<i64> = (0..lines).collect();
            for (at, clock) in clocks.iter_mut().step_by(3).take(wrong).enumerate() {
                *clock = (i64::try_from(at).unwrap() - 1) * 100_000_000 + 50_000_000;
            }
            let clocks = Clocks::read(&clocks);
            assert_eq!(clocks.disbelieved, wrong, "{lines}");
            assert!(clocks.span < f64::from(i32::try_from(lines).unwrap()));
        }
    }
}
