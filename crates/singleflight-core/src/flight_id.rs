//! What tells flights apart for callers.

use core::fmt;
use core::num::NonZeroU64;

/// Tells one flight of a group from all others that the group has had: equal in its leader, in those
/// that follow it, and in whoever leads it on.
///
/// It says nothing across groups. An outcome does not carry it, which would make every spawned call
/// dearer: ask the leader or the follower before they end.
///
/// # Examples
///
/// ```
/// use singleflight_core::{Group, Joined};
///
/// let group: Group<u64, u64> = Group::new();
/// let Joined::Leader(leader) = group.join(7)? else { unreachable!("nobody else is here") };
/// let Joined::Follower(follower) = group.join(7)? else { unreachable!("somebody leads") };
/// let first = leader.flight_id();
/// assert_eq!(first, Some(follower.flight_id()));
/// assert_eq!(leader.complete(42).followers, 1);
/// let Joined::Leader(leader) = group.join(7)? else { unreachable!("the first has landed") };
/// assert_ne!(leader.flight_id(), first);
/// # Ok::<_, singleflight_core::CallError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct FlightId {
    /// Chooses the shard, in which no other flight has had the number.
    pub(crate) hash: u64,
    pub(crate) number: NonZeroU64,
}

impl fmt::Debug for FlightId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FlightId").field(&self.number).finish()
    }
}
