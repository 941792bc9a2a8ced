//! The one file that knows which lock, which atomics and which `Arc` are in use.
//!
//! | feature or cfg | lock | when several are on |
//! |---|---|---|
//! | `cfg(loom)`, `cfg(shuttle)` | the model checker's | wins over all |
//! | `critical-section` | interrupts masked | wins over `std`, as it does in event-listener |
//! | `std` | `std::sync::Mutex` | |
//! | none | `spin::Mutex` | |
//!
//! `std` never spins: a spinning waiter burns the time that a preempted holder
//! needs to let go. `critical-section` wins because a build that turns it on has
//! an interrupt handler somewhere that must not meet a held lock.

#![expect(clippy::disallowed_types, reason = "this is the file that may")]

use core::panic::{RefUnwindSafe, UnwindSafe};
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Waker;

#[cfg(all(not(any(loom, shuttle)), not(feature = "portable-atomic")))]
pub(crate) use alloc::sync::Arc;
#[cfg(all(not(any(loom, shuttle)), not(feature = "portable-atomic")))]
pub(crate) use core::sync::atomic;
#[cfg(loom)]
pub(crate) use loom::sync::{Arc, atomic};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Arc, atomic};
#[cfg(all(not(any(loom, shuttle)), feature = "portable-atomic"))]
pub(crate) use {portable_atomic as atomic, portable_atomic_util::Arc};

/// The `Arc` that callers can name, where there is one.
#[cfg(target_has_atomic = "ptr")]
pub(crate) use alloc::sync::Arc as PublicArc;

/// A shared, immutable text. Never modelled: loom's `Arc` holds sized values only.
#[cfg(any(loom, shuttle, not(feature = "portable-atomic")))]
pub(crate) type Text = PublicArc<str>;
#[cfg(all(not(any(loom, shuttle)), feature = "portable-atomic"))]
pub(crate) type Text = Arc<str>;

#[cfg(loom)]
type Inner<T> = loom::sync::Mutex<T>;
#[cfg(shuttle)]
type Inner<T> = shuttle::sync::Mutex<T>;
#[cfg(all(not(any(loom, shuttle)), feature = "critical-section"))]
type Inner<T> = critical_section::Mutex<core::cell::RefCell<T>>;
#[cfg(all(
    not(any(loom, shuttle)),
    not(feature = "critical-section"),
    feature = "std"
))]
type Inner<T> = std::sync::Mutex<T>;
#[cfg(all(
    not(any(loom, shuttle)),
    not(feature = "critical-section"),
    not(feature = "std")
))]
type Inner<T> = spin::Mutex<T>;

/// Makes functions `const`, but under loom, whose locks and atomics are not made in constants.
macro_rules! const_fn {
    ($($(#[$attribute:meta])* $visibility:vis const fn $name:ident $(<$($generic:ident),*>)? ($($takes:tt)*) -> $gives:ty $body:block)*) => {$(
        #[cfg(not(loom))]
        $(#[$attribute])*
        $visibility const fn $name $(<$($generic),*>)? ($($takes)*) -> $gives $body

        #[cfg(loom)]
        $(#[$attribute])*
        $visibility fn $name $(<$($generic),*>)? ($($takes)*) -> $gives $body
    )*};
}
pub(crate) use const_fn;

/// A lock that is only ever held for the length of one closure.
///
/// The one piece of caller's code that runs under it is key equality. If that
/// panics, nothing has been changed yet, so poisoning is ignored.
pub(crate) struct Mutex<T>(Inner<T>);

// The same under every feature set, whatever the lock says.
impl<T> UnwindSafe for Mutex<T> {}
impl<T> RefUnwindSafe for Mutex<T> {}

impl<T> Mutex<T> {
    const_fn! {
        pub(crate) const fn new(value: T) -> Self {
            #[cfg(all(not(any(loom, shuttle)), feature = "critical-section"))]
            let value = core::cell::RefCell::new(value);
            Self(Inner::new(value))
        }
    }

    #[cfg(any(loom, shuttle, all(feature = "std", not(feature = "critical-section"))))]
    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn with<R>(&self, inside: impl FnOnce(&mut T) -> R) -> R {
        let mut guard = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        inside(&mut guard)
    }

    #[cfg(all(not(any(loom, shuttle)), feature = "critical-section"))]
    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn with<R>(&self, inside: impl FnOnce(&mut T) -> R) -> R {
        critical_section::with(|token| inside(&mut self.0.borrow_ref_mut(token)))
    }

    #[cfg(all(
        not(any(loom, shuttle)),
        not(feature = "critical-section"),
        not(feature = "std")
    ))]
    #[expect(
        clippy::inline_always,
        reason = "what a lone call costs is what is inlined here"
    )]
    #[inline(always)]
    pub(crate) fn with<R>(&self, inside: impl FnOnce(&mut T) -> R) -> R {
        inside(&mut self.0.lock())
    }
}

/// A lock that is taken under one of event-listener's. Shuttle knows nothing of those and runs all
/// threads on one: a thread that it stopped here would keep that lock from the others.
#[cfg(not(shuttle))]
pub(crate) type Innermost<T> = Mutex<T>;
#[cfg(shuttle)]
pub(crate) use innermost::Innermost;

#[cfg(shuttle)]
mod innermost {
    pub(crate) struct Innermost<T>(std::sync::Mutex<T>);

    impl<T> Innermost<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::sync::Mutex::new(value))
        }

        pub(crate) fn with<R>(&self, inside: impl FnOnce(&mut T) -> R) -> R {
            let guard = self.0.lock();
            inside(&mut guard.unwrap_or_else(std::sync::PoisonError::into_inner))
        }
    }
}

/// Makes a waker that calls this. Its count of holders is never modelled.
pub(crate) fn waker(wake: impl Fn() + Send + Sync + 'static) -> Waker {
    #[cfg(any(loom, shuttle, not(feature = "portable-atomic")))]
    use alloc::{sync::Arc, task::Wake};
    #[cfg(all(not(any(loom, shuttle)), feature = "portable-atomic"))]
    use portable_atomic_util::{Arc, task::Wake};

    struct Calls<F>(F);

    #[cfg(any(loom, shuttle, not(feature = "portable-atomic")))]
    impl<F: Fn()> Wake for Calls<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }

    #[cfg(all(not(any(loom, shuttle)), feature = "portable-atomic"))]
    impl<F: Fn()> Wake for Calls<F> {
        fn wake(this: Arc<Self>) {
            (this.0)();
        }
    }

    Waker::from(Arc::new(Calls(wake)))
}

/// A cell that is written once, by one writer, and then read by many.
///
/// [`spin::Once`] spins only when two writers meet, and the flight has exactly one
/// (whoever took its slot out of the table), so this never spins under any feature.
#[cfg(not(any(loom, shuttle)))]
pub(crate) struct WriteOnce<T>(spin::Once<T>);

#[cfg(not(any(loom, shuttle)))]
impl<T> WriteOnce<T> {
    pub(crate) fn new() -> Self {
        Self(spin::Once::new())
    }

    pub(crate) fn set(&self, value: T) {
        self.0.call_once(|| value);
    }

    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_completed()
    }

    pub(crate) fn with<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.get().map(read)
    }

    pub(crate) fn into_inner(self) -> Option<T> {
        self.0.try_into_inner()
    }
}

#[cfg(any(loom, shuttle))]
pub(crate) use modelled::WriteOnce;

#[cfg(any(loom, shuttle))]
mod modelled {
    use super::Mutex;
    use super::atomic::{AtomicBool, Ordering};

    /// The same cell for the models: a modelled flag beside a modelled lock.
    pub(crate) struct WriteOnce<T> {
        set: AtomicBool,
        value: Mutex<Option<T>>,
    }

    impl<T> WriteOnce<T> {
        pub(crate) fn new() -> Self {
            Self {
                set: AtomicBool::new(false),
                value: Mutex::new(None),
            }
        }

        pub(crate) fn set(&self, value: T) {
            self.value.with(|inner| {
                assert!(inner.is_none(), "a flight has one writer");
                *inner = Some(value);
            });
            self.set.store(true, Ordering::Release);
        }

        pub(crate) fn is_set(&self) -> bool {
            self.set.load(Ordering::Acquire)
        }

        pub(crate) fn with<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
            self.is_set()
                .then(|| self.value.with(|inner| inner.as_ref().map(read)))
                .flatten()
        }

        pub(crate) fn into_inner(self) -> Option<T> {
            self.value.with(Option::take)
        }
    }
}

/// A counter that is only touched under a shard's lock, which orders it.
///
/// It lives in the flight, which threads share, so the language asks for an atomic;
/// loom need not explore what the lock already orders.
pub(crate) struct Guarded(AtomicU32);

impl Guarded {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, value: u32) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// Whether this bug is planted, for a model to catch. Only a build of the models can say
/// yes, when `SINGLEFLIGHT_SEED` names the bug; elsewhere it is the constant `false`.
#[cfg(any(loom, shuttle))]
pub(crate) fn seeded(bug: &str) -> bool {
    static SEED: std::sync::OnceLock<Option<std::string::String>> = std::sync::OnceLock::new();
    SEED.get_or_init(|| std::env::var("SINGLEFLIGHT_SEED").ok())
        .as_deref()
        == Some(bug)
}

#[cfg(not(any(loom, shuttle)))]
#[inline]
pub(crate) const fn seeded(_: &str) -> bool {
    false
}
