//! How a program ends: with a code, through the debugger that the board hangs on.

use core::fmt;
use core::panic::PanicInfo;

use semihosting::process;

/// The exit code of a program that panicked, as that of a hosted one.
const PANICKED: i32 = 101;

/// Ends the program well.
pub fn succeed() -> ! {
    process::exit(0)
}

/// Ends the program with the reason.
pub fn stop(why: fmt::Arguments<'_>) -> ! {
    tell(format_args!("failed: {why}"));
    process::exit(1)
}

#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    tell(format_args!("{info}"));
    process::exit(PANICKED)
}

#[cfg(feature = "report")]
fn tell(what: fmt::Arguments<'_>) {
    semihosting::eprintln!("{what}");
}

/// Whoever looks sees the exit code.
#[cfg(not(feature = "report"))]
fn tell(_: fmt::Arguments<'_>) {}
