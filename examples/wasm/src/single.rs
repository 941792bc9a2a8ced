//! Statics of a module that has one thread.

use core::ops::Deref;

#[cfg(target_feature = "atomics")]
compile_error!("this module relies on having one thread");

/// A value that only one thread can see, since there is no other.
pub(crate) struct Single<T>(T);

impl<T> Single<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for Single<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

// SAFETY: without the target feature `atomics` a module has no threads, so the value is never
// reached from two.
unsafe impl<T> Sync for Single<T> {}
