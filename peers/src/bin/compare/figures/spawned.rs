//! A call that runs by itself, beside a task that the runtime spawns and joins.

use std::hint::black_box;

use singleflight_peers::Maker;
use singleflight_peers::clock::Clock;

use crate::contest::{Contestant, Round, contest};
use crate::figure::Figure;
use crate::host::{Host, OnSmol, OnTokio};
use crate::options::Options;

/// Calls in a round, one after the other.
const CALLS: u64 = 2_000;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let rounds = options.rounds(31, 301);
    vec![
        figure::<OnTokio>(rounds, on_tokio()),
        figure::<OnSmol>(rounds, on_smol()),
    ]
}

fn figure<H: Host>(rounds: usize, ours: Contestant) -> Figure {
    let host = H::start();
    let bare = Contestant::other("spawn and join", Maker::Floor, move || {
        clocked(&host, async |key| {
            let task = host.spawn(async move { black_box(key + 1) });
            H::join(task).await
        })
    });
    let runtime = H::NAME;
    let title = format!("A spawned call on {runtime}, beside its own spawn and join");
    let rows = contest(rounds, vec![ours, bare]);
    Figure::new(format!("spawned-{runtime}"), title, "ns", rows).against_floor(1.3)
}

fn clocked<H: Host>(host: &H, call: impl AsyncFn(u64) -> u64) -> Round {
    let clock = Clock::of_thread();
    host.block_on(async {
        for key in 0..CALLS {
            assert_eq!(call(key).await, key + 1);
        }
    });
    Round::of_calls(clock.elapsed(), CALLS, CALLS)
}

fn on_tokio() -> Contestant {
    let (host, group) = (
        OnTokio::start(),
        singleflight_tokio::Group::<u64, u64>::new(),
    );
    Contestant::other("ours", Maker::Ours, move || {
        clocked(&host, async |key| {
            let call = group.spawn(key, async move || black_box(key + 1));
            call.await.expect("a runtime is there, and no work panics")
        })
    })
}

fn on_smol() -> Contestant {
    let (host, group) = (OnSmol::start(), singleflight_smol::Group::<u64, u64>::new());
    Contestant::other("ours", Maker::Ours, move || {
        clocked(&host, async |key| {
            let call = group.call(key).on(host.executor());
            let value = call.spawn(async move || black_box(key + 1)).await;
            value.expect("nobody refuses, and no work panics")
        })
    })
}
