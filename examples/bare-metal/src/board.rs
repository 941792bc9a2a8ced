//! The board that a program is built for. One small file each, with the same functions:
//!
//! | function | what it does |
//! |---|---|
//! | `start_ticks` | lets the board's timer interrupt, every [`TICK_MICROSECONDS`] |
//! | `stop_ticks` | lets it rest |
//!
//! The handler of that interrupt calls [`ticker::on_tick`](crate::ticker::on_tick).

#[cfg(all(
    feature = "lm3s6965evb",
    not(any(feature = "microbit", feature = "virt"))
))]
#[path = "board/lm3s6965evb.rs"]
mod chosen;
#[cfg(all(
    feature = "microbit",
    not(any(feature = "lm3s6965evb", feature = "virt"))
))]
#[path = "board/microbit.rs"]
mod chosen;
#[cfg(all(
    feature = "virt",
    not(any(feature = "lm3s6965evb", feature = "microbit"))
))]
#[path = "board/virt.rs"]
mod chosen;

#[cfg(all(
    any(feature = "lm3s6965evb", feature = "microbit"),
    not(feature = "virt")
))]
mod cortex_m;

pub use chosen::{HEAP_BYTES, NAME};
pub(crate) use chosen::{start_ticks, stop_ticks};

/// How often the board's timer interrupts while something waits for it.
pub(crate) const TICK_MICROSECONDS: u32 = 1_000;
