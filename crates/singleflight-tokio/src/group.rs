//! The group for tokio: a newtype over the core's, whose async methods it has as they are.

singleflight_core::front_end! {
    /// A group for tokio tasks.
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
    /// # When a runtime is shut down
    ///
    /// Its tasks are dropped, the flights that they led are handed over, and followers on
    /// other runtimes or threads claim them.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::Group;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group: Group<String, usize> = Group::new();
    /// let (first, second) = tokio::join!(
    ///     group.run("key", async || {
    ///         tokio::task::yield_now().await;
    ///         5
    ///     }),
    ///     group.run("key", async || unreachable!("the first call leads")),
    /// );
    /// assert_eq!((first, second), (5, 5));
    /// # }
    /// ```
    pub struct Group;
}
