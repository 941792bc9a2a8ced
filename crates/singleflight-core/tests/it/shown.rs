//! What a person reads: `Debug` of every public type, and what answers and listings say.

use std::hash::BuildHasher;
use std::sync::Arc;

use singleflight_core::{
    Builder, CallError, DefaultHashBuilder, Group, Joined, Outcome, SeededHashBuilder, StatKind,
};

use crate::hand::{Runs, arrive, lead};
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
    let spawnable = group.call(1).spawnable().while_wanted();
    let shown = format!("{spawnable:?}");
    assert!(shown.starts_with("Spawnable { call: Call {"), "{shown}");
    assert!(shown.ends_with("while_wanted: true }"), "{shown}");
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

/// What has no limit says so, and shows no number that stands for it.
#[test]
fn a_limit_that_is_none_is_not_shown_as_a_number() {
    let built = |builder: Builder<u64, u64>| {
        let shown = format!("{builder:?}");
        assert_eq!(
            format!("{:?}", builder.build()),
            format!("Group {{ settings: {shown}, .. }}")
        );
        shown
    };
    let plain = built(Builder::new().shards(1));
    let unlimited = built(Builder::new().shards(1).max_failures(u32::MAX));
    for (shown, most) in [(&plain, "Some(3)"), (&unlimited, "None")] {
        assert_eq!(
            *shown,
            format!(
                "Builder {{ shards: 1, panic_policy: Share, max_followers: None, \
                 max_failures: {most}, capacity: None, .. }}"
            )
        );
        for number in [u64::from(u32::MAX), u64::MAX] {
            assert!(!shown.contains(&number.to_string()), "{shown}");
        }
    }
    let fixed = built(Builder::new().fixed_capacity(4));
    assert!(fixed.contains("capacity: Some(4)"), "{fixed}");
}

/// Each number once, by the name that its field has.
#[test]
fn statistics_are_listed_by_name() {
    let group: Numbers = Builder::new().max_followers(1).build();
    let leader = group.join(1);
    let follower = group.join(1);
    assert!(group.join(1).is_err());
    assert!(group.forget(1));
    let lost = group.join(2);
    drop(lost);
    let stats = group.stats();
    let shown = format!("{stats:?}");
    let mut names = std::collections::BTreeSet::new();
    for (name, kind, value) in stats.iter() {
        assert!(names.insert(name), "{name} comes twice");
        assert!(
            shown.contains(&format!(" {name}: {value}")),
            "{name} in {shown}"
        );
        let is_gauge = name.starts_with("in_flight") || name.starts_with("most_");
        assert_eq!(kind == StatKind::Gauge, is_gauge, "{name}");
    }
    let fields = shown.matches(": ").count();
    assert_eq!(names.len(), fields, "every field is listed");
    let value = |wanted| {
        let mut listed = stats.iter();
        let found = listed.find(|(name, ..)| *name == wanted);
        found.map(|(.., value)| value)
    };
    for (name, expected) in [
        ("led", 2),
        ("followed", 1),
        ("refused", 1),
        ("abandoned", 1),
        ("forgotten", 1),
        ("most_followers", 1),
        ("in_flight", 1),
        ("in_flight_forgotten", 1),
        ("landed", 0),
    ] {
        assert_eq!(value(name), Some(expected), "{name}");
    }
    drop((leader, follower));
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

    let _leader = group.join(8);
    let followers = |group: &Numbers| group.flights()[0].followers();
    assert_eq!(followers(&group), 0);
    let _both = [group.join(8), group.join(8)];
    assert_eq!(followers(&group), 2);
}

#[test]
fn an_outcome_tells_its_role_and_its_flight() {
    let group = Numbers::new();
    let leader = lead(&group, 7);
    let flight = leader.flight_id().expect("it leads");
    assert!(format!("{flight:?}").starts_with("FlightId("), "{flight:?}");
    let mut follower = Task::new(group.run_outcome(7, async || unreachable!("it follows")));
    follower.waits();
    assert!(leader.complete(1).is_leader());
    let outcome = follower.ends().expect("nothing is refused");
    assert!(!outcome.is_leader());
}

#[test]
fn a_group_tells_whether_it_is_closed() {
    let group = Numbers::new();
    assert!(!group.is_closed());
    group.close();
    assert!(group.is_closed());
}

/// With the length of a tick, the age is a duration, too.
#[test]
fn a_listing_tells_ages_where_ticks_are_known() {
    use std::time::Duration;

    thread_local!(static NOW: std::cell::Cell<u64> = const { std::cell::Cell::new(5) });
    for (tick, age) in [
        (Duration::from_millis(10), Duration::from_millis(30)),
        (Duration::from_secs(3600), Duration::from_secs(3 * 3600)),
        (Duration::MAX, Duration::from_secs(u64::MAX)),
    ] {
        NOW.set(5);
        let group: Numbers = Builder::new().clock(|| NOW.get()).tick(tick).build();
        let _leader = group.join(7);
        NOW.set(8);
        let [flight] = &group.flights()[..] else {
            panic!("one flight is there");
        };
        assert_eq!(flight.age_in_ticks(), Some(3));
        let told = flight.age().expect("a tick's length is known");
        assert_eq!(told.as_secs(), age.as_secs());
        assert!(tick == Duration::MAX || told == age, "{told:?}");
    }
    let group: Numbers = Group::new();
    let _leader = group.join(7);
    let flights = group.flights();
    assert_eq!(flights[0].age(), None);
    assert_eq!(flights[0].age_in_ticks(), None);
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
    assert!(group.drained_blocking(Some(Instant::now())), "it has ended");
}
