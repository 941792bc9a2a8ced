//! The allocator of the program.

use singleflight_benches::counting::Counting;

/// Counts where a figure is about memory.
#[global_allocator]
pub(crate) static ALLOCATOR: Counting = Counting::when_told();
