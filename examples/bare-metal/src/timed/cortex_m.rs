//! The mask of interrupts and a count of time of a Cortex-M.
//!
//! The system timer counts down at the processor's clock, 24 bits. An nRF51 has none; its
//! emulator has.

use core::arch::asm;

use cortex_m::interrupt;
use cortex_m::peripheral::SYST;
use cortex_m::register::primask;

/// The system timer's control, reload and current value.
const CSR: *mut u32 = 0xe000_e010 as *mut u32;
const RVR: *mut u32 = 0xe000_e014 as *mut u32;
const ON_AT_THE_PROCESSORS_CLOCK: u32 = 0b101;
const MOST: u32 = 0x00ff_ffff;

/// Masks interrupts; returns whether they were let through.
pub(super) fn mask() -> bool {
    let was_unmasked = primask::read().is_active();
    interrupt::disable();
    was_unmasked
}

/// Lets interrupts through.
///
/// # Safety
///
/// No critical section may be under way.
pub(super) unsafe fn unmask() {
    // SAFETY: it is the caller's promise.
    unsafe { interrupt::enable() }
}

/// Counts up, at a pace that is the same for every instruction where the emulator counts
/// time in instructions. It starts with the first call.
pub(super) fn count() -> u32 {
    // SAFETY: the system timer is used by nothing else, and its interrupt stays off.
    unsafe {
        if CSR.read_volatile() & 1 == 0 {
            RVR.write_volatile(MOST);
            CSR.write_volatile(ON_AT_THE_PROCESSORS_CLOCK);
        }
    }
    MOST - SYST::get_current()
}

/// How far the count went between two readings.
pub(super) const fn between(before: u32, after: u32) -> u32 {
    after.wrapping_sub(before) & MOST
}

/// Executes two instructions, so many times.
pub(super) fn two_instructions(times: u32) {
    // SAFETY: it counts a register down to zero.
    unsafe {
        asm!("2:", "subs {0}, #1", "bne 2b", inout(reg) times => _, options(nomem, nostack));
    }
}
