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

/// What a call makes of its work's end, and of another call's value: the difference between `run`
/// and `try_run`. `R` is what the work returns.
pub(crate) trait Verb<G: GroupRef, R> {
    /// What the call comes to.
    type Answer;

    /// Ends the flight as the work did. What is not shared stays with its caller, and the flight is
    /// handed over.
    ///
    /// The work, or its future, must have been dropped (P1). Called once.
    fn conclude(
        leader: &mut Leader<G>,
        result: Result<R, Payload>,
        shares: &impl Shares<G::Value>,
    ) -> Self::Answer;

    /// The same of another call's value.
    fn follow(outcome: Outcome<G::Value>) -> Self::Answer;
}

/// The work gives a value.
pub(crate) struct Run;

/// The work gives a value or an error, which stays with its caller.
pub(crate) struct TryRun;

impl<G: GroupRef> Verb<G, G::Value> for Run
where
    G::Value: Clone,
{
    type Answer = Outcome<G::Value>;

    #[expect(
        clippy::inline_always,
        reason = "what a spawned call costs is what is inlined here"
    )]
    #[inline(always)]
    fn conclude(
        leader: &mut Leader<G>,
        result: Result<G::Value, Payload>,
        shares: &impl Shares<G::Value>,
    ) -> Self::Answer {
        match result {
            Ok(value) if shares.shares(&value) => leader.land(value, |outcome| outcome),
            Ok(value) => leader.withhold(value),
            Err(payload) => leader.panicked(payload),
        }
    }

    #[inline]
    fn follow(outcome: Outcome<G::Value>) -> Self::Answer {
        outcome
    }
}

impl<G: GroupRef, E> Verb<G, Result<G::Value, E>> for TryRun
where
    G::Value: Clone,
{
    type Answer = Result<Outcome<G::Value>, E>;

    #[inline]
    fn conclude(
        leader: &mut Leader<G>,
        result: Result<Result<G::Value, E>, Payload>,
        shares: &impl Shares<G::Value>,
    ) -> Self::Answer {
        match result {
            Ok(Ok(value)) => Ok(Run::conclude(leader, Ok(value), shares)),
            Ok(Err(error)) => {
                leader.fail_as(Failure::Failed);
                Err(error)
            }
            Err(payload) => leader.panicked(payload),
        }
    }

    #[inline]
    fn follow(outcome: Outcome<G::Value>) -> Self::Answer {
        Ok(outcome)
    }
}
