//! Keys whose own code panics, or says things that cannot be. What each costs is told on
//! `Group`.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use singleflight_core::{Builder, Group, Joined};

use crate::hand::{lead, panics};
use crate::task::{Task, pause};

/// The code of a key that can be told to panic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Code {
    Hash,
    Eq,
    Clone,
    Drop,
}

thread_local! {
    /// Which code panics, of the key with which number, after how many runs that go well.
    static ARMED: Cell<Option<(Code, u64, usize)>> = const { Cell::new(None) };
}

fn arm(code: Code, number: u64, after: usize) {
    ARMED.set(Some((code, number, after)));
}

fn is_armed() -> bool {
    ARMED.get().is_some()
}

/// Panics if it is this code's turn.
fn passes(code: Code, number: u64) {
    match ARMED.get() {
        Some((armed, of, 0)) if (armed, of) == (code, number) => {
            ARMED.set(None);
            panic!("{code:?} of {number}");
        }
        Some((armed, of, after)) if (armed, of) == (code, number) => {
            ARMED.set(Some((armed, of, after - 1)));
        }
        _ => {}
    }
}

#[derive(Debug)]
struct Fuse(u64);

impl Hash for Fuse {
    fn hash<H: Hasher>(&self, state: &mut H) {
        passes(Code::Hash, self.0);
        self.0.hash(state);
    }
}

impl PartialEq for Fuse {
    fn eq(&self, other: &Self) -> bool {
        passes(Code::Eq, self.0);
        self.0 == other.0
    }
}

impl Eq for Fuse {}

impl Clone for Fuse {
    fn clone(&self) -> Self {
        passes(Code::Clone, self.0);
        Self(self.0)
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        passes(Code::Drop, self.0);
    }
}

type Fused = Group<Fuse, u64>;

/// A group with a flight of key 1 that has a follower: whatever somebody else's key does, it
/// lands for both.
fn around(step: impl FnOnce(&Fused)) {
    let group = Fused::new();
    let leader = lead(&group, Fuse(1));
    let mut follower = Task::new(group.run(Fuse(1), async || unreachable!("it follows")));
    follower.waits();
    step(&group);
    assert!(!is_armed(), "it did panic");
    assert_eq!(group.in_flight(), 1);
    assert_eq!(leader.complete(7).followers, 1);
    assert_eq!(follower.ends(), Ok(7));
    assert_eq!(group.in_flight(), 0);
}

/// What asks a group for a key by a borrow of it.
const ASK: [fn(&Fused, &Fuse); 5] = [
    |group, key| drop(group.join(key)),
    |group, key| drop(Task::new(group.run_outcome(key, async || 1)).poll()),
    |group, key| assert!(!group.forget(key)),
    |group, key| assert!(!group.forget_unshared(key)),
    |group, key| assert_eq!(group.followers(key), None),
];

/// Holds P8.
#[test]
fn a_hash_that_panics_registers_nothing() {
    around(|group| {
        for ask in ASK {
            arm(Code::Hash, 2, 0);
            assert!(panics(|| ask(group, &Fuse(2))));
        }
    });
}

/// Holds P8.
#[test]
fn an_eq_that_panics_changes_nothing() {
    around(|group| {
        for ask in ASK {
            arm(Code::Eq, 1, 0);
            assert!(panics(|| ask(group, &Fuse(1))));
        }
    });
}

/// Holds P8.
#[test]
fn a_clone_of_a_key_that_panics_registers_nothing() {
    around(|group| {
        arm(Code::Clone, 2, 0);
        assert!(panics(|| drop(group.join(&Fuse(2)))));
    });
}

/// The key of a flight is dropped when it has ended: by then everybody has been told.
#[test]
fn a_key_whose_drop_panics_at_the_end_of_its_flight_costs_its_leader_the_value() {
    let group = Fused::new();
    let leader = lead(&group, Fuse(1));
    let mut follower = Task::new(group.run(Fuse(1), async || unreachable!("it follows")));
    follower.waits();
    arm(Code::Drop, 1, 0);
    assert!(panics(|| leader.complete(7)));
    assert!(!is_armed());
    assert_eq!((group.in_flight(), follower.ends()), (0, Ok(7)));

    // A leader that is lost alone drops the key as well.
    let lost = lead(&group, Fuse(2));
    arm(Code::Drop, 2, 0);
    assert!(panics(|| drop(lost)));
    assert!(!is_armed());
    assert_eq!(group.in_flight(), 0);
}

/// What a batch has claimed before one of its keys panics is handed over, wherever it panics.
#[test]
fn a_batch_gives_up_its_keys_when_one_of_them_panics() {
    for (code, number) in [
        (Code::Hash, 1),
        (Code::Clone, 1),
        (Code::Eq, 1),
        (Code::Eq, 2),
    ] {
        let mut panicked = 0;
        while a_batch_panics(code, number, panicked) {
            panicked += 1;
        }
        assert!(panicked > 0, "{code:?} is run");
    }
}

/// Runs a batch one of whose keys panics in `code` after so many runs, if there are as many.
fn a_batch_panics(code: Code, number: u64, after: usize) -> bool {
    let group = Fused::new();
    // The second key is in flight, so that it is compared.
    let leader = lead(&group, Fuse(2));
    let mut batch = Task::new(group.run_many([Fuse(1), Fuse(2), Fuse(3)], async |keys| {
        pause().await;
        keys.into_iter().map(|key| (key, 1)).collect::<Vec<_>>()
    }));
    arm(code, number, after);
    let mut panicked = panics(|| batch.waits());
    if panicked {
        assert_eq!(group.in_flight(), 1, "{code:?} of {number} after {after}");
    } else {
        let mut follower = Task::new(group.run(Fuse(3), async || 5));
        follower.waits();
        panicked = panics(|| batch.poll());
        drop(batch);
        assert_eq!(follower.ends(), Ok(if panicked { 5 } else { 1 }));
    }
    assert_eq!(panicked, !is_armed(), "{code:?} of {number} after {after}");
    ARMED.set(None);
    assert_eq!((group.in_flight(), group.followers(Fuse(2))), (1, Some(0)));
    assert_eq!(leader.complete(2).followers, 0);
    panicked
}

/// A key that is not even equal to itself: nobody joins it, and it ends all the same.
#[test]
fn a_key_that_is_unequal_to_itself_is_led_by_everyone() {
    #[derive(Debug)]
    struct Nan;

    impl PartialEq for Nan {
        fn eq(&self, _: &Self) -> bool {
            false
        }
    }

    impl Eq for Nan {}

    impl Hash for Nan {
        fn hash<H: Hasher>(&self, _: &mut H) {}
    }

    let group: Group<Nan, u64> = Group::new();
    let leaders: Vec<_> = (0..40).map(|_| group.join(Nan)).collect();
    assert!(
        leaders
            .iter()
            .all(|joined| matches!(joined, Ok(Joined::Leader(_))))
    );
    assert_eq!((group.in_flight(), group.followers(Nan)), (40, None));
    assert!(!group.forget(Nan), "it cannot be named");
    assert_eq!(group.forget_all(), 40);
    // The last one first: each takes its own slot away.
    leaders.into_iter().rev().for_each(drop);
    assert_eq!(group.in_flight(), 0);
}

/// A key that becomes another one while its flight goes on: who named it by its old self meets
/// it no more, and the flight ends, found by the hash that it came with.
#[test]
fn a_key_that_changes_is_joined_no_more_and_still_ends() {
    #[derive(Clone, Debug)]
    struct Changing(Rc<Cell<u64>>);

    impl PartialEq for Changing {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Eq for Changing {}

    impl Hash for Changing {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.get().hash(state);
        }
    }

    let key = |number| Changing(Rc::new(Cell::new(number)));
    // In one shard, so that both its names are looked for where it is.
    let group: Group<Changing, u64> = Builder::new().shards(1).build();
    let changing = key(1);
    let Ok(Joined::Leader(leader)) = group.join(&changing) else {
        panic!("the first call leads");
    };
    let mut follower = Task::new(group.run(key(1), async || unreachable!("it follows")));
    follower.waits();
    changing.0.set(2);
    for number in [1, 2] {
        assert!(matches!(group.join(key(number)), Ok(Joined::Leader(_))));
    }
    assert_eq!((leader.complete(7).followers, follower.ends()), (1, Ok(7)));
    assert_eq!(group.in_flight(), 0);
}

/// An `Eq` that asks its group meets the lock that it runs under. Here that is a panic; with
/// the other locks the thread waits for itself, which cannot be a test.
#[cfg(feature = "critical-section")]
#[test]
fn an_eq_that_asks_its_group_panics_where_locks_mask_interrupts() {
    thread_local!(static GROUP: Cell<Option<Rc<Group<Asks, u64>>>> = const { Cell::new(None) });

    #[derive(Debug)]
    struct Asks;

    impl Hash for Asks {
        fn hash<H: Hasher>(&self, _: &mut H) {}
    }

    impl PartialEq for Asks {
        fn eq(&self, _: &Self) -> bool {
            GROUP.take().is_none_or(|group| group.in_flight() == 1)
        }
    }

    impl Eq for Asks {}

    let group: Rc<Group<Asks, u64>> = Rc::default();
    let leader = group.join(Asks).expect("nothing is refused");
    GROUP.set(Some(Rc::clone(&group)));
    assert!(panics(|| drop(group.join(Asks))));
    assert_eq!(group.followers(Asks), Some(0), "nothing was changed");
    drop(leader);
    assert_eq!(group.in_flight(), 0);
}
