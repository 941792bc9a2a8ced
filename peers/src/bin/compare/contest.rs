//! A contest: each contestant does a round, then each the next, so that whatever else happens
//! on the machine hits all alike; who begins a round ends the next. What counts is the median of
//! the rounds.

use std::time::{Duration, Instant};

use singleflight_peers::{About, Maker, Wakes};

/// What one round of one contestant came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// The figure, in its unit.
    pub(crate) value: f64,
    /// How many calls were made, and how many works ran for them; none where it says nothing.
    pub(crate) calls: u64,
    pub(crate) executions: u64,
    /// How many calls received a value that somebody had received before they came (P2).
    pub(crate) stale: u64,
    /// How many works began while another for the same key was running (P1).
    pub(crate) overlapping: u64,
    /// The polls of all calls together; none where they were not counted.
    pub(crate) polls: u64,
    /// The callers that hung or panicked, though nobody had lost them.
    pub(crate) harmed: u64,
}

impl Round {
    /// A round of a value that has nothing to do with calls.
    pub(crate) fn of(value: f64) -> Self {
        Self {
            value,
            calls: 0,
            executions: 0,
            stale: 0,
            overlapping: 0,
            polls: 0,
            harmed: 0,
        }
    }

    /// A round of calls that took so long together.
    pub(crate) fn of_calls(took: Duration, calls: u64, executions: u64) -> Self {
        Self {
            calls,
            executions,
            ..Self::of(nanos(took) / calls as f64)
        }
    }
}

/// Somebody who takes part.
pub(crate) struct Contestant {
    name: String,
    maker: Maker,
    wakes: Option<Wakes>,
    round: Box<dyn FnMut() -> Round>,
}

impl Contestant {
    pub(crate) fn new(about: About, round: impl FnMut() -> Round + 'static) -> Self {
        Self {
            name: about.name.to_owned(),
            maker: about.maker,
            wakes: Some(about.wakes),
            round: Box::new(round),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The row of a contestant that would not end in time and was not begun.
    pub(crate) fn too_slow(self, note: String) -> Row {
        Row {
            wakes: self.wakes,
            note,
            ..Row::plain(&self.name, self.maker, f64::INFINITY)
        }
    }

    /// Somebody who is no peer: a floor, a control, another of ours.
    pub(crate) fn other(name: &str, maker: Maker, round: impl FnMut() -> Round + 'static) -> Self {
        Self {
            name: name.to_owned(),
            maker,
            wakes: None,
            round: Box::new(round),
        }
    }
}

/// What a contestant came to over all rounds.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) maker: Maker,
    pub(crate) wakes: Option<Wakes>,
    /// The median, and the quartiles on both sides of it.
    pub(crate) value: f64,
    pub(crate) spread: (f64, f64),
    pub(crate) executions_per_call: Option<f64>,
    pub(crate) polls_per_call: Option<f64>,
    /// Over all rounds.
    pub(crate) stale: u64,
    pub(crate) overlapping: u64,
    /// In the worst round.
    pub(crate) harmed: u64,
    /// The time on the wall of the shortest round, with all that is done beside the clock.
    pub(crate) round: Duration,
    /// What else a reader must know.
    pub(crate) note: String,
}

impl Row {
    /// A row of one value, counted rather than measured.
    pub(crate) fn counted(about: About, value: f64) -> Self {
        Self {
            name: about.name.to_owned(),
            maker: about.maker,
            wakes: Some(about.wakes),
            ..Self::plain("", about.maker, value)
        }
    }

    /// Whether it was measured, and nobody was harmed meanwhile.
    pub(crate) fn is_whole(&self) -> bool {
        self.value.is_finite() && self.harmed == 0
    }

    /// A row of somebody who is no peer.
    pub(crate) fn plain(name: &str, maker: Maker, value: f64) -> Self {
        Self {
            name: name.to_owned(),
            maker,
            wakes: None,
            value,
            spread: (value, value),
            executions_per_call: None,
            polls_per_call: None,
            stale: 0,
            overlapping: 0,
            harmed: 0,
            round: Duration::ZERO,
            note: String::new(),
        }
    }

    fn of(contestant: Contestant, rounds: &[Round], round: Duration) -> Self {
        let mut values: Vec<_> = rounds.iter().map(|round| round.value).collect();
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
        let sum = |of: fn(&Round) -> u64| rounds.iter().map(of).sum::<u64>();
        let calls = sum(|round| round.calls);
        let per_call = |sum: u64| (sum > 0).then(|| sum as f64 / calls as f64);
        Self {
            name: contestant.name,
            maker: contestant.maker,
            wakes: contestant.wakes,
            value: at(2),
            spread: (at(1), at(3)),
            executions_per_call: per_call(sum(|round| round.executions)),
            polls_per_call: per_call(sum(|round| round.polls)),
            stale: sum(|round| round.stale),
            overlapping: sum(|round| round.overlapping),
            harmed: rounds.iter().map(|round| round.harmed).max().unwrap_or(0),
            round,
            note: String::new(),
        }
    }
}

/// How long one contestant may take in all, at least, and for each round that is asked for; one
/// that is past it does no more rounds.
const BUDGET: Duration = Duration::from_secs(4);
const BUDGET_OF_ROUND: Duration = Duration::from_millis(400);

/// Has everybody do as many rounds, after one to warm up. Who is so slow that it has no time for
/// more is judged by that one.
pub(crate) fn contest(rounds: usize, contestants: Vec<Contestant>) -> Vec<Row> {
    let asked_for = u32::try_from(rounds).unwrap_or(u32::MAX);
    let budget = BUDGET.max(BUDGET_OF_ROUND.saturating_mul(asked_for));
    contest_within(budget, rounds, contestants)
}

/// The same, where each contestant may take so long in all.
pub(crate) fn contest_within(
    budget: Duration,
    rounds: usize,
    mut contestants: Vec<Contestant>,
) -> Vec<Row> {
    let mut taken: Vec<_> = contestants
        .iter()
        .map(|_| (Vec::new(), Duration::ZERO, Duration::MAX))
        .collect();
    for number in 0..=rounds {
        for place in 0..contestants.len() {
            let at = (number + place) % contestants.len();
            let (contestant, (taken, used, shortest)) = (&mut contestants[at], &mut taken[at]);
            if *used > budget {
                continue;
            }
            let start = Instant::now();
            let round = (contestant.round)();
            let took = start.elapsed();
            *used += took;
            *shortest = took.min(*shortest);
            if number > 0 || *used > budget {
                taken.push(round);
            }
        }
    }
    let taken = contestants.into_iter().zip(taken);
    taken
        .map(|(contestant, (rounds, _, shortest))| Row::of(contestant, &rounds, shortest))
        .collect()
}

pub(crate) fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn they_take_turns_and_the_median_counts() {
        let turns = Rc::new(RefCell::new(String::new()));
        let contestant = |name: &'static str, values: [f64; 4]| {
            let (turns, mut values) = (Rc::clone(&turns), values.into_iter());
            Contestant::other(name, Maker::Ours, move || {
                turns.borrow_mut().push_str(name);
                Round {
                    value: values.next().expect("three rounds and one to warm up"),
                    calls: 10,
                    executions: 5,
                    stale: 1,
                    overlapping: 0,
                    polls: 30,
                    harmed: 0,
                }
            })
        };
        let rows = contest(
            3,
            vec![
                contestant("a", [99.0, 3.0, 1.0, 2.0]),
                contestant("b", [0.0, 7.0, 7.0, 8.0]),
            ],
        );
        assert_eq!(*turns.borrow(), "abbaabba");
        let [a, b] = &rows[..] else {
            panic!("two took part");
        };
        assert_eq!((a.value, b.value), (2.0, 7.0));
        assert_eq!((a.executions_per_call, a.stale), (Some(0.5), 3));
        assert_eq!((a.polls_per_call, a.harmed), (Some(3.0), 0));
    }
}
