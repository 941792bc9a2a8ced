//! The mask of interrupts and the count of instructions of a RISC-V hart.

use core::arch::asm;

use riscv::interrupt;
use riscv::register::{minstret, mstatus};

/// Masks interrupts; returns whether they were let through.
pub(super) fn mask() -> bool {
    let was_unmasked = mstatus::read().mie();
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

/// Counts the instructions.
#[expect(clippy::cast_possible_truncation, reason = "a word has 32 bits here")]
pub(super) fn count() -> u32 {
    minstret::read() as u32
}

/// How far the count went between two readings.
pub(super) const fn between(before: u32, after: u32) -> u32 {
    after.wrapping_sub(before)
}

/// Executes two instructions, so many times.
pub(super) fn two_instructions(times: u32) {
    // SAFETY: it counts a register down to zero.
    unsafe {
        asm!("2:", "addi {0}, {0}, -1", "bnez {0}, 2b", inout(reg) times => _, options(nomem, nostack));
    }
}
