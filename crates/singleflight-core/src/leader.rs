//! The caller that runs the work.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use crate::group::Handle;
use crate::outcome::{Outcome, Role};
use crate::policy::{Payload, catch};
use crate::slot::Id;

/// The right, and the duty, to run the work of one flight.
///
/// End it by [`complete`](Self::complete) with a value, or let [`lead`](Self::lead) run the
/// work and do so. Dropping it hands the flight over: every follower is woken, and the
/// first that is polled and has work of its own leads on. If nobody waits, the flight ends.
///
/// Finish or drop the work *before* either, or the next execution may overlap this one.
///
/// A leader that is leaked ([`core::mem::forget`]) leaves its flight led for ever: those who
/// wait, wait on, and new calls join them until the flight is
/// [forgotten](crate::Group::forget).
///
/// # Examples
///
/// ```
/// use singleflight_core::{Group, Joined};
///
/// let group: Group<u64, String> = Group::new();
/// match group.join(7)? {
///     Joined::Leader(leader) => {
///         let outcome = leader.complete("made here".to_owned());
///         assert_eq!(outcome.value, "made here");
///     }
///     Joined::Follower(_) => unreachable!("nobody else is here"),
/// }
/// # Ok::<_, singleflight_core::CallError>(())
/// ```
#[must_use = "dropping a leader hands its flight over"]
#[clippy::has_significant_drop]
pub struct Leader<G: Handle> {
    /// Empty once the flight has ended or was handed over.
    post: Option<Post<G>>,
}

/// Where a leader's flight is found.
struct Post<G> {
    group: G,
    hash: u64,
    id: Id,
}

impl<G: Handle> Leader<G> {
    #[inline]
    pub(crate) fn new(group: G, hash: u64, id: Id) -> Self {
        Self {
            post: Some(Post { group, hash, id }),
        }
    }

    /// Lands the flight: every follower receives a clone of `value`, the last one to take
    /// its share the value itself.
    ///
    /// Costs one lock; without followers no clone, no allocation and no notification.
    ///
    /// # Panics
    ///
    /// If `V::clone` or the key's `Drop` panics. The flight has landed by then: the panic
    /// is this caller's alone.
    #[inline]
    pub fn complete(mut self, value: G::Value) -> Outcome<G::Value>
    where
        G::Value: Clone,
    {
        let post = self.post.take().expect("a leader ends once");
        post.group.land(post.hash, post.id, value)
    }

    /// Hands the flight over, as dropping the leader does.
    pub fn hand_over(self) {
        drop(self);
    }

    /// Runs `work` in the caller's task and lands the flight with what it returns.
    ///
    /// # Panics
    ///
    /// A panic in making, polling or dropping the work's future goes on unchanged; the
    /// followers are told or the flight is handed over, as the group's
    /// [`PanicPolicy`](crate::PanicPolicy) has it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the work, then hands the flight over.
    pub async fn lead<F, T>(self, work: F) -> Outcome<G::Value>
    where
        F: FnOnce() -> T,
        T: Future<Output = G::Value>,
        G::Value: Clone,
    {
        let result = run(work).await;
        self.conclude(result, |_| true)
    }

    /// Runs `work` on the calling thread and lands the flight with what it returns.
    ///
    /// # Panics
    ///
    /// A panic in the work goes on unchanged; the followers are told or the flight is handed
    /// over, as the group's [`PanicPolicy`](crate::PanicPolicy) has it.
    #[inline]
    pub fn lead_blocking<F>(self, work: F) -> Outcome<G::Value>
    where
        F: FnOnce() -> G::Value,
        G::Value: Clone,
    {
        self.conclude(catch(work), |_| true)
    }

    /// Ends the flight as the work did. What `shares` refuses stays with its caller, and
    /// the flight is handed over.
    ///
    /// The work, or its future, must have been dropped (P1).
    #[inline]
    fn conclude(
        self,
        result: Result<G::Value, Payload>,
        shares: impl FnOnce(&G::Value) -> bool,
    ) -> Outcome<G::Value>
    where
        G::Value: Clone,
    {
        match result {
            Ok(value) if shares(&value) => self.complete(value),
            Ok(value) => self.keep(value),
            Err(payload) => self.panicked(payload),
        }
    }

    #[cold]
    fn keep(self, value: G::Value) -> Outcome<G::Value> {
        self.hand_over();
        Outcome::new(value, Role::Leader, 0)
    }

    #[cold]
    fn panicked(mut self, payload: Payload) -> ! {
        if let Some(post) = self.post.take() {
            post.group
                .land_panicked(post.hash, post.id, payload.message());
        }
        payload.resume()
    }
}

impl<G, T, E> Leader<G>
where
    G: Handle<Value = Result<T, E>>,
    T: Clone,
    E: Clone,
{
    /// Runs `work` in the caller's task; lands the flight with an `Ok`, keeps an `Err` for
    /// its caller and hands the flight over.
    ///
    /// # Panics
    ///
    /// As [`lead`](Self::lead).
    ///
    /// # Cancel safety
    ///
    /// As [`lead`](Self::lead).
    pub async fn try_lead<F, R>(self, work: F) -> Outcome<Result<T, E>>
    where
        F: FnOnce() -> R,
        R: Future<Output = Result<T, E>>,
    {
        let result = run(work).await;
        self.conclude(result, Result::is_ok)
    }

    /// Runs `work` on the calling thread; lands the flight with an `Ok`, keeps an `Err` for
    /// its caller and hands the flight over.
    ///
    /// # Panics
    ///
    /// As [`lead_blocking`](Self::lead_blocking).
    pub fn try_lead_blocking<F>(self, work: F) -> Outcome<Result<T, E>>
    where
        F: FnOnce() -> Result<T, E>,
    {
        self.conclude(catch(work), Result::is_ok)
    }
}

impl<G: Handle> Drop for Leader<G> {
    #[inline]
    fn drop(&mut self) {
        if let Some(post) = self.post.take() {
            post.group.abandon(post.hash, post.id);
        }
    }
}

impl<G: Handle> fmt::Debug for Leader<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leader")
            .field("flight", &self.post.as_ref().map(|post| post.id))
            .finish_non_exhaustive()
    }
}

/// Makes the work's future, polls it to its end and drops it, and catches what panics on
/// the way. The future is gone when this returns, so that an execution is over before its
/// flight lands or is handed over (P1).
async fn run<F, T>(work: F) -> Result<T::Output, Payload>
where
    F: FnOnce() -> T,
    T: Future,
{
    let mut future = pin!(Some(catch(work)?));
    poll_fn(|context| {
        let polled = catch(|| {
            let poll = match future.as_mut().as_pin_mut() {
                Some(future) => future.poll(context),
                None => Poll::Pending,
            };
            if poll.is_ready() {
                future.set(None);
            }
            poll
        });
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(payload) => {
                // The first panic is the one that is told; one on the way out is swallowed.
                let _second = catch(|| future.set(None));
                Poll::Ready(Err(payload))
            }
        }
    })
    .await
}
