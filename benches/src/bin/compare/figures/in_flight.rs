//! A lone call while many other keys are in flight, beside a bare table of that size.

use std::hint::black_box;

use singleflight_benches::clock::Clock;
use singleflight_benches::hand::{ready, scattered};
use singleflight_benches::peers::{Floor, Maker, Ours, Peer};
use singleflight_core::Group;

use crate::contest::{Contestant, Round, contest};
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
    sizes.map(|size| beside(size, options)).collect()
}

fn beside(size: u64, options: &Options) -> Figure {
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
    let contestants = vec![
        Contestant::new(Ours::ABOUT, round(size, ours)),
        Contestant::other("floor", Maker::Floor, round(size, bare)),
    ];
    let rows = contest(rounds, contestants);
    drop(held);
    for number in 0..size {
        floor.take(scattered(number));
    }
    let title = format!("A lone call beside {size} keys in flight");
    Figure::new(format!("in-flight-{size}"), title, "ns", rows)
        .drawn(Drawn::Point {
            of: "in-flight".to_owned(),
            axis: "keys in flight",
            at: size as f64,
        })
        .against_floor(1.5)
}

/// Calls for keys that are not in flight, each for another.
fn round(size: u64, call: impl Fn(u64) -> u64 + 'static) -> impl FnMut() -> Round {
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
