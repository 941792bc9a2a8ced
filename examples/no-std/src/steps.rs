//! What the program shows, a function each. A step says what went wrong, if anything did.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::pending;
use core::hint::black_box;

use singleflight_core::{CallError, Follower, Group, Joined, Leader, Outcome, Role, Turn};

use crate::allocator::usage;
use crate::executor::Executor;
use crate::gate::Gate;
use crate::work::Work;

/// `Err` with what went wrong.
pub(crate) type Check = Result<(), String>;

/// What a call through a handle ended with.
type Answer = Cell<Option<Result<Outcome<u64>, CallError>>>;

/// Ends the step with what went wrong unless `holds`.
macro_rules! check {
    ($holds:expr, $($failure:tt)+) => {
        if !$holds {
            return Err(format!($($failure)+));
        }
    };
}

pub(crate) fn allocator() -> Check {
    let block = || drop(black_box(Box::new([0_u8; 100])));
    block();
    let before = usage();
    (0..1000).for_each(|_| block());
    let after = usage();
    let (counted, taken) = (
        after.allocations - before.allocations,
        after.taken - before.taken,
    );
    check!(
        counted == 1000,
        "{counted} of 1000 allocations were counted"
    );
    check!(taken == 0, "{taken} bytes of fresh memory were taken");
    Ok(())
}

pub(crate) fn executor() -> Check {
    let mut executor = Executor::new();
    executor.spawn("sleeper", pending());
    check!(executor.finish().is_err(), "a task was left to sleep");
    executor.cancel("sleeper");
    executor.finish()
}

pub(crate) fn join() -> Check {
    let group: Group<String, u64> = Group::new();
    let leader = lead(&group)?;
    check!(group.in_flight() == 1, "the leader is not in flight");
    let outcome = leader.complete(21);
    check!(!outcome.is_shared(), "somebody shares the value");
    expect(&Cell::new(Some(Ok(outcome))), 21, Role::Leader)?;
    landed(&group)
}

pub(crate) fn follow() -> Check {
    let group: Group<String, u64> = Group::new();
    let answers: [Answer; 2] = Default::default();
    let leader = lead(&group)?;
    let mut executor = Executor::new();
    for answer in &answers {
        let follower = follow_on(&group)?;
        executor.spawn("follower", async {
            answer.set(Some(value_of(follower).await));
        });
    }
    executor.settle()?;
    check!(
        answers.iter().all(|answer| answer.take().is_none()),
        "a follower was answered before the leader landed"
    );
    let outcome = leader.complete(21);
    let followers = outcome.followers;
    check!(followers == 2, "the leader shared it with {followers}");
    executor.finish()?;
    for answer in &answers {
        expect(answer, 21, Role::Follower)?;
    }
    landed(&group)
}

pub(crate) fn hand_over() -> Check {
    let group: Group<String, u64> = Group::new();
    let work = Work::default();
    let answers: [Answer; 2] = Default::default();
    let gate = Gate::default();
    let retry = async || {
        let run = work.begin();
        gate.passed().await;
        run.number
    };
    let mut executor = Executor::new();
    executor.spawn("leader", async {
        let stuck = async || {
            let _run = work.begin();
            pending().await
        };
        drop(group.run("sensor", stuck).await);
    });
    for answer in &answers {
        executor.spawn("follower", async {
            answer.set(Some(group.run_outcome("sensor", retry).await));
        });
    }
    executor.settle()?;
    let followers = group.followers("sensor");
    check!(
        followers == Some(2),
        "{followers:?} follow the stuck leader"
    );
    executor.cancel("leader");
    executor.settle()?;
    // Both were woken and polled by now: one leads, the other sleeps on.
    let followers = group.followers("sensor");
    check!(followers == Some(1), "{followers:?} follow the new leader");
    gate.open();
    executor.finish()?;
    check!(work.runs() == 2, "the work ran {} times", work.runs());
    check!(work.at_once() == 1, "two executions met");
    // Who is polled first leads; here that is the first in the array.
    expect(&answers[0], 2, Role::Leader)?;
    expect(&answers[1], 2, Role::Follower)?;
    landed(&group)
}

pub(crate) fn leave() -> Check {
    let group: Group<String, u64> = Group::new();
    let mut executor = Executor::new();
    for name in ["leader", "follower"] {
        executor.spawn(name, async {
            drop(group.run("sensor", pending).await);
        });
    }
    executor.settle()?;
    executor.cancel("leader");
    check!(group.in_flight() == 1, "the follower lost its flight");
    // It was woken, and goes before it is polled.
    executor.cancel("follower");
    landed(&group)
}

pub(crate) fn forget() -> Check {
    let group: Group<String, u64> = Group::new();
    let work = Work::default();
    let gate = Gate::default();
    let old: [Answer; 2] = Default::default();
    let new = Answer::default();
    let slow = async || {
        let run = work.begin();
        gate.passed().await;
        run.number
    };
    let mut executor = Executor::new();
    for answer in &old {
        executor.spawn("old", async {
            answer.set(Some(group.run_outcome("sensor", slow).await));
        });
    }
    executor.settle()?;
    check!(group.forget("sensor"), "there was no flight to forget");
    executor.spawn("new", async {
        let quick = async || work.begin().number;
        new.set(Some(group.run_outcome("sensor", quick).await));
    });
    executor.settle()?;
    expect(&new, 2, Role::Leader)?;
    check!(group.in_flight() == 1, "the forgotten flight was evicted");
    check!(work.at_once() == 2, "the new flight waited for the old");
    gate.open();
    executor.finish()?;
    expect(&old[0], 1, Role::Leader)?;
    expect(&old[1], 1, Role::Follower)?;
    landed(&group)
}

pub(crate) fn watch() -> Check {
    let group: Group<String, u64> = Group::new();
    let answer = Answer::default();
    let leader = lead(&group)?;
    let watcher = follow_on(&group)?.without_work();
    let mut executor = Executor::new();
    executor.spawn("watcher", async {
        answer.set(Some(watcher.wait().await));
    });
    executor.settle()?;
    drop(leader);
    executor.finish()?;
    let seen = answer.take();
    check!(
        matches!(seen, Some(Err(CallError::LeaderLost))),
        "the watcher received {seen:?}"
    );
    landed(&group)
}

pub(crate) fn fan_out() -> Check {
    let group: Group<String, Rc<str>> = Group::new();
    let work = Work::default();
    let gate = Gate::default();
    let values: RefCell<Vec<Rc<str>>> = RefCell::default();
    let mut executor = Executor::new();
    for _ in 0..6 {
        executor.spawn("caller", async {
            let read = async || {
                let _run = work.begin();
                gate.passed().await;
                Rc::from("21 degrees")
            };
            let value = group.run("sensor", read).await;
            values.borrow_mut().extend(value);
        });
    }
    executor.settle()?;
    gate.open();
    executor.finish()?;
    check!(work.runs() == 1, "the work ran {} times", work.runs());
    let values = values.borrow();
    check!(
        values.len() == 6,
        "{} of 6 callers have a value",
        values.len()
    );
    let holders = values.first().map_or(0, Rc::strong_count);
    check!(holders == 6, "{holders} of 6 callers hold the value");
    landed(&group)
}

pub(crate) fn lone_call() -> Check {
    let group: Group<u64, u64> = Group::new();
    let cost = Cell::new([usize::MAX; 2]);
    let mut executor = Executor::new();
    executor.spawn("caller", async {
        let alone = lone_calls(&group).await;
        // Enough neighbours to go past the slots that stand in front of the table.
        let neighbours = [1, 2, 3].map(|key| group.join(key));
        cost.set([alone, lone_calls(&group).await]);
        drop(neighbours);
    });
    executor.finish()?;
    let [alone, beside] = cost.get();
    check!(alone == 0, "1000 lone calls made {alone} allocations");
    check!(beside == 0, "beside others they made {beside} allocations");
    landed(&group)
}

/// Counts the allocations of 1000 calls in steady state, that is, after a first one.
async fn lone_calls(group: &Group<u64, u64>) -> usize {
    drop(group.run(7, async || 21).await);
    let before = usage().allocations;
    for _ in 0..1000 {
        drop(black_box(group.run(7, async || 21).await));
    }
    usage().allocations - before
}

pub(crate) fn company() -> Check {
    let group: Group<u64, u64> = Group::new();
    // For each caller, what a call that joined had allocated by the time it slept.
    let mut costs = [usize::MAX; 6];
    let gate = Gate::default();
    let mut executor = Executor::new();
    executor.spawn("leader", async {
        let read = async || {
            gate.passed().await;
            21
        };
        drop(group.run(7, read).await);
    });
    executor.settle()?;
    for cost in &mut costs {
        executor.spawn("follower", async {
            drop(group.run(7, async || 0).await);
        });
        // The task is there; from here on only the call can allocate.
        let before = usage().allocations;
        executor.settle()?;
        *cost = usage().allocations - before;
    }
    check!(
        costs == [2, 0, 0, 0, 0, 0],
        "the followers allocated {costs:?} times"
    );
    gate.open();
    executor.finish()?;
    landed(&group)
}

pub(crate) fn burst() -> Check {
    let group: Group<u64, u64> = Group::new();
    let before = usage().live;
    let mut leaders = Vec::with_capacity(500);
    let held = usage().live - before;
    leaders.extend((0..500).map(|key| group.join(key)));
    let grown = usage().live - before - held;
    drop(leaders);
    let left = usage().live - before;
    check!(left * 8 < grown, "{left} of {grown} bytes stayed");
    landed(&group)
}

/// Joins as the first.
fn lead(group: &Group<String, u64>) -> Result<Leader<&Group<String, u64>>, String> {
    match group.join("sensor") {
        Ok(Joined::Leader(leader)) => Ok(leader),
        other => Err(format!("the first call became {other:?}")),
    }
}

/// Joins a flight that is led.
fn follow_on(group: &Group<String, u64>) -> Result<Follower<&Group<String, u64>>, String> {
    match group.join("sensor") {
        Ok(Joined::Follower(follower)) => Ok(follower),
        other => Err(format!("a later call became {other:?}")),
    }
}

/// Waits for the leader's value. A follower that finds itself leading hands over.
async fn value_of(follower: Follower<&Group<String, u64>>) -> Result<Outcome<u64>, CallError> {
    match follower.wait().await? {
        Turn::Landed(outcome) => Ok(outcome),
        Turn::Lead(_) => Err(CallError::LeaderLost),
    }
}

/// Checks what a caller received.
fn expect(answer: &Answer, value: u64, role: Role) -> Check {
    let received = answer.take().map(|answer| {
        let outcome = answer?;
        Ok((outcome.value, outcome.role))
    });
    let expected: Result<_, CallError> = Ok((value, role));
    check!(
        received == Some(expected),
        "a caller received {received:?}, not {value} as {role:?}"
    );
    Ok(())
}

/// Checks that nothing stays in the group.
fn landed<K, V>(group: &Group<K, V>) -> Check {
    let left = group.in_flight();
    check!(left == 0, "{left} flights are left");
    Ok(())
}
