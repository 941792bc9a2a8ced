//! The group for threads: what the core writes for every front end.

singleflight_core::front_end! {
    /// The space in which calls with equal keys share one execution, for blocking threads.
    ///
    /// A cheaply cloned handle: clones share their flights. It keeps no values: a flight ends when
    /// its work does, and the next call starts another.
    ///
    /// | | |
    /// |---|---|
    /// | `K` | the key: what makes calls equal. It must contain everything that the work reads, the tenant and the user included. |
    /// | `V` | the value; each follower receives a clone, so make it cheap to clone (`Arc<T>`). |
    /// | `S` | the hash builder. |
    ///
    /// What may be called from inside a work, and when code of yours runs under a lock, is told on
    /// the core's [`Group`](singleflight_core::Group#calls-from-inside-the-work).
    ///
    /// # Blocking
    ///
    /// A follower parks its thread until the flight lands. Do not call it on a thread that
    /// polls tasks: it stops them all, for ever if one of them leads the flight. On tokio use
    /// `spawn_blocking`, on smol `unblock`, or give the [shared group](Self::shared) to the async
    /// front end.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use singleflight_std::Group;
    ///
    /// let group: Group<String, usize> = Group::new();
    /// thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| assert_eq!(group.run("key", || "value".len()), Ok(5)));
    ///     }
    /// });
    /// assert_eq!(group.in_flight(), 0);
    /// ```
    pub struct Group;
}
