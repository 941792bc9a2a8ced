//! The functions on bytes that a C library would bring and that compiled code relies on.
//!
//! They move by string instructions: a loop could be recognised for what it does and
//! replaced by a call to itself.

use core::arch::asm;
use core::ffi::c_int;

/// # Safety
///
/// As in C: both blocks are `count` bytes long and do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller vouches for both blocks; the direction flag is clear, by the
    // calling convention, so the instruction goes up.
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") count => _,
            inout("rdi") to => _,
            inout("rsi") from => _,
            options(nostack, preserves_flags),
        );
    }
    to
}

/// # Safety
///
/// As in C: both blocks are `count` bytes long.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= count {
        // SAFETY: going up, no byte is overwritten before it was read: the target starts
        // below the source or behind its end.
        return unsafe { memcpy(to, from, count) };
    }
    // SAFETY: the caller vouches for both blocks. Going down, no byte is overwritten before
    // it was read, and the direction flag is cleared again. `count` is above zero, or the
    // branch above had been taken.
    unsafe {
        asm!(
            "std",
            "rep movsb",
            "cld",
            inout("rcx") count => _,
            inout("rdi") to.add(count - 1) => _,
            inout("rsi") from.add(count - 1) => _,
            options(nostack),
        );
    }
    to
}

/// # Safety
///
/// As in C: the block is `count` bytes long.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: c_int, count: usize) -> *mut u8 {
    // SAFETY: the caller vouches for the block; the direction flag is clear, by the calling
    // convention. Of the number only the lowest byte counts, in C as here.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") count => _,
            inout("rdi") to => _,
            in("eax") byte,
            options(nostack, preserves_flags),
        );
    }
    to
}

/// # Safety
///
/// As in C: both blocks are `count` bytes long.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> c_int {
    for index in 0..count {
        // SAFETY: `index` is below the length that the caller vouches for.
        let (left, right) = unsafe { (*left.add(index), *right.add(index)) };
        if left != right {
            return c_int::from(left) - c_int::from(right);
        }
    }
    0
}

/// # Safety
///
/// As in C: both blocks are `count` bytes long.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> c_int {
    // SAFETY: the caller vouches for the same.
    unsafe { memcmp(left, right, count) }
}
