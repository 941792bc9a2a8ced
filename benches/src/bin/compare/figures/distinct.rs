//! Calls for different keys, two at a time: they have nothing to wait for but the locks.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use futures_lite::future::block_on;
use singleflight_benches::clock::Clock;
use singleflight_benches::peers::{Maker, Ours, Peer, Visitor, each};
use tokio::runtime;

use crate::contest::{Contestant, Round, contest};
use crate::figure::Figure;
use crate::options::Options;

/// Calls of each thread in a round.
const CALLS: u64 = 50_000;
const THREADS: u64 = 2;

/// The row that ours is held against.
const ALONE: &str = "ours, one thread";

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let rounds = options.rounds(15, 101);
    vec![on_threads(rounds), on_workers(rounds)]
}

fn on_threads(rounds: usize) -> Figure {
    struct Line(Vec<Contestant>);
    impl Visitor for Line {
        fn visit<P: Peer>(&mut self) {
            self.0.push(threads::<P>());
        }
    }
    let mut line = Line(Vec::new());
    each(&mut line);
    line.0.push(alone());
    let title = "Distinct keys on 2 threads, processor time of a call";
    judged(Figure::new(
        "distinct-threads",
        title,
        "ns",
        contest(rounds, line.0),
    ))
}

fn on_workers(rounds: usize) -> Figure {
    struct Line(Vec<Contestant>);
    impl Visitor for Line {
        fn visit<P: Peer>(&mut self) {
            self.0.push(workers::<P>());
        }
    }
    let mut line = Line(Vec::new());
    each(&mut line);
    line.0.push(alone());
    let title = "Distinct keys in 2 tasks on tokio's 2 workers, processor time of a call";
    judged(Figure::new(
        "distinct-workers",
        title,
        "ns",
        contest(rounds, line.0),
    ))
}

fn judged(figure: Figure) -> Figure {
    figure
        .against("alone", 1.3, |row| row.name == ALONE)
        .against_peers(1.0)
}

/// The calls of one of two threads. Who has an async lock may have to wait for it.
fn calls<P: Peer>(group: &P::Group<u64, u64>, thread: u64) -> Duration {
    let clock = Clock::of_thread();
    for number in 0..CALLS {
        let key = black_box(number * THREADS + thread);
        black_box(block_on(P::call(group, &key, move || async move {
            black_box(key + 1)
        })));
    }
    clock.elapsed()
}

fn alone() -> Contestant {
    let group = Ours::group();
    Contestant::other(ALONE, Maker::Floor, move || {
        let group = &group;
        // On a thread of its own, as the others are.
        let took = thread::scope(|scope| {
            let thread = scope.spawn(|| calls::<Ours>(group, 0));
            thread.join().expect("no work here panics")
        });
        Round::of_calls(took, CALLS, 0)
    })
}

fn threads<P: Peer>() -> Contestant {
    let group = P::group::<u64, u64>();
    Contestant::new(P::ABOUT, move || {
        let start = Barrier::new(2);
        let took: Duration = thread::scope(|scope| {
            let threads = [0, 1].map(|number| {
                let (start, group) = (&start, &group);
                scope.spawn(move || {
                    start.wait();
                    calls::<P>(group, number)
                })
            });
            let times = threads.map(|thread| thread.join().expect("no work here panics"));
            times.iter().sum()
        });
        Round::of_calls(took, THREADS * CALLS, 0)
    })
}

fn workers<P: Peer>() -> Contestant {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build();
    let runtime = runtime.expect("two threads can be started");
    let group = Arc::new(P::group::<u64, u64>());
    Contestant::new(P::ABOUT, move || {
        let clock = Clock::of_process();
        runtime.block_on(async {
            let tasks = [0, 1].map(|thread| {
                let group = Arc::clone(&group);
                tokio::spawn(async move {
                    for number in 0..CALLS {
                        let key = black_box(number * THREADS + thread);
                        let work = move || async move { black_box(key + 1) };
                        black_box(P::call(&group, &key, work).await);
                    }
                })
            });
            for task in tasks {
                task.await.expect("no work here panics");
            }
        });
        Round::of_calls(clock.elapsed(), THREADS * CALLS, 0)
    })
}
