//! A little firmware that four tasks ask for a reading, once with a group and once without one:
//! what its programs differ by is what a group costs in flash.
//!
//! Nothing else in it allocates, so the allocator counts as part of the group.

#![no_std]
#![no_main]

use core::cell::Cell;

use critical_section::Mutex;
use device::bus::{Reading, Sensor, read};
use device::heap;
use device::stop::{stop, succeed};
use embassy_executor::Spawner;

const TASKS: u32 = 4;

static ANSWERED: Mutex<Cell<u32>> = Mutex::new(Cell::new(0));

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    heap::start();
    for _ in 0..TASKS {
        match reader() {
            Ok(task) => spawner.spawn(task),
            Err(_) => stop(format_args!("there are as many places as tasks")),
        }
    }
}

#[embassy_executor::task(pool_size = TASKS as usize)]
async fn reader() {
    let reading = ask(Sensor::Temperature).await;
    let answered = critical_section::with(|section| {
        let answered = ANSWERED.borrow(section);
        answered.set(answered.get() + u32::from(reading.value > 0));
        answered.get()
    });
    if answered == TASKS {
        succeed();
    }
}

#[cfg(not(feature = "group"))]
async fn ask(sensor: Sensor) -> Reading {
    read(sensor).await
}

#[cfg(feature = "group")]
async fn ask(sensor: Sensor) -> Reading {
    use singleflight_core::{Builder, Group, SeededHashBuilder};

    static GROUP: Group<Sensor, Reading, SeededHashBuilder> =
        Builder::with_hasher(SeededHashBuilder::new(0x5eed)).build_const();

    match GROUP.run_outcome(sensor, || read(sensor)).await {
        Ok(outcome) => outcome.value,
        Err(_) => stop(format_args!("there is room for every call")),
    }
}
