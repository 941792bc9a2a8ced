//! A lone call while many other keys are in flight, beside a bare table of that size.
//!
//! In a row, a processor begins a call while it still waits for the memory of the one before, and
//! gets the further the fewer instructions a call has. What one call costs is seen where each is
//! clocked by itself: reading the clock lets what came before come to its end.

use std::hint::black_box;
use std::time::Instant;

use singleflight_benches::floor::Floor;
use singleflight_benches::hand::{ready, scattered};
use singleflight_core::Group;
use singleflight_peers::clock::Clock;
use singleflight_peers::{Maker, Ours, Peer};

use crate::contest::{Contestant, Round, contest, nanos};
use crate::figure::{Drawn, Figure};
use crate::options::Options;

/// Calls in a round.
const CALLS: u64 = 20_000;

/// Beyond this it takes seconds to put all keys in flight.
const QUICK: u64 = 100_000;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let sizes = [10, 1_000, QUICK, 10_000_000];
    let sizes = sizes
        .into_iter()
        .filter(|size| !options.quick || *size <= QUICK);
    sizes.flat_map(|size| beside(size, options)).collect()
}

fn beside(size: u64, options: &Options) -> [Figure; 2] {
    let rounds = options.rounds(21, 101);
    let group: &'static Group<u64, u64> = Box::leak(Box::new(Ours::group()));
    let held: Vec<_> = (0..size)
        .map(|number| group.join(scattered(number)))
        .collect();
    let floor: &'static Floor = Box::leak(Box::new(Floor::new()));
    for number in 0..size {
        floor.insert(scattered(number));
    }
    let ours = move |key| {
        let work = move || async move { black_box(key + 1) };
        ready(Ours::call(group, &key, work))
    };
    let bare = move |key| floor.call(key, || black_box(key + 1));
    let figure = |name: &str, how: &str, contestants| {
        let title = format!("A lone call beside {size} keys in flight, {how}");
        let rows = contest(rounds, contestants);
        Figure::new(format!("in-flight-{size}{name}"), title, "ns", rows)
            .drawn(Drawn::Point {
                of: format!("in-flight{name}"),
                axis: "keys in flight",
                at: size as f64,
            })
            .against_floor(1.5)
    };
    let figures = [
        figure(
            "",
            "in a row",
            vec![
                Contestant::new(Ours::ABOUT, in_a_row(size, ours)),
                Contestant::other("floor", Maker::Floor, in_a_row(size, bare)),
            ],
        ),
        figure(
            "-each",
            "each by itself",
            vec![
                Contestant::new(Ours::ABOUT, each(size, ours)),
                Contestant::other("floor", Maker::Floor, each(size, bare)),
            ],
        ),
    ];
    drop(held);
    for number in 0..size {
        floor.take(scattered(number));
    }
    figures
}

/// Calls for keys that are not in flight, each for another.
fn in_a_row(size: u64, call: impl Fn(u64) -> u64 + 'static) -> impl FnMut() -> Round {
    let mut next = size;
    move || {
        let clock = Clock::of_thread();
        for number in next..next + CALLS {
            black_box(call(black_box(scattered(number))));
        }
        next += CALLS;
        Round::of_calls(clock.elapsed(), CALLS, 0)
    }
}

/// The same, each clocked by itself: the mean of all but the slowest fiftieth, in which the system
/// came between, less what the clock takes.
fn each(size: u64, call: impl Fn(u64) -> u64 + 'static) -> impl FnMut() -> Round {
    let mut next = size;
    move || {
        let mut clocked = |call: &dyn Fn(u64) -> u64| {
            let numbers = next..next + CALLS;
            next = numbers.end;
            let times = numbers.map(|number| {
                let key = black_box(scattered(number));
                let start = Instant::now();
                black_box(call(key));
                start.elapsed()
            });
            let mut times: Vec<_> = times.collect();
            times.sort_unstable();
            let kept = &times[..times.len() * 49 / 50];
            nanos(kept.iter().sum()) / kept.len() as f64
        };
        let nothing = clocked(&black_box);
        Round::of(clocked(&call) - nothing)
    }
}
