//! A call that nobody joins, nothing else in flight, on one thread.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use singleflight_benches::floor::Floor;
use singleflight_benches::hand::ready;
use singleflight_peers::clock::Clock;
use singleflight_peers::{BlockingPeer, Maker, Peer, ThreadVisitor, Visitor, each, each_blocking};

use crate::contest::{Contestant, Round, contest};
use crate::figure::Figure;
use crate::go;
use crate::options::Options;

/// Calls in a round: enough that reading the clock is nothing beside them.
const CALLS: u64 = 20_000;

/// Different keys of blocking calls.
const KEYS: u64 = 256;

/// Calls made beside the clock, to see that each ran its work.
const COUNTED: u64 = 1_000;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let rounds = options.rounds(21, 201);
    vec![of_tasks(rounds), of_threads(options, rounds)]
}

fn of_tasks(rounds: usize) -> Figure {
    struct Line(Vec<Contestant>);
    impl Visitor for Line {
        fn visit<P: Peer>(&mut self) {
            self.0.push(task::<P>());
        }
    }
    let mut line = Line(Vec::new());
    each(&mut line);
    line.0.push(floor());
    let title = "A lone async call, u64 key, polled once by hand";
    Figure::new("lone-async", title, "ns", contest(rounds, line.0))
        .against_floor(1.5)
        .against_peers(1.0 / 2.7)
}

fn of_threads(options: &Options, rounds: usize) -> Figure {
    struct Line(Vec<Contestant>);
    impl ThreadVisitor for Line {
        fn visit<P: BlockingPeer>(&mut self) {
            self.0.push(thread::<P>());
        }
    }
    let mut line = Line(Vec::new());
    each_blocking(&mut line);
    line.0.push(floor());
    line.0.extend(go::contestant(options, "lone"));
    let title = "A lone blocking call";
    let mut rows = contest(rounds, line.0);
    go::quote_go_zero(&mut rows);
    Figure::new("lone-blocking", title, "ns", rows)
        .against_floor(1.25)
        .against("singleflight-0.3", 1.0 / 5.0, |row| {
            row.name == "singleflight"
        })
        .against("go", 1.0 / 2.5, |row| row.name == go::X_SYNC)
        .against_peers(None)
}

/// The processor time of a batch of calls, timed around all of them.
fn clocked(mut call: impl FnMut(u64)) -> Round {
    let clock = Clock::of_thread();
    for key in 0..CALLS {
        call(black_box(key));
    }
    Round::of_calls(clock.elapsed(), CALLS, 0)
}

fn task<P: Peer>() -> Contestant {
    static EXECUTIONS: AtomicU64 = AtomicU64::new(0);
    let group = P::group::<u64, u64>();
    Contestant::new(P::ABOUT, move || {
        let round = clocked(|key| {
            let value = ready(P::call(
                &group,
                &key,
                move || async move { black_box(key + 1) },
            ));
            black_box(value);
        });
        let before = EXECUTIONS.load(Ordering::Relaxed);
        for key in 0..COUNTED {
            let work = move || async move {
                EXECUTIONS.fetch_add(1, Ordering::Relaxed);
                key
            };
            assert_eq!(ready(P::call(&group, &key, work)), key);
        }
        Round {
            calls: COUNTED,
            executions: EXECUTIONS.load(Ordering::Relaxed) - before,
            ..round
        }
    })
}

fn thread<P: BlockingPeer>() -> Contestant {
    let group = P::group::<u64>();
    // Texts are made beforehand: a caller has its key.
    let keys: Vec<_> = (0..KEYS).map(P::key).collect();
    Contestant::new(P::ABOUT, move || {
        clocked(|number| {
            let key = &keys[place(number)];
            black_box(P::call(&group, key, || black_box(number + 1)));
        })
    })
}

/// Where the key of a call stands.
fn place(number: u64) -> usize {
    usize::try_from(number % KEYS).expect("it is less than the number of keys")
}

fn floor() -> Contestant {
    let floor = Floor::new();
    Contestant::other("floor", Maker::Floor, move || {
        clocked(|key| {
            black_box(floor.call(key, || black_box(key + 1)));
        })
    })
}
