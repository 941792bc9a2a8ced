//! What the program asks of the machine: a place to start, a way to print, a way to end.
//!
//! Everything here is for Linux on `x86_64`; another target replaces this file and
//! `memory.rs`, and nothing else.

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("this program knows how to start, print and exit on x86_64 Linux only");

use core::arch::{asm, global_asm};
use core::fmt::{self, Write};
use core::panic::PanicInfo;

/// Where a line goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Output = 1,
    Errors = 2,
}

/// The exit code of a program that panicked, as that of a hosted one.
const PANICKED: u8 = 101;

const SYS_WRITE: usize = 1;
const SYS_EXIT_GROUP: usize = 231;
const EINTR: isize = 4;

// The kernel enters with nothing pushed but the arguments. The frame pointer is cleared to
// mark the outermost frame, and the stack aligned as the calling convention wants it.
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "and rsp, -16",
    "call {program}",
    "ud2",
    program = sym crate::program,
);

/// Prints one line, or ends the program with `1` where that cannot be done: what is not
/// seen to pass has not passed.
pub(crate) fn print(mut stream: Stream, line: fmt::Arguments<'_>) {
    if writeln!(stream, "{line}").is_err() {
        exit(1);
    }
}

/// Ends the program.
pub(crate) fn exit(code: u8) -> ! {
    // SAFETY: the call takes one number, touches no memory of ours and does not return.
    unsafe {
        asm!(
            "syscall",
            in("rax") SYS_EXIT_GROUP,
            in("rdi") usize::from(code),
            options(noreturn, nostack),
        );
    }
}

impl Write for Stream {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match write(*self, rest) {
                // An interrupted call wrote nothing: it is made again.
                Err(EINTR) => {}
                Ok(written) if written > 0 => rest = rest.get(written..).ok_or(fmt::Error)?,
                _ => return Err(fmt::Error),
            }
        }
        Ok(())
    }
}

/// Writes once; gives the number of bytes, or that of the error.
fn write(stream: Stream, bytes: &[u8]) -> Result<usize, isize> {
    let result: isize;
    // SAFETY: the kernel only reads `bytes.len()` bytes from `bytes`, which outlives the
    // call; it changes `rax`, `rcx` and `r11`, and all three are named.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") SYS_WRITE => result,
            in("rdi") stream as usize,
            in("rsi") bytes.as_ptr(),
            in("rdx") bytes.len(),
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, readonly),
        );
    }
    usize::try_from(result).map_err(|_| -result)
}

/// There is nobody to unwind to: tells what happened and ends the program.
///
/// With `std` in the build this item is there twice, and the build fails.
#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    print(Stream::Errors, format_args!("{info}"));
    exit(PANICKED)
}

/// The prebuilt `core` and `alloc` name it in their tables for unwinding. Nothing unwinds
/// here, so nothing calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The end of a clean-up while unwinding; likewise only named.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    exit(PANICKED)
}
