//! P9 on one thread: keys, values and works that are not `Send`, alone and in company.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use futures_lite::future::{block_on, poll_once, yield_now};
use singleflight_core::{GroupRef, Joined, Leader, Turn};

use crate::front_end::{Call, Entry};
use crate::gate::{DEADLINE, Gate};
use crate::local::{Local, LocalCall, LocalGroup, LocalKey, LocalTasks, LocalValue, LocalWork};
use crate::value::Answer;

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

/// The call of most scenarios.
fn call(entry: Entry, work: LocalWork) -> LocalCall {
    let key = key();
    Call { entry, key, work }
}

/// Whether a value is this very one.
fn is(value: &LocalValue, this: &Rc<Cell<u32>>) -> bool {
    value.as_ref().is_ok_and(|value| Rc::ptr_eq(value, this))
}

/// Whether an answer carries this very value.
fn carries(answer: &Answer<LocalValue>, this: &Rc<Cell<u32>>) -> bool {
    answer.value.as_ref().is_ok_and(|value| is(value, this))
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
        let mut calls = 0;
        for entry in Entry::ALL.into_iter().chain([Entry::Owned]) {
            let (key, work) = (Rc::clone(&key), LocalWork::new(&value));
            let call = Call { entry, key, work };
            assert!(carries(&F::call(&group, call).await, &value));
            calls += 1;
        }
        assert_eq!(value.get(), calls);
        assert_eq!(group.group().stats().landed, u64::from(calls));
        assert_eq!((Rc::strong_count(&key), Rc::strong_count(&value)), (1, 1));
    }));
}

/// So do the handles, for a leader and a follower of one thread.
///
/// Holds P9.
pub fn followers_take_what_is_not_send<F: Local>() {
    F::block_on(Box::pin(async {
        let (group, value) = stage::<F>();
        let leader = lead(group.group());
        let Ok(Joined::Follower(follower)) = group.group().join("key") else {
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
        assert_eq!(group.group().in_flight(), 0);
        assert_eq!(Rc::strong_count(&value), 1);
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
            assert!(is(&answer.expect("the key has a value"), &value));
        }
        assert_eq!(group.group().in_flight(), 0);
        assert_eq!(Rc::strong_count(&value), 1);
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
        let callers = Entry::ALL.into_iter().chain(Entry::ALL);
        let count = callers.clone().count();
        for entry in callers {
            let (group, answers) = (group.clone(), Rc::clone(&answers));
            let call = call(entry, LocalWork::new(&value).behind(&gate));
            F::spawn(Box::pin(async move {
                let answer = F::call(&group, call).await;
                answers.borrow_mut().push(answer);
            }));
        }
        until("all but one following", || {
            group.group().followers("key") == Some(count - 1)
        })
        .await;
        gate.open();
        until("everyone being served", || answers.borrow().len() == count).await;
        let answers = answers.borrow();
        assert!(answers.iter().all(|answer| carries(answer, &value)));
        assert_eq!((value.get(), group.group().stats().led), (1, 1));
    }));
}

/// A leader that is lost hands over to a task beside it.
///
/// Holds P9.
pub fn a_lost_leader_hands_over_on_its_thread<F: LocalTasks>() {
    F::block_on(Box::pin(async {
        let (group, value) = stage::<F>();
        let never = Gate::new();
        let lost_call = call(Entry::Run, LocalWork::new(&value).behind(&never));
        let mut lost = Box::pin(F::call(&group, lost_call));
        assert!(poll_once(&mut lost).await.is_none(), "it leads and waits");

        let answer = Rc::new(RefCell::new(None));
        F::spawn({
            let (group, answer) = (group.clone(), Rc::clone(&answer));
            let call = call(Entry::Run, LocalWork::new(&value));
            Box::pin(async move {
                let value = F::call(&group, call).await;
                answer.replace(Some(value));
            })
        });
        until("the other one following", || {
            group.group().followers("key") == Some(1)
        })
        .await;
        drop(lost);
        until("the other one leading", || answer.borrow().is_some()).await;
        assert!(answer.take().is_some_and(|answer| carries(&answer, &value)));
        assert_eq!((value.get(), group.group().stats().handed_over), (2, 1));
        until("its task ending", || Rc::strong_count(&value) == 1).await;
    }));
}

/// A call may own a task of this thread.
///
/// Holds P9.
pub fn a_call_may_be_spawned_on_its_thread<F: LocalTasks>() {
    F::block_on(Box::pin(async {
        for while_wanted in [false, true] {
            for entry in Entry::ALL {
                let (group, value) = stage::<F>();
                let gate = Gate::new();
                let spawn = || {
                    let call = call(entry, LocalWork::new(&value).behind(&gate));
                    F::spawn_call(&group, call, while_wanted)
                };
                let (leads, follows) = (spawn(), spawn());
                gate.open();
                for spawned in [leads, follows] {
                    assert!(carries(&spawned.await, &value));
                }
                assert_eq!(value.get(), 1);
                until("the tasks ending", || Rc::strong_count(&value) == 1).await;
            }
        }

        let (group, value) = stage::<F>();
        let call = call(Entry::Run, LocalWork::new(&value).behind(&Gate::new()));
        let unwanted = F::spawn_call(&group, call, true);
        until("the work beginning", || value.get() == 1).await;
        drop(unwanted);
        until("the work being cancelled", || {
            group.group().in_flight() == 0
        })
        .await;
        until("the work being dropped", || Rc::strong_count(&value) == 1).await;
    }));
}
