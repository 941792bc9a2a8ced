//! P9: what an async call asks of its parts, and when it does what.

use std::cell::Cell;
use std::rc::Rc;

use singleflight_core::{CallResult, Group};

use crate::task::{Task, pause};

/// Holds P9.
#[test]
fn the_work_may_borrow_and_need_not_be_send() {
    let group: Group<u64, Rc<str>> = Group::new();
    let local = Cell::new(0);
    let borrowed = String::from("from the stack");
    let mut leader = Task::new(group.run(1, async || {
        local.set(local.get() + 1);
        pause().await;
        Rc::from(&*borrowed)
    }));
    let mut follower = Task::new(group.run(1, async || unreachable!("it follows")));
    leader.waits();
    follower.waits();
    assert_eq!(leader.ends().as_deref(), Ok("from the stack"));
    assert_eq!(follower.ends().as_deref(), Ok("from the stack"));
    assert_eq!(local.get(), 1);
}

/// Holds P9.
#[test]
fn a_call_is_send_where_its_parts_are() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let group: Group<String, Result<u64, u8>> = Group::new();
    drop(is_send(group.run("key", async || Ok(1))));
    drop(is_send(group.run_outcome("key", async || Ok(1))));
    let failed = async || Err::<Result<u64, u8>, _>("no route");
    drop(is_send(group.try_run("key", failed)));
    drop(is_send(group.call("key").try_run_outcome(failed)));
    let generic = |value: u64| is_send(group.run("key", move || async move { Ok(value) }));
    drop(generic(1));
}

/// Holds P9.
#[test]
fn a_generic_caller_can_bound_the_works_future() {
    fn spawnable<'a, F, T>(
        group: &'a Group<u64, u64>,
        work: F,
    ) -> impl Future<Output = CallResult<u64>> + Send + 'a
    where
        F: FnOnce() -> T + Send + 'a,
        T: Future<Output = u64> + Send + 'a,
    {
        group.run(1, work)
    }
    let group = Group::new();
    assert_eq!(Task::new(spawnable(&group, async || 7)).ends(), Ok(7));
}

/// Holds P9.
#[test]
fn nothing_happens_before_the_first_poll() {
    let group: Group<u64, u64> = Group::new();
    let called = Cell::new(false);
    let call = group.run(1, || {
        called.set(true);
        async { 7 }
    });
    assert_eq!((group.in_flight(), called.get()), (0, false));
    drop(call);
    assert_eq!((group.in_flight(), group.stats().led), (0, 0));
}

#[test]
fn a_followers_work_is_never_made_into_a_future() {
    let group: Group<u64, u64> = Group::new();
    let mut leader = Task::new(group.run(1, async || {
        pause().await;
        7
    }));
    leader.waits();
    let made = Cell::new(0);
    let mut follower = Task::new(group.run(1, || {
        made.set(made.get() + 1);
        async { 8 }
    }));
    follower.waits();
    assert_eq!(
        (leader.ends(), follower.ends(), made.get()),
        (Ok(7), Ok(7), 0)
    );
}

/// Holds P1.
#[test]
fn the_works_future_is_dropped_before_the_flight_lands_or_is_handed_over() {
    struct Witness<'a>(&'a Group<u64, u64>, &'a Cell<usize>);

    impl Drop for Witness<'_> {
        fn drop(&mut self) {
            let flights = self.0.flights();
            assert_eq!(flights.len(), 1, "the flight has not landed");
            assert!(!flights[0].is_vacant(), "the flight is not handed over");
            self.1.set(self.1.get() + 1);
        }
    }

    let group: Group<u64, u64> = Group::new();
    let dropped = Cell::new(0);
    let work = || {
        let witness = Witness(&group, &dropped);
        async move {
            pause().await;
            drop(pause());
            let _held = witness;
            7
        }
    };

    let mut landing = Task::new(group.run(1, work));
    landing.waits();
    assert_eq!(landing.ends(), Ok(7));
    assert_eq!(dropped.get(), 1);

    let mut cancelled = Task::new(group.run(1, work));
    cancelled.waits();
    let mut follower = Task::new(group.run(1, async || 8));
    follower.waits();
    drop(cancelled);
    assert_eq!(dropped.get(), 2);
    assert_eq!(follower.ends(), Ok(8));
}
