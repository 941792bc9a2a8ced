//! Calls for different keys, two at a time: they have nothing to wait for but the locks, and the
//! lines of cache that those guard. The two run on a processor each, at the same time.

use std::array;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures_lite::future::block_on;
use singleflight_core::{DefaultHashBuilder, Group};
use singleflight_peers::clock::Clock;
use singleflight_peers::processor;
use singleflight_peers::{Maker, Ours, Peer, Visitor, each};
use tokio::runtime;

use crate::contest::{Contestant, Round, contest};
use crate::figure::Figure;
use crate::options::Options;

/// Calls of each thread in a round.
const CALLS: u64 = 50_000;
const THREADS: usize = 2;

/// The rows that ours is held against: the same calls without company, and what two threads pay
/// for nothing but locks, as many as a group has.
const ONE_THREAD: &str = "ours, one thread";
const ONE_WORKER: &str = "ours, one worker";
const LOCKS: &str = "bare locks, two threads";

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
    line.0.extend([one_thread(), locks(), shards(256)]);
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
            let contestant = Contestant::new(P::ABOUT, workers::<P>(THREADS));
            self.0.push(contestant);
        }
    }
    let mut line = Line(Vec::new());
    each(&mut line);
    let alone = Contestant::other(ONE_WORKER, Maker::Floor, workers::<Ours>(1));
    line.0.extend([alone, locks()]);
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
        .against("alone", None, |row| {
            [ONE_THREAD, ONE_WORKER].contains(&&*row.name)
        })
        // What the two processors have to tell each other costs whoever calls as much.
        .against("locks", 1.2, |row| row.name == LOCKS)
        .against_peers(1.0)
}

/// The keys of one of two threads.
fn keys(thread: usize) -> impl Iterator<Item = u64> {
    (0..CALLS).map(move |number| black_box(number * THREADS as u64 + thread as u64))
}

/// The calls of one of two threads. Who has an async lock may have to wait for it.
fn calls<P: Peer>(group: &P::Group<u64, u64>, thread: usize) {
    for key in keys(thread) {
        black_box(block_on(P::call(group, &key, move || async move {
            black_box(key + 1)
        })));
    }
}

/// The processor time that threads need for their calls, each on a processor of its own.
fn clocked(count: usize, calls: impl Fn(usize) + Sync) -> Round {
    let start = Barrier::new(count);
    let took: Duration = thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let (start, calls) = (&start, &calls);
                scope.spawn(move || {
                    processor::move_to(number);
                    start.wait();
                    let clock = Clock::of_thread();
                    calls(number);
                    clock.elapsed()
                })
            })
            .collect();
        let times = threads.into_iter();
        times
            .map(|thread| thread.join().expect("no work here panics"))
            .sum()
    });
    Round::of_calls(took, count as u64 * CALLS, 0)
}

fn one_thread() -> Contestant {
    let group = Ours::group();
    Contestant::other(ONE_THREAD, Maker::Floor, move || {
        clocked(1, |thread| calls::<Ours>(&group, thread))
    })
}

fn threads<P: Peer>() -> Contestant {
    let group = P::group::<u64, u64>();
    Contestant::new(P::ABOUT, move || {
        clocked(THREADS, |thread| calls::<P>(&group, thread))
    })
}

/// A group of ours with more shards.
fn shards(shards: usize) -> Contestant {
    let group = Group::builder().shards(shards).build();
    let name = format!("ours, {shards} shards");
    Contestant::other(&name, Maker::Ours, move || {
        clocked(THREADS, |thread| calls::<Ours>(&group, thread))
    })
}

/// A lock with a line of cache of its own.
#[derive(Default)]
#[repr(align(64))]
struct Lock(Mutex<u64>);

/// Two threads that lock and unlock twice for each key, and count. No table that is shared by its
/// keys can do less.
fn locks() -> Contestant {
    let locks: [Lock; 16] = array::from_fn(|_| Lock::default());
    let hasher = DefaultHashBuilder::default();
    let count = move |key: u64| {
        let lock = &locks[(hasher.hash_one(key) >> 32) as usize % locks.len()];
        let count = |by: u64| {
            let mut counted = lock.0.lock().unwrap_or_else(PoisonError::into_inner);
            *counted = counted.wrapping_add(by);
        };
        count(1);
        black_box(key + 1);
        count(1);
    };
    Contestant::other(LOCKS, Maker::Floor, move || {
        clocked(THREADS, |thread| {
            keys(thread).for_each(&count);
        })
    })
}

/// The rounds of as many tasks, each on a worker and a processor of its own.
fn workers<P: Peer>(tasks: usize) -> impl FnMut() -> Round {
    let started = AtomicUsize::new(0);
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(tasks)
        .on_thread_start(move || processor::move_to(started.fetch_add(1, Ordering::Relaxed)))
        .build();
    let runtime = runtime.expect("two threads can be started");
    let group = Arc::new(P::group::<u64, u64>());
    move || {
        let clock = Clock::of_process();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..tasks)
                .map(|thread| {
                    let group = Arc::clone(&group);
                    tokio::spawn(async move {
                        for key in keys(thread) {
                            let work = move || async move { black_box(key + 1) };
                            black_box(P::call(&group, &key, work).await);
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("no work here panics");
            }
        });
        Round::of_calls(clock.elapsed(), tasks as u64 * CALLS, 0)
    }
}
