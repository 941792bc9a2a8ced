//! Texas Instruments' LM3S6965 evaluation board, a Cortex-M3. The ticks are those of its
//! general-purpose timer 0.

use core::ptr::{read_volatile, write_volatile};

use cortex_m::peripheral::NVIC;

use super::TICK_MICROSECONDS;
use super::cortex_m::Interrupt;

/// The board's name.
pub const NAME: &str = "lm3s6965evb (Cortex-M3)";

/// How much of its RAM is the heap.
pub const HEAP_BYTES: usize = 16 * 1024;

/// The clock after a reset: its internal oscillator.
const CLOCK_MEGAHERTZ: u32 = 12;

/// The interrupt of timer 0's first half, which is the timer where it runs with 32 bits.
pub(super) const TIMER: Interrupt = Interrupt(19);

/// Run mode clock gating, register 1, and the bit for timer 0.
const RCGC1: *mut u32 = 0x400f_e104 as *mut u32;
const RCGC1_TIMER0: u32 = 1 << 16;

/// Registers of timer 0.
const GPTMCFG: *mut u32 = 0x4003_0000 as *mut u32;
const GPTMTAMR: *mut u32 = 0x4003_0004 as *mut u32;
const GPTMCTL: *mut u32 = 0x4003_000c as *mut u32;
const GPTMIMR: *mut u32 = 0x4003_0018 as *mut u32;
const GPTMICR: *mut u32 = 0x4003_0024 as *mut u32;
const GPTMTAILR: *mut u32 = 0x4003_0028 as *mut u32;

/// Lets timer 0 interrupt at every tick.
pub(crate) fn start_ticks() {
    // SAFETY: these are the registers of timer 0, which nothing else uses, and the bit that
    // feeds it its clock. Only the handler below runs when the interrupt is let through, and
    // no critical section relies on its being masked.
    unsafe {
        write_volatile(RCGC1, read_volatile(RCGC1) | RCGC1_TIMER0);
        // The timer answers some cycles after it gets its clock.
        cortex_m::asm::delay(8);
        write_volatile(GPTMCTL, 0);
        write_volatile(GPTMCFG, 0); // 32 bits
        write_volatile(GPTMTAMR, 2); // periodic
        write_volatile(GPTMTAILR, CLOCK_MEGAHERTZ * TICK_MICROSECONDS - 1);
        write_volatile(GPTMIMR, 1); // interrupts at zero
        NVIC::unmask(TIMER);
        write_volatile(GPTMCTL, 1);
    }
}

/// Lets timer 0 rest.
pub(crate) fn stop_ticks() {
    // SAFETY: as above.
    unsafe { write_volatile(GPTMCTL, 0) }
}

/// Tells the timer that its interrupt was seen.
pub(super) fn acknowledge() {
    // SAFETY: as above.
    unsafe { write_volatile(GPTMICR, 1) };
}
