//! What calls cost in instructions, which do not move with the machine's mood.
//!
//! `cargo xtask instructions` counts them all and holds them against what was committed. By
//! hand, for one of the names that `--list` prints:
//!
//! `valgrind --tool=callgrind --collect-atstart=no --toggle-collect='measured_*'
//! --callgrind-out-file=/dev/null target/release/instructions NAME`
//!
//! prints what 1,000 of them cost under `Collected`; with `--cache-sim=yes` also what they miss in
//! the caches of this processor.

#![expect(
    clippy::no_mangle_with_rust_abi,
    reason = "the names are for valgrind, and nobody links to them"
)]

use std::env;
use std::future::{Future, ready as at_once};
use std::hint::black_box;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;

use singleflight_benches::floor::Floor;
use singleflight_benches::hand::{poll, ready, scattered};
use singleflight_core::{CallResult, Group, Joined, Leader, SeededHashBuilder};

const CALLS: u64 = 1000;

type Core = Group<u64, u64>;
type Call<'a> = Pin<Box<dyn Future<Output = CallResult<u64>> + 'a>>;

/// What is counted, by name.
const ALL: [(&str, fn()); 11] = [
    ("blocking", blocking),
    ("async", asynchronous),
    ("batch", batch),
    ("crowded", crowded),
    ("crowded-floor", crowded_floor),
    ("join", join),
    ("landing", landing),
    ("landing-many", landing_many),
    ("served", served),
    ("hand-over", hand_over),
    ("spawned", spawned),
];

/// Lone calls of a thread.
fn blocking() {
    measured_blocking(&singleflight_std::Group::new());
}

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_blocking(group: &singleflight_std::Group<u64, u64>) {
    for key in 0..CALLS {
        drop(black_box(group.run(black_box(key), || black_box(key + 1))));
    }
}

/// Lone calls of a task.
fn asynchronous() {
    measured_async(&Core::new());
}

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_async(group: &Core) {
    for key in 0..CALLS {
        drop(black_box(ready(
            group.run(black_box(key), async || black_box(key + 1)),
        )));
    }
}

/// Batches of ten keys that nobody else asks for: for each of the keys.
///
/// With a seed of its own: how many keys of a batch share a shard is what moves the count.
fn batch() {
    let hasher = SeededHashBuilder::new(1);
    measured_batch(&Group::with_hasher(hasher));
}

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_batch(group: &Group<u64, u64, SeededHashBuilder>) {
    for first in (0..CALLS).step_by(10) {
        let load = async |keys: Vec<u64>| keys.into_iter().map(|key| (key, black_box(key + 1)));
        let first = black_box(first);
        let answers = ready(group.run_many(first..first + 10, load));
        for pair in answers {
            drop(black_box(pair));
        }
    }
}

/// How many other keys are in flight where it is crowded.
const CROWD: u64 = 100_000;

/// Lone calls of a task beside many others, for keys that are far from each other.
fn crowded() {
    let group = Core::new();
    let others: Vec<_> = (0..CROWD).map(|key| lead(&group, scattered(key))).collect();
    measured_crowded(&group);
    drop(others);
}

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_crowded(group: &Core) {
    for number in CROWD..CROWD + CALLS {
        let key = black_box(scattered(number));
        drop(black_box(ready(
            group.run(key, async || black_box(key + 1)),
        )));
    }
}

/// The same in a bare table.
fn crowded_floor() {
    let floor = Floor::new();
    for key in 0..CROWD {
        floor.insert(scattered(key));
    }
    measured_crowded_floor(&floor);
}

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_crowded_floor(floor: &Floor) {
    for number in CROWD..CROWD + CALLS {
        let key = black_box(scattered(number));
        black_box(floor.call(key, || black_box(key + 1)));
    }
}

/// Calls that join a flight which has a follower, each until it waits.
fn join() {
    let group = Core::new();
    let leader = lead(&group, 7);
    let first = followers(&group, 7, 1);
    let mut calls: Vec<_> = (0..CALLS).map(|_| call(&group, 7)).collect();
    measured_join(&mut calls);
    drop((calls, first, leader));
}

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_join(calls: &mut [Call<'_>]) {
    for call in calls {
        assert!(black_box(poll(call.as_mut())).is_pending());
    }
}

/// Flights that land with one follower each.
fn landing() {
    let group = Core::new();
    let leaders: Vec<_> = (0..CALLS).map(|key| lead(&group, key)).collect();
    let calls: Vec<_> = (0..CALLS).map(|key| followers(&group, key, 1)).collect();
    measured_landing(leaders);
    drop(calls);
}

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_landing(leaders: Vec<Leader<&Core>>) {
    for leader in leaders {
        black_box(leader.complete(black_box(8)).followers);
    }
}

/// One flight that lands with 1,000 followers: for each of them.
fn landing_many() {
    let group = Core::new();
    let leader = lead(&group, 7);
    let calls = followers(&group, 7, CALLS);
    measured_landing(vec![leader]);
    drop(calls);
}

/// Followers of a flight that has landed, each receiving its value.
fn served() {
    let group = Core::new();
    let leader = lead(&group, 7);
    let mut calls = followers(&group, 7, CALLS);
    assert_eq!(leader.complete(8).followers as u64, CALLS);
    measured_served(&mut calls);
}

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_served(calls: &mut [Call<'_>]) {
    for call in calls {
        assert_eq!(black_box(poll(call.as_mut())), Poll::Ready(Ok(8)));
    }
}

/// Leaders that are lost, each with one follower, which leads and lands.
fn hand_over() {
    let group = Core::new();
    let leaders: Vec<_> = (0..CALLS).map(|key| lead(&group, key)).collect();
    let calls: Vec<_> = (0..CALLS)
        .flat_map(|key| followers(&group, key, 1))
        .collect();
    measured_hand_over(leaders.into_iter().zip(calls).collect());
}

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_hand_over(pairs: Vec<(Leader<&Core>, Call<'_>)>) {
    for (leader, mut follower) in pairs {
        drop(leader);
        // It claims, and wakes itself; it leads at the poll after.
        assert_eq!(black_box(poll(follower.as_mut())), Poll::Pending);
        assert_eq!(black_box(poll(follower.as_mut())), Poll::Ready(Ok(8)));
    }
}

/// Calls that run by themselves, without what a runtime takes for a task: made, run, and the
/// handle asked.
fn spawned() {
    measured_spawned(&Arc::new(Core::new()));
}

// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured_spawned(group: &Arc<Core>) {
    for key in 0..CALLS {
        let call = Group::call_owned(Arc::clone(group), black_box(key)).spawnable();
        let Ok(arrived) = call.arrive() else {
            panic!("nobody refuses");
        };
        let (task, guard) = arrived.into_task(async move || black_box(key + 1));
        let handle = guard.with_task(at_once(ready(task)));
        assert!(black_box(ready(handle.outcome())).is_ok());
    }
}

fn lead(group: &Core, key: u64) -> Leader<&Core> {
    match group.join(key) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("the first call leads: {other:?}"),
    }
}

fn call(group: &Core, key: u64) -> Call<'_> {
    Box::pin(group.run(key, async || black_box(8)))
}

/// Makes followers, which wait.
fn followers(group: &Core, key: u64, count: u64) -> Vec<Call<'_>> {
    let mut calls: Vec<_> = (0..count).map(|_| call(group, key)).collect();
    for call in &mut calls {
        assert!(poll(call.as_mut()).is_pending());
    }
    calls
}

fn main() -> ExitCode {
    let name = env::args().nth(1).unwrap_or_default();
    let names: Vec<_> = ALL.iter().map(|(name, _)| *name).collect();
    if name == "--list" {
        println!("{}", names.join("\n"));
    } else if let Some((_, run)) = ALL.iter().find(|(known, _)| *known == name) {
        run();
    } else {
        eprintln!("instructions: say what to run: {}", names.join(", "));
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}
