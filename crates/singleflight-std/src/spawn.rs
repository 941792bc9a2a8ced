//! Calls that own a thread: the work outlives its caller.

use std::borrow::Borrow;
use std::fmt;
use std::hash::BuildHasher;
use std::io;
use std::thread;

use singleflight_core::{
    Answer, Arrived, CallError, DefaultHashBuilder, Fence, GroupRef, Key, NoDeadline, Outcome,
    Receiver, Shares, Spawnable, Wanted,
};

use crate::call::Call;
use crate::group::Group;
use crate::park::block_on;

/// The handle to a call that runs by itself: [`join`](singleflight_core::Spawned::join) it, or
/// [`join_timeout`](singleflight_core::Spawned::join_timeout). See [`spawn`](Group::spawn).
pub type Spawned<K, V, S = DefaultHashBuilder> = Handle<Group<K, V, S>, Outcome<V>>;

/// The handle to a call that runs by itself and may fail. See [`try_spawn`](Call::try_spawn).
pub type TrySpawned<K, V, E, S = DefaultHashBuilder> =
    Handle<Group<K, V, S>, Result<Outcome<V>, E>>;

type Handle<G, O> = singleflight_core::Spawned<G, Receiver<O>>;

/// What a thread of a spawned call runs.
pub type Job = Box<dyn FnOnce() + Send>;

/// Starts a thread for each job: where a call is spawned that does not say where.
pub type NewThread = fn(Job) -> io::Result<()>;

/// A call that is going to be spawned. Made by [`Call::on`].
///
/// `R` takes the job: a function that gives it to a thread pool, for example.
#[must_use = "a call does nothing until it is spawned"]
pub struct SpawnCall<K, V, S, Q, M, P, R> {
    call: Spawnable<Group<K, V, S>, Q, M, P>,
    spawner: R,
}

/// A call that is going to be spawned, and that stops when the last interested caller is gone. Made
/// by [`Call::while_wanted`].
#[must_use = "a call does nothing until it is spawned"]
pub struct SpawnCallWhileWanted<K, V, S, Q, M, P, R>(SpawnCall<K, V, S, Q, M, P, R>);

impl<K, V, S> Group<K, V, S>
where
    K: Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Runs `work` on a thread of its own, unless somebody is running it: Go's `DoChan`. The
    /// work goes on to its end even if every handle is dropped.
    ///
    /// The key is claimed or joined when this returns. A call that joins waits on a thread of
    /// its own, too, so that it can lead on; to have the threads come from a pool, see
    /// [`Call::on`].
    ///
    /// # Errors
    ///
    /// The handle tells them, and tells nothing if it is never joined:
    /// [`NotSpawned`](CallError::NotSpawned) if the system has no thread left, the refusals of
    /// [`join`](Self::join), and [`LeaderPanicked`](CallError::LeaderPanicked) if the work panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<String, u32> = Group::new();
    /// let handle = group.spawn("key", || 42);
    /// assert_eq!(handle.join()?, 42);
    /// # Ok::<_, CallError>(())
    /// ```
    #[doc(alias = "DoChan")]
    pub fn spawn<Q, M, F>(&self, key: Q, work: F) -> Spawned<K, V, S>
    where
        Q: Key<K, M>,
        F: FnOnce() -> V + Send + 'static,
    {
        self.call(key).spawn(work)
    }
}

impl<K, V, S, G, Q, M, P> Call<G, Q, M, P, NoDeadline>
where
    G: GroupRef<Key = K, Value = V, Hasher = S> + Borrow<Group<K, V, S>>,
{
    /// Spawns the call by a spawner of the caller's, which takes a [`Job`]: a thread pool, for
    /// example.
    ///
    /// The job of a call that joins blocks until the flight has landed. A pool must therefore
    /// take jobs in the order in which they are spawned, or have more threads than such jobs:
    /// if those who wait can take every thread before the one who leads has run, none of them
    /// ever ends. A spawner that returns an error gives a handle that says
    /// [`NotSpawned`](CallError::NotSpawned).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use singleflight_std::{CallError, Group, Job};
    ///
    /// let (pool, jobs) = mpsc::channel::<Job>();
    /// let worker = std::thread::spawn(move || jobs.into_iter().for_each(|job| job()));
    ///
    /// let group: Group<u64, u32> = Group::new();
    /// let handle = group.call(7).on(|job| pool.send(job)).spawn(|| 42);
    /// assert_eq!(handle.join()?, 42);
    /// # drop(pool);
    /// # worker.join().unwrap();
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn on<R, E>(self, spawner: R) -> SpawnCall<K, V, S, Q, M, P, R>
    where
        R: FnOnce(Job) -> Result<(), E>,
    {
        self.spawnable_by(spawner)
    }

    /// Makes it a call that stops when the last interested caller is gone, of whatever entry point:
    /// the work receives a [`Wanted`], which it should ask from time to time. What it returns once
    /// nobody wants it is dropped, and callers who came meanwhile then run their own work.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::Group;
    ///
    /// let group: Group<&str, u32> = Group::new();
    /// let handle = group.call("key").while_wanted().spawn(|wanted| {
    ///     while wanted.is_wanted() {
    ///         std::thread::yield_now(); // stands for a piece of the work
    ///     }
    ///     0
    /// });
    /// drop(handle);
    /// while group.in_flight() > 0 {
    ///     std::thread::yield_now();
    /// }
    /// ```
    pub fn while_wanted(self) -> SpawnCallWhileWanted<K, V, S, Q, M, P, NewThread> {
        self.spawnable_by(start_thread as NewThread).while_wanted()
    }

    /// Makes the call on a thread of its own. See [`Group::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let handle = group.call(7).share_if(|value| *value < 10).spawn(|| 42);
    /// assert_eq!(handle.join()?, 42, "its own caller has it");
    /// assert_eq!(group.stats().landed, 0, "and nobody else could have had it");
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn spawn<F>(self, work: F) -> Spawned<K, V, S>
    where
        K: Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        S: BuildHasher + Send + Sync + 'static,
        Q: Key<K, M>,
        P: Shares<V> + Send + 'static,
        F: FnOnce() -> V + Send + 'static,
    {
        self.spawnable_by(start_thread).spawn(work)
    }

    /// Makes the call on a thread of its own, for a work that may fail: an `Err` stays with this
    /// caller, and one of those who wait runs its own work. See [`Group::try_run`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, u32> = Group::new();
    /// let failed = group.call(7).try_spawn(|| Err("no route")).join()?;
    /// assert_eq!(failed, Err("no route"));
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn try_spawn<F, E>(self, work: F) -> TrySpawned<K, V, E, S>
    where
        K: Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        S: BuildHasher + Send + Sync + 'static,
        Q: Key<K, M>,
        P: Shares<V> + Send + 'static,
        F: FnOnce() -> Result<V, E> + Send + 'static,
        E: Send + 'static,
    {
        self.spawnable_by(start_thread).try_spawn(work)
    }

    fn spawnable_by<R>(self, spawner: R) -> SpawnCall<K, V, S, Q, M, P, R> {
        let owned = |group: G| group.borrow().clone();
        SpawnCall {
            call: self.0.by_group(owned).spawnable(),
            spawner,
        }
    }
}

impl<K, V, S, Q, M, P, R> SpawnCall<K, V, S, Q, M, P, R> {
    /// As [`Call::while_wanted`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use singleflight_std::{Group, Job};
    ///
    /// let (pool, jobs) = mpsc::channel::<Job>();
    /// let group: Group<u64, bool> = Group::new();
    /// let call = group.call(7).on(|job| pool.send(job)).while_wanted();
    /// let handle = call.spawn(|wanted| wanted.is_wanted());
    /// jobs.recv().unwrap()(); // a thread of the pool runs it
    /// assert_eq!(handle.join(), Ok(true));
    /// ```
    pub fn while_wanted(mut self) -> SpawnCallWhileWanted<K, V, S, Q, M, P, R> {
        self.call = self.call.while_wanted();
        SpawnCallWhileWanted(self)
    }

    /// As [`Call::share_if`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use singleflight_std::{Group, Job};
    ///
    /// let (pool, jobs) = mpsc::channel::<Job>();
    /// let group: Group<u64, u64> = Group::new();
    /// let call = group.call(7).on(|job| pool.send(job)).share_if(|value| *value < 10);
    /// let first = call.spawn(|| 42);
    /// let second = group.call(7).on(|job| pool.send(job)).spawn(|| 5);
    /// jobs.try_iter().for_each(|job| job()); // a thread of the pool runs them
    /// assert_eq!((first.join(), second.join()), (Ok(42), Ok(5)));
    /// ```
    pub fn share_if<F>(self, predicate: F) -> SpawnCall<K, V, S, Q, M, F, R>
    where
        F: Fn(&V) -> bool,
    {
        SpawnCall {
            call: self.call.map(|call| call.share_if(predicate)),
            spawner: self.spawner,
        }
    }

    /// As [`Call::fence`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use singleflight_std::{Group, Job};
    ///
    /// let (pool, jobs) = mpsc::channel::<Job>();
    /// let group: Group<u64, bool> = Group::new();
    /// let fence = group.fence();
    /// let in_work = fence.clone();
    /// let call = group.call(7).on(|job| pool.send(job)).fence(&fence);
    /// let handle = call.spawn(move || in_work.is_forgotten());
    /// jobs.recv().unwrap()(); // a thread of the pool runs it
    /// assert_eq!(handle.join(), Ok(false));
    /// ```
    pub fn fence<H>(mut self, fence: &Fence<H>) -> Self
    where
        H: GroupRef<Key = K, Value = V, Hasher = S>,
    {
        self.call = self.call.map(|call| call.fence(fence));
        self
    }
}

impl<K, V, S, Q, M, P, R, X> SpawnCall<K, V, S, Q, M, P, R>
where
    K: Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
    Q: Key<K, M>,
    P: Shares<V> + Send + 'static,
    R: FnOnce(Job) -> Result<(), X>,
{
    /// Makes the call on a thread of its own. See [`Group::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use singleflight_std::{Group, Job};
    ///
    /// let (pool, jobs) = mpsc::channel::<Job>();
    /// let group: Group<u64, u64> = Group::new();
    /// let handle = group.call(7).on(|job| pool.send(job)).spawn(|| 42);
    /// assert_eq!(group.followers(7), Some(0), "the key is claimed");
    /// jobs.recv().unwrap()(); // a thread of the pool runs it
    /// assert_eq!(handle.join(), Ok(42));
    /// ```
    pub fn spawn<F>(self, work: F) -> Spawned<K, V, S>
    where
        F: FnOnce() -> V + Send + 'static,
    {
        self.start(|arrived| {
            let (job, handle) = arrived.into_job(|call| block_on(call, None), |_| work());
            (Box::new(job), handle)
        })
    }

    /// As [`Call::try_spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use singleflight_std::{CallError, Group, Job};
    ///
    /// let (pool, jobs) = mpsc::channel::<Job>();
    /// let group: Group<u64, u64> = Group::new();
    /// let call = group.call(7).on(|job| pool.send(job));
    /// let handle = call.try_spawn(|| Err("no route"));
    /// jobs.recv().unwrap()(); // a thread of the pool runs it
    /// assert_eq!(handle.join()?, Err("no route"));
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn try_spawn<F, E>(self, work: F) -> TrySpawned<K, V, E, S>
    where
        F: FnOnce() -> Result<V, E> + Send + 'static,
        E: Send + 'static,
    {
        self.start(|arrived| {
            let (job, handle) = arrived.try_into_job(|call| block_on(call, None), |_| work());
            (Box::new(job), handle)
        })
    }

    fn start<O: Answer>(
        self,
        make: impl FnOnce(Arrived<Group<K, V, S>, P>) -> (Job, Handle<Group<K, V, S>, O>),
    ) -> Handle<Group<K, V, S>, O> {
        let Self { call, spawner } = self;
        call.start(|arrived| {
            let (job, handle) = make(arrived);
            // A job that is refused is dropped, which leaves the flight or hands it over.
            match spawner(job) {
                Ok(()) => handle,
                Err(_) => Handle::refused(CallError::NotSpawned),
            }
        })
    }
}

impl<K, V, S, Q, M, P, R, X> SpawnCallWhileWanted<K, V, S, Q, M, P, R>
where
    K: Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
    Q: Key<K, M>,
    P: Shares<V> + Send + 'static,
    R: FnOnce(Job) -> Result<(), X>,
{
    /// Makes the call on a thread of its own. See [`Call::while_wanted`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::Group;
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let handle = group.call(7).while_wanted().spawn(|wanted| {
    ///     let pieces = (0..4).take_while(|_| wanted.is_wanted());
    ///     pieces.sum()
    /// });
    /// assert_eq!(handle.join(), Ok(6), "it was wanted to the end");
    /// ```
    pub fn spawn<F>(self, work: F) -> Spawned<K, V, S>
    where
        F: FnOnce(&Wanted<V>) -> V + Send + 'static,
    {
        self.0.start(|arrived| {
            let (job, handle) = arrived.into_job(|call| block_on(call, None), work);
            (Box::new(job), handle)
        })
    }

    /// Makes the call on a thread of its own, for a work that may fail. See [`Call::try_spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_std::{CallError, Group};
    ///
    /// let group: Group<u64, u64> = Group::new();
    /// let handle = group.call(7).while_wanted().try_spawn(|wanted| {
    ///     assert!(wanted.is_wanted());
    ///     Err("no route")
    /// });
    /// assert_eq!(handle.join()?, Err("no route"));
    /// # Ok::<_, CallError>(())
    /// ```
    pub fn try_spawn<F, E>(self, work: F) -> TrySpawned<K, V, E, S>
    where
        F: FnOnce(&Wanted<V>) -> Result<V, E> + Send + 'static,
        E: Send + 'static,
    {
        self.0.start(|arrived| {
            let (job, handle) = arrived.try_into_job(|call| block_on(call, None), work);
            (Box::new(job), handle)
        })
    }
}

impl<K, V, S, Q, M, P, R> fmt::Debug for SpawnCall<K, V, S, Q, M, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.call, f)
    }
}

impl<K, V, S, Q, M, P, R> fmt::Debug for SpawnCallWhileWanted<K, V, S, Q, M, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

fn start_thread(job: Job) -> io::Result<()> {
    let thread = thread::Builder::new().name("singleflight".into());
    thread.spawn(job).map(drop)
}
