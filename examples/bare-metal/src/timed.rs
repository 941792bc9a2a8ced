//! A critical section that notes how long interrupts were masked, in instructions.
//!
//! Only the time of threads is noted, not that of handlers.

#[cfg_attr(feature = "cortex-m", path = "timed/cortex_m.rs")]
#[cfg_attr(not(feature = "cortex-m"), path = "timed/riscv.rs")]
mod processor;

use core::sync::atomic::{AtomicU32, Ordering};

use critical_section::RawRestoreState;

use self::processor::{between, count, mask, two_instructions, unmask};

/// Where the count stood when the outermost critical section began, and how far it went in the
/// longest. Written with interrupts masked alone, on one core: no ordering is needed.
static START: AtomicU32 = AtomicU32::new(0);
static LONGEST: AtomicU32 = AtomicU32::new(0);

/// Repetitions by which the count is told in instructions.
const REPETITIONS: u32 = 1_000;

struct Timed;

critical_section::set_impl!(Timed);

// SAFETY: with interrupts masked nothing else runs on a machine with one core, and only the
// outermost section lets them through again.
unsafe impl critical_section::Impl for Timed {
    unsafe fn acquire() -> RawRestoreState {
        let is_outermost = mask();
        if is_outermost {
            START.store(count(), Ordering::Relaxed);
        }
        is_outermost
    }

    unsafe fn release(is_outermost: RawRestoreState) {
        if is_outermost {
            let length = between(START.load(Ordering::Relaxed), count());
            let longest = LONGEST.load(Ordering::Relaxed).max(length);
            LONGEST.store(longest, Ordering::Relaxed);
            // SAFETY: the outermost section ends.
            unsafe { unmask() };
        }
    }
}

/// Lets interrupts through, which not every board does by itself.
pub fn start() {
    // SAFETY: no critical section is under way where this is called by safe code outside of one.
    unsafe { unmask() }
}

/// Returns for how many instructions interrupts were masked at most at one time while `run`
/// ran, beyond what an empty critical section takes.
pub fn longest(run: impl FnOnce()) -> u32 {
    LONGEST.store(0, Ordering::Relaxed);
    critical_section::with(|_| {});
    let empty = LONGEST.load(Ordering::Relaxed);
    LONGEST.store(0, Ordering::Relaxed);
    run();
    let longest = LONGEST.load(Ordering::Relaxed);
    instructions(longest.saturating_sub(empty))
}

/// Tells a distance of the count in instructions.
fn instructions(distance: u32) -> u32 {
    let before = count();
    let between_readings = between(before, count());
    let before = count();
    two_instructions(REPETITIONS);
    let known = between(before, count()) - between_readings;
    // Rounded to the nearest.
    (distance * 2 * REPETITIONS + known / 2) / known
}
