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
use singleflight_core::Group;
use static_cell::StaticCell;

use crate::readers::{Coalesced, Readers};
use crate::steps::Check;

static GROUP: StaticCell<Coalesced> = StaticCell::new();

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    heap::start();
    println!("{NAME}");
    let readers = Readers::new(spawner, GROUP.init(Group::new()));
    round(&readers, |name, shown| println!("ok {name}: {shown}")).await;

    // What a first round takes from the heap and keeps, a second round finds there.
    let before = heap::usage().live;
    round(&readers, |_, _| {}).await;
    let after = heap::usage().live;
    if after != before {
        stop(format_args!(
            "{before} bytes were live before a second round, {after} after it"
        ));
    }
    println!("ok heap: a second round left {after} bytes live, as the first did");
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
}
