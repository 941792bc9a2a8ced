//! P8: no caller's code under a lock. P9: an async call is lazy.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use singleflight_core::CallError;

use crate::caller::{Plan, number};
use crate::front_end::{Entry, FrontEnd};
use crate::stage::{KEY, Stage};
use crate::value::Answer;
use crate::work::NestedCall;

/// While a work runs, everything that the group offers can be asked of it: no lock is held.
/// (Each work lists the flights when it is dropped, besides.)
///
/// Holds P8.
pub fn the_work_may_use_its_own_group<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.call(1).may_overlap().lead();
    let nested = stage.call(2).may_overlap().key("other").lead();
    assert_eq!(stage.group.in_flight(), 2);
    assert_eq!(stage.group.flights().len(), 2);
    assert_eq!(stage.group.stats().led, 2);
    assert!(stage.group.forget(KEY));
    assert_eq!((nested.number(), leader.number()), (2, 1));
    stage.close();
}

/// Making a call's future does nothing.
///
/// Holds P9.
pub fn a_call_that_is_not_polled_registers_nothing<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let group = stage.front_end();
    for entry in Entry::ALL {
        let (call, _, _) = stage.call(1).by(entry).into_call();
        let future = F::call(&group, call);
        assert_eq!(stage.group.in_flight(), 0);
        drop(future);
    }
    assert_eq!(stage.tally.runs.load(Ordering::SeqCst), 0);
    assert_eq!(stage.group.stats().led, 0);
    drop(group);
    stage.close();
}

/// What is in flight can be told by key, while it goes on.
///
/// Holds P8.
pub fn a_listing_names_what_is_in_flight<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let leader = stage.call(1).may_overlap().lead();
    let follower = stage.follower(2);
    let old = stage.call(3).may_overlap().key("old").lead();
    assert!(stage.group.forget("old"));

    let mut flights = stage.group.flights();
    flights.sort_by(|one, other| one.key().cmp(other.key()));
    let told: Vec<_> = flights
        .iter()
        .map(|flight| (&**flight.key(), flight.followers(), flight.is_forgotten()))
        .collect();
    assert_eq!(told, [(KEY, 1, false), ("old", 0, true)]);
    assert!(!flights[0].is_vacant());

    // A listed key is still joined, and still ends.
    let late = stage.follower(4);
    assert_eq!(
        (leader.number(), follower.number(), late.number()),
        (1, 1, 1)
    );
    assert_eq!(old.number(), 3);
    stage.close();
}

/// A call that would wait for the work that it is made from is an error at once.
///
/// Holds P3.
pub fn a_call_from_inside_its_own_work_is_refused<F: FrontEnd>() {
    for entry in Entry::ALL {
        let stage = Stage::<F>::new();
        let plan = stage.call(2).by(Entry::RunOutcome);
        let caller = stage.call(1).by(entry).calls(nested(plan)).lead();
        assert_eq!(caller.number(), 1);
        let answers = stage.tally.take_nested();
        let errors: Vec<_> = answers.iter().map(Answer::error).collect();
        assert_eq!(errors, [Some(&CallError::Reentrant)]);
        assert_eq!((stage.runs(), stage.group.stats().refused), (1, 1));
        drop(answers);
        stage.close();
    }
}

/// Through another key, too: A calls B, B calls A.
///
/// Holds P3.
pub fn a_circle_of_calls_is_refused_where_it_closes<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let closes = stage.call(3);
    let between = stage
        .call(2)
        .key("other")
        .may_overlap()
        .calls(nested(closes));
    let caller = stage.call(1).may_overlap().calls(nested(between)).lead();
    assert_eq!(caller.number(), 1);
    let answers = stage.tally.take_nested();
    let [closes, between] = &*answers else {
        panic!("two calls were made from inside: {answers:?}");
    };
    assert_eq!(closes.error(), Some(&CallError::Reentrant));
    assert_eq!(number(between), 2);
    drop(answers);
    stage.close();
}

/// The call of a plan, to be made from inside a work. Its own work may end at once.
fn nested<F: FrontEnd>(plan: Plan<'_, F>) -> impl Fn() -> NestedCall + Send + Sync + use<F> {
    let group = Mutex::new(Some(plan.stage.front_end()));
    let (call, _, may_end) = plan.into_call();
    may_end.open();
    let call = Mutex::new(Some(call));
    move || {
        let group = group.lock().unwrap_or_else(PoisonError::into_inner).take();
        let call = call.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            let (group, call) = group.zip(call).expect("a nested call is made once");
            F::call(&group, call).await
        })
    }
}
