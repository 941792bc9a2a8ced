//! Which values a call shares, and how its leader ends the flight by that.

use crate::group::GroupRef;
use crate::group::flight_ref::Failure;
use crate::group::leader::Leader;
use crate::outcome::Outcome;
use crate::policy::Payload;

/// Says which values a call shares: every value, or those that a predicate accepts.
///
/// Implemented by [`ShareAll`] and by every `Fn(&V) -> bool`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which values of type `{V}` are shared",
    label = "expected `Fn(&{V}) -> bool`"
)]
pub trait Shares<V> {
    /// Whether the value may go to others.
    fn shares(&self, value: &V) -> bool;
}

/// Every value is shared.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
pub struct ShareAll;

impl<V> Shares<V> for ShareAll {
    #[inline]
    fn shares(&self, _: &V) -> bool {
        true
    }
}

impl<V, F: Fn(&V) -> bool> Shares<V> for F {
    #[inline]
    fn shares(&self, value: &V) -> bool {
        self(value)
    }
}

/// The work, or its future, must have been dropped (P1). Called once.
impl<G: GroupRef> Leader<G>
where
    G::Value: Clone,
{
    /// Ends the flight as the work did. What is not shared stays with its caller, and the flight
    /// is handed over.
    #[inline]
    pub(crate) fn conclude_if(
        &mut self,
        result: Result<G::Value, Payload>,
        shares: &impl Shares<G::Value>,
    ) -> Outcome<G::Value> {
        match result {
            Ok(value) if shares.shares(&value) => self.land(value, |outcome| outcome),
            Ok(value) => self.withhold(value),
            Err(payload) => self.panicked(payload),
        }
    }

    /// The same of a work that may fail: its error stays with its caller.
    #[inline]
    pub(crate) fn try_conclude_if<E>(
        &mut self,
        result: Result<Result<G::Value, E>, Payload>,
        shares: &impl Shares<G::Value>,
    ) -> Result<Outcome<G::Value>, E> {
        match result {
            Ok(Ok(value)) => Ok(self.conclude_if(Ok(value), shares)),
            Ok(Err(error)) => {
                self.fail_as(Failure::Failed);
                Err(error)
            }
            Err(payload) => self.panicked(payload),
        }
    }
}
