//! Shares one execution among callers with no standard library in the program: what is
//! needed of a platform stands in this folder. See the README.

#![no_std]
#![no_main]

extern crate alloc;

mod allocator;
mod executor;
mod gate;
mod memory;
mod platform;
mod steps;
mod work;

use core::fmt;

use crate::allocator::usage;
use crate::platform::{Stream, exit, print};
use crate::steps::Check;

/// One thing that is shown.
struct Step {
    name: &'static str,
    /// What holds if the step passes.
    claim: &'static str,
    run: fn() -> Check,
}

const STEPS: [Step; 12] = [
    Step {
        name: "allocator",
        claim: "freed blocks are used again, and the count sees every one",
        run: steps::allocator,
    },
    Step {
        name: "executor",
        claim: "a task that nobody wakes is reported",
        run: steps::executor,
    },
    Step {
        name: "join",
        claim: "the first call leads and keeps its value",
        run: steps::join,
    },
    Step {
        name: "follow",
        claim: "two followers sleep until the leader lands, and receive its value",
        run: steps::follow,
    },
    Step {
        name: "hand over",
        claim: "the leader was dropped, one follower ran its own work, the other shares it",
        run: steps::hand_over,
    },
    Step {
        name: "leave",
        claim: "the leader was dropped, then the follower, and no flight stayed behind",
        run: steps::leave,
    },
    Step {
        name: "forget",
        claim: "a new flight started beside the forgotten one, and each kept its own callers",
        run: steps::forget,
    },
    Step {
        name: "watch",
        claim: "a follower without work was told that the leader is lost",
        run: steps::watch,
    },
    Step {
        name: "fan out",
        claim: "six callers, one execution, six handles to one value that is not Send",
        run: steps::fan_out,
    },
    Step {
        name: "lone call",
        claim: "1000 calls that nobody joined allocated nothing, beside other flights too",
        run: steps::lone_call,
    },
    Step {
        name: "company",
        claim: "the first follower cost two allocations, five more cost none",
        run: steps::company,
    },
    Step {
        name: "burst",
        claim: "a table that grew to 500 flights shrank again",
        run: steps::burst,
    },
];

/// Where `_start` jumps to.
extern "C" fn program() -> ! {
    let start = usage();
    for step in &STEPS {
        run(step);
        print(
            Stream::Output,
            format_args!("ok {}: {}", step.name, step.claim),
        );
    }

    // A second round finds all the memory that it needs among what the first gave back.
    let first = usage();
    STEPS.iter().for_each(run);
    let second = usage();
    insist(
        "end",
        second.taken == first.taken,
        format_args!(
            "a second round took {} bytes of fresh memory",
            second.taken - first.taken
        ),
    );
    insist(
        "end",
        second.live == start.live,
        format_args!("{} bytes are live, {} were", second.live, start.live),
    );
    print(
        Stream::Output,
        format_args!(
            "ok end: a second round took no fresh memory; {} allocations, {} bytes live",
            second.allocations, second.live
        ),
    );
    exit(0)
}

/// Runs a step, and ends the program if it fails or leaves memory behind.
fn run(step: &Step) {
    let before = usage().live;
    if let Err(failure) = (step.run)() {
        insist(step.name, false, format_args!("{failure}"));
    }
    let after = usage().live;
    insist(
        step.name,
        after == before,
        format_args!("{before} bytes were live before it, {after} after"),
    );
}

/// Ends the program with the reason unless `holds`.
fn insist(step: &str, holds: bool, failure: fmt::Arguments<'_>) {
    if !holds {
        print(Stream::Errors, format_args!("failed {step}: {failure}"));
        exit(1);
    }
}
