//! What is told to `tracing`: a span for each execution of a flight, to which those who
//! receive its value link their own. Without the feature, types without size.
//!
//! The leader's span goes to the followers with the result, so neither the slot nor a lone
//! call carries anything for it.

use core::panic::{RefUnwindSafe, UnwindSafe};

pub(crate) use imp::{Entered, FlightSpan, Link};

#[cfg(feature = "tracing")]
mod imp {
    use tracing::span::{self, Span};

    /// The span of one execution.
    pub(crate) struct FlightSpan(Span);

    /// Keeps the span entered.
    #[expect(dead_code, reason = "its drop is what it is for")]
    pub(crate) struct Entered<'a>(span::Entered<'a>);

    /// Names the span to those who receive the value, and keeps it until they have.
    #[derive(Clone)]
    pub(crate) struct Link(Option<Span>);

    impl FlightSpan {
        pub(crate) const NONE: Self = Self(Span::none());

        pub(crate) fn new() -> Self {
            Self(tracing::info_span!(
                target: "singleflight",
                "flight",
                followers = tracing::field::Empty,
            ))
        }

        pub(crate) fn enter(&self) -> Entered<'_> {
            Entered(self.0.enter())
        }

        pub(crate) fn link(&self) -> Link {
            Link(Some(self.0.clone()))
        }

        /// Notes with how many followers the flight landed.
        pub(crate) fn landed(&self, followers: usize) {
            self.0.record("followers", followers);
        }
    }

    impl Link {
        pub(crate) const NONE: Self = Self(None);

        /// Links the span that the caller is in.
        pub(crate) fn follow(self) {
            if let Some(span) = self.0 {
                Span::current().follows_from(&span);
            }
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod imp {
    use core::marker::PhantomData;

    pub(crate) struct FlightSpan;

    pub(crate) struct Entered<'a>(PhantomData<&'a ()>);

    #[derive(Clone)]
    pub(crate) struct Link;

    #[expect(
        clippy::unused_self,
        reason = "the twin that records has the same signatures"
    )]
    impl FlightSpan {
        pub(crate) const NONE: Self = Self;

        #[inline]
        pub(crate) const fn new() -> Self {
            Self
        }

        #[inline]
        pub(crate) const fn enter(&self) -> Entered<'_> {
            Entered(PhantomData)
        }

        #[inline]
        pub(crate) const fn link(&self) -> Link {
            Link
        }

        #[inline]
        pub(crate) const fn landed(&self, _: usize) {}
    }

    #[expect(
        clippy::unused_self,
        reason = "the twin that records has the same signatures"
    )]
    impl Link {
        pub(crate) const NONE: Self = Self;

        #[inline]
        pub(crate) const fn follow(self) {}
    }
}

// The same with the feature and without it: a subscriber sees a span, and no caller's value.
impl UnwindSafe for FlightSpan {}
impl RefUnwindSafe for FlightSpan {}
impl UnwindSafe for Link {}
impl RefUnwindSafe for Link {}
