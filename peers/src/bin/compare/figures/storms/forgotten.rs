//! A lone call beside flights of its own key that it cannot join: they were forgotten, or are too
//! old.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use singleflight_benches::hand::ready;
use singleflight_core::{CallResult, Group, Joined, Leader};
use singleflight_peers::clock::Clock;
use singleflight_peers::{KEY, Maker};

use crate::contest::{Contestant, Round, Row};
use crate::figure::Figure;
use crate::figures::storms::crowd::at;
use crate::options::Options;
use crate::pace::Pace;

/// The numbers of flights.
const FLIGHTS: [usize; 3] = [1_000, 10_000, 30_000];

/// The bar is held beside so many.
const BAR_AT: usize = 10_000;
const BAR: f64 = 2.0;

/// Calls in a round.
const CALLS: u64 = 2_000;

/// A group's age limit, in ticks of a clock that is moved by hand.
const AGE: u64 = 10;
static NOW: AtomicU64 = AtomicU64::new(0);

type Calls = Group<u64, u64>;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let figures = [Kind::Forgotten, Kind::OverAge]
        .into_iter()
        .flat_map(|kind| {
            let mut pace = Pace::new(options);
            FLIGHTS.map(|flights| beside(flights, kind, &mut pace))
        });
    figures.collect()
}

/// Why the flights are not joined.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Forgotten,
    OverAge,
}

impl Kind {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Forgotten => ("forgotten", "were forgotten"),
            Self::OverAge => ("over-age", "are too old"),
        }
    }

    fn group(self) -> &'static Calls {
        let builder = Calls::builder();
        let builder = match self {
            Self::Forgotten => builder,
            Self::OverAge => builder.max_age(AGE, || NOW.load(Ordering::Relaxed)),
        };
        Box::leak(Box::new(builder.build()))
    }

    /// Closes the one flight of the key that can be joined.
    fn close(self, group: &Calls) {
        match self {
            Self::Forgotten => assert!(group.forget(KEY), "there is one"),
            Self::OverAge => {
                NOW.fetch_add(AGE + 1, Ordering::Relaxed);
            }
        }
    }
}

/// Has so many flights led and closed, unless that takes too long.
fn closed(flights: usize, kind: Kind, pace: &Pace) -> Option<&'static Calls> {
    let (group, start) = (kind.group(), Instant::now());
    let mut leaders = Vec::with_capacity(flights);
    while leaders.len() < flights {
        // The clock is read now and then: it takes as long as a call.
        if leaders.len() % 256 == 0 && start.elapsed() > pace.limit() {
            break;
        }
        leaders.push(lead(group));
        kind.close(group);
    }
    let are_all_there = leaders.len() == flights;
    // They are kept as long as the process is: where a call is slow beside them, so is an end.
    Vec::leak(leaders);
    are_all_there.then_some(group)
}

fn lead(group: &Calls) -> Leader<&Calls> {
    match group.join(KEY) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("no flight of the key can be joined: {other:?}"),
    }
}

const RUN: &str = "ours, run";
const JOIN: &str = "ours, join and complete";
const RUN_BESIDE_NONE: &str = "run beside none";
const JOIN_BESIDE_NONE: &str = "join and complete beside none";

fn beside(flights: usize, kind: Kind, pace: &mut Pace) -> Figure {
    let (crowded, none) = (closed(flights, kind, pace), kind.group());
    let mut contestants = vec![
        Contestant::other(RUN_BESIDE_NONE, Maker::Floor, running(none)),
        Contestant::other(JOIN_BESIDE_NONE, Maker::Floor, joining(none)),
    ];
    if let Some(group) = crowded {
        contestants.splice(
            0..0,
            [
                Contestant::other(RUN, Maker::Ours, running(group)),
                Contestant::other(JOIN, Maker::Ours, joining(group)),
            ],
        );
    }
    let mut rows = pace.contest(flights, contestants);
    if crowded.is_none() {
        let row = |name| Row {
            note: format!("{}, to have them in flight", pace.why()),
            ..Row::plain(name, Maker::Ours, f64::INFINITY)
        };
        rows.splice(0..0, [RUN, JOIN].map(row));
    }
    let (name, words) = kind.words();
    let title = format!("A lone call beside {flights} flights of its key that {words}");
    let bar = (flights == BAR_AT).then_some(BAR);
    Figure::new(format!("storm-{name}-{flights}"), title, "ns", rows)
        .drawn(at(flights, name))
        .row_against(0, "run", bar, |row| row.name == RUN_BESIDE_NONE)
        .row_against(1, "join", bar, |row| row.name == JOIN_BESIDE_NONE)
}

fn running(group: &'static Calls) -> impl FnMut() -> Round {
    clocked(|| ready(group.run(black_box(KEY), async || black_box(8))))
}

fn joining(group: &'static Calls) -> impl FnMut() -> Round {
    clocked(|| Ok(lead(group).complete(black_box(8)).value))
}

fn clocked(call: impl Fn() -> CallResult<u64>) -> impl FnMut() -> Round {
    move || {
        let clock = Clock::of_thread();
        for _ in 0..CALLS {
            drop(black_box(call()));
        }
        Round::of_calls(clock.elapsed(), CALLS, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_held_against_one_beside_no_flights() {
        for kind in [Kind::Forgotten, Kind::OverAge] {
            let figure = beside(10, kind, &mut Pace::once());
            let peer = |at: usize| &*figure.comparisons[at].peer;
            assert_eq!((peer(0), peer(1)), (RUN_BESIDE_NONE, JOIN_BESIDE_NONE));
        }
    }

    #[test]
    fn flights_that_are_closed_stay_in_flight() {
        for kind in [Kind::Forgotten, Kind::OverAge] {
            let group = closed(10, kind, &Pace::once()).expect("ten do not take long");
            assert_eq!(group.in_flight(), 10);
            assert_eq!(lead(group).complete(8).value, 8);
            assert_eq!(group.in_flight(), 10);
        }
    }
}
