//! Groups whose storage is taken once, and groups that are made in constants.

#[cfg(all(feature = "std", not(target_family = "wasm")))]
use std::cell::Cell;
use std::future::Future;
#[cfg(all(feature = "std", not(target_family = "wasm")))]
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use singleflight_core::{Builder, CallError, Follower, Group, Joined, SeededHashBuilder, Turn};

use crate::hand::{Runs, arrive, follow, lead, try_arrive};
use crate::task::{Task, pause};

type Static = Group<u32, u32, SeededHashBuilder>;

/// Two flights have ended, and their followers have not taken their share.
fn followers_of_ended_flights(group: &Group<u64, u64>) -> [Follower<&Group<u64, u64>>; 2] {
    [1, 2].map(|key| {
        let (leader, follower) = (lead(group, key), follow(group, key));
        assert_eq!(leader.complete(key).followers, 1);
        follower
    })
}

#[test]
fn a_flight_too_many_is_refused_and_registers_nothing() {
    for capacity in [2, 3, 10] {
        let group: Group<u64, ()> = Builder::new().shards(4).fixed_capacity(capacity).build();
        assert_eq!(group.shards(), 1);
        let mut leaders: Vec<_> = (0..capacity as u64).map(|key| lead(&group, key)).collect();
        assert!(matches!(group.join(99), Err(CallError::Full)));
        assert_eq!((group.in_flight(), group.stats().refused), (capacity, 1));

        let followers: Vec<_> = (0..capacity as u64)
            .map(|key| follow(&group, key))
            .collect();
        drop(followers);
        drop(leaders.swap_remove(0));
        leaders.push(lead(&group, 99));
        assert!(matches!(group.join(100), Err(CallError::Full)));
        drop(leaders);
        assert_eq!(group.in_flight(), 0);
    }
}

#[test]
fn fewer_than_two_are_two() {
    let group: Group<u64, ()> = Builder::new().fixed_capacity(0).build();
    let _leaders = [lead(&group, 1), lead(&group, 2)];
    let _followers = [follow(&group, 1), follow(&group, 2)];
    assert!(matches!(group.join(3), Err(CallError::Full)));
}

/// However flights end, what their followers shared serves the next ones.
///
/// Holds P6.
#[test]
fn shared_parts_come_back_from_every_kind_of_ending() {
    const KEYS: [u64; 5] = [0, 1, 2, 3, 4];
    let value = Rc::new(());
    let group: Group<u64, Rc<()>> = Builder::new().fixed_capacity(KEYS.len()).build();
    for round in 0..100 {
        let leaders: Vec<_> = KEYS.iter().map(|key| lead(&group, *key)).collect();
        let followers: Vec<_> = KEYS.iter().map(|key| follow(&group, *key)).collect();
        for (leader, follower) in leaders.into_iter().zip(followers) {
            match round % 5 {
                0 => {
                    assert_eq!(leader.complete(Rc::clone(&value)).followers, 1);
                    drop(Task::new(follower.wait()).ends());
                }
                1 => {
                    drop(follower);
                    assert_eq!(leader.complete(Rc::clone(&value)).followers, 0);
                }
                2 => {
                    drop(leader);
                    drop(follower);
                }
                3 => {
                    let mut wait = Task::new(follower.wait());
                    wait.waits();
                    drop(leader.complete(Rc::clone(&value)));
                    drop(wait);
                }
                _ => {
                    drop(follower.without_work());
                    drop(leader);
                }
            }
        }
        assert_eq!(group.in_flight(), 0, "round {round}");
        assert_eq!(Rc::strong_count(&value), 1, "round {round}");
    }
}

#[test]
fn the_first_follower_of_one_flight_too_many_is_refused() {
    let group: Group<u64, u64> = Builder::new().fixed_capacity(2).build();
    let late = followers_of_ended_flights(&group);
    let third = lead(&group, 3);
    assert!(matches!(group.join(3), Err(CallError::Full)));
    assert_eq!(group.stats().refused, 1);
    for (follower, key) in late.into_iter().zip([1, 2]) {
        match Task::new(follower.wait()).ends() {
            Ok(Turn::Landed(outcome)) => assert_eq!(outcome.value, key),
            other => panic!("flight {key} has landed: {other:?}"),
        }
    }
    let _follower = follow(&group, 3);
    drop(third);
}

/// A batch is refused key by key: what there was room for is loaded.
#[test]
fn a_batch_loads_what_there_is_room_for() {
    let group: Group<u64, u64> = Builder::new().fixed_capacity(2).build();
    let answers = Task::new(group.run_many([1, 2, 3], async |keys: Vec<u64>| {
        assert_eq!(keys, [1, 2]);
        keys.into_iter()
            .map(|key| (key, key * 10))
            .collect::<Vec<_>>()
    }))
    .ends();
    assert_eq!(answers.get(&1), Some(Ok(&10)));
    assert_eq!(answers.get(&2), Some(Ok(&20)));
    assert_eq!(answers.get(&3), Some(Err(&CallError::Full)));
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn a_spawned_call_without_room_for_its_handle_leaves_nothing_behind() {
    let group: Arc<Group<u64, u64>> = Arc::new(Builder::new().fixed_capacity(2).build());
    let late = followers_of_ended_flights(&group);
    assert!(matches!(
        try_arrive(&group, 3, Runs::WhileWanted),
        Err(CallError::Full)
    ));
    assert_eq!(group.in_flight(), 0);
    drop(late);
    let arrival = arrive(&group, 3, Runs::WhileWanted);
    let (task, handle) = arrival.into_detached_task(async || 3);
    Task::new(task).ends();
    let outcome = Task::new(handle.outcome()).ends();
    assert_eq!(outcome.map(|outcome| outcome.value), Ok(3));
}

/// One that leads on leaves what the others share to them.
#[test]
fn followers_of_a_flight_that_is_led_on_are_served() {
    let group: Group<u64, u64> = Builder::new().fixed_capacity(2).build();
    let leader = lead(&group, 1);
    let mut calls = [2, 3].map(|value| Task::new(group.run(1, async move || value)));
    calls.iter_mut().for_each(Task::waits);
    drop(leader);
    for call in calls {
        assert_eq!(call.ends(), Ok(2));
    }
    assert_eq!(group.in_flight(), 0);
}

/// A key for which there is no room is dropped where nothing is locked.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[test]
fn the_key_of_a_spawned_call_without_room_may_look_at_its_group() {
    use std::sync::{Weak, mpsc};
    use std::thread;
    use std::time::Duration;

    #[derive(Clone)]
    struct Key(u64, Weak<Group<Key, u64>>);

    impl PartialEq for Key {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Eq for Key {}

    impl Hash for Key {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    impl Drop for Key {
        fn drop(&mut self) {
            let group = self.1.upgrade();
            assert!(group.is_none_or(|group| group.in_flight() <= 2));
        }
    }

    let (refused, told) = mpsc::channel();
    // A lock that was held would be waited for without end.
    thread::spawn(move || {
        let group: Arc<Group<Key, u64>> = Arc::new(Builder::new().fixed_capacity(2).build());
        let key = |number| Key(number, Arc::downgrade(&group));
        let late = [1, 2].map(|number| {
            let leader = lead(&group, key(number));
            let follower = follow(&group, key(number));
            assert_eq!(leader.complete(number).followers, 1);
            follower
        });
        let third = try_arrive(&group, key(3), Runs::WhileWanted);
        refused.send(third.err()).expect("it is waited for");
        drop(late);
    });
    let third = told.recv_timeout(Duration::from_secs(30));
    assert_eq!(third.expect("no lock is held"), Some(CallError::Full));
}

#[test]
fn a_group_in_a_static_needs_no_allocator_until_it_is_prepared() {
    static GROUP: Static = Builder::with_hasher(SeededHashBuilder::new(1))
        .shards(8)
        .max_followers(1)
        .fixed_capacity(4)
        .build_const();
    assert_eq!(GROUP.shards(), 1);

    let unprepared: Vec<_> = [1, 2].map(|key| GROUP.join(key)).into_iter().collect();
    assert!(unprepared.iter().all(Result::is_ok));
    assert!(matches!(GROUP.join(3), Err(CallError::Full)));
    assert!(
        matches!(GROUP.join(1), Err(CallError::Full)),
        "no followers yet"
    );

    GROUP.prepare();
    GROUP.prepare();
    let prepared: Vec<_> = [3, 4].map(|key| GROUP.join(key)).into_iter().collect();
    assert!(prepared.iter().all(Result::is_ok));
    assert!(matches!(GROUP.join(5), Err(CallError::Full)));
    let _follower = GROUP.join(1).expect("it has a place now");
    assert!(matches!(GROUP.join(1), Err(CallError::TooManyFollowers)));
    drop((unprepared, prepared));
}

#[test]
fn a_group_in_a_static_may_grow() {
    static GROUP: Static = Builder::with_hasher(SeededHashBuilder::new(1)).build_const();
    GROUP.prepare();
    let joined: Vec<_> = (0..100).map(|key| GROUP.join(key)).collect();
    assert!(
        joined
            .iter()
            .all(|joined| matches!(joined, Ok(Joined::Leader(_))))
    );
    assert!(matches!(GROUP.join(1), Ok(Joined::Follower(_))));
    drop(joined);
    assert_eq!(GROUP.in_flight(), 0);
}

/// A flight that has ended holds one of two shared parts. What a follower has left behind is the
/// other, which is there for the next flight.
#[test]
fn a_flight_whose_only_follower_has_left_holds_no_shared_part() {
    let group: Group<u64, u64> = Builder::new().fixed_capacity(2).build();
    let [held, _] = followers_of_ended_flights(&group);
    for leaves in [
        |follower| drop(follower),
        |follower: Follower<_>| drop(follower.without_work()),
    ] {
        let leader_of_one = lead(&group, 1);
        leaves(follow(&group, 1));
        let leader_of_another = lead(&group, 2);
        drop(follow(&group, 2));
        assert_eq!(group.stats().refused, 0);
        drop((leader_of_one, leader_of_another));
    }
    drop(held);
    assert_eq!(group.in_flight(), 0);
}

/// One that has taken the lead needs no shared part, until somebody follows it.
#[test]
fn a_follower_that_leads_on_alone_gives_its_shared_part_back() {
    let group: Group<u64, u64> = Builder::new().fixed_capacity(2).build();
    let [held, _] = followers_of_ended_flights(&group);
    let (lost, next) = (lead(&group, 1), follow(&group, 1));
    drop(lost);
    let Ok(Turn::Lead(leads)) = Task::new(next.wait()).ends() else {
        panic!("it leads on");
    };
    let another = lead(&group, 2);
    drop(follow(&group, 2));
    drop((leads, another, held));
    assert_eq!(group.in_flight(), 0);
}

#[test]
fn a_flight_without_room_for_followers_takes_no_shared_part() {
    let group: Group<u64, u64> = Builder::new().fixed_capacity(3).max_followers(0).build();
    let leaders = [1, 2, 3].map(|key| lead(&group, key));
    for key in 1..=3 {
        assert!(matches!(group.join(key), Err(CallError::TooManyFollowers)));
    }
    drop(leaders);
    assert_eq!((group.in_flight(), group.stats().refused), (0, 3));
}

/// A handle that is kept holds nothing of a flight that has ended.
///
/// Holds P6.
#[test]
fn a_handle_that_is_kept_holds_no_shared_part() {
    let group: Arc<Group<u64, u64>> = Arc::new(Builder::new().fixed_capacity(2).build());
    let mut kept = Vec::new();
    for _ in 0..10 {
        for follows in [false, true] {
            let before = follows.then(|| lead(&group, 1));
            let arrival = try_arrive(&group, 1, Runs::WhileWanted);
            let (task, handle) = arrival
                .expect("there is room")
                .into_detached_task(async || 7);
            let mut task = Task::new(task);
            if let Some(leader) = before {
                task.waits();
                assert_eq!(leader.complete(5).followers, 1);
            }
            task.ends();
            kept.push(handle);
        }
    }
    drop(followers_of_ended_flights(&group));
    assert_eq!(kept.len(), 20);
}

/// Nothing of it is registered, not even for a moment.
#[test]
fn a_spawned_call_without_a_shared_part_is_refused_and_not_led() {
    let group: Arc<Group<u64, u64>> = Arc::new(Builder::new().fixed_capacity(2).build());
    let held = followers_of_ended_flights(&group);
    let before = group.stats();
    let refused = try_arrive(&group, 9, Runs::WhileWanted).err();
    assert_eq!(refused, Some(CallError::Full));
    let mut after = group.stats();
    assert_eq!(after.refused, before.refused + 1);
    after.refused = before.refused;
    assert_eq!(after, before);
    drop(held);
    let arrival = try_arrive(&group, 9, Runs::WhileWanted);
    drop(arrival.expect("there is room"));
    assert_eq!(group.in_flight(), 0);
}

/// Closed flights move inside the storage that was taken.
#[test]
fn closed_flights_step_aside_in_place() {
    let group: Group<u64, u64> = Builder::new().fixed_capacity(100).build();
    for _ in 0..10 {
        let mut closed = Vec::new();
        for _ in 0..100 {
            closed.push(lead(&group, 7));
            assert!(group.forget(7));
        }
        assert!(matches!(group.join(7), Err(CallError::Full)));
        drop(closed);
        assert_eq!(group.in_flight(), 0);
    }
}

/// A waker that panics breaks the list in which it stands. That list serves no other flight.
#[test]
fn a_waker_that_panics_harms_no_other_flight() {
    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("called");
        }
    }

    let group: Group<u64, u64> = Builder::new().fixed_capacity(2).build();
    for _ in 0..4 {
        let leader = lead(&group, 1);
        let mut call = Box::pin(group.run(1, async || 2));
        let waker = Waker::from(Arc::new(Panics));
        let polled = call.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        assert!(catch_unwind(AssertUnwindSafe(|| leader.complete(1))).is_err());
        let _list = catch_unwind(AssertUnwindSafe(|| drop(call)));
    }
    assert_eq!(group.in_flight(), 0);
    let leaders = [lead(&group, 1), lead(&group, 2)];
    let mut calls = [1, 2].map(|key| Task::new(group.run(key, async || 3)));
    calls.iter_mut().for_each(Task::waits);
    for leader in leaders {
        assert_eq!(leader.complete(7).followers, 1);
    }
    for call in calls {
        assert_eq!(call.wakes(), 1);
        assert_eq!(call.ends(), Ok(7));
    }
}

/// The handle goes before the task has begun to listen, and then a caller comes: the work is wanted.
#[test]
fn a_work_that_is_wanted_again_is_not_cancelled() {
    let group: Arc<Group<u64, u64>> = Arc::new(Builder::new().fixed_capacity(2).build());
    let arrival = try_arrive(&group, 1, Runs::WhileWanted);
    let (task, handle) = arrival
        .expect("there is room")
        .into_detached_task(|| async {
            pause().await;
            7
        });
    drop(handle);
    let mut caller = Task::new(group.run(1, async || unreachable!("the first work is wanted")));
    caller.waits();
    // One flight holds one part, and another one has the other.
    let other = (lead(&group, 2), follow(&group, 2));
    let mut task = Task::new(task);
    task.waits();
    task.ends();
    assert_eq!(caller.ends(), Ok(7));
    drop(other);
    assert_eq!(group.in_flight(), 0);
}

/// The same on a thread, whose work asks.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
#[test]
fn a_work_that_is_wanted_again_is_told_so() {
    let group: Arc<Group<u64, u64>> = Arc::new(Builder::new().fixed_capacity(2).build());
    let arrival = arrive(&group, 1, Runs::WhileWanted);
    let (handle, late) = (Rc::new(Cell::new(None)), Cell::new(None));
    let (run, waits) = arrival.into_job(
        |call| futures_lite::future::block_on(call),
        |wanted| {
            drop(handle.take());
            // On a thread of its own: here it would be a call from inside the work.
            let join = || Group::join_owned(Arc::clone(&group), 1);
            let joined = std::thread::scope(|scope| scope.spawn(join).join());
            late.set(Some(joined.expect("it comes in time")));
            assert!(wanted.is_wanted());
            7
        },
    );
    handle.set(Some(waits));
    run();
    let Some(Ok(Joined::Follower(follower))) = late.take() else {
        panic!("the flight was led");
    };
    assert!(
        matches!(Task::new(follower.wait()).ends(), Ok(Turn::Landed(outcome)) if outcome.value == 7)
    );
}
