//! Prints what a group takes of the RAM, and for how long it masks interrupts: a figure a line.

#![no_std]
#![no_main]

extern crate alloc;

mod masked;
mod ram;

use device::stop::succeed;
use device::{heap, timed};
use embassy_executor::Spawner;
use singleflight_core::{Group, SeededHashBuilder};

/// The group that is measured: small keys, small values.
type Measured = Group<u32, u32, SeededHashBuilder>;

const HASHER: SeededHashBuilder = SeededHashBuilder::new(0x5eed);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    heap::start();
    ram::print();
    timed::start();
    masked::print(spawner).await;
    succeed()
}

/// Prints a figure as the tables' maker reads it.
fn figure(what: core::fmt::Arguments<'_>, figure: u32) {
    semihosting::println!("{what}: {figure}");
}
