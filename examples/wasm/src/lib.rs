//! A module for a page whose parts ask for the same things: one fetch serves all who ask at
//! the same time.
//!
//! | the page calls | the module calls |
//! |---|---|
//! | [`ask`]: a part wants what has this key | `answer`: here is what it wanted |
//! | [`give_up`]: it wants it no more | `fetch`: get what has this key |
//! | [`fetched`]: here is what was got | |
//!
//! Neither calls back before it returns: what a page fetches comes later.

#![no_std]

extern crate alloc;

mod calls;
mod fetches;
mod single;

use core::panic::PanicInfo;

use singleflight_core::{Builder, Group, SeededHashBuilder};

#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// One for the whole page. It stands in a constant, so its seed does too: keys that strangers
/// choose want a seed that the page draws.
static GROUP: Group<u32, u32, SeededHashBuilder> =
    Builder::with_hasher(SeededHashBuilder::new(0x5eed)).build_const();

#[link(wasm_import_module = "page")]
unsafe extern "C" {
    /// Gets what has this key; `fetched` is called when it is there.
    safe fn fetch(key: u32);
    /// Answers a call. `led` is 1 for the one call whose fetch it was.
    safe fn answer(call: u32, value: u32, led: u32);
}

/// A part of the page wants what has this key. Returns the number of the call.
#[unsafe(no_mangle)]
pub extern "C" fn ask(key: u32) -> u32 {
    let number = calls::start(async move |number| {
        let outcome = GROUP.run_outcome(key, || fetches::fetch(key)).await;
        let outcome = outcome.expect("nothing is refused or closed here, and no panic is survived");
        answer(number, outcome.value, outcome.is_leader().into());
    });
    calls::run();
    number
}

/// The part of the page that made this call wants it no more. If the fetch was its own, one of
/// the others who wait fetches anew.
#[unsafe(no_mangle)]
pub extern "C" fn give_up(number: u32) {
    calls::give_up(number);
    calls::run();
}

/// What has this key was got.
#[unsafe(no_mangle)]
pub extern "C" fn fetched(key: u32, value: u32) {
    fetches::complete(key, value);
    calls::run();
}

/// Returns for how many keys a fetch is under way.
#[unsafe(no_mangle)]
pub extern "C" fn in_flight() -> usize {
    GROUP.in_flight()
}

/// The page sees a trap.
#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
