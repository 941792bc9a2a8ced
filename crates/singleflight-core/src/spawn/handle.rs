//! The handle of a call that owns a task or a thread of its own.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
#[cfg(all(feature = "std", not(target_family = "wasm"), not(loom)))]
use std::time::{Duration, Instant};

use super::guard::SpawnGuard;
#[cfg(all(feature = "std", not(target_family = "wasm")))]
use super::oneshot::Receiver;
use crate::error::{CallError, CallResult};
use crate::group::GroupRef;
use crate::outcome::Outcome;

/// A handle to a call that runs by itself: a future of its value.
///
/// Dropping it ends the interest of this one caller. A spawned call is one caller: its task leads or
/// follows, and its handle is not counted.
///
/// | the call | and its handle is dropped |
/// |---|---|
/// | leads | it runs on |
/// | follows | it stays as the flight's heir, to lead on if the leader is lost: one for each flight, and not counted as a follower. If there is one already, it leaves |
/// | leads [while it is wanted](crate::Spawnable::while_wanted) | it is cancelled if this was the last interested caller. An heir is interested |
/// | follows while it is wanted | it leaves |
///
/// So a work that was spawned is done by the leader that it followed, by the heir, or by a caller in
/// between; unless the task of the heir is lost itself, with its runtime.
///
/// A call that was refused gives a handle, too, which tells so when it is awaited, or at once by
/// [`refusal`](Self::refusal). A handle that is never asked never tells.
///
/// # Errors
///
/// What the call ended with: the refusals of [`join`](crate::Group::join),
/// [`NotSpawned`](CallError::NotSpawned) if its task could not be started,
/// [`LeaderPanicked`](CallError::LeaderPanicked) if the work panicked, its own or that of the leader
/// whom it followed, [`TaskLost`](CallError::TaskLost) if its task was dropped, by a runtime that
/// was shut down for example (other callers lead on). And [`Reentrant`](CallError::Reentrant) if
/// this waits inside the work.
///
/// # Panics
///
/// If it is polled after it was ready.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` may be given up and taken up again. Dropping the handle ends the interest.
#[must_use = "dropping the handle ends the interest in the call"]
pub struct Spawned<G: GroupRef, J> {
    call: CallResult<Running<G, J>>,
    /// It has given its answer.
    has_ended: bool,
}

struct Running<G: GroupRef, J> {
    task: J,
    guard: SpawnGuard<G>,
}

/// What a spawned call comes to: [`Outcome`], or of one that may fail `Result<Outcome<V>, E>`.
pub trait Answer {
    /// The same without the caller's role.
    type Value;

    /// Takes the value alone.
    fn into_value(self) -> Self::Value;
}

impl<V> Answer for Outcome<V> {
    type Value = V;

    fn into_value(self) -> V {
        self.value
    }
}

impl<V, E> Answer for Result<Outcome<V>, E> {
    type Value = Result<V, E>;

    fn into_value(self) -> Result<V, E> {
        self.map(Outcome::into_value)
    }
}

impl<G: GroupRef> SpawnGuard<G> {
    /// Makes the handle of a call that was spawned, from what its runtime gives to wait for a task:
    /// a future that is ready with what the task returned, or with
    /// [`TaskLost`](crate::CallError::TaskLost) if the task was dropped. It must not cancel the task
    /// when it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::Group;
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let (task, guard) = Group::call_owned(group, 7).spawnable().arrive()?.into_task(async || 42);
    /// let handle = guard.with_task(Box::pin(task)); // a runtime would give what waits for the task
    /// assert_eq!(block_on(handle), Ok(42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn with_task<J>(self, task: J) -> Spawned<G, J> {
        Spawned {
            call: Ok(Running { task, guard: self }),
            has_ended: false,
        }
    }
}

impl<G: GroupRef, J> Spawned<G, J> {
    /// Makes the handle of a call that was refused, or whose task could not be started.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use singleflight_core::{CallError, Group, Outcome, Receiver, Spawned};
    ///
    /// type Handle<'g> = Spawned<&'g Group<u64, u64>, Receiver<Outcome<u64>>>;
    ///
    /// let handle = Handle::refused(CallError::NotSpawned); // there is no runtime, for example
    /// assert_eq!(block_on(handle), Err(CallError::NotSpawned));
    /// ```
    pub fn refused(error: CallError) -> Self {
        Self {
            call: Err(error),
            has_ended: false,
        }
    }

    /// Tells at once why the call was refused, if it was. The handle goes on to tell it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let spawn = || {
    ///     let call = Group::call_owned(Arc::clone(&group), 7).spawnable();
    ///     call.start(|arrived| arrived.into_detached_task(async || 42).1)
    /// };
    /// assert_eq!(spawn().refusal(), None);
    /// group.close();
    /// assert_eq!(spawn().refusal(), Some(&CallError::Closed));
    /// ```
    pub fn refusal(&self) -> Option<&CallError> {
        self.call.as_ref().err()
    }
}

impl<G, J, O> Spawned<G, J>
where
    G: GroupRef,
    J: Future<Output = CallResult<O>> + Unpin,
{
    /// Waits for the answer with the caller's role and the number of followers.
    ///
    /// # Errors
    ///
    /// As the handle itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handle.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::thread;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::{Group, Role};
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let call = Group::call_owned(group, 7).spawnable();
    /// let (task, handle) = call.arrive()?.into_detached_task(async || 42);
    /// thread::spawn(|| block_on(task));
    /// let outcome = block_on(handle.outcome())?;
    /// assert_eq!((outcome.value, outcome.role), (42, Role::Leader));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn outcome(self) -> impl Future<Output = CallResult<O>> + Unpin + use<G, J, O> {
        Awaited(self)
    }

    #[inline]
    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<CallResult<O>> {
        assert!(
            !self.has_ended,
            "the handle of a call was polled after it was ready"
        );
        let answer = match &mut self.call {
            Ok(Running { task, guard }) => match Pin::new(task).poll(context) {
                Poll::Pending if guard.is_inside() => Err(CallError::Reentrant),
                polled => ready!(polled),
            },
            Err(error) => Err(error.clone()),
        };
        self.end();
        Poll::Ready(answer)
    }
}

impl<G: GroupRef, J> Spawned<G, J> {
    /// Notes that the answer was given: from now on the call is nobody's interest.
    #[inline]
    fn end(&mut self) {
        self.has_ended = true;
        if let Ok(Running { guard, .. }) = &mut self.call {
            if guard.interest.is_some() {
                guard.interest = None;
            }
        }
    }
}

impl<G, J, O> Future for Spawned<G, J>
where
    G: GroupRef,
    J: Future<Output = CallResult<O>> + Unpin,
    O: Answer,
{
    type Output = CallResult<O::Value>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_answer(context)
            .map(|answer| answer.map(Answer::into_value))
    }
}

// Nothing of it is ever pinned: a task's handle moves freely, and the group stands in a box.
impl<G: GroupRef, J: Unpin> Unpin for Spawned<G, J> {}

/// A handle that is waited for, with the role.
struct Awaited<G: GroupRef, J>(Spawned<G, J>);

impl<G, J, O> Future for Awaited<G, J>
where
    G: GroupRef,
    J: Future<Output = CallResult<O>> + Unpin,
{
    type Output = CallResult<O>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CallResult<O>> {
        self.0.poll_answer(context)
    }
}

/// For threads. Never call them on a thread that polls tasks.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
impl<G: GroupRef, O: Answer> Spawned<G, Receiver<O>> {
    /// Waits for the value, parking the calling thread.
    ///
    /// # Errors
    ///
    /// As the handle itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::thread;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::Group;
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let call = Group::call_owned(group, 7).spawnable();
    /// let (job, handle) = call.arrive()?.into_job(|wait| block_on(wait), |_| 42);
    /// thread::spawn(job);
    /// assert_eq!(handle.join(), Ok(42));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn join(self) -> CallResult<O::Value> {
        self.join_outcome().map(Answer::into_value)
    }

    /// As [`join`](Self::join), and says how the value came about.
    ///
    /// # Errors
    ///
    /// As the handle itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::thread;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::{Group, Role};
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let call = Group::call_owned(group, 7).spawnable();
    /// let (job, handle) = call.arrive()?.into_job(|wait| block_on(wait), |_| 42);
    /// thread::spawn(job);
    /// let outcome = handle.join_outcome()?;
    /// assert_eq!((outcome.value, outcome.role), (42, Role::Leader));
    /// # Ok::<_, singleflight_core::CallError>(())
    /// ```
    pub fn join_outcome(self) -> CallResult<O> {
        if self.has_ended {
            return Err(CallError::TaskLost);
        }
        let Running { task, guard } = self.call?;
        task.wait_blocking(|| guard.is_inside())
    }

    /// As [`join`](Self::join), for `timeout` at most: it bounds the wait and nothing else. The
    /// handle can be asked again after [`TimedOut`](CallError::TimedOut). Once it has given a value
    /// or another error there is nothing left to give: it says [`TaskLost`](CallError::TaskLost).
    ///
    /// A timeout that is beyond what the clock can say is none.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](CallError::TimedOut), and as the handle itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use futures_lite::future::block_on;
    /// use singleflight_core::{CallError, Group};
    ///
    /// let group: Arc<Group<u64, u64>> = Arc::default();
    /// let call = Group::call_owned(group, 7).spawnable();
    /// let (job, mut handle) = call.arrive()?.into_job(|wait| block_on(wait), |_| 42);
    /// assert_eq!(handle.join_timeout(Duration::ZERO), Err(CallError::TimedOut));
    /// job(); // on a thread
    /// assert_eq!(handle.join_timeout(Duration::ZERO), Ok(42));
    /// # Ok::<_, CallError>(())
    /// ```
    #[cfg(not(loom))]
    pub fn join_timeout(&mut self, timeout: Duration) -> CallResult<O::Value> {
        if self.has_ended {
            return Err(CallError::TaskLost);
        }
        let answer = match &self.call {
            Ok(Running { task, guard }) => {
                let inside = || guard.is_inside();
                match Instant::now().checked_add(timeout) {
                    None => task.wait_blocking(inside),
                    Some(deadline) => {
                        let waited = task.wait_blocking_until(inside, deadline);
                        waited.unwrap_or(Err(CallError::TimedOut))
                    }
                }
            }
            Err(error) => Err(error.clone()),
        };
        if !matches!(answer, Err(CallError::TimedOut)) {
            self.end();
        }
        answer.map(Answer::into_value)
    }
}

impl<G: GroupRef, J> fmt::Debug for Spawned<G, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawned")
            .field("refusal", &self.refusal())
            .finish_non_exhaustive()
    }
}
