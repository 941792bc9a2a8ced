//! Firmware in which several tasks want the same slow reading, and one transaction serves them
//! all. It checks what it shows, and ends with an exit code. See the README.

#![no_std]
#![no_main]

extern crate alloc;

mod readers;
mod steps;

use device::board::NAME;
use device::heap;
use device::stop::{stop, succeed};
use embassy_executor::Spawner;
use semihosting::println;
use singleflight_core::{Builder, SeededHashBuilder};

use crate::readers::{Coalesced, Readers};
use crate::steps::Check;

/// Two readings at once, and no more storage than for two. A device whose keys come from
/// strangers would draw the seed at start, and the group would not stand in a constant.
static GROUP: Coalesced = Builder::with_hasher(SeededHashBuilder::new(0x5eed))
    .fixed_capacity(2)
    .build_const();

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    heap::start();
    println!("{NAME}");
    let empty = heap::usage();
    GROUP.prepare();
    let prepared = heap::usage();
    println!(
        "ok storage: a group for two readings at once took {} bytes, in {} blocks",
        prepared.live - empty.live,
        prepared.allocations - empty.allocations,
    );

    let readers = Readers::new(spawner, &GROUP);
    round(&readers, |name, shown| println!("ok {name}: {shown}")).await;
    // The tasks need no more than that, however often they ask.
    round(&readers, |_, _| {}).await;
    let (before, after) = (prepared.live, heap::usage().live);
    if after != before {
        stop(format_args!(
            "{before} bytes were live at the start, {after} at the end"
        ));
    }
    println!("ok end: a second round too, and the heap is as it was");
    succeed()
}

/// Goes through all steps; ends the program at the first that fails.
async fn round(readers: &Readers, show: fn(&str, &str)) {
    let report = |name: &str, check: Check| match check {
        Ok(shown) => show(name, &shown),
        Err(why) => stop(format_args!("{name}: {why}")),
    };
    report("without a group", steps::without(readers).await);
    report("with a group", steps::with(readers).await);
    report("hand over", steps::hand_over(readers).await);
    report("interrupt", steps::interrupt(readers).await);
    report("two keys", steps::two_keys(readers).await);
    report("full", steps::full(readers).await);
}
