//! The BBC micro:bit (its first version), an nRF51 with a Cortex-M0. The ticks are those of its
//! timer 0.

use core::ptr::write_volatile;

use cortex_m::peripheral::NVIC;

use super::TICK_MICROSECONDS;
use super::cortex_m::Interrupt;

/// The board's name.
pub const NAME: &str = "microbit (Cortex-M0)";

/// How much of its RAM is the heap.
pub const HEAP_BYTES: usize = 4 * 1024;

pub(super) const TIMER: Interrupt = Interrupt(8);

/// Registers of timer 0.
const TASKS_START: *mut u32 = 0x4000_8000 as *mut u32;
const TASKS_STOP: *mut u32 = 0x4000_8004 as *mut u32;
const TASKS_CLEAR: *mut u32 = 0x4000_800c as *mut u32;
const EVENTS_COMPARE0: *mut u32 = 0x4000_8140 as *mut u32;
const SHORTS: *mut u32 = 0x4000_8200 as *mut u32;
const INTENSET: *mut u32 = 0x4000_8304 as *mut u32;
const MODE: *mut u32 = 0x4000_8504 as *mut u32;
const BITMODE: *mut u32 = 0x4000_8508 as *mut u32;
const PRESCALER: *mut u32 = 0x4000_8510 as *mut u32;
const CC0: *mut u32 = 0x4000_8540 as *mut u32;

/// Lets timer 0 interrupt at every tick.
pub(crate) fn start_ticks() {
    // SAFETY: these are the registers of timer 0, which nothing else uses. Only the handler
    // below runs when the interrupt is let through, and no critical section relies on its
    // being masked.
    unsafe {
        write_volatile(TASKS_STOP, 1);
        write_volatile(TASKS_CLEAR, 1);
        write_volatile(MODE, 0); // timer
        write_volatile(BITMODE, 3); // 32 bits
        write_volatile(PRESCALER, 4); // 16 MHz / 2^4: counts microseconds
        write_volatile(CC0, TICK_MICROSECONDS);
        write_volatile(SHORTS, 1); // starts again at the compare value
        write_volatile(INTENSET, 1 << 16); // interrupts at it
        NVIC::unmask(TIMER);
        write_volatile(TASKS_START, 1);
    }
}

/// Lets timer 0 rest.
pub(crate) fn stop_ticks() {
    // SAFETY: as above.
    unsafe { write_volatile(TASKS_STOP, 1) }
}

/// Tells the timer that its interrupt was seen.
pub(super) fn acknowledge() {
    // SAFETY: as above.
    unsafe { write_volatile(EVENTS_COMPARE0, 0) };
}
