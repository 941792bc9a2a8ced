//! The newtype that every front end is, written once.

/// Makes the type of a front end: a cheaply cloned handle to a group, which dereferences to
/// it, is made from one and gives it back, so that several front ends can share one group.
///
/// The front end then adds what its runtime knows: blocking, spawning, clocks. The type is
/// called `Group`; it needs `std`, as front ends do.
///
/// # Examples
///
/// A front end that answers every caller with its role:
///
/// ```
/// use singleflight_core::{Handle, Joined, Role, front_end};
///
/// front_end! {
///     /// A group that only says who would lead.
///     pub struct Group;
/// }
///
/// impl<K: Eq + std::hash::Hash, V> Group<K, V> {
///     fn role(&self, key: K) -> Role {
///         match self.join(key) {
///             Ok(Joined::Leader(_)) => Role::Leader,
///             _ => Role::Follower,
///         }
///     }
/// }
///
/// let group: Group<u64, ()> = Group::new();
/// assert_eq!(group.role(7), Role::Leader);
/// ```
#[macro_export]
macro_rules! front_end {
    ($(#[$attribute:meta])* pub struct Group;) => {
        /// Reads the clock that front ends give to a group: milliseconds of the monotonic
        /// clock since it was first read. For [`Builder::max_age`]($crate::Builder::max_age)
        /// and [`Builder::clock`]($crate::Builder::clock).
        ///
        /// # Examples
        ///
        /// A flight that is a minute old is not joined any more:
        ///
        /// ```
        #[doc = ::core::concat!("use ", ::core::env!("CARGO_CRATE_NAME"), "::{Builder, Group, milliseconds};")]
        ///
        /// let group: Group<String, u64> = Builder::new().max_age(60_000, milliseconds).build().into();
        /// # assert_eq!(group.in_flight(), 0);
        /// ```
        pub fn milliseconds() -> u64 {
            static FIRST: ::std::sync::LazyLock<::std::time::Instant> =
                ::std::sync::LazyLock::new(::std::time::Instant::now);
            ::core::primitive::u64::try_from(FIRST.elapsed().as_millis())
                .unwrap_or(::core::primitive::u64::MAX)
        }

        $(#[$attribute])*
        pub struct Group<K, V, S = $crate::DefaultHashBuilder>(
            ::std::sync::Arc<$crate::Group<K, V, S>>,
        );

        impl<K, V> Group<K, V> {
            /// Makes a group of its own with the default settings. For others, make it with
            /// a [`Builder`]($crate::Builder) and convert it.
            #[must_use = "a group coalesces nothing until it is used"]
            pub fn new() -> Self {
                Self::from($crate::Group::new())
            }
        }

        impl<K, V, S> Group<K, V, S> {
            /// Makes a group of its own with a hash builder of the caller's.
            #[must_use = "a group coalesces nothing until it is used"]
            pub fn with_hasher(hasher: S) -> Self {
                Self::from($crate::Group::with_hasher(hasher))
            }

            /// Returns the shared group behind this front end, to give it to another.
            pub fn shared(&self) -> &::std::sync::Arc<$crate::Group<K, V, S>> {
                &self.0
            }
        }

        impl<K, V, S> ::core::clone::Clone for Group<K, V, S> {
            /// Makes another handle to the same group.
            fn clone(&self) -> Self {
                Self(::std::sync::Arc::clone(&self.0))
            }
        }

        impl<K, V, S: ::core::default::Default> ::core::default::Default for Group<K, V, S> {
            fn default() -> Self {
                Self::with_hasher(S::default())
            }
        }

        impl<K, V, S> ::core::ops::Deref for Group<K, V, S> {
            type Target = $crate::Group<K, V, S>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl<K, V, S> ::core::convert::From<$crate::Group<K, V, S>> for Group<K, V, S> {
            fn from(group: $crate::Group<K, V, S>) -> Self {
                Self(::std::sync::Arc::new(group))
            }
        }

        impl<K, V, S> ::core::convert::From<::std::sync::Arc<$crate::Group<K, V, S>>>
            for Group<K, V, S>
        {
            fn from(group: ::std::sync::Arc<$crate::Group<K, V, S>>) -> Self {
                Self(group)
            }
        }

        impl<K, V, S> ::core::convert::From<Group<K, V, S>>
            for ::std::sync::Arc<$crate::Group<K, V, S>>
        {
            fn from(group: Group<K, V, S>) -> Self {
                group.0
            }
        }

        impl<K, V, S> ::core::fmt::Debug for Group<K, V, S> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}
