//! What happens when the work panics, and the one place that catches panics.

/// What a panic in the work does to the followers. In the leader it resumes unchanged
/// under either policy.
///
/// Catching a panic needs the feature `std`. Without it a leader that unwinds is a leader
/// dropped: the flight is handed over, whatever the policy.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum PanicPolicy {
    /// Every follower receives [`LeaderPanicked`](crate::LeaderPanicked) at once.
    #[default]
    Share,
    /// The flight is handed over, as if the leader had been dropped: one follower runs
    /// its own work. N callers of a work that always panics pay for N panics in a row.
    HandOver,
}

#[cfg(feature = "std")]
pub(crate) use caught::{Payload, catch};
#[cfg(not(feature = "std"))]
pub(crate) use uncaught::{Payload, catch};

#[cfg(feature = "std")]
mod caught {
    use alloc::boxed::Box;
    use alloc::string::String;
    use core::any::Any;
    use core::mem;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    /// A caught panic. Dropping it never panics.
    pub(crate) struct Payload(Option<Box<dyn Any + Send>>);

    impl Payload {
        /// The text of the panic, in the words of the standard hook.
        pub(crate) fn message(&self) -> &str {
            let payload = self.0.as_deref();
            let text = payload.and_then(|payload| payload.downcast_ref::<&'static str>());
            let made = payload.and_then(|payload| payload.downcast_ref::<String>());
            text.copied()
                .or(made.map(String::as_str))
                .unwrap_or("Box<dyn Any>")
        }

        /// Lets the panic go on, unchanged and without a second report.
        pub(crate) fn resume(mut self) -> ! {
            resume_unwind(self.0.take().expect("a payload is taken once"))
        }
    }

    impl Drop for Payload {
        /// A payload is caller's code, and its `Drop` may panic in turn. That second panic
        /// concerns nobody; its own payload is leaked, or this would go on for ever.
        fn drop(&mut self) {
            if let Some(payload) = self.0.take() {
                mem::forget(catch_unwind(AssertUnwindSafe(|| drop(payload))));
            }
        }
    }

    /// Runs caller's code. What it may have left broken is the caller's own: we hold
    /// none of our locks and keep none of its state when it panics.
    pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Payload> {
        catch_unwind(AssertUnwindSafe(run)).map_err(|payload| Payload(Some(payload)))
    }
}

#[cfg(not(feature = "std"))]
mod uncaught {
    /// Never made: without `std` a panic cannot be caught.
    pub(crate) enum Payload {}

    impl Payload {
        pub(crate) fn message(&self) -> &str {
            match *self {}
        }

        pub(crate) fn resume(self) -> ! {
            match self {}
        }
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the twin of the catching version has the same signature"
    )]
    pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Payload> {
        Ok(run())
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use std::panic::panic_any;

    use super::*;

    #[test]
    fn a_caught_panic_whose_drop_panics_goes_quietly() {
        struct Bomb;

        impl Drop for Bomb {
            fn drop(&mut self) {
                panic_any(Self);
            }
        }

        assert!(catch(|| panic_any(Bomb)).is_err());
    }

    #[test]
    fn a_caught_panic_keeps_its_text() {
        let text = |run: fn()| match catch(run) {
            Ok(()) => unreachable!("it panics"),
            Err(payload) => alloc::string::String::from(payload.message()),
        };
        assert_eq!(text(|| panic!("plain")), "plain");
        assert_eq!(text(|| panic!("made of {}", 2)), "made of 2");
        assert_eq!(text(|| panic_any(7_u8)), "Box<dyn Any>");
    }
}
