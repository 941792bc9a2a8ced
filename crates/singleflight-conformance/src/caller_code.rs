//! P8: no caller's code under a lock. P9: an async call is lazy.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::front_end::{Call, Entry, FrontEnd};
use crate::gate::Gate;
use crate::stage::{KEY, Stage};
use crate::work::{Ending, Work};

/// While a work runs, everything that the group offers can be asked of it: no lock is held.
/// (Each work lists the flights when it is dropped, besides.)
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
pub fn a_call_that_is_not_polled_registers_nothing<F: FrontEnd>() {
    let stage = Stage::<F>::new();
    let group = F::Group::from(Arc::clone(&stage.group));
    for entry in Entry::ALL {
        let future = F::call(
            &group,
            Call {
                entry,
                key: KEY,
                work: Work {
                    group: Arc::clone(&stage.group),
                    key: KEY,
                    tally: Arc::clone(&stage.tally),
                    begun: Gate::new(),
                    may_end: Gate::new(),
                    ending: Ending::Value(1),
                    may_overlap: false,
                },
            },
        );
        assert_eq!(stage.group.in_flight(), 0);
        drop(future);
    }
    assert_eq!(stage.tally.runs.load(Ordering::SeqCst), 0);
    assert_eq!(stage.group.stats().led, 0);
    drop(group);
    stage.close();
}

/// What is in flight can be told by key, while it goes on.
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
