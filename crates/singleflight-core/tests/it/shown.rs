//! What a person reads: `Debug` of every public type, and what answers and listings say.

use std::hash::BuildHasher;
use std::sync::Arc;

use singleflight_core::{
    Builder, CallError, DefaultHashBuilder, Group, Joined, Outcome, SeededHashBuilder,
};

use crate::hand::{Runs, arrive};
use crate::task::Task;

type Numbers = Group<u64, u64>;

/// A value that cannot be printed.
#[derive(Clone)]
struct Silent;

#[test]
fn handles_are_shown_without_their_value() {
    let group: Arc<Group<u64, Silent>> = Arc::default();
    let leader = group.join(7).expect("nothing is refused");
    let follower = group.join(7).expect("nothing is refused");
    let shown = format!("{leader:?}");
    assert!(shown.starts_with("Leader { flight: Some("), "{shown}");
    let shown = format!("{follower:?}");
    assert!(shown.starts_with("Follower(Waiter { flight: "), "{shown}");
    assert!(shown.contains("landed: false, vacant: false"), "{shown}");
    drop(leader);
    let shown = format!("{follower:?}");
    assert!(shown.contains("vacant: true"), "{shown}");
    let Joined::Follower(follower) = follower else {
        panic!("the second follows");
    };
    let watcher = follower.without_work();
    assert!(format!("{watcher:?}").starts_with("Watcher(Waiter {"));
    drop(watcher);

    let arrival = arrive(&group, 7, Runs::ToItsEnd);
    assert!(format!("{arrival:?}").starts_with("Arrived(Leader {"));
    let (task, handle) = arrival.into_detached_task(async || Silent);
    assert_eq!(format!("{handle:?}"), "Spawned { refusal: None, .. }");
    Task::new(task).ends();
    drop(handle);
    let arrival = arrive(&group, 7, Runs::ToItsEnd);
    let (_task, guard) = arrival.into_task(async || Silent);
    assert_eq!(format!("{guard:?}"), "SpawnGuard { .. }");
}

#[test]
fn groups_and_their_parts_are_shown() {
    let group: Numbers = Builder::new().shards(4).max_followers(9).build();
    assert_eq!(
        format!("{group:?}"),
        "Group { settings: Builder { shards: 4, panic_policy: Share, max_followers: Some(9), \
         max_failures: Some(3), capacity: None, .. }, .. }"
    );
    assert!(format!("{:?}", group.call(1)).starts_with("Call {"));
    let Ok(Joined::Leader(leader)) = group.join(1) else {
        panic!("it leads");
    };
    assert!(format!("{:?}", group.fence()).starts_with("Fence {"));
    let outcome: Outcome<u64> = leader.complete(1);
    let shown = format!("{outcome:?}");
    assert!(
        shown.starts_with("Outcome {") && shown.contains("Leader"),
        "{shown}"
    );

    let seeded = SeededHashBuilder::new(1);
    assert_eq!(format!("{seeded:?}"), "SeededHashBuilder { .. }");
    assert_eq!(
        format!("{:?}", seeded.build_hasher()),
        "DefaultHasher { .. }"
    );
    let default = DefaultHashBuilder::default();
    assert_eq!(format!("{default:?}"), "DefaultHashBuilder { .. }");
}

#[test]
fn answers_are_found_by_key_and_counted() {
    let group: Numbers = Group::new();
    let leader = group.join(3);
    let mut batch = Task::new(group.run_many([1, 2, 3], async |keys: Vec<u64>| {
        keys.into_iter()
            .filter(|key| *key != 2)
            .map(|key| (key, key * 10))
            .collect::<Vec<_>>()
    }));
    batch.waits();
    group.close();
    drop(leader);
    // Key 3 is handed to the batch, which loads it in a second round; key 2 nobody returned.
    let answers = batch.ends();
    assert_eq!((answers.len(), answers.is_empty()), (3, false));
    assert_eq!(answers.get(&1), Some(Ok(&10)));
    assert_eq!(answers.get(&2), Some(Err(&CallError::NotReturned)));
    assert_eq!(answers.get(&3), Some(Ok(&30)));
    assert_eq!(answers.get(&4), None, "nobody has asked for it");
    let keys: Vec<_> = answers.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, [1, 2, 3]);
    let shown = format!("{answers:?}");
    assert_eq!(shown, "{1: Ok(10), 2: Err(NotReturned), 3: Ok(30)}");

    let refused = Task::new(group.run_many([1], async |_| Vec::new())).ends();
    assert!(matches!(refused.get(&1), Some(Err(CallError::Closed))));
    let nothing = Task::new(group.run_many([], async |_| Vec::new())).ends();
    assert_eq!((nothing.len(), nothing.is_empty()), (0, true));
}

#[test]
fn a_listing_tells_each_flight() {
    let group: Group<u64, u64> = Builder::new().clock(|| 5).build();
    let leader = group.join(7);
    let follower = group.join(7);
    assert!(group.forget(7));
    drop(leader);
    let [flight] = &group.flights()[..] else {
        panic!("one flight is there");
    };
    assert_eq!((*flight.key(), flight.followers()), (7, 1));
    assert!(flight.is_vacant() && flight.is_forgotten());
    assert_eq!((flight.age_in_ticks(), flight.age()), (Some(0), None));
    assert_eq!(
        format!("{flight:?}"),
        "FlightInfo { key: 7, followers: 1, vacant: true, forgotten: true, age: None, \
         age_in_ticks: Some(0), .. }"
    );
    drop(follower);
    assert!(group.flights().is_empty());
}

#[cfg(feature = "std")]
#[test]
fn what_needs_threads_is_shown() {
    use std::error::Error;
    use std::time::{Duration, Instant};

    let group: Arc<Numbers> = Arc::default();
    let arrival = arrive(&group, 7, Runs::WhileWanted);
    let (run, handle) = arrival.into_job(
        |call| futures_lite::future::block_on(call),
        |wanted| {
            let shown = format!("{wanted:?}");
            assert_eq!(shown, "Wanted { ended: false, .. }");
            1
        },
    );
    assert!(Numbers::new().undrained(Duration::ZERO).is_ok());
    assert!(
        !group.drained_blocking(Some(Instant::now())),
        "it is in flight"
    );
    let undrained = group
        .undrained(Duration::ZERO)
        .expect_err("it is in flight");
    let shown = format!("{undrained:?}");
    assert!(shown.starts_with("Undrained {"), "{shown}");
    assert!(undrained.to_string().contains('1'), "{undrained}");
    assert!(undrained.source().is_none());
    run();
    assert_eq!(handle.join_outcome().map(|outcome| outcome.value), Ok(1));
}
