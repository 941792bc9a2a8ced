//! One hot key, asked for by eight threads as fast as they can, with a work that is short.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use futures_lite::future::{block_on, yield_now};
use singleflight_peers::{BlockingPeer, Peer, ThreadVisitor, Visitor, each, each_blocking};

use tokio::runtime;

use crate::contest::{Contestant, Round, Row, contest};
use crate::figure::{Figure, is_peer};
use crate::go;
use crate::options::Options;

const THREADS: u64 = 8;
/// Calls of each thread in a round.
const CALLS: u64 = 4_000;
/// How long the work is: a few hundred nanoseconds.
const SPINS: u32 = 20;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let rounds = options.rounds(15, 101);
    let mut calls = Line(Vec::new());
    each(&mut calls);
    let mut threads = Line(Vec::new());
    each_blocking(&mut threads);
    threads.0.extend(go::contestant(options, "hot"));
    let mut tasks = Tasks(Vec::new());
    each(&mut tasks);
    vec![
        figure(
            "async",
            "threads that block on async calls",
            contest(rounds, calls.0),
        ),
        figure("blocking", "threads", contest(rounds, threads.0)),
        figure(
            "tasks",
            "tasks on 2 workers, a work that yields once",
            contest(rounds, tasks.0),
        ),
    ]
}

fn figure(name: &str, who: &str, rows: Vec<Row>) -> Figure {
    let title = format!("One hot key, a short work, {THREADS} {who}");
    Figure::new(format!("hot-{name}"), title, "ns/call", rows).against("fresh-peer", 1.0, |row| {
        is_peer(row) && row.stale + row.overlapping == 0
    })
}

struct Line(Vec<Contestant>);

impl Visitor for Line {
    fn visit<P: Peer>(&mut self) {
        let (group, tally) = (P::group::<u64, u64>(), Arc::new(Tally::default()));
        self.0.push(Contestant::new(P::ABOUT, move || {
            storm(&tally, |tally| {
                let tally = Arc::clone(tally);
                block_on(P::call(&group, &7, move || async move { tally.execute() }))
            })
        }));
    }
}

impl ThreadVisitor for Line {
    fn visit<P: BlockingPeer>(&mut self) {
        let (group, key, tally) = (P::group::<u64>(), P::key(7), Arc::new(Tally::default()));
        self.0.push(Contestant::new(P::ABOUT, move || {
            storm(&tally, |tally| P::call(&group, &key, || tally.execute()))
        }));
    }
}

/// Tasks instead of threads, which wait for nothing but each other.
struct Tasks(Vec<Contestant>);

impl Visitor for Tasks {
    fn visit<P: Peer>(&mut self) {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build();
        let runtime = runtime.expect("two threads can be started");
        let (group, tally) = (Arc::new(P::group::<u64, u64>()), Arc::new(Tally::default()));
        let call = |group: Arc<P::Group<u64, u64>>, tally: Arc<Tally>| async move {
            let work = move || async move {
                yield_now().await;
                tally.execute()
            };
            P::call(&group, &7, work).await
        };
        self.0.push(Contestant::new(P::ABOUT, move || {
            let all = |watched: bool| {
                let tasks: Vec<_> = (0..THREADS)
                    .map(|_| {
                        let (group, tally) = (Arc::clone(&group), Arc::clone(&tally));
                        runtime.spawn(async move {
                            let mut stale = 0;
                            for _ in 0..CALLS {
                                let before = tally.received(watched);
                                let number = call(Arc::clone(&group), Arc::clone(&tally)).await;
                                stale += u64::from(tally.receive(watched, before, number));
                            }
                            stale
                        })
                    })
                    .collect();
                let tasks = tasks.into_iter();
                runtime.block_on(async {
                    let mut stale = 0;
                    for task in tasks {
                        stale += task.await.expect("no work here panics");
                    }
                    stale
                })
            };
            let before = tally.executions.load(Ordering::Relaxed);
            let clock = Instant::now();
            all(false);
            let took = clock.elapsed();
            let executions = tally.executions.load(Ordering::Relaxed) - before;
            Round {
                stale: all(true),
                overlapping: tally.overlapping.swap(0, Ordering::Relaxed),
                ..Round::of_calls(took, THREADS * CALLS, executions)
            }
        }));
    }
}

/// What has happened to a group.
#[derive(Debug, Default)]
struct Tally {
    /// How many works have run. A work returns its number, from 1.
    executions: AtomicU64,
    /// The highest number that any caller has received.
    received: AtomicU64,
    running: AtomicU64,
    /// How many works began while another was running.
    overlapping: AtomicU64,
}

impl Tally {
    fn execute(&self) -> u64 {
        if self.running.fetch_add(1, Ordering::SeqCst) > 0 {
            self.overlapping.fetch_add(1, Ordering::Relaxed);
        }
        for _ in 0..SPINS {
            spin_loop();
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.executions.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns the highest number that anybody has received, if calls are watched.
    fn received(&self, watched: bool) -> u64 {
        if watched {
            self.received.load(Ordering::SeqCst)
        } else {
            0
        }
    }

    /// Notes a number, and says whether somebody had received it `before` the call came.
    fn receive(&self, watched: bool, before: u64, number: u64) -> bool {
        if watched {
            self.received.fetch_max(number, Ordering::SeqCst);
        }
        watched && number <= before
    }
}

/// Lets all threads call, first against the clock, then fewer times to see who is served what.
fn storm(tally: &Arc<Tally>, call: impl Fn(&Arc<Tally>) -> u64 + Sync) -> Round {
    let before = tally.executions.load(Ordering::Relaxed);
    let took = on_all_threads(|| {
        for _ in 0..CALLS {
            call(tally);
        }
        0
    })
    .0;
    let executions = tally.executions.load(Ordering::Relaxed) - before;
    let stale = on_all_threads(|| {
        let calls = (0..CALLS / 4).map(|_| {
            let before = tally.received(true);
            tally.receive(true, before, call(tally))
        });
        calls.map(u64::from).sum()
    })
    .1;
    Round {
        stale,
        overlapping: tally.overlapping.swap(0, Ordering::Relaxed),
        ..Round::of_calls(took, THREADS * CALLS, executions)
    }
}

/// Runs it on all threads at once; says how long it took, and the sum of what came of it.
fn on_all_threads(run: impl Fn() -> u64 + Sync) -> (std::time::Duration, u64) {
    let start = Barrier::new(usize::try_from(THREADS).expect("it is a handful") + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    run()
                })
            })
            .collect();
        start.wait();
        let clock = Instant::now();
        let sums = threads
            .into_iter()
            .map(|thread| thread.join().expect("no work here panics"));
        let sum = sums.sum();
        (clock.elapsed(), sum)
    })
}
