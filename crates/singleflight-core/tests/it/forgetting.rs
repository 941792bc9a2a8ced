//! Flights that newcomers join no more: forgotten ones, and those that have got too old.

use std::cell::Cell;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use singleflight_core::{Builder, Group};

use crate::hand::lead;
use crate::task::Task;

thread_local! {
    static COMPARED: Cell<usize> = const { Cell::new(0) };
    /// At which comparison to panic.
    static PANICS: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Keys that all have one hash, and whose comparisons are counted.
#[derive(Debug)]
struct Picky(u64);

impl PartialEq for Picky {
    fn eq(&self, other: &Self) -> bool {
        let compared = COMPARED.get() + 1;
        COMPARED.set(compared);
        assert!(compared != PANICS.get(), "not comparable");
        self.0 == other.0
    }
}

impl Eq for Picky {}

impl Hash for Picky {
    fn hash<H: Hasher>(&self, state: &mut H) {
        1_u64.hash(state);
    }
}

/// Whichever of the comparisons panics.
///
/// Holds P8.
#[test]
fn a_forget_whose_eq_panics_changes_nothing() {
    let group: Group<Picky, u64> = Builder::new().shards(1).build();
    let mut leaders: Vec<_> = (0..10).map(|key| lead(&group, Picky(key))).collect();
    let mut panicked = 0;
    for wanted in 0..10 {
        for at in 1..=10 {
            COMPARED.set(0);
            PANICS.set(at);
            let forget = |key| group.forget(Picky(key));
            let unshared = |key| group.forget_unshared(Picky(key));
            let acts: [&dyn Fn(u64) -> bool; 2] = [&forget, &unshared];
            for act in acts {
                COMPARED.set(0);
                let acted = catch_unwind(AssertUnwindSafe(|| act(wanted)));
                if acted.is_err() {
                    panicked += 1;
                    assert_eq!(group.stats().forgotten, 0);
                    assert_eq!(group.stats().in_flight_forgotten, 0);
                } else {
                    PANICS.set(usize::MAX);
                    assert_eq!(group.stats().forgotten, 1);
                    leaders.push(lead(&group, Picky(wanted)));
                    drop(group.join(Picky(wanted)));
                    return assert!(panicked > 0);
                }
            }
        }
    }
    unreachable!("one of them is forgotten");
}

/// A call meets those of its own hash that it could join, and no more.
///
/// Holds P11.
#[test]
fn closed_flights_do_not_pile_up_in_the_way_of_their_key() {
    static NOW: AtomicU64 = AtomicU64::new(1);
    let now = || NOW.load(Ordering::SeqCst);

    PANICS.set(usize::MAX);
    for too_old in [false, true] {
        let group: Group<Picky, u64> = Builder::new().shards(1).max_age(10, now).build();
        let mut closed = Vec::new();
        for _ in 0..1_000 {
            closed.push(lead(&group, Picky(7)));
            if too_old {
                NOW.fetch_add(11, Ordering::SeqCst);
            } else {
                assert!(group.forget(Picky(7)));
            }
        }
        COMPARED.set(0);
        assert_eq!(lead(&group, Picky(7)).complete(1).followers, 0);
        assert!(COMPARED.get() <= 4, "compared {} times", COMPARED.get());
        assert_eq!(group.in_flight(), 1_000);
        assert_eq!(group.flights().len(), 1_000);
        // Each is still found by its leader.
        for leader in closed {
            assert!(leader.fence().is_forgotten());
            drop(leader);
        }
        let stats = group.stats();
        assert_eq!(
            (stats.in_flight, stats.abandoned, stats.landed),
            (0, 1_000, 1)
        );
    }
}

/// So do their followers, and they are handed over as any others.
#[test]
fn a_flight_that_has_stepped_aside_is_handed_over() {
    let group: Group<u64, u64> = Builder::new().shards(1).build();
    let mut flights = Vec::new();
    for number in 0..20 {
        let leader = lead(&group, 7);
        let mut follower = Task::new(group.run(7, async move || number));
        follower.waits();
        flights.push((leader, follower));
        assert!(group.forget(7));
    }
    for (leader, mut follower) in flights {
        follower.waits();
        drop(leader);
        assert!(follower.ends().is_ok_and(|value| value < 20));
    }
    assert_eq!((group.stats().handed_over, group.in_flight()), (20, 0));
}

/// Nobody joins a flight that is too old, so there is nothing to forget.
#[test]
fn a_flight_that_is_too_old_is_not_forgotten() {
    static NOW: AtomicU64 = AtomicU64::new(1);
    let now = || NOW.load(Ordering::SeqCst);
    let group: Group<u64, u64> = Builder::new().max_age(10, now).build();
    let old = lead(&group, 7);
    NOW.store(100, Ordering::SeqCst);
    assert!(!group.forget(7));
    assert_eq!(group.forget_all(), 0);
    assert!(old.fence().is_forgotten());
    let new = lead(&group, 7);
    assert!(group.forget(7), "its successor can be joined");
    assert_eq!(group.stats().forgotten, 1);
    drop((old, new));
}

/// A hasher of the caller's may give a key the very hash by which its flight would stand aside.
#[test]
fn a_flight_whose_key_has_the_hash_of_its_id_stays_where_it_is() {
    #[derive(Default)]
    struct LikeIds(u64);

    impl Hasher for LikeIds {
        fn write(&mut self, _: &[u8]) {
            unreachable!("keys are words")
        }

        fn write_u64(&mut self, word: u64) {
            let mixed = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.0 = mixed ^ (mixed >> 32);
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }

    let hasher = BuildHasherDefault::<LikeIds>::default();
    let group: Group<u64, u64, _> = Builder::new().shards(1).hasher(hasher).build();
    let mut leaders = Vec::new();
    // Ids count in twos, and so does one of these keys beside them.
    for key in (2..60).rev() {
        for _ in 0..2 {
            leaders.push(group.join(key).expect("nothing is refused"));
            group.forget(key);
        }
    }
    assert_eq!(group.in_flight(), leaders.len());
    drop(leaders);
    assert_eq!(group.in_flight(), 0);
}

/// A clock of nanoseconds is finer than it should be, and does no harm to values.
#[test]
fn a_clock_beyond_its_bits_mixes_nothing_up() {
    fn nanoseconds() -> u64 {
        1_700_000_000_000_000_000
    }
    let group: Group<u64, u64> = Builder::new().shards(1).clock(nanoseconds).build();
    for key in 0..600_000 {
        assert_eq!(lead(&group, key).complete(key).value, key);
    }
    let leader = lead(&group, 1);
    let other = lead(&group, 2);
    let mut follower = Task::new(group.run(1, async || unreachable!("it follows")));
    follower.waits();
    assert_eq!(other.complete(222).followers, 0);
    assert_eq!(leader.complete(111).followers, 1);
    assert_eq!(follower.ends(), Ok(111));
}

/// A flight that is too old to be joined does not count as one that is spared.
#[test]
fn forget_unshared_looks_at_what_can_be_joined() {
    static NOW: AtomicU64 = AtomicU64::new(1);
    let now = || NOW.load(Ordering::SeqCst);
    let group: Group<u64, u64> = Builder::new().max_age(10, now).build();
    let old = (group.join(1), group.join(1));
    NOW.store(100, Ordering::SeqCst);
    assert!(group.forget_unshared(1), "nothing can be joined");
    let successor = lead(&group, 1);
    assert!(group.forget_unshared(1), "the successor is forgotten");
    drop((lead(&group, 1), successor, old));
    assert_eq!(group.in_flight(), 0);
}
