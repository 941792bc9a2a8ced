//! What a caller gets back: the value, and how the caller came by it.

/// Whether a call ran the work or waited for another call's.
///
/// Not to be read as "was the value shared": a leader's value was shared if
/// [`Outcome::followers`] is not zero. Go's `shared` mixes the two facts up.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a call either runs the work or does not"
)]
pub enum Role {
    /// This call ran the work that made the value.
    Leader,
    /// This call received the value of another call's work.
    Follower,
}

/// A value, with the caller's [`Role`] and the number of callers it was shared with.
///
/// # Examples
///
/// ```
/// use singleflight_core::{Group, Joined, Role};
///
/// let group: Group<&str, u32> = Group::new();
/// let Ok(Joined::Leader(leader)) = group.join("answer") else {
///     unreachable!("nobody else is here");
/// };
/// let outcome = leader.complete(42);
/// assert_eq!((outcome.value, outcome.role, outcome.followers), (42, Role::Leader, 0));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "the outcome holds the value that the call was made for"]
#[non_exhaustive]
pub struct Outcome<V> {
    /// What the work returned.
    pub value: V,
    /// Whether this call ran the work.
    pub role: Role,
    /// How many followers were waiting when the flight landed. The same number for
    /// the leader and for each follower.
    pub followers: usize,
}

impl<V> Outcome<V> {
    #[inline]
    pub(crate) const fn new(value: V, role: Role, followers: usize) -> Self {
        Self {
            value,
            role,
            followers,
        }
    }

    /// Of a leader whom nobody followed.
    #[inline]
    pub(crate) const fn alone(value: V) -> Self {
        Self::new(value, Role::Leader, 0)
    }

    /// Returns the value alone.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use singleflight_core::Group;
    ///
    /// let group: Group<u64, String> = Group::new();
    /// let outcome = group.run_outcome(7, async || "seven".to_owned()).await?;
    /// assert_eq!(outcome.into_value(), "seven");
    /// # Ok::<_, singleflight_core::CallError>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn into_value(self) -> V {
        self.value
    }

    /// Whether this call ran the work.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined, Turn};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let Joined::Follower(follower) = group.join(7)? else { unreachable!() };
    /// assert!(leader.complete(42).is_leader());
    /// let Turn::Landed(outcome) = follower.wait_blocking()? else { unreachable!() };
    /// assert!(!outcome.is_leader());
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn is_leader(&self) -> bool {
        self.role == Role::Leader
    }

    /// Whether anyone besides the leader received the value.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_core::{Group, Joined};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// assert!(!leader.complete(42).is_shared(), "nobody else came");
    /// let Joined::Leader(leader) = group.join(7)? else { unreachable!() };
    /// let _follower = group.join(7)?;
    /// assert!(leader.complete(42).is_shared());
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn is_shared(&self) -> bool {
        self.followers > 0
    }
}
