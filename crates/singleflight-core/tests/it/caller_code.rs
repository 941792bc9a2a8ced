//! P8: caller's code runs without a shard's lock. A lock that is held twice by one thread
//! deadlocks or panics, so code that comes back to its group shows it at once.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use singleflight_core::{Group, Joined};

use crate::task::Task;

type Probed = Group<Probe, Answer>;

thread_local! {
    /// Where the code of `Probe` and `Answer` finds its group again.
    static GROUP: RefCell<Option<Rc<Probed>>> = const { RefCell::new(None) };
    static VISITS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// Asks the group something that takes every lock.
fn visit(from: &'static str) {
    if let Some(group) = GROUP.with_borrow(Clone::clone) {
        group.in_flight();
        group.stats();
        VISITS.with_borrow_mut(|visits| visits.push(from));
    }
}

#[derive(Debug)]
struct Probe(u64);

impl PartialEq for Probe {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Probe {}

impl Hash for Probe {
    fn hash<H: Hasher>(&self, state: &mut H) {
        visit("hash");
        self.0.hash(state);
    }
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        visit("clone of a key");
        Self(self.0)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        visit("drop of a key");
    }
}

struct Answer(u64);

impl Clone for Answer {
    fn clone(&self) -> Self {
        visit("clone of a value");
        Self(self.0)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        visit("drop of a value");
    }
}

fn probed(test: impl FnOnce(&Probed)) -> Vec<&'static str> {
    let group = Rc::new(Probed::new());
    GROUP.set(Some(Rc::clone(&group)));
    test(&group);
    GROUP.set(None);
    assert_eq!(group.in_flight(), 0);
    VISITS.take()
}

/// Holds P8.
#[test]
fn hash_clone_and_drop_may_ask_the_group() {
    let visits = probed(|group| {
        let key = Probe(1);
        let Ok(Joined::Leader(leader)) = group.join(&key) else {
            panic!("the first call leads");
        };
        let mut follower = Task::new(group.run(&key, async || unreachable!("it follows")));
        follower.waits();
        assert_eq!(group.followers(&key), Some(1));
        assert_eq!(group.flights().len(), 1);
        drop(leader.complete(Answer(7)));
        assert_eq!(follower.ends().map(|answer| answer.0), Ok(7));
    });
    for from in [
        "hash",
        "clone of a key",
        "drop of a key",
        "clone of a value",
        "drop of a value",
    ] {
        assert!(visits.contains(&from), "{from} was not seen: {visits:?}");
    }
}

#[test]
fn a_key_that_is_not_needed_is_dropped_without_the_lock() {
    let visits = probed(|group| {
        let first = group.join(Probe(1)).expect("nothing is refused");
        let second = group.join(Probe(1)).expect("nothing is refused");
        assert!(matches!(second, Joined::Follower(_)));
        drop(second);
        drop(first);
    });
    assert_eq!(
        visits
            .iter()
            .filter(|from| **from == "drop of a key")
            .count(),
        2
    );
}

#[test]
fn a_forgotten_key_is_dropped_when_its_flight_ends() {
    let visits = probed(|group| {
        let first = group.join(Probe(1)).expect("nothing is refused");
        assert!(group.forget(&Probe(1)));
        let before = VISITS.with_borrow(Vec::len);
        drop(first);
        let after = VISITS.with_borrow(Vec::len);
        assert_eq!(after - before, 1, "the slot's key, once");
    });
    assert!(!visits.is_empty());
}

/// A waker that drops a follower of *another* flight, and asks the group: what an executor's
/// waker never does, but may.
///
/// Holds P8.
#[test]
fn a_waker_may_ask_the_group() {
    use std::sync::Arc;
    use std::task::{Context, Wake, Waker};

    struct Asks(Arc<Group<u64, u64>>);

    impl Wake for Asks {
        fn wake(self: Arc<Self>) {
            assert_eq!(
                self.0.in_flight(),
                0,
                "the flight is gone before anyone is woken"
            );
        }
    }

    let group = Arc::new(Group::<u64, u64>::new());
    let Ok(Joined::Leader(leader)) = group.join(1) else {
        panic!("the first call leads");
    };
    let waker = Waker::from(Arc::new(Asks(Arc::clone(&group))));
    let mut follower = Box::pin(group.run(1, async || 2));
    let mut context = Context::from_waker(&waker);
    assert!(follower.as_mut().poll(&mut context).is_pending());
    assert_eq!(leader.complete(7).value, 7);
    assert!(follower.as_mut().poll(&mut context).is_ready());
}
