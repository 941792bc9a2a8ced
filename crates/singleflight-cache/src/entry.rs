//! What a store keeps for a key.

/// Tells entries apart: 64 random bits, drawn when the entry is made.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(
    clippy::exhaustive_structs,
    reason = "a store writes it as the number that it is"
)]
pub struct EntryId(
    /// The bits, as a store writes them.
    pub u64,
);

/// What an entry holds: a value, or the knowledge that there is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(
    clippy::exhaustive_enums,
    reason = "a load finds something or does not"
)]
pub enum Held<V> {
    /// What the load found.
    Value(V),
    /// The load found nothing.
    Absent,
}

impl<V> Held<V> {
    /// Returns the value, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_cache::Held;
    ///
    /// assert_eq!(Held::Value(7).into_value(), Some(7));
    /// assert_eq!(Held::<u8>::Absent.into_value(), None);
    /// ```
    pub fn into_value(self) -> Option<V> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent => None,
        }
    }
}

impl<V> From<Option<V>> for Held<V> {
    fn from(found: Option<V>) -> Self {
        found.map_or(Self::Absent, Self::Value)
    }
}

/// What a store keeps for a key, and what it has to give back unchanged.
///
/// With the feature `serde` it can be written and read by any codec of serde's. Its times are
/// milliseconds of the clock that the [`Builder`](crate::Builder) was given: where several
/// processes share a store, that is the wall clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[expect(
    clippy::exhaustive_structs,
    reason = "a store makes one of what it has read"
)]
pub struct Entry<V> {
    /// By which a put is made only over the entry that was read.
    pub id: EntryId,
    /// The value, or its absence.
    pub held: Held<V>,
    /// When the load ended.
    pub made: u64,
    /// How long the load took, in milliseconds.
    pub took: u64,
    /// How many loads in a row have failed since.
    pub failures: u32,
    /// When the last of them failed.
    pub tried: u64,
}
