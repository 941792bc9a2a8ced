//! What a waker may do from inside `wake`: everything, but with the flight that it is woken
//! from. (That deadlocks, as `Follower` says, and cannot be a test.)

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use singleflight_core::{Group, Leader};

use crate::hand::lead_owned;
use crate::task::Task;

type Shared = Arc<Group<u64, u64>>;
type Call = Pin<Box<dyn Future<Output = u64>>>;

type Act = Box<dyn FnOnce()>;

thread_local! {
    /// What this thread's wakers do, by number.
    static ACTS: RefCell<Vec<Option<Act>>> = const { RefCell::new(Vec::new()) };
}

/// Does something once, inside `wake`.
struct Does(usize);

impl Does {
    fn waker(act: impl FnOnce() + 'static) -> Waker {
        Waker::from(Arc::new(ACTS.with_borrow_mut(|acts| {
            acts.push(Some(Box::new(act)));
            Self(acts.len() - 1)
        })))
    }
}

impl Wake for Does {
    fn wake(self: Arc<Self>) {
        // Let go of the list first: acts wake others.
        let act = ACTS.with_borrow_mut(|acts| acts[self.0].take());
        if let Some(act) = act {
            act();
        }
    }
}

/// A call that follows, polled once with this waker.
fn follow(group: &Shared, key: u64, waker: &Waker) -> Call {
    let group = Arc::clone(group);
    let mut call: Call = Box::pin(async move {
        let value = group.run(key, async || 100 + key).await;
        value.expect("nothing is refused")
    });
    let polled = call.as_mut().poll(&mut Context::from_waker(waker));
    assert!(polled.is_pending(), "somebody leads");
    call
}

/// How a leader ends its flight.
const ENDINGS: [fn(Leader<Shared>); 2] = [
    |leader| assert_eq!(leader.complete(1).value, 1),
    |leader| drop(leader),
];

/// Polls a follower of another flight, which is served, or leads on, inside `wake`.
///
/// Holds P8.
#[test]
fn a_waker_may_poll_a_follower_of_another_flight() {
    for end in ENDINGS {
        for other_end in ENDINGS {
            let group = Shared::default();
            let (leader, other) = (lead_owned(&group, 1), lead_owned(&group, 2));
            let mut inner = follow(&group, 2, Waker::noop());
            other_end(other);
            let served = Rc::new(Cell::new(false));
            let waker = Does::waker({
                let served = Rc::clone(&served);
                move || {
                    let mut context = Context::from_waker(Waker::noop());
                    // Twice: one that leads on starts its work at the poll after its claim.
                    let mut poll = || inner.as_mut().poll(&mut context).is_ready();
                    served.set(poll() || poll());
                }
            });
            let outer = follow(&group, 1, &waker);
            end(leader);
            assert!(served.get(), "inside `wake`");
            let outer = Task::new(outer).ends();
            assert!(outer == 1 || outer == 101);
            assert_eq!(group.in_flight(), 0);
        }
    }
}

/// Drops a follower of another flight, so that it ends or is left to its leader.
///
/// Holds P8.
#[test]
fn a_waker_may_drop_a_follower_of_another_flight() {
    for end in ENDINGS {
        let group = Shared::default();
        let (leader, other) = (lead_owned(&group, 1), lead_owned(&group, 2));
        let led = follow(&group, 2, Waker::noop());
        let vacant = lead_owned(&group, 3);
        let last = follow(&group, 3, Waker::noop());
        drop(vacant);
        let waker = Does::waker(move || drop((led, last)));
        let outer = follow(&group, 1, &waker);
        end(leader);
        assert_eq!(group.followers(2), Some(0), "it has left");
        assert_eq!(group.followers(3), None, "nobody is left who could lead");
        assert_eq!(other.complete(2).followers, 0);
        drop(outer);
        assert_eq!(group.in_flight(), 0);
    }
}

/// Lands or loses other flights, whose wakers do the same.
///
/// Holds P8.
#[test]
fn a_waker_may_end_other_flights() {
    const FLIGHTS: u64 = 50;
    for end in ENDINGS {
        let group = Shared::default();
        let mut followers = Vec::new();
        let mut next = lead_owned(&group, 0);
        for key in 1..FLIGHTS {
            let leader = std::mem::replace(&mut next, lead_owned(&group, key));
            let waker = Does::waker(move || end(leader));
            followers.push(follow(&group, key, &waker));
        }
        end(next);
        for follower in followers {
            Task::new(follower).ends();
        }
        assert_eq!(group.in_flight(), 0);
    }
}

/// Makes a call for the key that it is woken for: by then its flight is over.
///
/// Holds P8.
#[test]
fn a_waker_may_make_the_same_call_again() {
    let group = Shared::default();
    let leader = lead_owned(&group, 1);
    let waker = Does::waker({
        let group = Arc::clone(&group);
        move || {
            let value = Task::new(group.run(1, async || 2)).ends();
            assert_eq!(value, Ok(2), "a new flight");
        }
    });
    let follower = follow(&group, 1, &waker);
    assert_eq!(leader.complete(1).followers, 1);
    assert_eq!(Task::new(follower).ends(), 1, "the one that it waited for");
    assert_eq!((group.stats().led, group.in_flight()), (2, 0));
}

/// A task that is polled with another waker each time is woken by the last one, once.
#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_called() {
    let group = Shared::default();
    let leader = lead_owned(&group, 1);
    let called = Rc::new(RefCell::new(Vec::new()));
    let waker = |number: usize| {
        let called = Rc::clone(&called);
        Does::waker(move || called.borrow_mut().push(number))
    };
    let mut follower = follow(&group, 1, &waker(0));
    for number in 1..=3 {
        let polled = follower
            .as_mut()
            .poll(&mut Context::from_waker(&waker(number)));
        assert_eq!(polled, Poll::Pending);
    }
    assert_eq!(leader.complete(7).followers, 1);
    assert_eq!(
        *called.borrow(),
        [3],
        "the others are of polls that are over"
    );
    assert_eq!(Task::new(follower).ends(), 7);
}
