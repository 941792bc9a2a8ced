//! What the boards with a Cortex-M share: where their interrupts go.

use cortex_m::interrupt::InterruptNumber;
use cortex_m_rt::{ExceptionFrame, exception};

use super::chosen::{TIMER, acknowledge};
use crate::stop::stop;
use crate::ticker;

/// The number of an interrupt.
#[derive(Clone, Copy)]
pub(super) struct Interrupt(pub(super) u16);

// SAFETY: the boards make it of numbers that their chips have, and it does not change.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

/// Every interrupt that has no vector of its own comes here. A crate for the chip would give
/// each one; these boards have one interrupt in use.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    if u16::try_from(number) != Ok(TIMER.0) {
        stop(format_args!(
            "interrupt {number} came, and nobody asked for it"
        ));
    }
    acknowledge();
    ticker::on_tick();
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    stop(format_args!("{frame:?}"))
}
