//! QEMU's RISC-V machine `virt`, with one 32-bit hart. The ticks are those of its machine timer.

use core::ptr::{read_volatile, write_volatile};

use riscv::interrupt::Interrupt;
use riscv::register::mie;

use crate::board::TICK_MICROSECONDS;
use crate::stop::stop;
use crate::ticker;

/// The board's name.
pub const NAME: &str = "virt (RISC-V)";

/// How much of its RAM is the heap.
pub const HEAP_BYTES: usize = 16 * 1024;

/// The timer counts 10 million in a second.
const TICK: u64 = 10 * TICK_MICROSECONDS as u64;

/// The count, and the count at which the interrupt is due; both in two halves.
const MTIME: [*mut u32; 2] = [0x0200_bff8 as *mut u32, 0x0200_bffc as *mut u32];
const MTIMECMP: [*mut u32; 2] = [0x0200_4000 as *mut u32, 0x0200_4004 as *mut u32];

/// Lets the machine timer interrupt at every tick.
pub(crate) fn start_ticks() {
    interrupt_at(now() + TICK);
    // SAFETY: only the handler below runs when these interrupts are let through, and no
    // critical section relies on this one's being masked.
    unsafe {
        mie::set_mtimer();
        riscv::interrupt::enable();
    }
}

/// Lets it rest.
pub(crate) fn stop_ticks() {
    // SAFETY: it masks an interrupt, on which nothing relies.
    unsafe { mie::clear_mtimer() }
}

fn now() -> u64 {
    loop {
        // SAFETY: these are the timer's count, and reading it changes nothing.
        let [high, low, again] =
            [MTIME[1], MTIME[0], MTIME[1]].map(|half| unsafe { read_volatile(half) });
        // Otherwise the low half began anew between the readings.
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

fn interrupt_at(count: u64) {
    #[expect(clippy::cast_possible_truncation, reason = "it is cut into its halves")]
    let (high, low) = ((count >> 32) as u32, count as u32);
    // SAFETY: these are the timer's, and nothing else uses it. The high half is out of reach
    // while the low one changes, so that no interrupt is due for a count in between.
    unsafe {
        write_volatile(MTIMECMP[1], u32::MAX);
        write_volatile(MTIMECMP[0], low);
        write_volatile(MTIMECMP[1], high);
    }
}

#[riscv_rt::core_interrupt(Interrupt::MachineTimer)]
fn machine_timer() {
    interrupt_at(now() + TICK);
    ticker::on_tick();
}

#[unsafe(export_name = "ExceptionHandler")]
fn exception(_: &riscv_rt::TrapFrame) -> ! {
    stop(format_args!(
        "exception {:?} at {:#x}",
        riscv::register::mcause::read().cause(),
        riscv::register::mepc::read(),
    ))
}
