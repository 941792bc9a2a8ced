//! What a group takes of the RAM, in bytes.

use alloc::vec::Vec;
use core::future::ready;

use device::heap::usage;
use device::stop::stop;
use singleflight_core::{Builder, Follower, Joined, Leader};

use crate::{HASHER, Measured, figure};

/// How many flights are measured at once.
const FLIGHTS: [u32; 4] = [1, 2, 4, 16];

pub(crate) fn print() {
    size("a group itself", size_of::<Measured>());
    for flights in FLIGHTS {
        fixed(flights);
    }
    for flights in FLIGHTS {
        growing(flights);
    }
    company();
    let group = Builder::with_hasher(HASHER).build();
    size("a leader", size_of::<Leader<&Measured>>());
    size("a follower", size_of::<Follower<&Measured>>());
    let call = group.run_outcome(1, || ready(1));
    size("a call, beside its work", size_of_val(&call));
    // It was never polled, and nothing waits for it.
    drop(call);
}

fn size(what: &str, bytes: usize) {
    figure(format_args!("ram {what}"), number(bytes));
}

fn number(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn fixed(flights: u32) {
    let before = usage().live;
    let builder = Builder::with_hasher(HASHER).fixed_capacity(flights as usize);
    let group: Measured = builder.build();
    figure(
        format_args!("ram storage of a fixed group for {flights} flights"),
        number(usage().live - before),
    );
    drop(group);
}

fn growing(flights: u32) {
    let group: Measured = Builder::with_hasher(HASHER).build();
    let mut leaders = Vec::with_capacity(flights as usize);
    let before = usage().live;
    for key in 0..flights {
        leaders.push(leader(&group, key));
    }
    figure(
        format_args!("ram storage of a growing group with {flights} flights"),
        number(usage().live - before),
    );
}

/// What followers share, and what each takes beyond that.
fn company() {
    let group: Measured = Builder::with_hasher(HASHER).build();
    let leader = leader(&group, 1);
    let before = usage();
    let first = follower(&group, 1);
    let shared = usage();
    let second = follower(&group, 1);
    let after = usage();
    size("storage for the first follower", shared.live - before.live);
    size("storage for a further follower", after.live - shared.live);
    drop((first, second, leader));
}

pub(crate) fn leader(group: &Measured, key: u32) -> Leader<&Measured> {
    match group.join(key) {
        Ok(Joined::Leader(leader)) => leader,
        other => stop(format_args!("{key} leads: {other:?}")),
    }
}

fn follower(group: &Measured, key: u32) -> Follower<&Measured> {
    match group.join(key) {
        Ok(Joined::Follower(follower)) => follower,
        other => stop(format_args!("{key} follows: {other:?}")),
    }
}
