//! P9 on one thread: keys, values and works that are not `Send`, alone and in company.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use futures_lite::future::{block_on, poll_once, yield_now};
use singleflight_core::{Joined, Leader, Turn, Until};

use crate::front_end::Entry;
use crate::gate::{DEADLINE, Gate};
use crate::local::{Local, LocalCall, LocalGroup, LocalKey, LocalTasks, LocalValue, LocalWork};

/// A key that no other thread may touch.
fn key() -> LocalKey {
    Rc::from("key")
}

/// A group, and the value that its works return.
fn stage<F: Local>() -> (F::Group, Rc<Cell<u32>>) {
    (F::Group::from(LocalGroup::new()), Rc::new(Cell::new(0)))
}

fn lead(group: &LocalGroup) -> Leader<&LocalGroup> {
    match group.join(key()) {
        Ok(Joined::Leader(leader)) => leader,
        other => panic!("it leads: {other:?}"),
    }
}

/// Whether an answer is this very value.
fn is(answer: &LocalValue, value: &Rc<Cell<u32>>) -> bool {
    answer
        .as_ref()
        .is_ok_and(|answer| Rc::ptr_eq(answer, value))
}

/// Gives other tasks of this thread their turn until `happened`.
async fn until(what: &str, happened: impl Fn() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < DEADLINE, "hang: {what} did not happen");
        yield_now().await;
    }
}

/// Every entry point takes a key, a value and a work that are not `Send`, and keeps none.
///
/// Holds P9.
pub fn calls_take_what_is_not_send<F: Local>() {
    F::block_on(Box::pin(async {
        let (group, value) = stage::<F>();
        let key = key();
        for entry in Entry::ALL {
            let work = LocalWork::new(&value);
            let call = LocalCall {
                entry,
                key: Rc::clone(&key),
                work,
            };
            assert!(is(&F::call(&group, call).await, &value));
        }
        assert_eq!((value.get(), group.stats().landed), (3, 3));
        assert_eq!((Rc::strong_count(&key), Rc::strong_count(&value)), (1, 1));
    }));
}

/// So do the handles, for a leader and a follower of one thread.
///
/// Holds P9.
pub fn followers_take_what_is_not_send<F: Local>() {
    F::block_on(Box::pin(async {
        let (group, value) = stage::<F>();
        let leader = lead(&group);
        let Ok(Joined::Follower(follower)) = group.join("key") else {
            panic!("somebody leads");
        };
        let outcome = leader.complete(Ok(Rc::clone(&value)));
        assert!(is(&outcome.value, &value));
        // It has landed, so this waits for nobody.
        match block_on(follower.wait()) {
            Ok(Turn::Landed(outcome)) => assert!(is(&outcome.value, &value)),
            other => panic!("the flight landed: {other:?}"),
        }
        drop(outcome);
        assert_eq!((group.in_flight(), Rc::strong_count(&value)), (0, 1));
    }));
}

/// So do batches.
///
/// Holds P9.
pub fn batches_take_what_is_not_send<F: Local>() {
    F::block_on(Box::pin(async {
        let (group, value) = stage::<F>();
        let keys: Vec<LocalKey> = ["a", "b", "a"].map(Rc::from).to_vec();
        let answers = F::batch(&group, keys, LocalWork::new(&value)).await;
        assert_eq!(answers.len(), 2);
        for (_, answer) in answers {
            let outcome = answer.expect("the key has a value");
            assert!(is(&outcome.value, &value));
        }
        assert_eq!((group.in_flight(), Rc::strong_count(&value)), (0, 1));
    }));
}

/// Tasks of one thread share a flight, and what they receive is one value.
///
/// Holds P9.
pub fn tasks_of_one_thread_share_flights<F: LocalTasks>() {
    F::block_on(Box::pin(async {
        let (group, value) = stage::<F>();
        let gate = Gate::new();
        let answers = Rc::new(RefCell::new(Vec::new()));
        for entry in Entry::ALL.into_iter().chain(Entry::ALL) {
            let (group, answers) = (group.clone(), Rc::clone(&answers));
            let work = LocalWork::new(&value).behind(&gate);
            F::spawn(Box::pin(async move {
                let key = key();
                let answer = F::call(&group, LocalCall { entry, key, work }).await;
                answers.borrow_mut().push(answer);
            }));
        }
        until("all but one following", || {
            group.followers("key") == Some(5)
        })
        .await;
        gate.open();
        until("everyone being served", || answers.borrow().len() == 6).await;
        assert!(answers.borrow().iter().all(|answer| is(answer, &value)));
        assert_eq!((value.get(), group.stats().led), (1, 1));
    }));
}

/// A leader that is lost hands over to a task beside it.
///
/// Holds P9.
pub fn a_lost_leader_hands_over_on_its_thread<F: LocalTasks>() {
    F::block_on(Box::pin(async {
        let (group, value) = stage::<F>();
        let never = Gate::new();
        let call = |work| LocalCall {
            entry: Entry::Run,
            key: key(),
            work,
        };
        let lost_work = LocalWork::new(&value).behind(&never);
        let mut lost = Box::pin(F::call(&group, call(lost_work)));
        assert!(poll_once(&mut lost).await.is_none(), "it leads and waits");

        let answer = Rc::new(RefCell::new(None));
        F::spawn({
            let (group, answer) = (group.clone(), Rc::clone(&answer));
            let call = call(LocalWork::new(&value));
            Box::pin(async move {
                let value = F::call(&group, call).await;
                answer.replace(Some(value));
            })
        });
        until("the other one following", || {
            group.followers("key") == Some(1)
        })
        .await;
        drop(lost);
        until("the other one leading", || answer.borrow().is_some()).await;
        assert!(answer.take().is_some_and(|answer| is(&answer, &value)));
        assert_eq!((value.get(), group.stats().handed_over), (2, 1));
        until("its task ending", || Rc::strong_count(&value) == 1).await;
    }));
}

/// A call may own a task of this thread.
///
/// Holds P9.
pub fn a_call_may_be_spawned_on_its_thread<F: LocalTasks>() {
    F::block_on(Box::pin(async {
        for end in [Until::Done, Until::Unwanted] {
            let (group, value) = stage::<F>();
            let gate = Gate::new();
            let spawn = || {
                let work = LocalWork::new(&value).behind(&gate);
                F::spawn_call(&group, key(), end, work).expect("it is spawned")
            };
            let (leads, follows) = (spawn(), spawn());
            gate.open();
            for spawned in [leads, follows] {
                let outcome = spawned.await.expect("it lands");
                assert!(is(&outcome.value, &value));
            }
            assert_eq!(value.get(), 1);
            until("the tasks ending", || Rc::strong_count(&value) == 1).await;
        }

        let (group, value) = stage::<F>();
        let work = LocalWork::new(&value).behind(&Gate::new());
        let unwanted = F::spawn_call(&group, key(), Until::Unwanted, work);
        until("the work beginning", || value.get() == 1).await;
        drop(unwanted.expect("it is spawned"));
        until("the work being cancelled", || group.in_flight() == 0).await;
        until("the work being dropped", || Rc::strong_count(&value) == 1).await;
    }));
}
