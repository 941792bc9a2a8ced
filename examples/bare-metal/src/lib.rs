//! What the programs of this folder share: the board, a heap, timers and a slow bus. See the
//! README.

#![no_std]

pub mod board;
pub mod bus;
pub mod heap;
pub mod stop;
pub mod ticker;
#[cfg(feature = "timed")]
pub mod timed;
