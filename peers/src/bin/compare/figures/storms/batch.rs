//! A batch beside as many calls: whose keys others are loading and land one by one, and whose
//! keys nobody else asks for.

use std::future::Future;
use std::hint::black_box;

use futures_util::future::join_all;
use singleflight_benches::hand::ready;
use singleflight_core::{CallResult, Group, Joined};
use singleflight_peers::Maker;
use singleflight_peers::clock::Clock;

use crate::contest::{Contestant, Round, contest};
use crate::figure::Figure;
use crate::figures::storms::crowd::{CALLERS, Crowd, at, bar, few_polls, note, still};
use crate::options::Options;
use crate::pace::Pace;

/// The most that a batch may take, in relation to as many calls.
const BAR: f64 = 1.5;

/// Keys in a round where nobody else asks for them.
const KEYS: u64 = 20_000;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let mut pace = Pace::new(options);
    let mut figures: Vec<_> = CALLERS.map(|keys| land(keys, &mut pace)).into();
    let rounds = options.rounds(21, 201);
    figures.extend([alone(10, rounds, Some(BAR)), alone(1, rounds, None)]);
    figures
}

type Loading = Crowd<Group<u64, u64>>;

/// A task waits for many keys, which land one by one.
fn land(keys: usize, pace: &mut Pace) -> Figure {
    let numbers = move || 0..keys as u64;
    let batch = landing(keys, move |crowd| async move {
        let work = async |_| -> Vec<(u64, u64)> { unreachable!("others load every key") };
        crowd.group.run_many(numbers(), work).await.len()
    });
    let runs = landing(keys, move |crowd| async move {
        let work = async || unreachable!("others load every key");
        join_all(numbers().map(|key| crowd.group.run(key, work)))
            .await
            .len()
    });
    let contestants = vec![
        Contestant::other("ours, a batch", Maker::Ours, batch),
        Contestant::other("join_all of runs", Maker::Floor, runs),
    ];
    let mut rows = pace.contest(keys, contestants);
    note(&mut rows, keys, |_| "polls of its task, a key".to_owned());
    let title = format!("{keys} keys of one task, which others load and land one by one");
    let name = format!("storm-landing-{keys}");
    let figure = Figure::new(name, title, "ns/key", rows)
        .drawn(at(keys, "landing"))
        .against("runs", bar(keys, BAR), |_| true);
    few_polls(figure, keys, &["polls"])
}

fn landing<C>(keys: usize, call: impl Fn(&'static Loading) -> C + 'static) -> impl FnMut() -> Round
where
    C: Future<Output = usize> + Send + 'static,
{
    let (crowd, runtime): (&'static Loading, _) = (Crowd::of(Group::new()), still());
    move || {
        let before = crowd.counts();
        let lead = |key| match crowd.group.join(key) {
            Ok(Joined::Leader(leader)) => leader,
            other => panic!("nobody else is here: {other:?}"),
        };
        let leaders: Vec<_> = (0..keys as u64).map(lead).collect();
        let clock = Clock::of_thread();
        runtime.block_on(async {
            let task = tokio::spawn(crowd.polls.count(call(crowd)));
            crowd.polls.until_idle().await;
            for leader in leaders {
                assert_eq!(leader.complete(black_box(7)).followers, 1);
                crowd.polls.until_idle().await;
            }
            let answers = task.await.expect("no work here panics");
            assert_eq!(answers, keys);
        });
        (0..keys).for_each(|_| crowd.ended());
        crowd.round(before, clock.elapsed(), keys)
    }
}

/// Batches of so many keys, polled by hand.
fn alone(size: u64, rounds: usize, bar: Option<f64>) -> Figure {
    let group: &'static Group<u64, u64> = Box::leak(Box::new(Group::new()));
    let batch = clocked(size, move |keys| {
        let load = async |keys: Vec<u64>| keys.into_iter().map(|key| (key, black_box(key + 1)));
        let answers = ready(group.run_many(keys, load));
        let values = answers.into_iter().map(|(_, value)| value);
        values.sum::<CallResult<u64>>().expect("nobody refuses")
    });
    let runs = clocked(size, move |keys| {
        let run = |key| ready(group.run(key, async || black_box(key + 1)));
        let values = keys.map(run);
        values.sum::<CallResult<u64>>().expect("nobody refuses")
    });
    let contestants = vec![
        Contestant::other("ours, a batch", Maker::Ours, batch),
        Contestant::other("runs in a row", Maker::Floor, runs),
    ];
    let title = format!("Keys that nobody else asks for, {size} in a batch");
    let rows = contest(rounds, contestants);
    Figure::new(format!("storm-batch-of-{size}"), title, "ns/key", rows).against(
        "runs",
        bar,
        |_| true,
    )
}

fn clocked(size: u64, call: impl Fn(std::ops::Range<u64>) -> u64) -> impl FnMut() -> Round {
    move || {
        let clock = Clock::of_thread();
        for batch in 0..KEYS / size {
            let first = black_box(batch * size);
            black_box(call(first..first + size));
        }
        Round::of_calls(clock.elapsed(), KEYS, KEYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::storms::crowd::polls;

    #[test]
    fn a_task_is_polled_once_for_each_landing() {
        let figure = land(10, &mut Pace::once());
        for row in &figure.rows {
            // And once to wait.
            assert!(
                (polls(row) - 1.1).abs() < 1e-9,
                "{}: {}",
                row.name,
                polls(row)
            );
        }
        assert_eq!(figure.comparisons[0].bar, None, "bars are for many keys");
    }

    #[test]
    fn a_batch_is_held_against_as_many_runs() {
        for size in [1, 10] {
            let figure = alone(size, 1, Some(BAR));
            assert_eq!(figure.rows[0].executions_per_call, Some(1.0));
            assert_eq!(figure.comparisons[0].peer, "runs in a row");
        }
    }
}
