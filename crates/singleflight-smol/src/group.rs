//! The group for smol: a newtype over the core's, whose async methods it has as they are.

singleflight_core::front_end! {
    /// A group for smol tasks, and for those of any executor without a front end of its own.
    ///
    /// A cheaply cloned handle: clones share their flights. It dereferences to the core's
    /// [`Group`](singleflight_core::Group), which has the calls
    /// ([`run`](singleflight_core::Group::run),
    /// [`run_outcome`](singleflight_core::Group::run_outcome),
    /// [`try_run`](singleflight_core::Group::try_run)), `forget`, `in_flight`, `followers`,
    /// `flights`, `stats` and `join`.
    ///
    /// The work runs in the task that leads. It may borrow from it and need not be `Send`;
    /// the call's future is `Send` if the key, the work and its future are, and `K: Send + Sync`,
    /// `V: Send + Sync`.
    ///
    /// # When an executor is dropped
    ///
    /// Its tasks are dropped, the flights that they led are handed over, and followers on
    /// other executors or threads claim them.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_smol::Group;
    ///
    /// smol::block_on(async {
    ///     let group: Group<String, usize> = Group::new();
    ///     let (first, second) = smol::future::zip(
    ///         group.run("key", async || {
    ///             smol::future::yield_now().await;
    ///             5
    ///         }),
    ///         group.run("key", async || unreachable!("the first call leads")),
    ///     )
    ///     .await;
    ///     assert_eq!((first, second), (5, 5));
    /// });
    /// ```
    pub struct Group;
}
