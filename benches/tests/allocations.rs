//! P7, counted: what a call allocates, on the thread that makes it.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use singleflight_benches::counting::{Counting, counted, live};
use singleflight_benches::hand::{poll, ready};
use singleflight_core::{Group, Joined, SeededHashBuilder, Turn};

#[global_allocator]
static ALLOCATOR: Counting = Counting::always();

#[test]
fn the_counter_counts() {
    let (count, boxed) = counted(|| Box::new(7));
    assert_eq!((count, *boxed), (1, 7));
    assert_eq!(counted(|| ()).0, 0);
}

/// Holds P7.
#[test]
fn a_lone_call_allocates_nothing_in_steady_state() {
    let core: Group<u64, u64> = Group::new();
    let threads: singleflight_std::Group<u64, u64> = singleflight_std::Group::new();
    let tokio: singleflight_tokio::Group<u64, u64> = singleflight_tokio::Group::new();
    let smol: singleflight_smol::Group<u64, u64> = singleflight_smol::Group::new();
    let (count, ()) = counted(|| {
        for key in 0..1000 {
            assert_eq!(ready(core.run(key, async || key)), Ok(key));
            assert_eq!(threads.run(key, || key), Ok(key));
            assert_eq!(ready(tokio.run(key, async || key)), Ok(key));
            assert_eq!(ready(smol.run(key, async || key)), Ok(key));
        }
    });
    assert_eq!(count, 0, "for 4,000 calls");
}

/// Beyond the slots in front of the table, too, once the table has grown. With a seed of its own: a
/// shard that its flights fill to the brim grows once more, sooner or later, as removals leave marks in
/// it, and a random seed fills one so now and then.
#[test]
fn a_call_beside_many_others_allocates_nothing_in_steady_state() {
    let group: Group<u64, u64, _> = Group::with_hasher(SeededHashBuilder::new(1));
    let held: Vec<_> = (0..1000).map(|key| group.join(key)).collect();
    let round = || {
        for key in 1000..2000 {
            assert_eq!(ready(group.run(key, async || key)), Ok(key));
        }
    };
    round();
    let (count, ()) = counted(round);
    assert_eq!(count, 0, "for 1,000 calls beside 1,000 flights");
    drop(held);
    assert_eq!(group.in_flight(), 0);
}

/// However many its keys are: each list is made with room for all.
#[test]
fn a_batch_allocates_as_often_for_many_keys_as_for_few() {
    let group: Group<u64, u64, _> = Group::with_hasher(SeededHashBuilder::new(1));
    let load = async |keys: Vec<u64>| keys.into_iter().map(|key| (key, key));
    let batch = |keys| {
        let count = || ready(group.run_many(0..keys, load)).len();
        // The tables grow once.
        assert_eq!(count() as u64, keys);
        counted(count).0
    };
    let few = batch(20);
    assert!((1..20).contains(&few), "{few}");
    assert_eq!([batch(40), batch(100)], [few; 2]);
}

/// What followers share is kept while the flight lasts.
#[test]
fn followers_that_come_and_go_allocate_once() {
    let group: Group<u64, u64> = Group::new();
    let leader = group.join(1);
    let (count, ()) = counted(|| {
        for _ in 0..10 {
            drop(group.join(1));
        }
    });
    assert_eq!(count, 1);
    drop(leader);
}

/// Holds P7.
#[test]
fn a_group_with_a_fixed_capacity_allocates_nothing_after_it_is_built() {
    const FLIGHTS: usize = 50;
    let group: Group<u64, u64> = Group::builder().fixed_capacity(FLIGHTS).build();
    let mut leaders = Vec::with_capacity(FLIGHTS);
    let mut followers = Vec::with_capacity(2 * FLIGHTS);
    let (count, ()) = counted(|| {
        // Keys never come again, so every place in the table is left and taken many times.
        for key in 0..1000 * FLIGHTS as u64 {
            let Ok(Joined::Leader(leader)) = group.join(key) else {
                panic!("{key} leads");
            };
            leaders.push((key, leader));
            for _ in 0..2 {
                let Ok(Joined::Follower(follower)) = group.join(key) else {
                    panic!("{key} is followed");
                };
                followers.push(follower);
            }
            if leaders.len() < FLIGHTS {
                continue;
            }
            assert!(group.join(u64::MAX).is_err(), "the group is full");
            for (key, leader) in leaders.drain(..) {
                if key % 3 == 0 {
                    drop(leader);
                } else {
                    assert_eq!(leader.complete(key).followers, 2);
                }
            }
            for follower in followers.drain(..) {
                match ready(follower.wait()) {
                    Ok(Turn::Lead(leader)) => drop(leader.complete(1)),
                    Ok(Turn::Landed(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    assert_eq!(count, 0, "for {} flights", 1000 * FLIGHTS);
    assert_eq!(group.in_flight(), 0);
}

/// Nor do those who sleep, whether their flight lands or loses its leader.
///
/// Holds P7.
#[test]
fn sleeping_in_a_group_with_a_fixed_capacity_allocates_nothing() {
    let group: Group<u64, u64> = Group::builder().fixed_capacity(2).build();
    let round = |key: u64| {
        let (Ok(Joined::Leader(leader)), Ok(Joined::Follower(one)), Ok(Joined::Follower(other))) =
            (group.join(key), group.join(key), group.join(key))
        else {
            panic!("the first of three leads");
        };
        let (mut one, mut other) = (pin!(one.wait()), pin!(other.wait()));
        assert!(poll(one.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
        let leader = if key.is_multiple_of(2) {
            leader
        } else {
            drop(leader);
            match poll(one.as_mut()) {
                Poll::Ready(Ok(Turn::Lead(leader))) => leader,
                _ => panic!("the first who is polled leads on"),
            }
        };
        assert_eq!(leader.complete(key).into_value(), key);
        assert!(poll(other.as_mut()).is_ready());
        if key.is_multiple_of(2) {
            assert!(poll(one.as_mut()).is_ready());
        }
    };
    // The very first flight too: what sleepers need was taken when the group was built.
    let (count, ()) = counted(|| (0..1000).for_each(round));
    assert_eq!(count, 0, "for 1,000 flights whose followers slept");
    assert_eq!(group.in_flight(), 0);
}

/// Holds P7.
#[test]
fn a_borrowed_key_is_made_to_lead_and_never_to_join() {
    let group: Group<String, u64> = Group::new();
    let key = "a key that is too long for any inline representation";
    let (count, joined) = counted(|| group.join(key));
    assert_eq!(count, 1, "the key itself");
    let Ok(Joined::Leader(leader)) = joined else {
        panic!("the first call leads");
    };
    // The first follower makes the shared part: one allocation of ours, and one of
    // event-listener's when the follower first sleeps.
    let mut first = pin!(group.run(key, async || unreachable!("it follows")));
    let (count, polled) = counted(|| poll(first.as_mut()));
    assert!(polled.is_pending());
    assert_eq!(count, 2, "the first follower");

    let mut second = pin!(group.run(key, async || unreachable!("it follows")));
    let (count, polled) = counted(|| poll(second.as_mut()));
    assert!(polled.is_pending());
    assert_eq!(count, 0, "a call that joins a shared flight");

    let (count, outcome) = counted(|| leader.complete(7));
    assert_eq!((count, outcome.followers), (0, 2), "landing");
    let (count, polled) = counted(|| (poll(first), poll(second)));
    assert_eq!(
        (count, polled),
        (0, (Poll::Ready(Ok(7)), Poll::Ready(Ok(7)))),
        "being served"
    );
}

#[test]
fn a_hand_over_allocates_nothing() {
    let group: Group<u64, u64> = Group::new();
    let leader = group.join(1);
    let mut follower = pin!(group.run(1, async || 8));
    assert!(poll(follower.as_mut()).is_pending());
    let (count, polled) = counted(|| {
        drop(leader);
        // It claims, and leads at its next poll.
        (poll(follower.as_mut()), poll(follower))
    });
    assert_eq!((count, polled), (0, (Poll::Pending, Poll::Ready(Ok(8)))));
}

/// After a thread's first wait, which makes its parker.
#[test]
fn a_blocking_follower_allocates_nothing_for_itself() {
    let group: Arc<Group<u64, u64>> = Arc::new(Group::new());
    let wait = |expected: usize| {
        let Ok(Joined::Leader(leader)) = Group::join_owned(Arc::clone(&group), 1) else {
            panic!("the first call leads");
        };
        let Ok(Joined::Follower(first)) = group.join(1) else {
            panic!("the second call follows");
        };
        // The shared part is there before anything is counted.
        let mut first = pin!(first.wait());
        assert!(poll(first.as_mut()).is_pending());
        let landing = {
            let group = Arc::clone(&group);
            std::thread::spawn(move || {
                while group.followers(1) != Some(2) {
                    std::thread::yield_now();
                }
                leader.complete(7).followers
            })
        };
        let (count, turn) = counted(|| match group.join(1) {
            Ok(Joined::Follower(follower)) => follower.wait_blocking(),
            other => panic!("the third call follows: {other:?}"),
        });
        assert!(matches!(turn, Ok(Turn::Landed(outcome)) if outcome.value == 7));
        assert!(count <= expected, "{count} allocations");
        assert_eq!(landing.join().expect("the flight landed"), 2);
        assert!(poll(first).is_ready());
    };
    wait(usize::MAX);
    for _ in 0..10 {
        wait(0);
    }
}

/// P6: nothing is kept for ended calls, and a table that grew shrinks again.
///
/// Holds P6.
#[test]
fn memory_after_a_burst_is_what_it_was_before() {
    let group: Group<u64, u64> = Group::new();
    let before = live();
    for round in 0..3 {
        let held: Vec<_> = (0..10_000).map(|key| group.join(key)).collect();
        let during = live();
        drop(held);
        let after = live();
        assert!(during - before > 400_000, "{during}");
        assert!(
            after - before <= 64 * 1024,
            "round {round}: {} bytes stay",
            after - before
        );
    }
    for key in 0..10_000 {
        let leader = group.join(key);
        let mut follower = Box::pin(group.run(key, async || key));
        assert!(poll(follower.as_mut()).is_pending());
        drop(leader);
        drop(follower);
    }
    let bytes = live() - before;
    assert!(
        bytes <= 64 * 1024,
        "{bytes} bytes stay after 10,000 cancelled calls"
    );
}
