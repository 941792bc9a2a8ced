//! One leader and many followers, each a task, on one thread of a runtime: spawning them, their
//! joining, landing, and each receiving its value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use singleflight_peers::clock::Clock;
use singleflight_peers::gate::Gate;
use singleflight_peers::{Maker, Peer, Visitor, Wakes, each};

use crate::contest::{Contestant, Round, Row, contest};
use crate::figure::{Drawn, Figure};
use crate::host::{Host, OnSmol, OnTokio};
use crate::options::Options;

const KEY: u64 = 7;
const VALUE: u64 = 8;

/// The crates that wake every follower at once, by which ours is measured.
pub(super) fn keeps_p3(row: &Row) -> bool {
    row.maker == Maker::Crate && row.wakes == Some(Wakes::All)
}

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (followers, quick, full) in [(100, 201, 2_001), (1_000, 51, 401), (100_000, 5, 41)] {
        let rounds = options.rounds(quick, full);
        figures.extend(on::<OnTokio>(followers, rounds));
        figures.extend(on::<OnSmol>(followers, rounds));
    }
    figures
}

fn on<H: Host>(followers: usize, rounds: usize) -> [Figure; 2] {
    struct Line(usize, Vec<Contestant>);
    struct On<H>(Line, std::marker::PhantomData<H>);
    impl<H: Host> Visitor for On<H> {
        fn visit<P: Peer>(&mut self) {
            let contestant = contestant::<H, P>(self.0.0);
            self.0.1.push(contestant);
        }
    }
    let mut line = On::<H>(Line(followers, Vec::new()), std::marker::PhantomData);
    each(&mut line);
    let mut contestants = line.0.1;
    contestants.push(spawning::<H>(followers));
    let gross = contest(rounds, contestants);
    let net = net_of(&gross);
    let runtime = H::NAME;
    let of = |what: &str| Drawn::Point {
        of: format!("fan-out-{runtime}-{what}"),
        axis: "followers",
        at: followers as f64,
    };
    let figure = |what: &str, title: &str, rows| {
        Figure::new(
            format!("fan-out-{runtime}-{followers}-{what}"),
            format!("One leader and {followers} followers on {runtime}, {title}"),
            "ns/follower",
            rows,
        )
        .drawn(of(what))
    };
    [
        figure("gross", "spawning included", gross)
            .against("keeps-p3", 1.0, keeps_p3)
            .against_peers(None),
        figure("net", "spawning taken off", net)
            .against("keeps-p3", None, keeps_p3)
            .against_peers(None),
    ]
}

/// Takes the last row off from the others.
pub(super) fn net_of(gross: &[Row]) -> Vec<Row> {
    let (alone, rows) = gross.split_last().expect("spawning alone was measured");
    let mut net = rows.to_vec();
    for row in &mut net {
        row.value -= alone.value;
        row.spread = (row.spread.0 - alone.value, row.spread.1 - alone.value);
    }
    net
}

/// What all tasks of a contestant share. It lasts as long as the process.
struct Shared<G> {
    group: G,
    gate: Gate,
    executions: AtomicU64,
}

fn contestant<H: Host, P: Peer>(followers: usize) -> Contestant {
    let shared: &'static _ = Box::leak(Box::new(Shared {
        group: P::group::<u64, u64>(),
        gate: Gate::new(),
        executions: AtomicU64::new(0),
    }));
    let host = H::start();
    Contestant::new(P::ABOUT, move || {
        let executions = || shared.executions.load(Ordering::Relaxed);
        let before = executions();
        let call = || {
            let work = || async {
                shared.gate.pass().await;
                shared.executions.fetch_add(1, Ordering::Relaxed);
                VALUE
            };
            P::call(&shared.group, &KEY, work)
        };
        let calls = followers + 1;
        let used = serve(&host, &shared.gate, calls, call, |value| {
            assert_eq!(value, VALUE);
        });
        Round::of_calls(used, calls as u64, executions() - before)
    })
}

/// Spawns the calls, opens the gate at which the first work waits when all of them do, and joins
/// them. Returns the processor time of all that.
pub(super) fn serve<H: Host, C>(
    host: &H,
    gate: &'static Gate,
    calls: usize,
    call: impl Fn() -> C,
    check: impl Fn(C::Output),
) -> Duration
where
    C: Future<Output: Send> + Send + 'static,
{
    gate.shut();
    let clock = Clock::of_thread();
    host.block_on(async {
        let tasks: Vec<_> = (0..calls)
            .map(|_| host.spawn(gate.counts(call())))
            .collect();
        gate.open_for(calls).await;
        for task in tasks {
            check(H::join(task).await);
        }
    });
    clock.elapsed()
}

/// What it costs to spawn and join as many tasks that have nothing to wait for.
pub(super) fn spawning<H: Host>(followers: usize) -> Contestant {
    let (host, gate) = (H::start(), Arc::new(Gate::new()));
    Contestant::other("spawning alone", Maker::Floor, move || {
        let clock = Clock::of_thread();
        host.block_on(async {
            let tasks: Vec<_> = (0..=followers)
                .map(|_| {
                    let gate = Arc::clone(&gate);
                    host.spawn(async move { gate.counts(async { VALUE }).await })
                })
                .collect();
            for task in tasks {
                assert_eq!(H::join(task).await, VALUE);
            }
        });
        let calls = followers as u64 + 1;
        Round::of_calls(clock.elapsed(), calls, 0)
    })
}
