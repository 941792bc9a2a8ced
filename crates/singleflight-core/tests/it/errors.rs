//! A call's error where an `io::Error` is asked for.

use std::error::Error;
use std::io;

use singleflight_core::{CallError, Group};

use crate::hand::{lead, panics};
use crate::task::Task;

/// A function as callers have them.
fn load(group: &Group<u64, u64>) -> io::Result<u64> {
    let call = group.call(1).give_up_on(std::future::ready(()));
    Ok(Task::new(call.run(async || 7)).ends()?)
}

#[test]
fn a_call_error_becomes_an_io_error_that_carries_it() {
    let group = Group::new();
    let late = load(&group).expect_err("its time is up");
    assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    for error in [
        CallError::TimedOut,
        CallError::LeaderLost,
        CallError::TaskLost,
        CallError::Reentrant,
        CallError::Closed,
        CallError::NotSpawned,
        CallError::Full,
        CallError::TooManyFollowers,
        CallError::TooManyFailures { failures: 3 },
        CallError::NotShared,
        CallError::NotReturned,
    ] {
        let told = io::Error::from(error.clone());
        let is_late = error == CallError::TimedOut;
        assert_eq!(told.kind() == io::ErrorKind::TimedOut, is_late);
        assert_eq!(told.kind() == io::ErrorKind::Other, !is_late);
        assert_eq!(told.to_string(), error.to_string());
        let carried = told.get_ref().and_then(|inner| inner.downcast_ref());
        assert_eq!(carried, Some(&error));
        let own = told.into_inner().and_then(|inner| inner.downcast().ok());
        assert_eq!(own.as_deref(), Some(&error));
    }
}

/// Down to the text of the panic.
#[test]
fn a_panic_is_the_source_of_its_error() {
    let group: Group<u64, u64> = Group::new();
    let leader = lead(&group, 1);
    let mut follower = Task::new(group.run(1, async || unreachable!("it is told")));
    follower.waits();
    assert!(panics(|| leader.lead_blocking(|| panic!("boom"))));
    let told = io::Error::from(follower.ends().expect_err("the leader panicked"));
    let source = told.source().expect("what the call came to has a source");
    let panicked: &singleflight_core::LeaderPanicked =
        source.downcast_ref().expect("it is the panic");
    assert_eq!(panicked.message(), "boom");
}
