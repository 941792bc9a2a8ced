//! Calls that own a thread: the work outlives its caller.

use std::hash::BuildHasher;
use std::io;
use std::sync::Arc;
use std::thread;

use singleflight_core::{CallError, DefaultHashBuilder, Interest, Key, Until};

use crate::group::Group;

/// The handle to a call that runs by itself. See [`spawn`](Group::spawn).
pub type Spawned<K, V, S = DefaultHashBuilder> =
    singleflight_core::Spawned<Arc<singleflight_core::Group<K, V, S>>>;

/// What a thread of a spawned call runs.
pub type Job = Box<dyn FnOnce() + Send>;

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
    /// [`spawn_on`](Self::spawn_on).
    ///
    /// # Errors
    ///
    /// [`NotSpawned`](CallError::NotSpawned) if the system has no thread left, and the refusals
    /// of [`join`](singleflight_core::Group::join).
    ///
    /// # Examples
    ///
    /// ```
    /// let group: singleflight_std::Group<String, u32> = Default::default();
    /// let handle = group.spawn("key", || 42)?;
    /// assert_eq!(handle.outcome_blocking()?.value, 42);
    /// # Ok::<_, singleflight_std::CallError>(())
    /// ```
    pub fn spawn<Q, M>(
        &self,
        key: Q,
        work: impl FnOnce() -> V + Send + 'static,
    ) -> Result<Spawned<K, V, S>, CallError>
    where
        Q: Key<K, M>,
    {
        self.spawn_on(start_thread, key, Until::Done, |_| work())
    }

    /// As [`spawn`](Self::spawn), but for as long as anybody is interested, of whatever entry
    /// point: the work receives an [`Interest`], which it should ask from time to time. What
    /// it returns once the interest has ended is dropped, and callers who came meanwhile then
    /// run their own work.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// let group: singleflight_std::Group<&str, u32> = Default::default();
    /// let handle = group.spawn_until_unwanted("key", |interest| {
    ///     while !interest.has_ended() {
    ///         std::thread::yield_now(); // stands for a piece of the work
    ///     }
    ///     0
    /// })?;
    /// drop(handle);
    /// while group.in_flight() > 0 {
    ///     std::thread::yield_now();
    /// }
    /// # Ok::<_, singleflight_std::CallError>(())
    /// ```
    pub fn spawn_until_unwanted<Q, M>(
        &self,
        key: Q,
        work: impl FnOnce(&Interest<V>) -> V + Send + 'static,
    ) -> Result<Spawned<K, V, S>, CallError>
    where
        Q: Key<K, M>,
    {
        self.spawn_on(start_thread, key, Until::Unwanted, work)
    }

    /// As [`spawn`](Self::spawn), by a spawner of the caller's: a thread pool, for example.
    ///
    /// The job of a call that joins blocks until the flight has landed. A pool must therefore
    /// take jobs in the order in which they are spawned, or have more threads than such jobs:
    /// if those who wait can take every thread before the one who leads has run, none of them
    /// ever ends.
    ///
    /// # Errors
    ///
    /// [`NotSpawned`](CallError::NotSpawned) if the spawner returns an error, and the refusals of
    /// [`join`](singleflight_core::Group::join).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use singleflight_std::{Group, Until};
    ///
    /// let (pool, jobs) = mpsc::channel::<singleflight_std::Job>();
    /// let worker = std::thread::spawn(move || jobs.into_iter().for_each(|job| job()));
    ///
    /// let group: Group<u64, u32> = Group::new();
    /// let handle = group.spawn_on(|job| pool.send(job), 7, Until::Done, |_| 42)?;
    /// assert_eq!(handle.outcome_blocking()?.value, 42);
    /// # drop(pool);
    /// # worker.join().unwrap();
    /// # Ok::<_, singleflight_std::CallError>(())
    /// ```
    pub fn spawn_on<Q, M, E>(
        &self,
        spawner: impl FnOnce(Job) -> Result<(), E>,
        key: Q,
        until: Until,
        work: impl FnOnce(&Interest<V>) -> V + Send + 'static,
    ) -> Result<Spawned<K, V, S>, CallError>
    where
        Q: Key<K, M>,
    {
        let arrival = singleflight_core::Group::arrive(Arc::clone(self.shared()), key, until)?;
        let (job, handle) = arrival.into_closure(|call| pollster::block_on(call), work);
        // A job that is refused is dropped, which leaves the flight or hands it over.
        spawner(Box::new(job)).map_err(|_| CallError::NotSpawned)?;
        Ok(handle)
    }
}

fn start_thread(job: Job) -> io::Result<()> {
    let thread = thread::Builder::new().name("singleflight".into());
    thread.spawn(job).map(drop)
}
